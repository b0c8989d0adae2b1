# Ten minutes (CIVIC_SOAK_SECONDS) of everything at once: thirty people use their sessions, others log in, use
# what they got, and log out, Civic fails in every way that the sandbox knows, httpd is restarted gracefully all
# the time, and now and then a child is killed. Nothing is lost: each answer is for whoever asked, and at the end the thirty
# are logged in and nobody else. Nothing grows: memory, descriptors, segments, sessions.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use POSIX ();
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Client ();
use Civic::Env ();
use Civic::Growth ();
use Civic::Metrics ();
use Civic::Server ();
use Civic::Soak ();

my $SECONDS = $ENV{CIVIC_SOAK_SECONDS} || 600;
my $PEOPLE = 30;
my $RESTART = 3;    # seconds between graceful restarts
my $TURNS = 5;      # of so many restarts, at one memory is looked at, and after one a child is killed
# In the parent a configuration of which something was lost at each restart comes to megabytes. In a child it depends on chance
# which of its sixteen threads have worked, and each takes some 100 KiB; t/soak/exchanges.t looks closer.
my %NOISE = (parent => 512 * 1024, child => 2048 * 1024);
plan tests => 20;

# Civic is the shared server's sandbox, which would forget its codes at a restart.
my $server = Civic::Server->new(
    ports => [qw(SITE PLAIN OTHER)],
    conf  => <<'END_OF_CONF'
LogLevel notice auth_civic:notice
Timeout 300
CivicExchangeTimeout 2s
CivicExchangeLimit 40
AddOutputFilter INCLUDES .shtml
<Directory "${CIVIC_T}/htdocs/members">
    Options +Includes
</Directory>
Include ${CIVIC_T}/conf/site.conf
END_OF_CONF
)->start;
my $soak = Civic::Soak->new($server);
my $parent = $server->pid;

# ---- thirty people, each with an address of his own ----
my @people = map {
    my $email = "p$_\@example.com";
    my $client = $soak->client('PLAIN');
    $client->logged_in('/members/page.shtml', data => [ map { { label => "contact.personal.$_", value => $email, isValid => JSON::PP::true, isOwner => JSON::PP::true } } qw(email phoneNumber) ]);
    [ $client, $email ];
} 1 .. $PEOPLE;
$server->again('graceful');
my $first = $soak->scrape;
is($first->{auth_civic_sessions}, $PEOPLE, "$PEOPLE people are logged in");
my $held = Civic::Growth::descriptors($parent);
my $mappings = Civic::Growth::mappings($parent);
my %segments = map { ($_ => 1) } Civic::Growth::segments($parent);

# ---- who uses it ----
$soak->apart(checker => sub { $soak->check(@$_) for @people });
my $wrk = $soak->wrk(@people);
# Each of them is a person of his own at the sandbox, so that logging him out everywhere meets nobody else.
$soak->apart($_ => sub { $soak->round($_[0]) }, sub { $soak->log_out_everywhere($_[0]) }) for qw(ozdemir smiley minor expired stale);

# ---- what happens meanwhile ----
my (@memory, @children, @descriptors, @most, @fell, $killed, $restarts);
my $end = time + $SECONDS;
my $last = $first;
while (time < $end) {
    my $turn = ++$restarts % $TURNS;
    if ($turn == 1) {
        my ($memory, $descriptors) = $soak->at_rest($parent);
        push @children, $memory;
        push @descriptors, $descriptors;
    }
    else {
        $server->again('graceful');
    }
    sleep $RESTART / 2;
    if ($turn == 2) { $soak->kill_one($parent); $killed++ }
    sleep $RESTART / 2;
    my $now = $soak->scrape;
    push @fell, @{ Civic::Metrics::fell($last, $now) };
    $last = $now;
    push @memory, Civic::Growth::memory($parent);
    push @most, scalar(() = Civic::Growth::children($parent, $ENV{CIVIC_MPM}));
}
$soak->stop;
my ($requests, $wrong, $broken) = $wrk->();

# ---- nothing is lost ----
my $count = $soak->results;
is(join("\n", @{ $count->{wrong} || [] }), '', 'each answer was the right one');
is($wrong, 0, 'wrk saw nobody else, nor was it refused');
cmp_ok($broken, '<=', 2 * ($killed || 0), 'and its connections broke when a child was killed, if at all');
is($count->{failed}, 0, 'no process gave up');
cmp_ok($requests, '>', 100, 'it asked');
cmp_ok($count->{login}, '>', 10, 'people logged in');
cmp_ok($count->{logout}, '>', 5, 'and out');
cmp_ok($count->{fault}, '>', 5, 'and met faults');
is(scalar(grep { !$soak->is_in(@$_) } @people), 0, 'the people are still logged in, each as himself');
my $after = $soak->scrape;
is($after->{auth_civic_sessions}, $PEOPLE, 'and nobody else');
is($after->{auth_civic_exchanges_in_progress}, 0, 'no exchange is under way');
is(join(' ', @fell), '', 'no counter fell');
unlike($server->error_log, qr/segfault|Segmentation|exit signal (?!Killed)|AddressSanitizer|stack smashing/, 'nothing crashed');

# ---- nothing has grown ----
sub grows { my ($from, $to) = Civic::Growth::fifths(@_); return $to - $from }
is(Civic::Growth::descriptors($parent), $held, "the parent's descriptors");
cmp_ok(grows(@descriptors), '<=', 4, "children's descriptors, at the same age");
is(Civic::Growth::mappings($parent), $mappings, 'shared memory');
is(join(' ', grep { !$segments{$_} } Civic::Growth::segments($parent)), '', 'segments and semaphores');
cmp_ok(grows(@children), '<=', $NOISE{child}, "children's memory, after the same work at the same age");
cmp_ok(grows(@memory), '<=', $NOISE{parent}, "the parent's memory");
my @kib = map { int($_ / 1024) } map { Civic::Growth::fifths(@$_) } \@memory, \@children;
diag("$SECONDS s: $requests requests by wrk, " . join(', ', map {"$count->{$_} $_"} grep { $_ ne 'wrong' } sort keys %$count)
    . ", $restarts restarts, " . ($killed || 0) . " kills; KiB in the second and the last fifth: parent $kib[0], $kib[1], a child $kib[2], $kib[3]; "
    . join(', ', 'children at most ' . (sort { $a <=> $b } @most)[-1], 'descriptors of a child ' . join ' ', Civic::Growth::fifths(@descriptors)));
