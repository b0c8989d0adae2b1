# A hundred thousand exchanges, a third of them under each MPM, by the same children all along: each is a login,
# and neither memory nor descriptors grow.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use IO::Socket::INET ();

use lib 't/lib';
use Civic::Client ();
use Civic::Growth ();
use Civic::Metrics ();
use Civic::Parallel ();
use Civic::Server ();

my $SLICES = 34;    # memory is looked at after each
my $EACH = int(($ENV{CIVIC_SOAK_EXCHANGES} || 1000 * $SLICES) / $SLICES / 2) || 1;
my $EXCHANGES = 2 * $EACH * $SLICES;
my $BATCH = 200;    # codes at a time: the sandbox remembers 512
# Of all children together, from the second fifth of the time to the last one. 32 bytes lost by each exchange are more.
my $NOISE = int($EXCHANGES * 0.7 * 32);
$NOISE = 512 * 1024 if $NOISE < 512 * 1024;
my @mpms = qw(event worker prefork);
plan tests => 9 * @mpms;

# Civic closes no connection that waits for its next request, however long that takes on a machine that is busy.
my $civic = Civic::Server->new(
    ports => [qw(SANDBOX SANDBOX_PLAIN)],
    conf  => "KeepAliveTimeout 300\nInclude \${CIVIC_T}/conf/sandbox.conf\n"
)->start;

# Few children, so that all of them are warm soon.
sub server {
    my $mpm = shift;
    return Civic::Server->new(
        env   => { CIVIC_MPM => $mpm, CIVIC_PORT_SANDBOX => $civic->port('SANDBOX') },
        ports => ['HERE'],
        conf  => <<'END' . Civic::Server::host(HERE => Civic::Server::application('CO-ALPHA') . <<'END', plain => 1))->start;
LogLevel notice auth_civic:notice
KeepAliveTimeout 300
CivicExchangeTimeout 120s
CivicSessionStore shm(67108864)
CivicExchangeLimit 8
<IfModule mpm_prefork_module>
    StartServers 4
    MinSpareServers 1
    MaxSpareServers 4
    ServerLimit 4
    MaxRequestWorkers 4
</IfModule>
<IfModule !mpm_prefork_module>
    ServerLimit 2
    StartServers 2
    ThreadsPerChild 4
    MaxRequestWorkers 8
    MinSpareThreads 1
    MaxSpareThreads 8
</IfModule>
END
<Location "/numbers">
    SetHandler civic-status
    Require local
</Location>
END
}

sub client { return Civic::Client->new(site => 'http://localhost:' . $_[0]->port('HERE')) }

# What the script of a page that is open sends for a code.
sub poster {
    my $server = shift;
    my $client = client($server);
    my $page = Civic::Client::login_page($client->get('/members/'));
    my $cookies = $client->cookies;
    my $head = join "\r\n", 'POST /civic/callback HTTP/1.1', 'Host: localhost:' . $server->port('HERE'),
        'Cookie: ' . join('; ', map {"$_=$cookies->{$_}"} keys %$cookies), "Origin: $client->{site}",
        'Sec-Fetch-Site: same-origin', 'Content-Type: application/json';
    return sub {
        my $body = $Civic::Client::JSON->encode({ token => $_[0], state => $page->{state} });
        return "$head\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
    };
}

# What became of it: "login", or the reason; and whether the connection goes on.
sub answer {
    my $socket = shift;
    my ($status) = (<$socket> // '') =~ m{^HTTP/1\.1 (\d+)} or return ('nothing', 0);
    my ($length, $goes_on) = (0, 1);
    while (defined(my $line = <$socket>)) {
        last if $line =~ /^\r/;
        $length = $1 if $line =~ /^Content-Length: (\d+)/i;
        $goes_on = 0 if $line =~ /^Connection: close/i;
    }
    read $socket, my ($body), $length;
    return ($status == 200 ? 'login' : $body =~ /"reason":"([a-z-]+)"/ ? $1 : "status $status", $goes_on);
}

# So many exchanges; gives what became of each, one a line.
sub drive {
    my ($server, $left) = @_;
    my @became;
    my $post = poster($server);
    my $sandbox = Civic::Sandbox->new(base => 'https://localhost:' . $civic->port('SANDBOX'));
    while ($left > 0) {
        my $socket;
        for my $token ($sandbox->tokens($left < $BATCH ? $left : $BATCH, appId => 'CO-ALPHA')) {
            $socket ||= IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $server->port('HERE')) or die "connect: $!";
            $socket->print($post->($token));
            $socket->flush;
            my ($what, $goes_on) = answer($socket);
            push @became, "$what\n";
            $socket = undef if !$goes_on;
            $left--;
        }
    }
    return join '', @became;
}

# What became of how many, when two do that at once.
sub drive_both {
    my ($count, $server, $each) = @_;
    for my $text (Civic::Parallel::run(2, sub { drive($server, $each) })) {
        $count->{$_}++ for split /\n/, $text;
    }
    return;
}

sub sum { my $all = 0; $all += $_ for @_; return $all }

for my $mpm (@mpms) {
    my $server = server($mpm);
    my $parent = $server->pid;
    drive_both({}, $server, 20);    # all children are there
    my $before = Civic::Metrics::scrape(client($server), '/numbers');
    my @children = sort { $a <=> $b } Civic::Growth::children($parent, $mpm);
    my (@memory, @descriptors, @parent);
    my %count = (login => 0);
    for (1 .. $SLICES) {
        drive_both(\%count, $server, $EACH);
        push @memory, sum(map { Civic::Growth::memory($_) } @children);
        push @descriptors, sum(map { Civic::Growth::descriptors($_) } @children);
        push @parent, Civic::Growth::memory($parent);
    }
    my $after = Civic::Metrics::scrape(client($server), '/numbers');
    my $moved = Civic::Metrics::moved($before, $after);
    # Connecting may take three seconds, which a machine may be too busy for.
    my $late = delete $count{'upstream-timeout'} || 0;
    is_deeply(\%count, { login => $EXCHANGES - $late }, "$mpm: each of $EXCHANGES exchanges was a login");
    is($moved->{exchange_duration_seconds_count}, $EXCHANGES, "$mpm: and is counted");
    is($moved->{logins_total}, $EXCHANGES - $late, "$mpm: as a login");
    is($after->{auth_civic_exchanges_in_progress}, 0, "$mpm: none is under way");
    is(join(' ', sort { $a <=> $b } Civic::Growth::children($parent, $mpm)), "@children", "$mpm: by the same children");
    my @held = Civic::Growth::fifths(@memory);
    my @open = Civic::Growth::fifths(@descriptors);
    my @of_parent = Civic::Growth::fifths(@parent);
    cmp_ok($held[1] - $held[0], '<=', $NOISE, "$mpm: their memory has not grown");
    cmp_ok($open[1] - $open[0], '<=', 4, "$mpm: nor have their descriptors");
    cmp_ok($of_parent[1] - $of_parent[0], '<=', 64 * 1024, "$mpm: nor has the parent");
    $server->stop;
    unlike($server->error_log, qr/exit signal|Segmentation/, "$mpm: no child died");
    diag(sprintf '%s: %d exchanges, %d late, by %d children, KiB in the second fifth and the last: %d, %d; descriptors: %d, %d', $mpm,
        $EXCHANGES, $late, scalar @children, (map { $_ / 1024 } @held), @open);
}
