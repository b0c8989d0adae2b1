# The picture of a document: checked, kept beside the session where CivicDocumentImage says so, shown to
# its owner alone and to applications that bring a ticket, and gone with the session. What cannot be kept
# costs nobody the login.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::MD5 qw(md5_hex);
use MIME::Base64 qw(decode_base64 encode_base64);
use Time::HiRes qw(sleep);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Log ();
use Civic::Memcached ();
use Civic::Metrics ();
use Civic::Node ();
use Civic::Redis ();
use Civic::Server ();

plan tests => 156;

my $image = 'documents.genericId.image';
my $png = "\x89PNG\r\n\x1a\n" . join '', map { chr($_ * 37 % 256) } 1 .. 500;
my $jpeg = "\xff\xd8\xff\xe0" . "\0some bytes\xff" x 50;

sub item { return { label => $_[0], value => $_[1], isValid => JSON::PP::true, isOwner => JSON::PP::true, @_[2 .. $#_] } }

# What Civic says of a picture; the checksum is over the text, or as given.
sub shown {
    my ($bytes, %how) = @_;
    my $text = $how{text} // encode_base64($bytes, $how{eol} // '');
    return data => [ item('contact.personal.email', 'jane@example.com'),
        item($image, $text, @{ $how{flags} || [] }), item("${image}_md5", $how{md5} // md5_hex($text), @{ $how{sum} || [] }) ];
}

my $locations = <<'END';
ScriptAlias /members/cgi ${CIVIC_T}/cgi-bin/echo.pl
ScriptAlias /told/cgi ${CIVIC_T}/cgi-bin/echo.pl
<Location "/told">
    AuthType Civic
    AuthName "Told"
    CivicUse CO-ALPHA
    CivicIdentity both
    CivicDocumentImageTicket On
    Require valid-user
</Location>
<Location "/told/proxy">
    ProxyPass http://127.0.0.1:${CIVIC_PORT_BACKEND}/told
</Location>
<Location "/told/less">
    CivicIdentity env
    RewriteEngine On
    RewriteRule . /members/cgi
</Location>
<Location "/members">
    CivicUse CO-ALPHA
    CivicIdentity both
</Location>
<Location "/beta">
    AuthType Civic
    AuthName "Beta"
    CivicUse CO-BETA
    Require valid-user
</Location>
END
my $keeping = Civic::Server::application('CO-ALPHA', CivicDocumentImage => 'On') . Civic::Server::application('CO-BETA');
my $server = Civic::Server->new(
    ports => [qw(SITE PLAIN OTHER SHORT SANDBOX SANDBOX_PLAIN BACKEND)],
    conf  => join '', map({"Include \${CIVIC_T}/conf/$_.conf\n"} qw(sandbox backend)),
    Civic::Server::host(SITE => $keeping . $locations),
    Civic::Server::host(PLAIN => $keeping, plain => 1),
    Civic::Server::host(OTHER => Civic::Server::application('CO-ALPHA', CivicDocumentImage => 'On') . "ServerName other.localhost\n"),
    Civic::Server::host(SHORT => Civic::Server::application('CO-ALPHA', CivicDocumentImage => 'On')
            . "<Location /civic/image>\nCivicSessionIdle 1s\n</Location>\n")
)->start;

sub person { my ($path, %how) = @_; return $server->client->logged_in($path, %how) }
sub sessions { my $client = shift; return $client->json($client->fetch('/civic/session'))->{sessions} }
sub env { my ($client, $path) = @_; return $client->json($client->get($path))->{env} }

# ---- to its owner ----
my $jane = person('/members/', shown($png));
my $answer = $jane->fetch('/civic/image');
is($answer->code, 200, 'her picture');
is($answer->content, $png, 'byte for byte');
my %expected = (
    'Content-Type'                 => 'image/png',
    'Content-Length'               => length $png,
    'X-Content-Type-Options'       => 'nosniff',
    'Cache-Control'                => 'no-store',
    'Content-Disposition'          => 'attachment; filename="document.png"',
    'Cross-Origin-Resource-Policy' => 'same-origin',
    'Content-Security-Policy'      => "default-src 'none'; sandbox; frame-ancestors 'none'",
    'Access-Control-Allow-Origin'  => undef,
    'Set-Cookie'                   => undef,
);
is($answer->header($_), $expected{$_}, $_) for sort keys %expected;
$answer = $jane->request('HEAD', '/civic/image', { 'Sec-Fetch-Site' => 'same-origin' });
is($answer->code, 200, 'HEAD');
is($answer->content, '', 'without the picture');
is($answer->header('Content-Length'), length $png, 'but its length');
is($jane->get('/civic/image')->content, $png, 'in the address line');
my ($session) = @{ sessions($jane) };
is($session->{documentImage}, '/civic/image?application=CO-ALPHA', 'the session endpoint says where it is');
is($jane->fetch($session->{documentImage})->content, $png, 'and there it is');
unlike($jane->fetch('/civic/session')->content, qr/iVBOR/, 'it is not in what the session endpoint says');
is($jane->fetch('/civic/image?x=y')->content, $png, 'whatever else is in the query');
my $photo = person('/members/', shown($jpeg), person => 'smiley');
$answer = $photo->fetch('/civic/image');
is($answer->content, $jpeg, 'a JPEG');
is($answer->header('Content-Type'), 'image/jpeg', 'by its content');
is($answer->header('Content-Disposition'), 'attachment; filename="document.jpg"', 'and name');

# ---- to nobody else ----
sub has_none {
    my ($client, $name, $path, %headers) = @_;
    my $mark = $server->mark;
    my $answer = $client->fetch($path // '/civic/image', %headers);
    refused($answer, 'no-picture', $mark, $name);
    is($answer->header('Content-Type'), 'application/problem+json', "$name: for programs");
    return;
}
my ($name, $value) = $jane->session_cookie;
has_none($server->client, 'nobody');
has_none($server->client, 'a made up cookie', undef, Cookie => "$name=" . 'A' x 43);
has_none(person('/members/'), 'somebody who has shown no document');
has_none($jane, 'another application', '/civic/image?application=CO-BETA');
has_none($jane, 'no application', '/civic/image?application=');
has_none($server->client('OTHER'), 'another host', undef, Cookie => "$name=$value");
for my $site (qw(cross-site same-site)) {
    my $mark = $server->mark;
    refused($jane->fetch('/civic/image', 'Sec-Fetch-Site' => $site, 'Sec-Fetch-Dest' => 'image', 'Sec-Fetch-Mode' => 'no-cors'),
        'cross-origin', $mark, "embedded by a page of another site: $site");
}
for my $method (qw(POST PUT DELETE)) {
    my $mark = $server->mark;
    $answer = $jane->request($method, '/civic/image', { Accept => '*/*' });
    refused($answer, 'method', $mark, $method);
    like($answer->header('Allow'), qr/GET/, "$method: what is allowed");
}
is($jane->fetch("/civic/image$_")->code, 404, "/civic/image$_ is nothing") for '/', '.png';
my $short = $server->client('SHORT')->logged_in('/members/', shown($png));
is($short->fetch('/civic/image')->code, 200, 'a session within its limits');
sleep 1.2;
has_none($short, 'one past the limits of this address');

# ---- two applications ----
my $both = person('/members/', shown($png))->logged_in('/beta/', shown($jpeg));
is($both->fetch('/civic/image')->content, $png, 'of two applications the one that keeps pictures');
has_none($both, 'not the other', '/civic/image?application=CO-BETA');
is_deeply([ map { $_->{documentImage} } @{ sessions($both) } ], [ '/civic/image?application=CO-ALPHA', undef ],
    'as the session endpoint says');

# ---- never by variables or headers ----
my $all = $server->client->{agent} && join "\n", map { $jane->get($_)->content } qw(/members/cgi /told/cgi /told/proxy);
my $begin = substr encode_base64($png, ''), 0, 40;
unlike($all, qr/\Q$begin\E|CIVIC_DOCUMENTS_GENERICID_IMAGE"/, 'applications do not get it');
like($all, qr/CIVIC_DOCUMENTS_GENERICID_IMAGE_MD5/, 'but its checksum');

# ---- tickets ----
sub by_ticket {
    my ($ticket, %how) = @_;
    return $server->client($how{at} // 'SITE')->request('GET', '/civic/image', { Authorization => "Civic $ticket" });
}
is(env($jane, '/members/cgi')->{CIVIC_DOCUMENT_IMAGE_TICKET}, undef, 'no ticket where none is asked for');
my $told = env($jane, '/told/cgi');
my $ticket = $told->{CIVIC_DOCUMENT_IMAGE_TICKET};
like($ticket, qr/^[\w-]{92}$/, 'a ticket as a variable');
like($told->{HTTP_CIVIC_DOCUMENT_IMAGE_TICKET}, qr/^[\w-]{92}$/, 'and as a header');
unlike($ticket, qr/\Q$value\E/, 'it is not the cookie');
$ticket = env($jane, '/told/proxy')->{HTTP_CIVIC_DOCUMENT_IMAGE_TICKET};
is(by_ticket($ticket)->content, $png, 'with it, an application behind a proxy gets the picture');
is(by_ticket($ticket, at => 'PLAIN')->content, $png, 'at another address of the site');
is(env($jane, '/told/less')->{$_}, undef, "none where a request that was rewritten arrives: $_")
    for map {($_, "REDIRECT_$_", "HTTP_$_")} 'CIVIC_DOCUMENT_IMAGE_TICKET';
is(env(person('/told/'), '/told/cgi')->{CIVIC_DOCUMENT_IMAGE_TICKET}, undef, 'none for who has no picture');
is($server->client->get('/told/cgi', Authorization => "Civic $ticket")->code, 401, 'a ticket is no session');
is($server->client->fetch('/civic/session', Authorization => "Civic $ticket")->content, '{"sessions":[]}', 'it shows nothing else');
my $forged = $ticket =~ s/^(.)/$1 eq 'A' ? 'B' : 'A'/er;
for my $row ([ 'a forged ticket', $forged ], [ 'a short one', substr $ticket, 1 ], [ 'an empty one', '' ], [ 'a cookie', $value ]) {
    my $mark = $server->mark;
    refused(by_ticket($row->[1]), 'no-picture', $mark, $row->[0]);
}
my $mark = $server->mark;
refused(by_ticket($ticket, at => 'OTHER'), 'no-picture', $mark, 'a ticket at another site');
$mark = $server->mark;
refused($jane->fetch('/civic/image', Authorization => "Civic $forged"), 'no-picture', $mark, 'a bad ticket is not made good by a cookie');
is($jane->fetch('/civic/image', Authorization => 'Basic dGltOnNlY3JldA==')->code, 200, 'other credentials are none of its business');

# ---- what is not kept ----
my $html = '<!DOCTYPE html><script>alert(1)</script>';
my @refused = (
    [ 'another checksum',   qr/does not fit its checksum/, shown($png, md5 => '0' x 32) ],
    [ 'no checksum',        qr/does not fit its checksum/, data => [ item($image, encode_base64($png, '')), item('contact.personal.email', 'j@example.com') ] ],
    [ 'no base64',          qr/does not fit its checksum/, shown('', text => '@@@@') ],
    [ 'half of a group',    qr/does not fit its checksum/, shown('', text => 'iVBORw0KG') ],
    [ 'no bytes',           qr/is not kept: /,             shown('') ],
    [ 'a GIF',              qr/is not kept: it is neither JPEG nor PNG/, shown('GIF89a' . 'x' x 100) ],
    [ 'an SVG',             qr/is not kept: it is neither JPEG nor PNG/, shown("<svg xmlns='http://www.w3.org/2000/svg'>$html</svg>") ],
    [ 'HTML',               qr/is not kept: it is neither JPEG nor PNG/, shown($html) ],
    [ 'HTML before a JPEG', qr/is not kept: it is neither JPEG nor PNG/, shown($html . $jpeg) ],
    [ 'one that is not valid', qr/is not kept: it or its checksum is not verified/, shown($png, flags => [ isValid => JSON::PP::false ]) ],
    [ 'one of somebody else',  qr/is not kept: it or its checksum is not verified/, shown($png, flags => [ isOwner => JSON::PP::false ]) ],
    [ 'an unverified checksum', qr/is not kept: it or its checksum is not verified/, shown($png, sum => [ isValid => JSON::PP::false ]) ],
    [ 'more than 1 MiB',    qr/is not kept: it is over 1 MiB/, image => 1024 * 1024 + 1 ],
    [ 'far more',           qr/is not kept: it is no base64, or far too long/, image => 2_500_000 ],
);
for my $row (@refused) {
    my ($name, $said, @shown) = @$row;
    my $mark = $server->mark;
    my $client = person('/members/', @shown);
    is($client->get('/members/')->code, 200, "$name: logged in");
    my @lines = grep {/the document's picture/} Civic::Log::lines($mark);
    ok(@lines == 1 && $lines[0] =~ /auth_civic:warn.*$said.* ref=\w{8}$/, "$name: the log says why") or diag @lines;
    has_none($client, $name);
}
is(person('/members/', shown($png, eol => "\r\n"))->fetch('/civic/image')->content, $png, 'base64 with line breaks');
is(person('/members/', shown($jpeg, md5 => md5_hex($jpeg)))->fetch('/civic/image')->content, $jpeg, 'a checksum of the bytes');
is(person('/members/', shown($png, md5 => uc md5_hex(encode_base64($png, ''))))->fetch('/civic/image')->content, $png, 'in capitals');
$mark = $server->mark;
my $beta = person('/beta/', shown($html));
is(scalar(grep {/picture/} Civic::Log::lines($mark)), 0, 'where none is kept, nothing is said of one that could not be');

# ---- ends with the session ----
sub copy { my $client = shift; return (Cookie => join '=', $client->session_cookie) }
my @copy = copy($jane);
is($jane->post_form('/civic/logout', '')->code, 303, 'she logs out');
has_none($server->client, 'after the logout', undef, @copy);
$mark = $server->mark;
refused(by_ticket($ticket), 'no-picture', $mark, 'a ticket that is still fresh');
my ($one, $two) = map { person('/members/', shown($png)) } 1, 2;
@copy = copy($two);
$one->post_form('/civic/logout', 'all=1');
has_none($server->client, 'after a logout everywhere', undef, @copy);
$one = person('/members/', shown($png));
@copy = copy($one);
$one->clear;
is($server->client->fetch('/civic/image', @copy)->content, $png, 'a browser that was closed');

# ---- a full store ----
my $full = 0;
for (1 .. 10) {
    my $mark = $server->mark;
    my $client = person('/members/', image => 900 * 1024);
    my ($line) = grep {/picture is not kept: the session store has no room/} Civic::Log::lines($mark);
    my $status = $client->fetch('/civic/image')->code;
    $full = { status => $status, login => $client->get('/members/')->code } and last if $line;
    last if $status != 200;
}
is_deeply($full, { status => 404, login => 200 }, 'when the store is half full, people log in without their pictures');
is($server->client->fetch('/civic/image', @copy)->content, $png, 'and nobody who was there had to go');
is($photo->get('/members/')->code, 200, 'nor did he');
unlike($server->error_log, qr/\Q$begin\E|\Q$ticket\E/, 'no picture and no ticket in the log');

# ---- stores that several nodes share ----
sub on_nodes {
    my ($name, $count, @how) = @_;
    my ($one, $two) = map {
        my $node = Civic::Node->prepare(@how);
        my $text = do { local (@ARGV, $/) = "$ENV{CIVIC_T}/conf/applications.conf"; <> };
        $text =~ s/(CO-ALPHA">)/$1\nCivicDocumentImage On/;
        $node->write_file('applications.conf', $text);
        my $site = do { local (@ARGV, $/) = "$ENV{CIVIC_T}/conf/node.conf"; <> };
        $site =~ s{\$\{CIVIC_T\}/conf/applications.conf}{applications.conf};
        $node->write_file('node.conf', $site);
        my $conf = do { local (@ARGV, $/) = $node->dir . '/httpd.conf'; <> };
        $node->write_file('httpd.conf', $conf =~ s{\$\{CIVIC_T\}/conf/node.conf}{node.conf}r);
        $node->start;
    } 1, 2;
    my $jane = $one->person(image => 700 * 1024);
    my @copy = copy($jane);
    $two->visit($jane);
    is(length $jane->fetch('/civic/image')->content, 700 * 1024, "$name: kept at one node, shown at another");
    my $before = $count->();
    is($two->visit($jane)->code, 200, "$name: a request");
    cmp_ok($count->() - $before, '<', 20_000, "$name: does not read it");
    is($jane->post_form('/civic/logout', 'all=1')->code, 303, "$name: logged out");
    has_none_at($one, $jane, "$name: gone", @copy);
    $jane = $one->person(image => 700 * 1024);
    @copy = copy($jane);
    $jane->post_form('/civic/logout', '');
    has_none_at($two, $jane, "$name: gone at the other", @copy);
    return;
}

sub has_none_at {
    my ($node, $client, $name, @copy) = @_;
    is(Civic::Client->new(site => $node->site)->fetch('/civic/image', @copy)->code, 404, $name);
    return;
}
my $redis = Civic::Redis->start;
on_nodes('Redis', sub { $redis->command('INFO', 'stats') =~ /^total_net_output_bytes:(\d+)/m && $1 },
    store => 'redis://127.0.0.1:' . $redis->port, conf => 'CivicSessionsPerUser 2');
is_deeply([ $redis->keys('civic:s:'), $redis->keys('civic:u:') ], [], 'Redis: nothing is left there');
my $memcached = Civic::Memcached->start;
on_nodes('memcached', sub { (map {/^STAT bytes_written (\d+)/} $memcached->command('stats'))[0] },
    store => 'socache:memcache:127.0.0.1:' . $memcached->port,
    modules => 'LoadModule socache_memcache_module ${CIVIC_MODULES}/mod_socache_memcache.so');
