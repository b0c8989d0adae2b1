# An authorization code counts when Civic has signed it, for this application, for now, and once:
# each other one is refused by name, with both clocks in the log, and costs no call to Civic.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use MIME::Base64 qw(decode_base64url encode_base64url);
use Time::HiRes qw(time);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Log ();

my $sandbox = Civic::Sandbox->new;
my $civic = 'civic-sip-hosted-service';

# name, claims as functions of the clock, reason (undef: it works), what the log line says
my @times = (
    [ 'expired 59 s ago',         sub { exp => $_[0] - 59, iat => $_[0] - 600 } ],
    [ 'expired 61 s ago',         sub { exp => $_[0] - 61, iat => $_[0] - 600 }, 'token-expired', qr/exp \d+\.\d{3} is 61\.\d+ s before this server's clock, \d+\.\d{3}: check NTP/ ],
    [ 'issued in 59 s',           sub { iat => $_[0] + 59, exp => $_[0] + 600 } ],
    [ 'issued in 61 s',           sub { iat => $_[0] + 61.9, exp => $_[0] + 600 }, 'token-early', qr/iat \d+\.\d{3} is 6[12]\.\d+ s after this server's clock, \d+\.\d{3}: check NTP/ ],
    [ 'expired a year ago',       sub { exp => $_[0] - 31e6, iat => $_[0] - 32e6 }, 'token-expired', qr/check NTP/ ],
    [ 'issued a long time ago',   sub { iat => 1, exp => $_[0] + 600 } ],
    [ 'expiring after 2038',      sub { exp => 4e9, iat => $_[0] } ],
    [ 'expiring in 1e300 s',      sub { exp => 1e300, iat => $_[0] } ],
    [ 'issued at -1e300',         sub { iat => -1e300, exp => $_[0] + 600 } ],
    [ 'issued at 1e300',          sub { iat => 1e300, exp => 1e301 }, 'token-early', qr/iat 1e\+300 is 1e\+300 s after .*check NTP/ ],
    [ 'expiring before issued',   sub { iat => $_[0], exp => $_[0] - 1 }, 'token-format', qr/expires before it was issued/ ],
);
# name, how the code is made, reason
my @others = (
    [ 'signed by somebody else',    { signWith => 'other' }, 'token-signature' ],
    [ 'of another issuer',          { claims => { iss => 'evil' } }, 'token-issuer' ],
    [ 'for another application',    { claims => { sub => 'CO-BETA' } }, 'token-audience' ],
    [ 'without an algorithm',       { header => { alg => 'none', typ => 'JWT' } }, 'token-algorithm' ],
    [ 'of a symmetric algorithm',   { header => { alg => 'HS256', typ => 'JWT' } }, 'token-algorithm' ],
    [ 'with a critical header',     { header => { alg => 'ES256', typ => 'JWT', crit => ['x'] } }, 'token-format' ],
    map { [ "without $_", { claims => { $_ => undef } }, 'token-format' ] } qw(jti iss sub aud iat exp)
);
my $good = $sandbox->token(appId => 'CO-ALPHA');
my ($head, $body, $signature) = split /\./, $good;
# name, text, reason
my @texts = (
    [ 'of nonsense',              'nonsense', 'token-format' ],
    [ 'of two parts',             "$head.$body", 'token-format' ],
    [ 'of four parts',            "$good.x", 'token-format' ],
    [ 'without signature',        "$head.$body.", 'token-signature' ],
    [ 'with half a signature',    "$head.$body." . substr($signature, 0, 40), 'token-signature' ],
    [ 'with another body',        "$head." . encode_base64url(decode_base64url($body) =~ s/CO-ALPHA/CO-BETA/r) . ".$signature", 'token-signature' ],
    [ 'over the limit',           "$head." . 'A' x 20000 . ".$signature", 'token-format' ],
);
plan tests => 3 * @times + 2 * @others + 2 * @texts + 12;

# A callback with a code whose times were reckoned less than half a second before.
sub timely {
    my ($client, $state, $claims) = @_;
    for (1 .. 20) {
        my $now = time;
        my $token = $sandbox->token(appId => 'CO-ALPHA', claims => { $claims->($now) });
        my $mark = Civic::Log::mark();
        my $answer = $client->callback($token, $state);
        return ($answer, $mark) if time - $now < 0.5;
    }
    die 'this machine is too busy to tell seconds apart';
}

for my $row (@times) {
    my ($name, $claims, $reason, $detail) = @$row;
    my $client = Civic::Client->new;
    my $page = Civic::Client::login_page($client->get('/members/'));
    my $exchanges = $sandbox->exchanges;
    my ($answer, $mark) = timely($client, $page->{state}, $claims);
    if ($reason) {
        refused($answer, $reason, $mark, "$name: $reason");
        like((grep {/refused/} Civic::Log::lines($mark))[0], $detail, "$name: the log line says how much");
        is($sandbox->exchanges, $exchanges, "$name: costs no call");
        next;
    }
    is($answer->code, 200, "$name: works") or diag $answer->as_string;
    is($client->get('/members/')->code, 200, "$name: and opens the page");
    ok($sandbox->exchanges > $exchanges, "$name: Civic was asked");
}
for my $row (@others, @texts) {
    my ($name, $how, $reason) = @$row;
    my $client = Civic::Client->new;
    my $page = Civic::Client::login_page($client->get('/members/'));
    my $token = ref $how ? $sandbox->token(appId => 'CO-ALPHA', %$how) : $how;
    my $exchanges = $sandbox->exchanges;
    my $mark = Civic::Log::mark();
    refused($client->callback($token, $page->{state}), $reason, $mark, "$name: $reason");
    is($sandbox->exchanges, $exchanges, "$name: costs no call");
}

# Older codes name the service as their subject.
my $client = Civic::Client->new;
my ($answer) = $client->login('/members/', claims => { sub => $civic });
is($answer->code, 200, 'a code whose subject is the service');

# ---- once ----
my $token = $sandbox->token(appId => 'CO-ALPHA', scope => 'PROOF_OF_IDENTITY');
my $page = Civic::Client::login_page($client->get('/proof/'));
is($client->callback($token, $page->{state})->code, 200, 'the first time');
my $exchanges = $sandbox->exchanges;
my $stranger = Civic::Client->new;
my $their_page = Civic::Client::login_page($stranger->get('/members/'));
my $mark = Civic::Log::mark();
refused($stranger->callback($token, $their_page->{state}), 'token-replayed', $mark, 'in another browser');
is($stranger->session_cookie, undef, 'no session');
$answer = $client->callback($token, $page->{state});
is($answer->code, 200, 'again in the same browser: its session wins');
is($client->json($answer)->{location}, '/proof/', 'and goes on to its page');
is(scalar($answer->header('Set-Cookie')), undef, 'no other session is made');
my $before = $client->{sandbox}->exchanges;
is($before, $exchanges, 'none of it costs a call');

# Another code of the same id is the same code.
my $jti = 'the-same-id-' . time;
my @codes = map { $sandbox->token(appId => 'CO-ALPHA', claims => { jti => $jti }) } 1, 2;
my @clients = map { Civic::Client->new } 1, 2;
my @pages = map { Civic::Client::login_page($_->get('/members/')) } @clients;
is($clients[0]->callback($codes[0], $pages[0]{state})->code, 200, 'a code');
$mark = Civic::Log::mark();
refused($clients[1]->callback($codes[1], $pages[1]{state}), 'token-replayed', $mark, 'another of the same id');
# The id counts at its application.
my $beta = Civic::Client->new;
is(($beta->login('/beta/', claims => { jti => $jti }))[0]->code, 200, 'at another application it is another one');
is($beta->get('/beta/')->code, 200, 'which opens');
