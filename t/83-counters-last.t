# Counters never go back: not over graceful and hard restarts under load, not when children are
# killed in the middle of anything; every scrape meanwhile is whole and right. No process crashes,
# and no shared memory piles up.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use POSIX ();
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Client ();
use Civic::Metrics ();
use Civic::Server ();

plan tests => 22;

my $server = Civic::Server->new(
    ports => [qw(SITE PLAIN OTHER SANDBOX SANDBOX_PLAIN BACKEND)],
    conf  => "CivicExchangeLimit 1\n"
        . join '', map { "Include \${CIVIC_T}/conf/$_.conf\n" } qw(sandbox backend site)
)->start;

sub client {
    return Civic::Client->new(
        site    => 'https://localhost:' . $server->port('SITE'),
        sandbox => Civic::Sandbox->new(base => 'https://localhost:' . $server->port('SANDBOX'))
    );
}

# A scrape, tried again while nobody listens (a hard restart): its text.
sub scrape_text {
    for (1 .. 100) {
        my $answer = client()->fetch('/operator/numbers?format=prometheus');
        return $answer->content if $answer->code == 200;
        sleep 0.1;
    }
    die 'no answer: ' . $server->error_log;
}

sub scrape { return Civic::Metrics::samples(scrape_text()) }

sub count { my ($samples, $name) = @_; return $samples->{"auth_civic_$name"} }

# In a process of its own; gives its id.
sub apart {
    my $work = shift;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    eval { $work->(); 1 } or POSIX::_exit(1);
    POSIX::_exit(0);
}

# Shared mappings of the parent without a file's name, as memory for counters is.
sub mappings {
    open my $in, '<', '/proc/' . $server->pid . '/maps' or die "maps: $!";
    return scalar grep {m{/dev/zero|/SYSV}} <$in>;
}

$SIG{PIPE} = 'IGNORE';
my $client = client()->logged_in('/members/');
$client->get('/members/file.txt') for 1 .. 5;
my $before = scrape();
is(count($before, 'requests_total{session="valid"}'), 5, 'five requests');
is(count($before, 'logins_total'), 1, 'one login');
my $mappings;

# ---- 20 graceful restarts under load, scraped all the while ----
my $stop = $server->dir . '/stop';
my @load = map {
    apart(sub {
        until (-e $stop) {
            $client->{agent}->conn_cache(undef);
            $client->get('/members/file.txt');
        }
    })
} 1 .. 2;
my $scraper = apart(sub {
    my ($last, $n) = ({}, 0);
    until (-e $stop) {
        my $text = scrape_text();
        my @faults = Civic::Metrics::faults($text);
        my $fell = Civic::Metrics::fell($last, my $now = Civic::Metrics::samples($text));
        die "@faults @$fell" if @faults || @$fell;
        ($last, $n) = ($now, $n + 1);
    }
    die 'hardly scraped' if $n < 20;
});
my @fell;
my $last = $before;
for (1 .. 20) {
    $server->again('graceful');
    my $now = scrape();
    push @fell, @{ Civic::Metrics::fell($last, $now) };
    $last = $now;
    $mappings //= mappings();
}
open my $flag, '>', $stop or die $!;
close $flag;
is_deeply(\@fell, [], '20 graceful restarts: no counter fell');
for (@load, $scraper) {
    waitpid $_, 0;
    is($?, 0, $_ == $scraper ? 'each scrape was whole, and monotonic' : 'load');
}
cmp_ok(count($last, 'requests_total{session="valid"}'), '>', 25, 'they went on counting');
is(count($last, 'logins_total'), 1, 'still one login');
is(count($last, 'counting_since_seconds'), count($before, 'counting_since_seconds'), 'since the same time');
is(mappings(), $mappings, 'no shared memory piles up');

# ---- a hard restart ----
$before = scrape();
$server->again('restart');
my $after = scrape();
is_deeply(Civic::Metrics::fell($before, $after), [], 'a hard restart: no counter fell');
is_deeply(Civic::Metrics::moved($before, $after), {}, 'nor did any move');

# ---- killed children ----
sub children {
    my $parent = $server->pid;
    return grep {
        my $of = '';
        if (open my $in, '<', "/proc/$_/stat") { ($of) = (<$in> // '') =~ /\) \S (\d+)/ }
        ($of // '') eq $parent
    } map {m{/proc/(\d+)$}} glob '/proc/[0-9]*';
}
$client = client()->logged_in('/members/');
$client->get('/members/file.txt') for 1 .. 10;
$before = scrape();
my $killer = apart(sub {
    for (1 .. 4) {
        kill KILL => children();
        sleep 0.5;
    }
});
my $served = 0;
my $end = time + 3;
while (time < $end) {
    $served++ if $client->get('/members/file.txt')->code == 200;
}
waitpid $killer, 0;
my $text = scrape_text();
$after = Civic::Metrics::samples($text);
is_deeply([ Civic::Metrics::faults($text) ], [], 'children killed: a scrape is whole');
is_deeply(Civic::Metrics::fell($before, $after), [], 'no counter fell');
my $more = count($after, 'requests_total{session="valid"}') - count($before, 'requests_total{session="valid"}');
cmp_ok($more, '>=', $served, 'none that was answered is missing');
cmp_ok($served, '>', 5, 'and there were some');
$before = scrape();
$client->get('/members/file.txt');
is_deeply(Civic::Metrics::moved($before, scrape()), { 'requests_total{session="valid"}' => 1 }, 'counting goes on by one');

# ---- a busy exchange ----
my $first = client();
my $page = Civic::Client::login_page($first->get('/members/'));
my $slow = $first->{sandbox}->token(appId => 'CO-ALPHA', fault => 'slow:2');
my $second = $first->{sandbox}->token(appId => 'CO-ALPHA');
my $waiting = apart(sub { $first->callback($slow, $page->{state})->code == 200 or die });
sleep 0.05 until count(scrape(), 'exchanges_in_progress');
$before = scrape();
is(count($before, 'exchanges_limit'), 1, 'one exchange may be under way');
$first->{agent}->conn_cache(undef);
is($first->callback($second, $page->{state})->code, 503, 'a second one is refused');
is_deeply(Civic::Metrics::moved($before, scrape()), { 'refusals_total{reason="exchange-busy"}' => 1 }, 'and counts as such, not as an exchange');
waitpid $waiting, 0;
is($?, 0, 'the first one succeeds');

unlike($server->error_log, qr/exit signal/, 'no process crashed');
