# Sessions are never lost, under load: 20 graceful restarts without one failed request, 5 hard
# restarts, stop and start, 100 children and the parent killed at any instant.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(sleep);

use lib 't/lib';
use Civic::Client ();
use Civic::Server ();

plan tests => 44;

my $SESSIONS = 40;

my $server = Civic::Server->site;
$server->start;
my $site = 'http://localhost:' . $server->port('PLAIN');

sub client { return $server->client('PLAIN') }

my @people = map { client()->logged_in('/members/index.html') } 1 .. $SESSIONS;

sub alive { return scalar grep { $_->get('/members/index.html')->code == 200 } @people }

# wrk with the cookies of these people, in the background; a connection for each request, so that
# what httpd may close of itself does not count. Gives a sub that waits and tells
# (requests, failed ones).
sub load {
    my $seconds = shift;
    my @cookies = map { my ($name, $value) = $_->session_cookie; "\"$name=$value\"" } @people;
    my $script = $server->write_file('load.lua', <<"END");
local cookies = { ${\join(', ', @cookies)} }
local n = 0
function request()
  n = n + 1
  return wrk.format("GET", "/members/index.html",
    { Cookie = cookies[n % #cookies + 1], Connection = "close" })
end
END
    my $pid = open my $out, '-|', 'wrk', '-t1', '-c8', "-d${seconds}s", '--timeout', '20s', '-s',
        $script, "$site/"
        or die "wrk: $!";
    return sub {
        my $text = join '', <$out>;
        close $out;
        my ($requests) = $text =~ /(\d+) requests in/ or die $text;
        my ($refused) = $text =~ /Non-2xx or 3xx responses: (\d+)/;
        my $broken = 0;
        $broken += $1 while $text =~ /(?:connect|read|write|timeout) (\d+)/g;
        return ($requests, ($refused || 0) + $broken, $text);
    };
}

sub children { my $pid = $server->pid; return split ' ', `pgrep -P $pid` }

is(alive(), $SESSIONS, 'everybody is logged in');

# ---- graceful ----
my $wait = load(16);
for (1 .. 20) {
    $server->again('graceful');
    sleep 0.4;
}
my ($requests, $failed, $text) = $wait->();
cmp_ok($requests, '>', 500, '20 graceful restarts under load: it was load');
is($failed, 0, 'not one request failed') or diag $text;
is(alive(), $SESSIONS, 'not one session was lost');

# ---- hard ----
# At SIGTERM, event's threads may find their connections closed under them, with or without this
# module: children that die now are not counted.
my $crash = qr/segfault|Segmentation|exit signal (?!Killed)/;
unlike($server->error_log, $crash, 'nobody crashed');
for my $n (1 .. 5) {
    $wait = load(2);
    sleep 0.3;
    $server->again('restart');
    $wait->();
    is(alive(), $SESSIONS, "hard restart $n under load: not one session was lost");
}

# ---- children killed ----
my $hard = length $server->error_log;
$wait = load(12);
my $killed = 0;
while ($killed < 100) {
    my @children = children();
    if (@children) {
        kill KILL => $children[ rand @children ];
        $killed++;
    }
    sleep 0.02 + rand 0.08;
}
($requests) = $wait->();
is($killed, 100, '100 children were killed');
cmp_ok($requests, '>', 100, 'under load');
is(alive(), $SESSIONS, 'not one session was lost');
push @people, client()->logged_in('/members/index.html');
is(alive(), $SESSIONS + 1, 'and one can log in');

# ---- stop and start ----
$server->stop;
$server->start;
is(alive(), $SESSIONS + 1, 'stop and start: not one session was lost');

# ---- the parent killed, and all with it ----
for my $n (1 .. 3) {
    my @all = ($server->pid, children());
    kill KILL => @all;
    for my $pid (@all) {
        sleep 0.02 while kill 0 => $pid;
    }
    unlink $server->dir . '/logs/httpd.pid';
    $server->start;
    is(alive(), $SESSIONS + 1, "all killed at once, $n: not one session was lost");
}

# ---- the store's size ----
{
    open my $in, '<', $server->dir . '/httpd.conf' or die;
    my $text = do { local $/; <$in> };
    $server->write_conf($text . "CivicSessionStore shm(1048576)\n");
    $server->again('graceful');
    is(alive(), $SESSIONS + 1, 'a smaller store: the sessions move over');
    like($server->error_log, qr/\d+ sessions were moved over/, 'and the log says so');
    like($server->error_log, qr/session store \S+: 1048576 bytes, room for \d{4} sessions/,
        'and how many fit now');
}

# ---- nothing odd in the log ----
my $log = $server->error_log;
unlike(substr($log, $hard), $crash, 'nor since');

# ---- files are the server's alone ----
for my $file ('auth_civic.sessions', 'auth_civic.sessions.key') {
    my @info = stat $server->dir . "/logs/$file";
    is(sprintf('%o', $info[2] & 07777), '600', "$file: only its owner may read it");
}

# ---- a damaged store: what is whole stays, everything goes on ----
my $path = $server->dir . '/logs/auth_civic.sessions';

sub file_write {
    my ($at, $bytes) = @_;
    open my $file, '+<', $path or die;
    seek $file, $at, 0;
    print $file $bytes;
    return close $file;
}

# Spoil the file of a server that is stopped; gives what is said of it at the next start.
sub spoilt {
    my $how = shift;
    $server->stop;
    my $before = length $server->error_log;
    $how->();
    $server->start;
    return substr $server->error_log, $before;
}

my $said = spoilt(sub { file_write(4096 + int rand((-s $path) - 4200), pack 'Q', int rand 2**32) for 1 .. 30 });
cmp_ok(alive(), '>', $SESSIONS / 2, 'scribbled over: most sessions are still there');
ok(client()->logged_in('/members/index.html'), 'and one can log in');

# What cannot be trusted is replaced.
my @spoils = (
    [ 'cut short'          => sub { truncate $path, 500_000 },     qr/it was cut short or grew/ ],
    [ 'nothing in it'      => sub { truncate $path, 0 },           qr/it was cut short/ ],
    [ 'of another version' => sub { file_write(16, "\xff") },      qr/it is of another version/ ],
    [ 'of somebody else'   => sub { $> == 0 ? chown(12_345, 12_345, $path) : chmod 0666, $path }, qr/another user|mode is not 0600/ ],
    [ 'open to all'        => sub { chmod 0666, $path },           qr/its mode is not 0600/ ],
    [ 'noise'              => sub { file_write(0, join '', map { chr rand 256 } 1 .. 8192) }, qr/it is not a session store/ ],
);
for my $spoil (@spoils) {
    my ($name, $how, $why) = @$spoil;
    $said = spoilt($how);
    like($said, qr/session store \S+ is not used: [^;]*$why[^;]*; it starts empty/, "$name: the log says why");
    is((() = $said =~ /starts empty/g), 1, "$name: once");
    @people = (client()->logged_in('/members/index.html'));
    is(alive(), 1, "$name: one can log in");
}
$server->stop;
