# Sessions end as each location says: idle, or old, whichever is first; what applications
# (CIVIC_SESSION_ENDS) and pages (the session endpoint) are told is what then happens; polling does
# not keep anybody logged in where the location says so, by itself or by an expression.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Client ();
use Civic::Server ();

plan tests => 31;

my %locations = (
    hour     => "CivicSessionIdle 1h\nCivicSessionLife 2h",
    absolute => "CivicSessionIdle 3h\nCivicSessionLife 2h",
    idle     => 'CivicSessionIdle 2s',
    life     => 'CivicSessionLife 3s',
    quiet    => "CivicSessionIdle 2s\nCivicSessionActivity Off",
    chosen   => "CivicSessionIdle 2s\nCivicSessionActivity \"expr=-z %{HTTP:X-Poll}\"",
    pass     => "CivicSessionIdle 2s\nCivicUnauthenticated pass",
);
my $locations = join '', map {
    my $who = $_ eq 'pass' ? 'all granted' : 'valid-user';
    "<Location /life/$_>\nAuthType Civic\nAuthName Life\nCivicUse CO-ALPHA\n$locations{$_}\nRequire $who\n</Location>\n"
} sort keys %locations;
my $server = Civic::Server->new(
    ports => [qw(SITE PLAIN OTHER SANDBOX SANDBOX_PLAIN BACKEND)],
    conf  => "ScriptAliasMatch ^/life/ \${CIVIC_T}/cgi-bin/echo.pl\n"
        . "<Location /civic/session>\nCivicSessionIdle 5min\nCivicSessionLife 3h\n</Location>\n$locations"
        . join '', map { "Include \${CIVIC_T}/conf/$_.conf\n" } qw(sandbox backend site)
)->start;

sub logged_in {
    return Civic::Client->new(
        site    => 'https://localhost:' . $server->port('SITE'),
        sandbox => Civic::Sandbox->new(base => 'https://localhost:' . $server->port('SANDBOX'))
    )->logged_in('/members/');
}

# What the program at a location sees, or undef when it is not reached.
sub env {
    my ($client, $name, %headers) = @_;
    my $answer = $client->fetch("/life/$name", %headers);
    return $answer->code == 200 ? $client->json($answer)->{env} : undef;
}

sub code { my ($client, $name, %headers) = @_; return $client->fetch("/life/$name", %headers)->code }

sub session { my $client = shift; return $client->json($client->fetch('/civic/session'))->{sessions}[0] }

# Not for ever, when what is told is wrong.
sub wait_until {
    my ($end) = @_;
    my $limit = time + 5;
    sleep 0.1 while time < $end && time < $limit;
    return;
}

# ---- what is told ----
my $client = logged_in();
my $env = env($client, 'hour');
my $told = session($client);
is($env->{CIVIC_SESSION_ENDS}, $told->{lastUsed} + 3600, 'an idle limit of 1 h is before a life of 2 h');
is(env($client, 'absolute')->{CIVIC_SESSION_ENDS}, $told->{created} + 7200, 'a life of 2 h is before an idle limit of 3 h');
cmp_ok(abs(env($client, 'idle')->{CIVIC_SESSION_ENDS} - time), '<=', 3, 'seconds since the epoch, by the system\'s clock');
is($told->{idleEnds}, $told->{lastUsed} + 300, 'the session endpoint: idle by the section of its own address');
is($told->{ends}, $told->{created} + 3 * 3600, 'and so is its life');
is(env($client, 'pass')->{CIVIC_SESSION_ENDS}, session($client)->{lastUsed} + 2, 'also where anybody may go');
is(env(Civic::Client->new(site => $client->{site}), 'pass', 'Civic-Session-Ends' => 1)->{CIVIC_SESSION_ENDS},
    undef, 'nobody has no end');
my $forged = env($client, 'hour', 'Civic-Session-Ends' => '9999999999', 'CIVIC_SESSION_ENDS' => '9999999999');
is_deeply([ grep {/9999999999/} values %$forged ], [], 'nobody can bring one');

# ---- told is what happens ----
$client = logged_in();
my $ends = env($client, 'idle')->{CIVIC_SESSION_ENDS};
wait_until($ends - 0.5);
is(code($client, 'pass'), 200, 'shortly before (seen elsewhere)');
$client = logged_in();
$ends = env($client, 'idle')->{CIVIC_SESSION_ENDS};
wait_until($ends + 1.1);
is(code($client, 'idle'), 401, 'past its end: 401');
is(code($client, 'hour'), 200, 'where it may be idle for longer: 200');

# ---- a life does not get longer by use ----
$client = logged_in();
my $start = time;
$ends = env($client, 'life')->{CIVIC_SESSION_ENDS};
my ($same, $in) = (1, 0);
while (time < $start + 2.4) {
    my $seen = env($client, 'life') or last;
    $same = 0 if abs($seen->{CIVIC_SESSION_ENDS} - $ends) > 1;
    $in++;
    sleep 0.3;
}
cmp_ok($in, '>', 3, 'in use, it is let in');
ok($same, 'and its end stays where it is');
sleep 0.1 until time > $start + 3.2;
is(code($client, 'life'), 401, 'until then');
like($server->error_log, qr/session-expired \(\d+ s old, the limit is 3\)/, 'the log says how old it was');

# ---- polling ----
# Somebody polls for longer than the idle limit; gives (how often it was let in, the code at the end).
sub poll {
    my ($poller, $name, %headers) = @_;
    my $end = time + 2.8;
    my $let_in = 0;
    while (time < $end) {
        $let_in++ if code($poller, $name, %headers) == 200;
        sleep 0.25;
    }
    return ($let_in, code($poller, $name, %headers));
}
$client = logged_in();
my $used = session($client)->{lastUsed};
my ($let_in, $last) = poll($client, 'quiet');
cmp_ok($let_in, '>', 3, 'CivicSessionActivity Off: polling is let in');
is($last, 401, 'but keeps nobody logged in');
is(session($client)->{lastUsed}, $used, 'and is no use');
like($server->error_log, qr/session-expired \(idle for \d+ s, the limit is 2\)/, 'the log says for how long it was idle');
$client = logged_in();
($let_in, $last) = poll($client, 'chosen', 'X-Poll' => 1);
cmp_ok($let_in, '>', 3, 'an expression: what it says is polling is let in');
is($last, 401, 'and keeps nobody logged in');
is(session($client)->{lastUsed} - session($client)->{created}, 0, 'it was no use');
$client = logged_in();
($let_in, $last) = poll($client, 'chosen');
cmp_ok($let_in, '>', 5, 'any other request');
is($last, 200, 'keeps him logged in');
cmp_ok(session($client)->{lastUsed}, '>', session($client)->{created}, 'and is a use');
$client = logged_in();
poll($client, 'quiet');
is(code($client, 'hour'), 200, 'elsewhere the session is as good as ever');

# ---- the session endpoint only looks ----
$client = logged_in();
$used = session($client)->{lastUsed};
for (1 .. 8) { session($client); sleep 0.2 }
is(session($client)->{lastUsed}, $used, 'asking the session endpoint is no use');

# ---- uses are written back ----
$client = logged_in();
$used = session($client)->{lastUsed};
sleep 1.2;
code($client, 'idle');
cmp_ok(session($client)->{lastUsed}, '>', $used, 'a use is noted, once a tenth of the limit has passed');

# ---- after a restart it all goes on ----
$client = logged_in();
my $created = session($client)->{created};
$ends = env($client, 'absolute')->{CIVIC_SESSION_ENDS};
$server->again('graceful');
is(env($client, 'absolute')->{CIVIC_SESSION_ENDS}, $ends, 'a graceful restart: the same end');
$server->again('restart');
is(env($client, 'absolute')->{CIVIC_SESSION_ENDS}, $ends, 'a hard one: the same');
is(session($client)->{created}, $created, 'of the same login');
