# The module's own addresses work when the whole site is protected, denied, proxied or rewritten;
# only they do: no spelling that comes near opens anything. Rules for their own path hold.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Client ();
use Civic::Env ();
use Civic::Raw ();
use Civic::Server ();

# What surrounds the endpoints, each in a host of its own.
my %SITES = (
    PROTECTED => "<Location \"/\">\nAuthType Civic\nAuthName \"All\"\nRequire valid-user\n</Location>",
    DENIED    => "<Location \"/\">\nRequire all denied\n</Location>",
    BASIC     => "<Location \"/\">\nAuthType Basic\nAuthName \"All\"\nAuthUserFile \${CIVIC_T}/conf/users\nRequire valid-user\n</Location>",
    PROXIED   => "ProxyPass \"/\" \"http://127.0.0.1:\${CIVIC_PORT_BACKEND}/\"\n"
        . "<Location \"/\">\nAuthType Civic\nAuthName \"All\"\nRequire valid-user\n</Location>",
    ENCODED   => "ProxyPass \"/\" \"http://127.0.0.1:\${CIVIC_PORT_BACKEND}/\" mapping=encoded\nAllowEncodedSlashes NoDecode\n"
        . "<Location \"/\">\nAuthType Civic\nAuthName \"All\"\nRequire valid-user\n</Location>",
    REWRITTEN => "RewriteEngine On\nRewriteRule ^/(.*) http://127.0.0.1:\${CIVIC_PORT_BACKEND}/\$1 [P]\n"
        . "<Location \"/\">\nAuthType Civic\nAuthName \"All\"\nRequire valid-user\n</Location>",
    DIRECTORY => "<Directory \"HTDOCS\">\nAuthType Civic\nAuthName \"All\"\nRequire valid-user\nFallbackResource /secret.txt\n</Directory>",
    SLASHES   => "AllowEncodedSlashes On\nMergeSlashes Off\n<Location \"/\">\nAuthType Civic\nAuthName \"All\"\nRequire valid-user\n</Location>",
    HANDLER   => "SetHandler server-status\n<Location \"/\">\nAuthType Civic\nAuthName \"All\"\nRequire valid-user\n</Location>",
    IF        => "<If \"true\">\nRequire all denied\n</If>\n<LocationMatch \"^/\">\nRequire all denied\n</LocationMatch>",
);
# Which methods each takes. (What `login` answers is up to the address that it is asked about.)
my %ALLOWED = (
    (map { ($_ => 'POST') } qw(callback renew report link recover)),
    (map { ($_ => 'GET') } qw(session jwks.json login.js page.css factor.css form.js button.js done.js)),
    logout => 'GET POST',
);
my @ADDRESSES = sort keys %ALLOWED;
# What doc/directives.md says of them, `login` and `image` included.
my %MANUAL;
{
    open my $in, '<', Civic::Env::source_dir() . '/doc/directives.md' or die $!;
    while (<$in>) {
        my ($names, $methods) = /^\| (`[^|]+) \| ((?:GET|POST)[^|]*) \|/ or next;
        $MANUAL{$_} = $methods =~ tr/,//dr for $names =~ /`([^`]+)`/g;
    }
}
my $ANSWERS = join ' ', map { $ALLOWED{$_} =~ /GET/ ? 200 : 405 } @ADDRESSES;

# The same for each of them.
sub each_is { return join ' ', map { $_[0] } @ADDRESSES }

# Near misses: none of them is an endpoint, and none shows what is protected.
my @NEAR = (
    '/civic', '/civic/', '/civic//', '/civic/x', '/civic/session/', '/civic/session/x', '/civic/session/../../secret.txt',
    '/civic/callback/../../secret.txt', '/civic/callback/../secret.txt', '/civic/callback/..', '/civic/./../secret.txt',
    '/civic/callback/%2e%2e/%2e%2e/secret.txt', '/civic/callback/..%2f..%2fsecret.txt', '/civic%2fcallback/..%2fsecret.txt',
    '/civic/callback%2f', '/civic/callback%2fsecret.txt', '/civic/callback;x', '/civic/callback;/../../secret.txt',
    '/civic;x/callback', '/civic/callback.', '/civic/callback./', '/civic/callback..', '/civic/callback ', '/civic/callback%20',
    '/civic/callback%00', '/civic/callback%00/../../secret.txt', '/civic/callback%0a', '/civic/Callback', '/CIVIC/callback',
    '/Civic/Session', '/civic/session.html', '/civic/login.js/secret.txt', '/civic/page.css.map', '/civicx/session', '/xcivic/session',
    '/secret.txt?/civic/callback', '/secret.txt#/civic/callback', '/secret.txt/civic/callback', '/secret.txt/../civic/../secret.txt',
    '/secret.txt;/civic/session', '/secret.txt%3f/civic/callback', '/secret.txt%23/civic/session', '/.civic/session',
    '/%2e/secret.txt', '/civic\\session', '/civic/\\session', '/civic/%5csession', '/a/../secret.txt', '//secret.txt',
    '/civic/%73ession%2f..%2f..%2fsecret.txt', '/secret.txt/civic/session', '/index/../secret.txt', '/civic/session%3b',
    '/civic/%e0%80%afsession', '/civic/%c0%ae%c0%ae/secret.txt', '/civic/callback/.%2e/.%2e/secret.txt',
);

plan tests => keys(%SITES) * 9 + 19 + @ADDRESSES;

is_deeply(\%MANUAL, { %ALLOWED, login => 'GET', image => 'GET' }, 'doc/directives.md has each, with its methods');

my $APPLICATION = <<'END';
    Include ${CIVIC_T}/conf/application-plain.conf
END

sub host {
    my ($name, $rules) = @_;
    return "Listen 127.0.0.1:\${CIVIC_PORT_$name}\n<VirtualHost 127.0.0.1:\${CIVIC_PORT_$name}>\nServerName localhost\n"
        . "DocumentRoot \"HTDOCS\"\n$APPLICATION$rules\n</VirtualHost>\n";
}

# Rules for the endpoints' own paths, beside some for all.
my $OWN = <<'END';
<Location "/">
    Require all denied
</Location>
<Location "/civic/session">
    Require all denied
</Location>
<Location "/civic/logout/">
    Require ip 192.0.2.0/24
</Location>
<Location "/civic/*.css">
    Require all denied
</Location>
<Location "/civ">
    Require all denied
</Location>
<Location "/civic/login">
    Require all denied
</Location>
END
my $NESTED = <<'END';
<Location "/civic/session">
    <If "%{REMOTE_ADDR} == '127.0.0.1'">
        Require all denied
    </If>
</Location>
<Location "/civic">
    <If "%{HTTP:X-Deny} == 'yes'">
        Require all denied
        <If "%{HTTP:X-Allow} == 'yes'">
            Require all granted
        </If>
    </If>
    <Else>
        Header always set X-Else yes
    </Else>
</Location>
END
my $WHOLE = "<Location \"/civic\">\nRequire all denied\n</Location>";
my $LOGIN = "<Location \"/civic/session\">\nAuthType Civic\nAuthName \"Own\"\nRequire valid-user\n</Location>";

my $server = Civic::Server->new(ports => ['BACKEND', 'OWN', 'WHOLE', 'LOGIN', 'NESTED', sort keys %SITES]);
my $root = $server->dir . '/htdocs';
make_path($root);
$server->write_file('htdocs/secret.txt', "SECRET-CONTENT\n");
$server->write_file('htdocs/index.html', "SECRET-CONTENT\n");
my $conf = join '', "Include \${CIVIC_T}/conf/backend.conf\n", (map { host($_, $SITES{$_}) } sort keys %SITES),
    host('OWN', $OWN), host('WHOLE', $WHOLE), host('LOGIN', $LOGIN), host('NESTED', $NESTED);
$conf =~ s/HTDOCS/$root/g;
open my $out, '>>', $server->dir . '/httpd.conf' or die $!;
print $out $conf;
close $out or die $!;
$server->start;

sub status_of { my ($port, $path, $lines) = @_; return Civic::Raw::request($port, 'GET', $path, $lines)->code }

for my $name (sort keys %SITES) {
    my $port = $server->port($name);
    is(join(' ', map { status_of($port, "/civic/$_") } @ADDRESSES), $ANSWERS, "$name: the endpoints answer");
    is(join(' ', map { Civic::Raw::request($port, 'HEAD', "/civic/$_")->code } @ADDRESSES), $ANSWERS,
        "$name: to HEAD as well");
    is(join(' ', map { Civic::Raw::request($port, 'TRACE', "/civic/$_")->code } @ADDRESSES), each_is(405),
        "$name: and refuse TRACE");
    is(status_of($port, '/%63ivic/%73ession'), 200, "$name: an encoded letter is that letter");
    is(status_of($port, '/x/../civic/./session?x=/../'), 200, "$name: a path is what it comes to");

    my (@open, @seen);
    for my $path (@NEAR) {
        my $answer = Civic::Raw::request($port, 'GET', $path, $Civic::Raw::NAVIGATE);
        push @open, $path if $answer->raw =~ /SECRET-CONTENT|Apache Server Status/ || $answer->code < 300;
        push @seen, $path if $answer->body =~ /"sessions"|civic-logout|"method"/;
    }
    is("@open", '', "$name: nothing near them opens anything");
    is("@seen", '', "$name: or is one of them");

    # A whole login, of this site or of a part that is not in the way.
    my $client = Civic::Client->new(site => "http://localhost:$port", sandbox => Civic::Sandbox->plain);
    my $page = $client->get('/secret.txt');
    if ($name =~ /DENIED|BASIC|IF/) {
        is($page->code, $name eq 'BASIC' ? 401 : 403, "$name: the site itself is closed");
        ok($page->content !~ /data-state|SECRET/, "$name: without a login page");
        next;
    }
    my ($done) = $client->login('/secret.txt');
    is($done->code, 200, "$name: a login works") or diag $done->as_string;
    is($client->get('/secret.txt')->code, 200, "$name: and opens the site");
}

my $port = $server->port('OWN');
is(status_of($port, '/civic/session'), 403, 'a rule for an endpoint holds');
is(status_of($port, '/x/..//civic/%73ession'), 403, 'however it is spelled');
is(status_of($port, '/civic/logout'), 403, 'one with a slash at its end too');
is(status_of($port, '/civic/page.css'), 403, 'and one with a wildcard');
is(status_of($port, '/civic/login.js'), 200, 'none that only starts alike');
is(status_of($port, '/civic/callback'), 405, 'nor one for all');
is(join(' ', map { status_of($server->port('WHOLE'), "/civic/$_") } @ADDRESSES), each_is(403), 'a rule for all of them');

$port = $server->port('NESTED');
is(status_of($port, '/civic/session'), 403, 'a condition within the rule holds');
is(status_of($port, '/civic/login.js'), 200, 'where it is not met, it does not');
is(status_of($port, '/civic/login.js', "X-Deny: yes\r\n"), 403, 'where it is, it does');
is(status_of($port, '/civic/login.js', "X-Deny: yes\r\nX-Allow: yes\r\n"), 200, 'as does one within that');
is(scalar(Civic::Raw::request($port, 'GET', '/civic/page.css')->header('X-Else')), 'yes', 'and its other branch');

# An endpoint may itself be protected.
my $client = Civic::Client->new(site => 'http://localhost:' . $server->port('LOGIN'), sandbox => Civic::Sandbox->plain);
is($client->fetch('/civic/session')->code, 401, 'an endpoint that wants a session');
is($client->fetch('/civic/login.js')->code, 200, 'the others do not');
my ($done) = $client->login('/civic/session');
is($done->code, 200, 'a login for it');
is(scalar @{ $client->json($client->fetch('/civic/session'))->{sessions} }, 1, 'opens it');

is(join(' ', map { Civic::Raw::request($port, 'GET', $_)->code } '/civic/session.', '/civic/none'), '404 404',
    'there is nothing else below');

# Methods.
$port = $server->port('PROTECTED');
for my $address (@ADDRESSES) {
    my @wrong = grep {
        my $answer = Civic::Raw::request($port, $_, "/civic/$address");
        my %allow = map { $_ => 1 } split /\s*,\s*/, $answer->header('Allow') // '';
        !($answer->code == 405 && $allow{ (split / /, $ALLOWED{$address})[0] } && !$answer->faults)
    } grep { $ALLOWED{$address} !~ /\b$_\b/ } qw(GET POST PUT DELETE OPTIONS TRACE PATCH PROPFIND NONSENSE get);
    is("@wrong", '', "$address: other methods are refused, the allowed ones named");
}
is($server->error_log =~ /exit signal/ ? 1 : 0, 0, 'no child has died');
