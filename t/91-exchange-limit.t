# Only so many exchanges at once, over all children: whoever comes then is told so at once and keeps the
# code, the log says the beginning and the end once, civic-status shows how many are under way, and a
# child that dies in an exchange gives its place back. A restart changes nothing of that: exchanges of before
# it count as long as they last, also where the limit is another one.
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

plan tests => 34;

# At the sandbox of another server, which this one's restarts leave alone.
my $TIMEOUT = 60;    # longer than all of this takes
my $sandbox = Civic::Sandbox->new;
my $api = "https://localhost:$ENV{CIVIC_PORT_SANDBOX}/sip";
my $hosts = Civic::Server::host(LIMITED => Civic::Server::application('CO-ALPHA', CivicApiUrl => $api));
my $includes = join '', map { "Include \${CIVIC_T}/conf/$_.conf\n" } qw(sandbox backend site);
sub conf { return "CivicExchangeTimeout ${TIMEOUT}s\nCivicExchangeLimit $_[0]\n$hosts$includes" }
my $server = Civic::Server->new(conf => conf(2), ports => [qw(SITE PLAIN OTHER SANDBOX SANDBOX_PLAIN BACKEND LIMITED)])->start;
sub client { return $server->client('LIMITED', sandbox => $sandbox) }
my $person = client()->logged_in('/members/');

sub changes { return grep {/CivicExchangeLimit is \d: /} Civic::Log::lines($_[0]) }
sub sample { return Civic::Metrics::scrape($server->client)->{"auth_civic_exchanges_$_[0]"} }
sub under_way { return sample('in_progress') }
sub children { return split ' ', `ps -o pid= --ppid $_[0]` }

# So many more exchanges that hang, at whichever child.
sub hang {
    my $all = under_way() + $_[0];
    my @pids = map {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            eval { client()->login('/members/', fault => 'hang') };
            POSIX::_exit(0);
        }
        $pid;
    } 1 .. $_[0];
    my $end = time + 20;
    sleep 0.05 while under_way() < $all && time < $end;
    return @pids;
}

my $mark = $server->mark;
is(under_way(), 0, 'nothing is under way');
my @hanging = hang(2);
is(under_way(), 2, 'two exchanges are, and civic-status says so');
is(sample('limit'), 2, 'beside the limit');
is(scalar(changes($mark)), 0, 'the log has nothing to say yet');

my $exchanges = $sandbox->exchanges;
my $client = client();
my $page = Civic::Client::login_page($client->get('/members/'));
my $token = $sandbox->token(appId => 'CO-ALPHA');
my $before = $server->mark;
my $answer = $client->callback($token, $page->{state});
refused($answer, 'exchange-busy', $before, 'the third is told');
ok($answer->header('Retry-After'), 'and when to come back');
$before = $server->mark;
refused((client()->login('/members/'))[0], 'exchange-busy', $before, 'so is the fourth');
is($sandbox->exchanges, $exchanges, 'Civic is not asked');
my @lines = changes($mark);
is(scalar @lines, 1, 'one line');
like($lines[0], qr/\[auth_civic:warn\] .*exchanges under way: 2, CivicExchangeLimit is 2: further logins are refused until one ends/,
    'says that the limit is reached');
is($person->get('/members/')->code, 200, 'whoever is logged in notices nothing');

# ---- restarts while they are under way ----
my $parent = $server->pid;
my @old = children($parent);
for my $round (1 .. 2) {
    $server->again('graceful');
    is(under_way(), 2, "graceful restart $round: two are under way");
    is(sample('limit'), 2, 'of two');
    $before = $server->mark;
    refused(($client->login('/members/'))[0], 'exchange-busy', $before, 'and the next is told');
}
is($sandbox->exchanges, $exchanges, 'Civic is not asked');
is(scalar(changes($mark)), 1, 'nothing of that is news');

# With one more place: that of the third.
$server->write_conf(conf(3));
$server->again('graceful');
is(sample('limit'), 3, 'the limit is raised');
logs_in(client(), '/members/', 'one gets in');
push @hanging, hang(1);
is(under_way(), 3, 'three are under way');
$server->write_conf(conf(2));
$server->again('graceful');
is(sample('limit'), 2, 'the limit is lowered');
is(under_way(), 3, 'three are under way all the same');

# ---- the child processes of before die in the middle ----
kill KILL => @old;
waitpid $_, 0 for splice @hanging, 0, 2;
my $end = time + 30;
sleep 0.1 while under_way() > 1 && time < $end;
is(under_way(), 1, 'their places are free again');
kill KILL => children($parent);
waitpid $_, 0 for @hanging;
sleep 0.1 while (eval { under_way() } // 1) > 0 && time < $end;
is(under_way(), 0, 'and that of the last');
is($client->callback($token, $page->{state})->code, 200, 'the code that was refused logs in');
$end = time + 30;
sleep 0.25 while @lines < 2 && time < $end && client()->login('/members/') && (@lines = changes($mark));
is(scalar @lines, 2, 'one more line');
like($lines[1], qr/\[auth_civic:notice\] .*exchanges under way: 1, CivicExchangeLimit is 2: there is room for logins again/, 'says so');
is(under_way(), 0, 'nothing is under way');

# ---- and from the start ----
my @all = Civic::Parallel::run(6, sub { (client()->login('/members/', fault => 'slow:2'))[0]->code });
is(scalar(grep { $_ eq '200' } @all), 2, 'of six at once two get in');
is(scalar(grep { $_ eq '503' } @all), 4, 'and the others are told');
is(scalar(changes($mark)), 3, 'which is news once more');
logs_in(client(), '/members/', 'then others do');
