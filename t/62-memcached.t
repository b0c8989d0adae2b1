# Two nodes share their sessions by one memcached: the same as with a Redis (60-redis.t), as far as
# it goes. What memcached forgets ends sessions and brings none back; one that is down is 503 and
# never "not logged in", although its client says "not found" then.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::SHA ();
use POSIX ();

use lib 't/lib';
use Civic::Client ();
use Civic::Growth ();
use Civic::Memcached ();
use Civic::Node ();

plan tests => 78;

my $memcached = Civic::Memcached->start;
my $one_child = "StartServers 1\nServerLimit 1\nThreadsPerChild 32\nMaxRequestWorkers 32\n";
my %how = (
    store => 'socache:memcache:127.0.0.1:' . $memcached->port,
    # Before the argument is read, the provider must be there.
    modules => 'LoadModule socache_memcache_module ${CIVIC_MODULES}/mod_socache_memcache.so',
    conf    => $one_child,
);
my ($one, $two) = map { Civic::Node->boot(%how) } 1, 2;

# ---- one session, two nodes ----
my $jane = $one->person;
my (undef, $cookie) = $jane->session_cookie;
is($_->visit($jane)->code, 200, 'logged in at one node, and so at the other') for $one, $two;

# What the store calls a person's session (s), its last use (u); and the mark of all his sessions.
sub key { my ($client, $type) = @_; return 'civic-sess:' . Digest::SHA::sha256_hex(($client->session_cookie)[1]) . unpack 'H*', $type }
sub mark {
    my ($client) = @_;
    my $id = $client->json($client->fetch('/civic/session'))->{sessions}[0]{userId};
    my $user = Digest::SHA::sha256(substr(Digest::SHA::sha256_hex('localhost'), 0, 32) . " CO-ALPHA $id");
    return 'civic-sess:' . unpack 'H*', substr($user, 0, 16) . pack('V', int(time / (7 * 86400))) . 'm';
}
for my $key (key($jane, 's'), key($jane, 'u'), mark($jane)) {
    my (undef, $value) = $memcached->get($key);
    ok(defined $value, "$key is there");
    unlike($key . ($value // ''), qr/jane|example\.com|CO-ALPHA|BASIC_SIGNUP|\Q$cookie\E/, '... and cannot be read');
}

# ---- the last use ----
my $idler = $one->person;
for (1 .. 25) {
    is($one->visit($idler, '/idle/')->code, 200, 'a use at one node holds off the end') if $_ == 1;
    $two->visit($idler, '/idle/') if $_ > 1;
    select undef, undef, undef, 0.1;
}
is($one->visit($idler, '/idle/')->code, 200, 'as it does at the other');

# ---- ends ----
is($jane->post_form('/civic/logout', '')->code, 303, 'logged out at one node');
is($_->visit($jane)->code, 401, 'is logged out everywhere') for $one, $two;
$jane->set_cookie('__Host-civic-' . suffix($idler), $cookie);
is($one->visit($jane)->code, 401, 'the copied cookie opens nothing');
sub suffix { return ($_[0]->session_cookie)[0] =~ s/.*-//r }

my ($phone, $laptop) = ($one->person, $two->person);
my $other = $one->person(person => 'smiley');
is($_->visit($phone)->code, 200, 'one device') for $one, $two;
is($_->visit($laptop)->code, 200, 'another one') for $one, $two;
is($laptop->post_form('/civic/logout', 'all=1')->code, 303, 'logged out on all devices');
is($_->visit($phone)->code, 401, 'the one') for $one, $two;
is($_->visit($laptop)->code, 401, 'and the other') for $one, $two;
is($two->visit($other)->code, 200, 'nobody else is');
my $again = $two->person;
is($_->visit($again)->code, 200, 'a new login') for $one, $two;
is($one->visit($phone)->code, 401, 'does not bring the old one back');

# ---- what strangers send takes no memory for as long as their connection lasts ----
my ($child) = Civic::Growth::children($one->pid, 'event');
my @strangers = map { Civic::Client->new(site => $one->site) } 1 .. 5;
# Each of them one after the other, over its own connection, and more than once: what they got.
sub made_up {
    my ($letter) = @_;
    return map { $_->get('/members/', Cookie => '__Host-civic-' . suffix($other) . '=' . $letter x 43)->code } (@strangers) x 4;
}
# Threads that serve for the first time take memory of their own: not of a connection's.
my @codes = made_up('a');
my $memory = data($child);
push @codes, map { made_up($_) } 'b' .. 'm';
is_deeply([ grep { $_ != 401 } @codes ], [], 'made-up cookies open nothing');
cmp_ok(data($child) - $memory, '<', 10_000_000, 'nor do they take memory, as often as they come');
# What a process has asked for, touched or not.
sub data { my ($kib) = Civic::Growth::slurp("/proc/$_[0]/status") =~ /^VmData:\s+(\d+) kB/m; return 1024 * $kib }

# ---- a code twice ----
my $thief = Civic::Client->new(site => $two->site);
my $token = $thief->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP');
my $victim = Civic::Client->new(site => $one->site);
is($victim->callback($token, Civic::Client::login_page($victim->get('/members/'))->{state})->code, 200, 'a code logs in at one node');
my $exchanges = $thief->{sandbox}->exchanges;
my $answer = $thief->callback($token, Civic::Client::login_page($thief->get('/members/'))->{state});
is($answer->code, 401, 'and not once more at the other');
is($thief->json($answer)->{reason}, 'token-replayed', 'which knows that it was used');
is($thief->{sandbox}->exchanges, $exchanges, 'without asking Civic');

# ---- what somebody does in memcached ----
my ($mallory, $target) = ($one->person(person => 'smiley'), $one->person);
my (undef, $record) = $memcached->get(key($target, 's'));
$memcached->set(key($mallory, 's'), $record);
is($one->visit($mallory)->code, 401, "somebody else's record under one's own key opens nothing");
like($one->error_log, qr/auth_civic: session store socache:memcache:\S+: a session there does not count: it was changed/, 'and the log says so');
my $flipped = $record;
substr($flipped, 30, 1) ^= "\x01";
$memcached->set(key($target, 's'), $flipped);
is($two->visit($target)->code, 401, 'a bit turned: no session');
$memcached->set(key($target, 's'), $record);
is($two->visit($target)->code, 200, 'turned back: it is one again');

# ---- what it forgets ends sessions ----
my $stays = $one->person(person => 'ozdemir');
is(($memcached->command('delete ' . mark($target)))[0], 'DELETED', 'a mark is taken away');
is($two->visit($target)->code, 401, 'which ends the sessions it is of');
my $anew = $two->person;
is($one->visit($anew)->code, 200, 'a new login');
is($one->visit($target)->code, 401, 'does not bring them back');

# ---- roll-over of the seal key ----
my $rolled = Civic::Node->boot(%how, seal => 'ba');
is($rolled->visit($anew)->code, 200, 'a node with a new key opens what the one before sealed');
my $late = $rolled->person;
is($one->visit($late)->code, 401, 'and seals with the new one');

# ---- it is down ----
my $cookies = $anew->cookies;
$memcached->stop('KILL');
for (1 .. 3) {
    $answer = $one->visit($anew);
    is($answer->code, 503, 'stopped: 503');
    ok($answer->header('Retry-After'), '... with Retry-After');
    ok(!Civic::Client::login_page($answer) && !$answer->header('Set-Cookie'), '... no login page, no cookie is touched');
    select undef, undef, undef, 0.6;
}
is($anew->post_form('/civic/logout', '')->code, 503, 'logout does not pretend');
is_deeply($anew->cookies, $cookies, 'the browser has what it had');
my $visitor = Civic::Client->new(site => $one->site);
ok(Civic::Client::login_page($visitor->get('/members/')), 'who has no session still gets the login page');
is(($visitor->login('/members/'))[0]->code, 503, 'a login is refused');
is(scalar(my @down = $one->logged('session store socache:\S+: it is down')), 1, 'the log says once that it is down');
like($down[0], qr/it is down: (it does not answer|Connection refused)/, 'and why');
$memcached->again;
is($one->visit_until($anew, 401)->code, 401, 'it comes back empty: sessions have ended');
is($one->logged('session store socache:\S+: it is back'), 1, 'the log says once that it is back');
($answer) = $anew->login('/members/');
is($answer->code, 200, 'logins work again, without a restart');
is($one->visit($anew)->code, 200, 'and last');

# ---- it hangs: its client would wait for ever, so those who asked in the first moments do, nobody else ----
$memcached->pause;
my @waiting = map {
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        my $browser = Civic::Client->new(site => $one->site, timeout => 60);
        $browser->{agent}->cookie_jar($anew->jar);
        POSIX::_exit($browser->get('/members/index.html')->code == 200 ? 0 : 1);
    }
    $pid
} 1 .. 2;
my $hasty = Civic::Client->new(site => $one->site, timeout => 2);
$hasty->{agent}->cookie_jar($anew->jar);
for (1 .. 10) {
    $answer = $hasty->get('/members/index.html');
    last if $answer->code == 503;
}
is($answer->code, 503, 'hanging: 503');
like(($one->logged('it is down'))[-1], qr/it is down: it hangs/, 'the log says so');
$memcached->resume;
is(scalar(grep { waitpid $_, 0; $? } @waiting), 0, 'on again: who waited gets his page');
is($one->visit_until($anew, 200)->code, 200, 'all are still logged in');

# ---- caches of one machine: shmcb and dbm need the mutex, and restart empty ----
for my $cache ('shmcb', 'shmcb:${CIVIC_LOGS}/cache(512000)', 'dbm:${CIVIC_LOGS}/cache') {
    my $node = Civic::Node->boot(store => "socache:$cache", modules => 'LoadModule socache_dbm_module ${CIVIC_MODULES}/mod_socache_dbm.so');
    my ($first, $second) = ($node->person, $node->person);
    is($node->visit($_)->code, 200, "$cache: logged in") for $first, $second;
    is($first->post_form('/civic/logout', 'all=1')->code, 303, "$cache: logged out everywhere");
    is($node->visit($second)->code, 401, "$cache: is");
}
