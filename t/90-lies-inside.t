# What may be wrong inside of user data that Civic has encrypted and signed, and where a large payload lies: each has its
# status and reason, exactly one line with a reference, is counted, and makes no session. And a userId that
# is another one in the next answer is another person.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Compress::Zlib ();

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Liar ();
use Civic::Log ();
use Civic::Metrics ();
use Civic::Server ();
use Civic::Sip ();

my $MIB = 1024 * 1024;
my $app = Civic::Sip->new('CO-ALPHA');
my $true = '"isValid":true,"isOwner":true';

sub item { my ($label, $value) = @_; return qq({"label":"$label","value":$value,$true}) }
sub list { return '[' . join(',', @_) . ']' }
my $email = item('contact.personal.email', '"u@example.com"');

# clear text, what the line says
my @inside = (
    [ 'nothing'                  => '',                                 qr/not acceptable JSON/ ],
    [ 'an object'                => '{}',                               qr/not a list/ ],
    [ 'a list that is cut'       => "[$email",                          qr/not acceptable JSON/ ],
    [ 'items of one name twice'  => list('{"label":"a","label":"b","value":"c"}'), qr/not acceptable JSON/ ],
    [ '257 items'                => list(map { item("x.$_", '"y"') } 1 .. 257), qr/too many items/ ],
    [ '100000 items'             => list((item('x.y', '"z"')) x 100_000), qr/too many items/ ],
    [ 'lists in lists'           => '[' x 1000 . ']' x 1000,            qr/not acceptable JSON/ ],
    [ 'objects in objects'       => '{"a":' x 100_000,                  qr/not acceptable JSON/ ],
    [ 'a value of lists'         => list(item('x.y', '[' x 15 . ']' x 15)), qr/not acceptable JSON/ ],
    [ 'a value of 5 MiB'         => list(item('x.y', '"' . 'z' x (5 * $MIB) . '"')), qr/an item's value is missing, of an odd type or too long/ ],
    [ 'no UTF-8'                 => list(item('x.y', qq("\xff\xfe"))),  qr/not acceptable JSON/ ],
    [ 'overlong UTF-8'           => list(item('x.y', qq("\xc0\xaf"))),  qr/not acceptable JSON/ ],
    [ 'half of a character'      => list(item('x.y', '"\ud83d"')),      qr/not acceptable JSON/ ],
    [ 'a NUL in a value'         => list(item('x.y', '"a\u0000b"')),    qr/not acceptable JSON/ ],
    [ 'a NUL in a label'         => list(item('x\u0000y', '"z"')),      qr/not acceptable JSON/ ],
    [ 'a NUL behind the list'    => list($email) . "\0",                qr/not acceptable JSON/ ],
    [ 'a line break in a label'  => list(item('x\ny', '"z"')),          qr/an item's label is missing or unfit/ ],
    [ 'a label of 257 characters' => list(item('x' x 257, '"z"')),      qr/an item's label is missing or unfit/ ],
);

sub http { my ($body, @headers) = @_; return join "\r\n", 'HTTP/1.1 200 OK', @headers, 'Content-Length: ' . length $body, '', $body }
sub says { my $text = shift; return sub { Civic::Liar::say($_[0], $text); return } }

# Where the payload is asked for, `how` answers; the API says that it lies there.
sub stored {
    my $how = shift;
    return sub {
        my ($socket, $request) = @_;
        return $how->(@_) if $request =~ /^GET /;
        my $port = $socket->sockport;
        Civic::Liar::say($socket, http(qq({"data":"https://localhost:$port/payload","userId":"u","encrypted":true,"processed":true})));
        return;
    };
}
my $sealed = $app->seal(list($email));
my $other = Civic::Sip->new('CO-BETA')->seal(list($email));

# what storage does, reason, what the line says
my @stored = (
    [ 'redirects'               => says("HTTP/1.1 302 Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"), 'upstream-error', qr/status 302/ ],
    [ 'is down'                 => says("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), 'upstream-error', qr/status 503/ ],
    [ 'hangs up'                => sub { return }, 'upstream-cut', qr/Server returned nothing/ ],
    [ 'stops in the middle'     => says("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n$sealed"), 'upstream-cut', qr/Transferred a partial file/ ],
    [ 'never ends'              => sub { my $socket = shift; Civic::Liar::say($socket, "HTTP/1.1 200 OK\r\n\r\n"); 1 while Civic::Liar::say($socket, ' ' x 65536); return }, 'upstream-too-large', qr/the answer is over 16777216 bytes/ ],
    [ 'promises 17 MiB'         => says("HTTP/1.1 200 OK\r\nContent-Length: " . 17 * $MIB . "\r\n\r\n{"), 'upstream-too-large', qr/the answer is over 16777216 bytes/ ],
    [ 'compresses'              => says(http(Compress::Zlib::memGzip($sealed), 'Content-Encoding: gzip')), 'answer-format', qr/compressed/ ],
    [ 'has nothing'             => says(http('')), 'answer-format', qr/the payload's token/ ],
    [ 'has a page'              => says(http('<h1>It works!</h1>')), 'answer-format', qr/the payload's token/ ],
    [ "has another application's" => says(http($other)), 'answer-signature', qr/sub is not CO-ALPHA/ ],
    [ 'has what nobody signed'  => says(http($app->seal(list($email), key => 'CO-BETA'))), 'answer-signature', qr/CivicPublicKey/ ],
    [ 'has what is too old'     => says(http($app->seal(list($email), claims => { iat => time - 7200, exp => time - 3600 }))), 'answer-expired', qr/check NTP/ ],
    [ 'has what is no text'     => says(http($app->seal(list($email), claims => { data => [] }))), 'answer-format', qr/no data/ ],
    [ 'has what is not encrypted' => says(http($app->seal('', claims => { data => list($email) }))), 'answer-decrypt', qr/secret/ ],
);
plan tests => 4 * (@inside + @stored) + 16;

# ---- the site ----
my %lies;
for my $row (@inside) {
    my ($name, $clear) = @$row;
    my $token = $app->seal($clear);
    $lies{$name} = length $token > $MIB / 2 ? stored(says(http($token))) : says(http(qq({"data":"$token","userId":"u","encrypted":true})));
}
$lies{ $_->[0] } = stored($_->[1]) for @stored;
# Two people, and two items of theirs.
for my $who (qw(first second)) {
    my $data = $app->seal(list(map { item("contact.personal.$_", qq("$who $_")) } $who eq 'first' ? qw(email phoneNumber) : 'email'));
    $lies{$who} = says(http(qq({"data":"$data","userId":"$who","encrypted":true})));
}
$lies{fine} = stored(says(http($sealed)));
my $dir = File::Temp->newdir('civic-lies-XXXXXX', TMPDIR => 1);
my $civic = Civic::Liar->new(lies => \%lies, tls => Civic::Liar::certificate($dir, 'inside', names => 'DNS:localhost'));
my $server = Civic::Server->site(
    ports => ['LIES'],
    conf  => "CivicExchangeTimeout 20s\n"
        . Civic::Server::host(LIES => Civic::Server::application('CO-ALPHA', CivicApiUrl => 'https://localhost:' . $civic->port . '/sip'))
)->start;

sub line { return (grep {/login refused: /} Civic::Log::lines($_[0]))[0] // '' }

# ---- lies ----
my $before = Civic::Metrics::scrape($server->client);
my %expected;
for my $row ((map { [ $_->[0], 'answer-format', $_->[2] ] } @inside), (map { [ @$_[ 0, 2, 3 ] ] } @stored)) {
    my ($name, $reason, $detail) = @$row;
    $civic->tell($name);
    my $client = $server->client('LIES');
    my $mark = $server->mark;
    my ($answer) = $client->login('/members/');
    refused($answer, $reason, $mark, "$name: $reason");
    like(line($mark), $detail, "$name: the line helps");
    is($client->session_cookie, undef, "$name: no session");
    is($client->get('/members/')->code, 401, "$name: and nothing is open");
    $expected{qq(refusals_total{reason="$reason"})}++;
}
my $moved = Civic::Metrics::moved($before, Civic::Metrics::scrape($server->client));
delete $moved->{'refusals_total{reason="login-required"}'};
is_deeply({ map { ($_ => $moved->{$_}) } grep {/refusals/} keys %$moved }, \%expected, 'each is counted once, by its reason');
is($moved->{logins_total}, undef, 'and no login');

# ---- what is right gets in, and storage sees nothing of ours ----
$civic->tell('fine');
my $client = $server->client('LIES');
is(($client->login('/members/'))[0]->code, 200, 'what is right logs in');
my ($get) = grep {/^GET /} reverse $civic->requests;
like($get, qr{^GET /payload HTTP/1\.1\r\n}, 'by a payload that lies elsewhere');
unlike($get, qr/Authorization|Civic|eyJ/, 'which is asked for without what is for the API');

# ---- another userId is another person ----
$client = $server->client('LIES');
my @pages = map { Civic::Client::login_page($client->get('/members/')) } 1 .. 2;
my @cookie;
for my $who (qw(first second)) {
    $civic->tell($who);
    my $answer = $client->callback($client->{sandbox}->token(appId => 'CO-ALPHA'), shift(@pages)->{state});
    is($answer->code, 200, "$who: logs in");
    push @cookie, [ $client->session_cookie ];
    my $sessions = $client->json($client->fetch('/civic/session'))->{sessions};
    is(scalar @$sessions, 1, "$who: has one session");
    is($sessions->[0]{userId}, $who, "$who: is himself");
    is_deeply([ map { $_->{value} } @{ $sessions->[0]{claims} } ], [ "$who email", $who eq 'first' ? "$who phoneNumber" : () ],
        "$who: has what is his, and nothing of anybody else");
}
isnt($cookie[1][1], $cookie[0][1], 'the second one has a session of his own');
is($server->client('LIES')->get('/members/', Cookie => "$cookie[0][0]=$cookie[0][1]")->code, 401, 'and that of the first has ended');
is(scalar(grep {/exit signal|Segmentation/} split /\n/, $server->error_log), 0, 'no child died');
