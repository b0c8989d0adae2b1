# A Civic that is down is not asked by everybody: after eight exchanges in a row that failed, logins
# are told so at once, one of them asks again now and then, and when that succeeds all go on. The log
# says each change once, civic-status shows it, another service is not concerned, a child that dies
# while it asks keeps nobody waiting for ever, and a restart changes nothing of it.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use POSIX ();
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Check qw(refused logs_in);
use Civic::Log ();
use Civic::Metrics ();
use Civic::Parallel ();
use Civic::Server ();

my $IN_A_ROW = 8;
plan tests => 2 * $IN_A_ROW + 37;

# The same sandbox by another name is another service.
my $server = Civic::Server->site(
    ports => ['OTHERWAY'],
    conf  => "CivicExchangeTimeout 3s\nCivicExchangeLimit 20\n"
        . Civic::Server::host(OTHERWAY => Civic::Server::application('CO-ALPHA', CivicApiUrl => 'https://127.0.0.1:${CIVIC_PORT_SANDBOX}/sip'))
)->start;
my $sandbox = $server->client->{sandbox};
my $person = $server->client->logged_in('/members/');

sub login { return ($server->client->login('/members/', @_))[0] }
sub changes { return grep {/Civic at /} Civic::Log::lines($_[0]) }

sub gauge {
    my $samples = Civic::Metrics::scrape($server->client);
    return $samples->{ 'auth_civic_upstream_up{api="https://localhost:' . $server->port('SANDBOX') . '",proxy=""}' };
}

# Until one asks again.
sub wait_for { sleep $_[0]->header('Retry-After') + 0.1; return }

# As a log rotation does it, and as a new module wants it.
sub restart {
    my ($how, $up) = @_;
    my $mark = $server->mark;
    $server->again($how);
    is(gauge(), $up, "$how: " . ($up ? 'up' : 'down'));
    is(scalar(changes($mark)), 0, "$how: nothing has changed");
    return;
}

# So many failures; the last one opens it. Gives the refusal of the next.
sub break {
    for my $i (1 .. $IN_A_ROW) {
        my $mark = $server->mark;
        refused(login(fault => '503'), 'upstream-error', $mark, "failure $i");
        is(scalar(changes($mark)), $i == $IN_A_ROW ? 1 : 0, $i == $IN_A_ROW ? 'is one too many' : 'is not told yet') if $_[0];
    }
    return;
}

# ---- answers in between, and refusals, are no failures in a row ----
is(gauge(), 1, 'up');
for my $fault (('503') x 7, '403', ('500') x 7, '429', ('503') x 7, '401') {
    login(fault => $fault);
}
is(gauge(), 1, 'failures that are not in a row do not count');

login(fault => '503') for 1 .. $IN_A_ROW - 1;
restart('graceful', 1);
logs_in($server->client, '/members/', 'an answer after a restart ends the row');

# ---- closed -> open ----
my $mark = $server->mark;
break(1);
my ($line) = changes($mark);
like($line, qr{\[auth_civic:warn\] .* Civic at https://localhost:\d+ is down, 8 exchanges in a row failed: upstream-error \(status 503.*one asks again in 2 s},
    'a warning says what failed and how it goes on');
is(gauge(), 0, 'the gauge says so');
my $json = $person->json($person->fetch('/operator/numbers?format=json'));
is_deeply([ map { $_->{up} ? 'up' : 'down' } sort { $b->{api} cmp $a->{api} } grep { $_->{api} =~ /^https/ } @{ $json->{upstreams} } ],
    [ 'down', 'up' ], 'and JSON: this one, not the other one');
like($person->get('/operator/numbers')->decoded_content, qr{<dt>Civic at https://localhost:\d+</dt><dd>down: logins are refused</dd>}, 'and the page');

my $exchanges = $sandbox->exchanges;
my $client = $server->client;
my $page = Civic::Client::login_page($client->get('/members/'));
my $token = $sandbox->token(appId => 'CO-ALPHA');
$mark = $server->mark;
my $answer = $client->callback($token, $page->{state});
refused($answer, 'upstream-down', $mark, 'the next one is told at once');
cmp_ok($answer->header('Retry-After'), '<=', 2, 'and when to come back');
is(scalar(changes($mark)), 0, 'the log does not repeat itself');
is($sandbox->exchanges, $exchanges, 'Civic is not asked');
is($person->get('/members/')->code, 200, 'whoever is logged in notices nothing');
logs_in($server->client('OTHERWAY'), '/members/', 'and another service goes on');

# ---- open -> probing -> open, for longer ----
wait_for($answer);
$exchanges = $sandbox->exchanges;
$mark = $server->mark;
my @ready = map {
    my $who = $server->client;
    [ $who, $sandbox->token(appId => 'CO-ALPHA', fault => 'slow:2'), Civic::Client::login_page($who->get('/members/'))->{state} ]
} 1 .. 8;
my @codes = Civic::Parallel::run(8, sub { my ($who, @form) = @{ $ready[ $_[0] ] }; $who->callback(@form)->code });
is(scalar(grep { $_ eq '200' } @codes), 1, 'of many who then come, one asks');
is(scalar(grep { $_ eq '503' } @codes), 7, 'and the others are told');
is($sandbox->exchanges, $exchanges + 1, 'Civic sees one');
is(scalar(grep {/\[auth_civic:notice\] .*Civic at https:\S+ answers again: logins go on/} changes($mark)), 1, 'it succeeds, which the log says once');
is(gauge(), 1, 'and the gauge');
is($client->callback($token, $page->{state})->code, 200, 'the code that was refused was not used: it logs in');

login(fault => '503') for 1 .. $IN_A_ROW - 1;
restart('graceful', 1);
$mark = $server->mark;
login(fault => '503');
is(scalar(changes($mark)), 1, 'failures of before a restart and after it are one row');
$answer = login();
is($answer->code, 503, 'down again');
restart($_, 0) for qw(graceful restart);
wait_for($answer);
$mark = $server->mark;
refused(login(fault => '500'), 'upstream-error', $mark, 'the one that asks fails');
like((changes($mark))[0], qr/\[auth_civic:info\] .*is still down: upstream-error .* asks again in 4 s/, 'so it stays down, for longer');
$mark = $server->mark;
$answer = login();
refused($answer, 'upstream-down', $mark, 'the next is told');
cmp_ok($answer->header('Retry-After'), '>=', 3, 'that it takes longer');

# ---- a child that dies while it asks ----
wait_for($answer);
$exchanges = $sandbox->exchanges;
my $asking = fork;
if (!$asking) {
    eval { login(fault => 'hang') };
    POSIX::_exit(0);
}
my $end = time + 20;
sleep 0.05 while $sandbox->exchanges == $exchanges && time < $end;
$mark = $server->mark;
my $parent = $server->pid;
kill KILL => split ' ', `ps -o pid= --ppid $parent`;
waitpid $asking, 0;
$end = time + 30;
my $last = '';
until ($last eq '200' || time > $end) {
    $last = eval { login()->code } || 'no answer';
    sleep 0.2 if $last ne '200';
}
is($last, '200', 'a probe that died does not keep it down');
is(scalar(grep {/answers again/} changes($mark)), 1, 'which the log says');
logs_in($server->client, '/members/', 'and all go on');
is($person->get('/members/')->code, 200, 'nobody was logged out');
