# Two nodes share their sessions by one Redis: what is done at one holds at the other, nothing can be
# read or forged there, and seal keys are rolled over without logging anybody out.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Digest::SHA ();
use POSIX ();

use Civic::Client ();
use Civic::Node ();
use Civic::Redis ();

plan tests => 65;

my $password = 'correct-horse-battery';
my $redis = Civic::Redis->start(
    password => 'admin-of-redis',
    conf     => "requirepass admin-of-redis\nuser civic on >$password $Civic::Redis::RIGHTS\n"
        . "unixsocket redis.sock\nunixsocketperm 777\n"
);
my %how = (store => 'redis://127.0.0.1:' . $redis->port . '/0', secret => "civic $password\n");
my ($one, $two) = map { Civic::Node->boot(%how, conf => 'CivicSessionsPerUser 2') } 1, 2;

# ---- one session, two nodes ----
my $jane = $one->person;
my (undef, $cookie) = $jane->session_cookie;
is($one->visit($jane)->code, 200, 'logged in at one node');
is($two->visit($jane)->code, 200, 'and so at the other');
my $eval = $redis->calls('eval');
$two->visit($jane);
is($redis->calls('eval') - $eval, 1, 'a request asks Redis once');

my @sessions = $redis->keys('civic:s:');
my @users = $redis->keys('civic:u:');
is(scalar @sessions, 1, 'one key for the session');
is(scalar @users, 1, 'one for the person');
is(scalar(my @codes = $redis->keys('civic:o:')), 1, 'one for the code that was used');
is(scalar @{ $redis->command('KEYS', '*') }, 3, 'and no other');
cmp_ok($redis->command('PTTL', $_), '>', 0, 'it goes by itself in the end')
    for @sessions, @users, @codes;
unlike($sessions[0], qr/\Q$cookie\E/, 'the key is not the cookie');
my $all = join ' ', @{ $redis->command('HGETALL', $sessions[0]) };
unlike($all, qr/jane|example\.com|CO-ALPHA|BASIC_SIGNUP|\Q$cookie\E/, 'nothing in it can be read');

is_deeply($jane->json($jane->get('/numbers?format=json'))->{store},
    { kind => 'redis', up => JSON::PP::true, sessions => undef, usedBytes => 0, sizeBytes => 0, evictions => 0, mends => 0 },
    'the status page says that the store answers, not how many sessions there are');

# ---- the last use ----
my $before = $redis->command('HGET', $sessions[0], 'u');
for (1 .. 100) {
    $two->visit($jane, '/idle/');
    last if $redis->command('HGET', $sessions[0], 'u') > $before;
    select undef, undef, undef, 0.1;
}
cmp_ok($redis->command('HGET', $sessions[0], 'u'), '>', $before, 'a use is noted');
cmp_ok($redis->command('PTTL', $sessions[0]), '>', 0, 'without taking the end away');

# ---- ends ----
is($jane->post_form('/civic/logout', '')->code, 303, 'logged out at the other node');
is($_->visit($jane)->code, 401, 'is logged out everywhere') for $one, $two;
$jane->set_cookie(($jane->session_cookie)[0] || '__Host-civic-0', $cookie);
is($one->visit($jane)->code, 401, 'the copied cookie opens nothing');
is(scalar(@{ $redis->command('KEYS', 'civic:s:*') }), 0, 'nothing is left of the session');

my ($phone, $laptop) = ($one->person, $two->person);
my $other = $one->person(person => 'smiley');
is($_->visit($phone)->code, 200, 'one device') for $one, $two;
is($_->visit($laptop)->code, 200, 'another one') for $one, $two;
is($laptop->post_form('/civic/logout', 'all=1')->code, 303, 'logged out on all devices');
is($_->visit($phone)->code, 401, 'the one') for $one, $two;
is($_->visit($laptop)->code, 401, 'and the other') for $one, $two;
is($two->visit($other)->code, 200, 'nobody else is');

# ---- CivicSessionsPerUser 2 ----
my @devices = ($one->person, $two->person, $one->person);
is($two->visit($devices[0])->code, 401, 'the oldest of three sessions has ended');
is($two->visit($devices[$_])->code, 200, 'a newer one has not') for 1, 2;

# ---- a code twice ----
my $thief = Civic::Client->new(site => $two->site);
my $token = $thief->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP');
my $victim = Civic::Client->new(site => $one->site);
my $state = Civic::Client::login_page($victim->get('/members/'))->{state};
is($victim->callback($token, $state)->code, 200, 'a code logs in at one node');
my $exchanges = $thief->{sandbox}->exchanges;
my $answer = $thief->callback($token, Civic::Client::login_page($thief->get('/members/'))->{state});
is($answer->code, 401, 'and not once more at the other');
is($thief->json($answer)->{reason}, 'token-replayed', 'which knows that it was used');
is($thief->{sandbox}->exchanges, $exchanges, 'without asking Civic');

# ---- what somebody does in Redis ----
sub key_of {
    my ($client) = @_;
    my (undef, $value) = $client->session_cookie;
    return 'civic:s:' . Digest::SHA::sha256_hex($value);
}
my ($mallory, $target) = ($one->person(person => 'smiley'), $one->person);
my $record = $redis->command('HGET', key_of($target), 'r');
$redis->command('COPY', key_of($target), key_of($mallory), 'REPLACE');
is($one->visit($mallory)->code, 401, "somebody else's record under one's own key opens nothing");
my ($list) = grep { $redis->command('ZSCORE', $_, key_of($target) =~ /(\w+)$/) } $redis->keys('civic:u:');
$redis->command('ZADD', $list, 99_999_999_999_999, key_of($mallory) =~ /(\w+)$/);
is($one->visit($mallory)->code, 401, 'nor when it is in his list');
like($one->error_log, qr/auth_civic: session store redis:\S+: a session there does not count: it was changed/,
    'and the log says so');
is($one->visit($target)->code, 200, 'whose it is can use it');
for my $at (0, 20, length($record) - 1) {
    my $flipped = $record;
    substr($flipped, $at, 1) ^= "\x01";
    $redis->command('HSET', key_of($target), 'r', $flipped);
    is($two->visit($target)->code, 401, "a bit turned at $at: no session");
}
$redis->command('HSET', key_of($target), 'r', $record);
is($two->visit($target)->code, 200, 'turned back: it is one again');
$redis->command('HINCRBY', key_of($target), 'e', 1);
is($two->visit($target)->code, 401, 'its end cannot be put off');
$redis->command('HINCRBY', key_of($target), 'e', -1);
$redis->command('DEL', $redis->keys('civic:u:'));
is($two->visit($target)->code, 401, "what is in no person's list has ended");

# ---- roll-over of the seal key ----
my $guest = $one->person;
my $rolled = Civic::Node->boot(%how, seal => 'ba');
is($rolled->visit($guest)->code, 200, 'a node with a new key opens what the one before sealed');
my $late = $rolled->person;
is($rolled->visit($late)->code, 200, 'and seals with the new one');
is($one->visit($late)->code, 401, 'which the old one does not open');
my $prepared = Civic::Node->boot(%how, seal => 'ab');
is($prepared->visit($late)->code, 200, 'one that has the new key second does');
my $strange = Civic::Node->boot(%how, seal => 'c');
is($strange->visit($guest)->code, 401, 'without the old key, old sessions are none');
like($strange->error_log, qr/sealed with a key that is not in CivicSealKeyFile any more/, 'the log says why');

# ---- restarts, other addresses ----
$one->again('graceful');
is($one->visit($guest)->code, 200, 'a graceful restart ends nothing');
$one->stop;
$one->start;
is($one->visit($guest)->code, 200, 'nor does a stop');
my $other_base = Civic::Node->boot(store => 'redis://localhost:' . $redis->port . '/3?prefix=shop-1:',
    secret => 'admin-of-redis');
my $shopper = $other_base->person;
is($other_base->visit($shopper)->code, 200, 'another database, another prefix, a password alone');
is($one->visit($shopper)->code, 401, 'is another store');
is(scalar(grep { /^shop-1:s:[0-9a-f]{64}$/ } map { @{ $redis->command('EVAL',
    "redis.call('SELECT', 3) return redis.call('KEYS', '*')", 0) } } 1), 1, 'its keys are there');
my $local = Civic::Node->boot(store => 'redis+unix://' . $redis->dir . '/redis.sock', secret => "civic $password");
is($local->visit($guest)->code, 200, 'the same Redis by its socket');

# ---- ending all sessions, while the same person logs in ----
$redis->command('DEL', $redis->keys('civic:s:'));
my @crowd = map {
    my $node = $_ % 2 ? $one : $two;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        my $ok = eval {
            for (1 .. 6) {
                my $device = Civic::Client->new(site => $node->site);
                my ($login) = $device->login('/members/', person => 'minor');
                # Ended by another device before it was told to this one.
                die $login->as_string unless $login->code == 200 || $login->content =~ /"store-unavailable"/;
                $device->post_form('/civic/logout', 'all=1') if $login->code == 200;
            }
            1;
        };
        warn $@ unless $ok;
        POSIX::_exit($ok ? 0 : 1);
    }
    $pid
} 1 .. 4;
is(scalar(grep { waitpid $_, 0; $? } @crowd), 0, 'four devices log in and end all sessions, again and again');
my %listed = map { ("civic:s:$_" => 1) } map { @{ $redis->command('ZRANGE', $_, 0, -1) } } $redis->keys('civic:u:');
is(join(' ', grep { !$listed{$_} } $redis->keys('civic:s:')), '', 'no session is left outside of its list');

# ---- what httpd starts does not get the connection ----
my $prefork = Civic::Node->boot(%how, env => { CIVIC_MPM => 'prefork' });
my $curious = $prefork->person;
$answer = $prefork->visit($curious, '/members/fds');
is($answer->code, 200, 'a program that httpd starts itself');
unlike($answer->content, qr/^@{[ $redis->port ]}$/m, 'has no connection to Redis');

my $logs = join '', map { $_->error_log } $one, $two, $rolled, $prepared, $strange, $other_base, $local, $prefork;
unlike($logs, qr/\Q$password\E|admin-of-redis|\Q$cookie\E/, 'no password and no cookie in any log');
unlike($logs, qr/is down/, 'it was never down');
