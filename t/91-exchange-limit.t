# Only so many exchanges at once, over all children: whoever comes then is told so at once and keeps the
# code, the log says the beginning and the end once, civic-status shows how many are under way, and a
# child that dies in an exchange gives its place back.
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

plan tests => 20;

my $TIMEOUT = 11;    # longer than the log is silent after a crowd
my $server = Civic::Server->site(conf => "CivicExchangeTimeout ${TIMEOUT}s\nCivicExchangeLimit 2\n")->start;
my $sandbox = $server->client->{sandbox};
my $person = $server->client->logged_in('/members/');

sub changes { return grep {/CivicExchangeLimit is 2: /} Civic::Log::lines($_[0]) }
sub under_way { my $samples = Civic::Metrics::scrape($server->client); return $samples->{auth_civic_exchanges_in_progress} }

# So many exchanges that hang, at whichever child.
sub hang {
    my @pids = map {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            eval { $server->client->login('/members/', fault => 'hang') };
            POSIX::_exit(0);
        }
        $pid;
    } 1 .. $_[0];
    my $end = time + 20;
    sleep 0.05 while under_way() < $_[0] && time < $end;
    return @pids;
}

my $mark = $server->mark;
is(under_way(), 0, 'nothing is under way');
my @hanging = hang(2);
my $began = time;
is(under_way(), 2, 'two exchanges are, and civic-status says so');
is(Civic::Metrics::scrape($server->client)->{auth_civic_exchanges_limit}, 2, 'beside the limit');
is(scalar(changes($mark)), 0, 'the log has nothing to say yet');

my $exchanges = $sandbox->exchanges;
my $client = $server->client;
my $page = Civic::Client::login_page($client->get('/members/'));
my $token = $sandbox->token(appId => 'CO-ALPHA');
my $before = $server->mark;
my $answer = $client->callback($token, $page->{state});
refused($answer, 'exchange-busy', $before, 'the third is told');
ok($answer->header('Retry-After'), 'and when to come back');
$before = $server->mark;
refused(($client->login('/members/'))[0], 'exchange-busy', $before, 'so is the fourth');
is($sandbox->exchanges, $exchanges, 'Civic is not asked');
my @lines = changes($mark);
is(scalar @lines, 1, 'one line');
like($lines[0], qr/\[auth_civic:warn\] .*exchanges under way: 2, CivicExchangeLimit is 2: further logins are refused until one ends/,
    'says that the limit is reached');
is($person->get('/members/')->code, 200, 'whoever is logged in notices nothing');

# ---- the child processes die in the middle ----
my $parent = $server->pid;
kill KILL => split ' ', `ps -o pid= --ppid $parent`;
waitpid $_, 0 for @hanging;
my $last = '';
until ($last eq '200' || time > $began + 3 * $TIMEOUT) {
    # Both: on a machine that is busy one began later than the other.
    my $busy = eval { under_way() } // 'unknown';
    $last = $busy eq '0' ? eval { $client->callback($token, $page->{state})->code } || 'no answer' : 'not tried';
    sleep 0.25 if $last ne '200';
}
is($last, '200', 'their places are free again, and the code that was refused logs in');
cmp_ok(time - $began, '>', $TIMEOUT - 1, 'when the time of the exchanges is over');
@lines = changes($mark);
is(scalar @lines, 2, 'one more line');
like($lines[1], qr/\[auth_civic:notice\] .*exchanges under way: 1, CivicExchangeLimit is 2: there is room for logins again/, 'says so');
is(under_way(), 0, 'nothing is under way');

# ---- and from the start ----
my @all = Civic::Parallel::run(6, sub { ($server->client->login('/members/', fault => 'slow:2'))[0]->code });
is(scalar(grep { $_ eq '200' } @all), 2, 'of six at once two get in');
is(scalar(grep { $_ eq '503' } @all), 4, 'and the others are told');
is(scalar(changes($mark)), 3, 'which is news once more');
logs_in($server->client, '/members/', 'then others do');
