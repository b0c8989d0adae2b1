# Sessions go by a steady clock: when the system's clock is set a day forward or back, nobody is
# logged out before his time, and nobody stays for longer.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use HTTP::Date ();
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Client ();
use Civic::Clock ();
use Civic::Server ();

plan tests => 29;

my $DAY = 86400;
my $clock = Civic::Clock->new;

sub location {
    my ($name, $limits) = @_;
    return "<Location /clock/$name>\nAuthType Civic\nAuthName Clock\nCivicUse CO-PLAIN\n$limits\nRequire valid-user\n</Location>\n";
}
# Plain http to the sandbox: certificates have their own times.
my $server = Civic::Server->new(
    env   => { $clock->env },
    ports => [qw(SITE PLAIN OTHER SANDBOX SANDBOX_PLAIN BACKEND)],
    conf  => "ScriptAliasMatch ^/clock/ \${CIVIC_T}/cgi-bin/echo.pl\n"
        . location(idle => 'CivicSessionIdle 2s')
        . location(life => 'CivicSessionLife 4s')
        . location(hour => 'CivicSessionIdle 1h')
        . join '', map { "Include \${CIVIC_T}/conf/$_.conf\n" } qw(sandbox backend site)
)->start;

sub logged_in {
    return Civic::Client->new(
        site    => 'http://localhost:' . $server->port('PLAIN'),
        sandbox => Civic::Sandbox->new(base => 'http://localhost:' . $server->port('SANDBOX_PLAIN'))
    )->logged_in('/members/');
}

sub code { my ($client, $name) = @_; return $client->fetch("/clock/$name")->code }

sub env { my $client = shift; return $client->json($client->fetch('/clock/hour'))->{env} }

sub session { my $client = shift; return $client->json($client->fetch('/civic/session'))->{sessions}[0] }

sub is_near { my ($got, $expected, $name) = @_; return cmp_ok(abs($got - $expected), '<=', 10, $name) }

# The clock that the server's answers show.
sub server_clock { return HTTP::Date::str2time($_[0]->fetch('/civic/session')->header('Date')) }

my $client = logged_in();
is(code($client, 'hour'), 200, 'logged in');
for my $by ($DAY, 0, -$DAY, 0) {
    $clock->step($by);
    is_near(server_clock($client), time + $by, "the clock is set to $by s");
    is(code($client, 'hour'), 200, 'the session is as good as before, also where an hour is the limit');
    is_near(env($client)->{CIVIC_SESSION_ENDS}, time + $by + 3600, 'its end is told by the clock on the wall');
    is_near(session($client)->{created}, time + $by, 'and so is its login');
}

# ---- a limit of 2 s is one of 2 s, whatever the clock does ----
for my $by ($DAY, -$DAY) {
    $clock->step(0);
    $client = logged_in();
    is(code($client, 'idle'), 200, 'logged in');
    $clock->step($by);
    is(code($client, 'idle'), 200, "set by $by s: still good");
    sleep 2.4;
    is(code($client, 'idle'), 401, 'and over after 2 s unused');
}
$clock->step(0);
$client = logged_in();
my $start = time;
$clock->step($DAY);
sleep 1;
is(code($client, 'life'), 200, 'a life of 4 s: good after 1 s');
$clock->step(-$DAY);
is(code($client, 'life'), 200, 'whatever the clock');
sleep 0.1 until time > $start + 4.3;
is(code($client, 'life'), 401, 'and over after 4 s');

# ---- logins while it is off ----
for my $by ($DAY, -$DAY) {
    $clock->step($by);
    $client = logged_in();
    $clock->step(0);
    is(code($client, 'hour'), 200, "a login at $by s: good when the clock is right again");
}

# ---- and a restart while it is off ----
$clock->step($DAY);
$server->again('restart');
is(code($client, 'hour'), 200, 'a restart with the clock a day ahead: logged in');
