# Whoever tries too often is turned away before anything is read, by his address and site: others are
# not concerned, forged codes cost Civic nothing, and all of it is counted.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused logs_in);
use Civic::Log ();
use Civic::Metrics ();
use Civic::Server ();

plan tests => 37;

my $more = <<'END';
<Location "/numbers">
SetHandler civic-status
</Location>
END
my $server = Civic::Server->site(
    ports => [qw(LIMITED SECOND DIRECT FREE)],
    conf  => join '', 'LoadModule remoteip_module ${CIVIC_MODULES}/mod_remoteip.so', "\nCivicCallbackLimit 5/h\n",
    map({ Civic::Server::host($_->[0], Civic::Server::application('CO-ALPHA') . $more . $_->[1]) }
        [ LIMITED => "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\n" ],
        [ SECOND  => "ServerName second.localhost\nRemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\nCivicCallbackLimit 2/h\n" ],
        [ DIRECT  => "ServerName direct.localhost\n" ],
        [ FREE    => "ServerName free.localhost\nCivicCallbackLimit Off\n" ])
)->start;
my $sandbox = $server->client->{sandbox};

# A client who comes from an address, as the proxy in front says.
sub from {
    my ($address, $port) = @_;
    my $client = $server->client($port || 'LIMITED');
    $client->{agent}->default_header('X-Forwarded-For' => $address);
    return $client;
}

sub forged { return $sandbox->token(appId => 'CO-ALPHA', signWith => 'other') }

sub page { return Civic::Client::login_page($_[0]->get('/members/')) }

# ---- five tries, of whatever kind; then none ----
my $before = Civic::Metrics::scrape($server->client('FREE'), '/numbers');
my $attacker = from('192.0.2.1');
my $state = page($attacker)->{state};
my $exchanges = $sandbox->exchanges;
for (1 .. 3) {
    my $mark = $server->mark;
    refused($attacker->callback(forged(), $state), 'token-signature', $mark, 'a forged code');
}
is($attacker->post_json('/civic/callback', '{')->code, 400, 'no JSON');
is($attacker->callback('x', 'x', 'Sec-Fetch-Site' => 'cross-site')->code, 403, 'from another site');
my $mark = $server->mark;
my $answer = $attacker->callback(forged(), $state);
refused($answer, 'too-many-attempts', $mark, 'the sixth is one too many');
my ($line) = grep {/too-many-attempts/} Civic::Log::lines($mark);
like($line, qr/CivicCallbackLimit is reached for 192\.0\.2\.1; is that a proxy, mod_remoteip tells/, 'the log says whose');
my $later = $answer->header('Retry-After');
ok($later > 660 && $later <= 720, 'it says when the next try will be there') or diag $later;
is($answer->header('Content-Type'), 'application/problem+json', 'as a program reads it');
for my $how ([ 'a body that is too large' => 'x' x 100_000 ], [ 'no JSON' => '{' ]) {
    $mark = $server->mark;
    refused($attacker->post_json('/civic/callback', $how->[1]), 'too-many-attempts', $mark, "$how->[0]: not even read");
}
is($sandbox->exchanges, $exchanges, 'Civic was not asked once');
my $after = Civic::Metrics::scrape($server->client('FREE'), '/numbers');
my $moved = Civic::Metrics::moved($before, $after);
is($moved->{'refusals_total{reason="too-many-attempts"}'}, 3, 'those turned away are counted');
is($moved->{'refusals_total{reason="token-signature"}'}, 3, 'and the forged codes');

# ---- reading pages is no try ----
is($attacker->get('/members/')->code, 401, 'the login page is there');
is($attacker->get('/civic/callback')->code, 405, 'a GET is no try either');

# ---- others ----
logs_in(from('192.0.2.2'), '/members/', 'another address logs in');
logs_in(from('192.0.2.1', 'DIRECT'), '/members/', 'and so does the same address at another site');
for my $port (qw(SECOND)) {
    my $client = from('192.0.2.3', $port);
    my $page = page($client);
    is($client->callback(forged(), $page->{state})->code, 400, "$port: try $_") for 1 .. 2;
    is($client->callback(forged(), $page->{state})->code, 429, "$port: it has a limit of its own");
}

# ---- a network of IPv6 is one client ----
for my $i (1 .. 5) {
    is(from("2001:db8:0:1:$i\::$i")->callback('x', 'x')->code, 400, "address $i of a network");
}
is(from('2001:db8:0:1:ffff::1')->callback('x', 'x')->code, 429, 'a sixth address of it');
is(from('2001:db8:0:2::1')->callback('x', 'x')->code, 400, 'the next network');

# ---- who is not a known proxy cannot say who he is ----
is(from("198.51.100.$_", 'DIRECT')->callback('x', 'x')->code, 400, "X-Forwarded-For of nobody's: try $_") for 2 .. 5;
is(from('198.51.100.9', 'DIRECT')->callback('x', 'x')->code, 429, 'the connection counts');

# ---- Off ----
my @codes = map { $server->client('FREE')->callback('x', 'x')->code } 1 .. 20;
is(scalar(grep { $_ == 400 } @codes), 20, 'Off: no limit');

# ---- a restart forgets, and is no way round: it is the operator's ----
$server->again('graceful');
logs_in(from('192.0.2.1'), '/members/', 'after a restart, everybody begins anew');

# ---- the loud lines are few ----
my @loud = grep {/\[auth_civic:warn\].*too-many-attempts/} split /\n/, $server->error_log;
my @all = grep {/too-many-attempts/} split /\n/, $server->error_log;
cmp_ok(scalar @loud, '<', scalar @all, 'not each of them is a warning');
is(scalar(grep {/exit signal/} split /\n/, $server->error_log), 0, 'no child died');
