# Sentinels replace a master that died under load: who is logged in stays so, at every node. While it
# lasts, requests may get 503, but nobody is told that he is not logged in.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use POSIX ();

use lib 't/lib';
use Civic::Client ();
use Civic::Node ();
use Civic::Redis ();

plan tests => 24;

my $password = 'of-the-redises';
my $of_sentinels = 'of-the-sentinels';
my $auth = "requirepass $password\nmasterauth $password\n";
my $master = Civic::Redis->start(password => $password, conf => $auth);
my @replicas = map {
    Civic::Redis->start(password => $password, conf => $auth . 'replicaof 127.0.0.1 ' . $master->port . "\n")
} 1, 2;
my @sentinels = map {
    Civic::Redis->start(
        sentinel => 1, password => $of_sentinels,
        conf     => "requirepass $of_sentinels\nsentinel sentinel-pass $of_sentinels\n"
            . 'sentinel monitor site 127.0.0.1 ' . $master->port . " 2\n"
            . "sentinel auth-pass site $password\nsentinel down-after-milliseconds site 1000\n"
            . "sentinel failover-timeout site 5000\n"
    )
} 1 .. 3;

# Wait for what takes its time.
sub until_true {
    my ($what, $check) = @_;
    for (1 .. 600) {
        return 1 if eval { $check->() };
        select undef, undef, undef, 0.1;
    }
    diag "$what: never happened";
    return 0;
}

sub master_of { my $place = $_[0]->command('SENTINEL', 'get-master-addr-by-name', 'site'); return $place->[1] }

ok(until_true('replicas', sub { $master->command('INFO', 'replication') =~ /connected_slaves:2/ }), 'two replicas follow the master');
ok(until_true('sentinels', sub {
    my $known = 0;
    for my $sentinel (@sentinels) {
        my %site = @{ $sentinel->command('SENTINEL', 'MASTER', 'site') };
        $known++ if $site{'num-other-sentinels'} == 2 && $site{'num-slaves'} == 2;
    }
    $known == 3;
}), 'three Sentinels watch it');

my $store = 'redis+sentinel://' . join(',', map { '127.0.0.1:' . $_->port } @sentinels) . '/site/0';
my ($one, $two) = map { Civic::Node->boot(store => $store, secret => "$password\n$of_sentinels\n") } 1, 2;
my @people = map { $one->person } 1 .. 4;
is($two->visit($_)->code, 200, 'logged in at both nodes') for @people;
is($master->command('WAIT', 2, 5000), 2, 'the replicas have their sessions');
is(scalar(my @kept = $master->keys('civic:s:')), 4, 'as the master has');

# ---- load, in processes of its own; each notes how often it got which status ----
my $dir = $one->dir;
my $parent = $$;
my @load;
END { kill TERM => @load if $parent && $parent == $$ }
for my $n (0 .. $#people) {
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        my %seen;
        $SIG{TERM} = sub {
            open my $out, '>', "$dir/load-$n" or POSIX::_exit(1);
            print $out join ' ', map { "$_:$seen{$_}" } sort keys %seen;
            close $out;
            POSIX::_exit(0);
        };
        $people[$n]{agent}->conn_cache(undef);
        while (getppid == $parent) {
            $seen{ $_->visit($people[$n], '/short/')->code }++ for $one, $two;
            select undef, undef, undef, 0.02;
        }
        POSIX::_exit(1);
    }
    push @load, $pid;
}

my $dead = $master->port;
$master->stop('KILL');
ok(until_true('failover', sub { 3 == grep { master_of($_) != $dead } @sentinels }), 'the Sentinels name another master');
for my $node ($one, $two) {
    is($node->visit_until($people[0], 200)->code, 200, 'a node has found it');
}
# Connections to the master that died are found out one by one: a login may still meet one.
my $late;
until_true('a login', sub { $late = $two->person });
is($one->visit_until($late, 200)->code, 200, 'people can log in');

# ---- the old master is back: as a replica ----
$master->again;
ok(until_true('demotion', sub { $master->command('ROLE')->[0] eq 'slave' }), 'the old master comes back as a replica');
is($_->visit_until($late, 200)->code, 200, 'all goes on') for $one, $two;

# ---- one that lives is demoted: connections to it are worth nothing any more ----
$sentinels[0]->command('SENTINEL', 'FAILOVER', 'site');
ok(until_true('second failover', sub {
    my $now = master_of($sentinels[0]);
    my ($new) = grep { $_->port == $now } $master, @replicas;
    $new->command('ROLE')->[0] eq 'master' && 2 == grep { $_->command('ROLE')->[0] eq 'slave' } $master, @replicas;
}), 'a failover that was asked for');
is($_->visit_until($late, 200)->code, 200, 'all goes on') for $one, $two;

kill TERM => @load;
waitpid $_, 0 for splice @load;
my %all;
for my $n (0 .. $#people) {
    open my $in, '<', "$dir/load-$n" or die $!;
    for (split / /, <$in>) { my ($status, $count) = split /:/; $all{$status} += $count }
}
diag join ', ', map { "$_: $all{$_} times" } sort keys %all;
is(join(' ', grep { !/^(200|503)$/ } sort keys %all), '', 'meanwhile nobody got anything but 200 and 503');
cmp_ok($all{200}, '>', 100, 'mostly 200');
is($_->visit($late)->code, 200, 'who was logged in still is') for $one, $two;

# ---- one Sentinel is enough, and a name that none knows is said ----
$_->stop('KILL') for @sentinels[0, 1];
my $third = Civic::Node->boot(store => $store, secret => "$password\n$of_sentinels\n");
is($third->visit($late)->code, 200, 'with one Sentinel left, a node finds the master');
my $lost = Civic::Node->boot(store => $store =~ s{/site/0}{/elsewhere}r, secret => "$password\n$of_sentinels\n");
$lost->visit($late);
like($lost->error_log, qr/it is down: the Sentinel knows no master of this name/, 'a name that no Sentinel knows');
