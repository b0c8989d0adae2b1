# A session store that is down, hangs, or is not what it should be: 503 with Retry-After for people
# who may be logged in, never a login page, no cookie is touched; back again, all of them
# still are, and nobody has restarted anything. The log says why, once, and that it is over.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Node ();
use Civic::Redis ();

plan tests => 89;

my $password = 'for-the-store-alone';
my $redis = Civic::Redis->start(
    password => 'admin-of-redis',
    conf     => "requirepass admin-of-redis\nuser civic on >$password $Civic::Redis::RIGHTS\n"
);
my $store = 'redis://127.0.0.1:' . $redis->port;
# One child, so that what is said once for each is said once.
my $one_child = "StartServers 1\nServerLimit 1\nThreadsPerChild 32\nMaxRequestWorkers 32\n";
my $node = Civic::Node->boot(store => $store, secret => "civic $password", conf => $one_child);
my $jane = $node->person;
my $cookies = $jane->cookies;

sub is_503 {
    my ($answer, $what) = @_;
    is($answer->code, 503, "$what: 503");
    ok($answer->header('Retry-After'), '... with Retry-After');
    ok(!$answer->header('Set-Cookie'), '... and no cookie is touched');
    return;
}

# Everything that a person with a session may ask for.
sub all_503 {
    my $how = shift;
    my $page = $node->visit($jane);
    is_503($page, "$how, a page");
    like($page->content, qr/data-reason="store-unavailable"/, '... a page that says so');
    ok(!Civic::Client::login_page($page), '... no login page');
    my $problem = $jane->fetch('/members/index.html');
    is_503($problem, "$how, a script's request");
    is($jane->json($problem)->{reason}, 'store-unavailable', '... a problem that says so');
    is_503($node->visit($jane, '/optional/'), "$how, where the login is optional");
    is_503($jane->post_form('/civic/logout', ''), "$how, logout");
    is_503($jane->fetch('/civic/session'), "$how, the session's state");
    is_deeply($jane->cookies, $cookies, '... the browser has what it had');
    return;
}

# ---- it is gone ----
my $waiting = Civic::Client->new(site => $node->site);
my $state = Civic::Client::login_page($waiting->get('/members/'))->{state};
my $token = $waiting->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP');
$redis->stop('KILL');
all_503('stopped');
my $visitor = Civic::Client->new(site => $node->site);
ok(Civic::Client::login_page($visitor->get('/members/')), 'who has no session still gets the login page');
is($visitor->get('/optional/')->code, 200, 'or what is open to all');
my $exchanges = $waiting->{sandbox}->exchanges;
my $answer = $waiting->callback($token, $state);
is_503($answer, 'a login');
is($waiting->{sandbox}->exchanges, $exchanges, 'Civic is not asked in vain');
is(scalar(my @down = $node->logged('session store redis:\S+: it is (still )?down')), 1, 'the log says once that it is down');
like($down[0], qr/\[auth_civic:error\].*: it is down: no connection \(Connection refused\)/, 'and why');

is_deeply($visitor->json($visitor->get('/numbers?format=json'))->{store}, { kind => 'redis', up => JSON::PP::false },
    'the status page says that it is down');

$redis->again;
is($node->visit_until($jane, 200)->code, 200, 'started again: still logged in');
is_deeply($jane->cookies, $cookies, 'by the same cookie');
is($waiting->callback($token, $state)->code, 200, 'the login goes on where it stood');
is(scalar(my @back = $node->logged('session store redis:\S+: it is back after')), 1, 'the log says once that it is back');

# ---- its connections are dead, but it is not ----
$redis->command('CLIENT', 'KILL', 'USER', 'civic');
is($node->visit($jane)->code, 200, 'over a new connection, nobody notices');
is($jane->post_form('/members/index.html', '')->code, 200, 'once more');

# ---- it hangs ----
$redis->pause;
is_503($node->visit($jane), 'hanging');
my @children = map {
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        my $browser = Civic::Client->new(site => $node->site, timeout => 20);
        $browser->{agent}->cookie_jar($jane->jar);
        $browser->{agent}->conn_cache(undef);
        require POSIX;
        POSIX::_exit(grep({ $browser->get('/members/index.html')->code != 503 } 1 .. 3) ? 1 : 0);
    }
    $pid
} 1 .. 8;
is(scalar(grep { waitpid $_, 0; $? } @children), 0, 'all others are answered 503 as well');
ok(Civic::Client::login_page($visitor->get('/members/')), 'and workers are left for visitors');
$redis->resume;
is($node->visit_until($jane, 200)->code, 200, 'on again: still logged in');
like(($node->logged('it is down'))[-1], qr/it is down: no answer in time/, 'the log says that it hung');

# ---- it lets nobody in, and then does ----
$redis->command('ACL', 'SETUSER', 'civic', 'resetpass', '>another-one');
$redis->command('CLIENT', 'KILL', 'USER', 'civic');
is_503($node->visit($jane), 'another password');
like(($node->logged('it is down'))[-1], qr/does not accept user or password of CivicSessionStoreSecretFile \(WRONGPASS\)/, 'the log says so');
$redis->command('ACL', 'SETUSER', 'civic', 'resetpass', ">$password");
is($node->visit_until($jane, 200)->code, 200, 'put right there: still logged in');

# ---- it allows too little ----
$redis->command('ACL', 'SETUSER', 'civic', '-hmget');
is_503($node->visit($jane), 'a right is missing');
like(($node->logged('redis:'))[-1], qr/its user lacks a right, see doc\/deployment.md/, 'the log says so');
$redis->command('ACL', 'SETUSER', 'civic', '+hmget');
is($node->visit_until($jane, 200)->code, 200, 'given: still logged in');

# ---- it is full ----
$redis->command('CONFIG', 'SET', 'maxmemory', 1);
is($node->visit($jane)->code, 200, 'full: who is logged in stays so');
my $late = Civic::Client->new(site => $node->site);
($answer) = $late->login('/members/');
is($answer->code, 503, 'a login is refused');
is($late->json($answer)->{reason}, 'store-unavailable', 'as it cannot be told whether the code was used');
like(($node->logged('OOM'))[-1], qr/it is full \(OOM\): raise its maxmemory/, 'the log says why');
$redis->command('CONFIG', 'SET', 'maxmemory', 0);
is($jane->post_form('/civic/logout', '')->code, 303, 'and logout works again');

# ---- it is something else ----
my $replica = Civic::Redis->start(conf => 'replicaof 127.0.0.1 ' . $redis->port . "\n"
        . "masterauth admin-of-redis\nrequirepass replica-password\n", password => 'replica-password');
my %others = (
    'a replica' => [$replica, qr/it is a replica \(READONLY\), sessions need the master/],
    'one that loads its data' =>
        [Civic::Redis->fake("-LOADING Redis is loading the dataset in memory\r\n"), qr/it is loading its data \(LOADING\)/],
    'a node of a cluster' =>
        [Civic::Redis->fake("-MOVED 3999 127.0.0.1:6381\r\n"), qr/it is a cluster \(MOVED\)/],
    'one that wants a password' => [Civic::Redis->fake("-NOAUTH Authentication required.\r\n"), qr/it wants a password \(NOAUTH\)/],
    'no Redis at all' => [Civic::Redis->fake("HTTP/1.1 400 Bad Request\r\n\r\n"), qr/its answer is not Redis'/],
    'one that closes the connection' => [Civic::Redis->fake(''), qr/no answer in time/],
    'a Sentinel' => [Civic::Redis->fake("*1\r\n\$8\r\nsentinel\r\n"), qr{it is a Sentinel: say redis\+sentinel://}],
    'one that does not know the command' => [
        Civic::Redis->fake("-ERR unknown command 'ROLE', with args beginning with: 'replica-password'\r\n"),
        qr/it refuses a command \(ERR unknown command \)/
    ],
);
my $logs = '';
for my $what (sort keys %others) {
    my ($server, $says) = @{ $others{$what} };
    my $secret = $what eq 'a replica' ? 'replica-password' : undef;
    my $other = Civic::Node->boot(store => 'redis://127.0.0.1:' . $server->port, secret => $secret, conf => $one_child);
    my $browser = Civic::Client->new(site => $other->site);
    $browser->{agent}->cookie_jar($jane->jar);
    $browser->set_cookie('__Host-civic-' . (keys(%$cookies))[0] =~ s/.*-//r, 'x' x 43);
    $browser->set_cookie($_, $cookies->{$_}) for keys %$cookies;
    is_503($other->visit($browser), $what);
    like($other->error_log, $says, '... the log says what it is');
    $logs .= $other->error_log;
}
unlike($node->error_log . $logs, qr/\Q$password\E|admin-of-redis|replica-password/, 'no password in any log');
