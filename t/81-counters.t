# Counters move by exactly one for each event, whatever it takes inside (sub-requests, redirects,
# several children), and nothing else moves.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(sleep);

use lib 't/lib';
use Civic::Client ();
use Civic::Metrics ();

my $VALID = 'requests_total{session="valid"}';
my $NONE = 'requests_total{session="none"}';
my $EXPIRED = 'requests_total{session="expired"}';
my $EXCHANGE = 'exchange_duration_seconds_count';

sub refusal { return qq(refusals_total{reason="$_[0]"}) }

my $operator = Civic::Client->new;
my $sandbox = Civic::Sandbox->new;

# Do something; these counters have moved by one, and no others. Gives what `event` gave.
sub counts {
    my ($expected, $name, $event) = @_;
    my $before = Civic::Metrics::scrape($operator);
    my @got = $event->();
    is_deeply(Civic::Metrics::moved($before, Civic::Metrics::scrape($operator)),
        { map { ($_ => 1) } @$expected }, $name);
    return @got;
}

# A client with a login page open at a path: (client, data of the page).
sub open_page {
    my ($path) = @_;
    my $client = Civic::Client->new;
    return ($client, Civic::Client::login_page($client->get($path)));
}

# faults at Civic => reason
my %faults = (
    '400' => 'upstream-bad-request', '401' => 'upstream-refused', '403' => 'code-used',
    '429' => 'upstream-throttled', '500' => 'upstream-error', '504' => 'upstream-timeout',
    'cut' => 'upstream-cut', 'large' => 'upstream-too-large', 'empty' => 'answer-format',
    'wrong-key' => 'answer-signature', 'wrong-secret' => 'answer-decrypt',
    'unencrypted' => 'answer-unencrypted', 'no-user-id' => 'answer-user-id',
    'payload-host' => 'payload-host', 'expired-answer' => 'answer-expired',
);
# what is wrong with a code => [how it is made, reason]
my $now = time;
my %codes = (
    'signed by another'   => [ { signWith => 'other' }, 'token-signature' ],
    'another algorithm'   => [ { header => { alg => 'none', typ => 'JWT' } }, 'token-algorithm' ],
    'another issuer'      => [ { claims => { iss => 'somebody' } }, 'token-issuer' ],
    'another application' => [ { claims => { sub => 'CO-BETA' } }, 'token-audience' ],
    'too old'             => [ { claims => { iat => $now - 7200, exp => $now - 3600 } }, 'token-expired' ],
    'too early'           => [ { claims => { iat => $now + 3600, exp => $now + 7200 } }, 'token-early' ],
);
plan tests => 31 + keys(%faults) + keys(%codes) + 12;

# ---- requests ----
my $nobody = Civic::Client->new;
counts([], 'a public page', sub { $nobody->get('/open/') });
counts([], 'the module\'s own addresses', sub { $nobody->get("/civic/$_") for qw(session login.js page.css logout) });
counts([ $NONE, refusal('login-required') ], 'a login page', sub { $nobody->get('/members/') });
counts([ $NONE, refusal('login-required') ], 'a 401 for a script', sub { $nobody->fetch('/members/') });
counts([ $NONE, refusal('login-required') ], 'a cookie that opens nothing',
    sub { $nobody->get('/members/', Cookie => '__Host-civic-00000000=' . 'A' x 43) });
counts([$NONE], 'nobody where anybody may', sub { $nobody->get('/optional/') });
counts([ $NONE, refusal('return-path') ], 'a path that cannot be returned to', sub { $nobody->get('//members/') });

# ---- a login ----
my ($client, $page) = open_page('/members/');
my $token = $sandbox->token(appId => 'CO-ALPHA');
my ($answer) = counts([ 'logins_total', $EXCHANGE ], 'a login', sub { $client->callback($token, $page->{state}) });
is($answer->code, 200, 'that succeeded');
counts([$VALID], 'a request with a session', sub { $client->get('/members/file.txt') });
counts([$VALID], 'an index', sub { $client->get('/members/') });
($answer) = counts([$VALID], 'one with sub-requests in other locations', sub { $client->get('/api/twice.shtml') });
like($answer->content, qr/one SECRET.* two SECRET/s, 'which it took');
counts([$VALID], 'one through a proxy', sub { $client->get('/members/proxy/x') });
counts([$VALID], 'somebody where anybody may', sub { $client->get('/optional/') });
counts([ $VALID, refusal('step-up-required') ], 'a step up', sub { $client->get('/proof/') });
counts([], 'a used code, when the session is there', sub { $client->callback($token, $page->{state}) });
my $other = Civic::Client->new;
my $state = Civic::Client::login_page($other->get('/members/'))->{state};
counts([ refusal('token-replayed') ], 'a used code without one', sub { $other->callback($token, $state) });
sleep 2.1;
counts([ $EXPIRED, refusal('session-expired') ], 'a session that has ended here', sub { $client->get('/short/') });
counts(['logouts_total'], 'a logout', sub { $client->post_form('/civic/logout', '') });
counts([], 'a logout of nobody', sub { $client->post_form('/civic/logout', '') });
$client = Civic::Client->logged_in('/anonymous/');
counts([ $NONE, refusal('login-required') ], 'a session of another application', sub { $client->get('/beta/') });
counts([ $VALID, refusal('remote-user-missing') ], 'a fact that is missing', sub {
    $client->get('/named/');
});

# ---- what is wrong with a callback ----
($client, $page) = open_page('/members/');
$token = $sandbox->token(appId => 'CO-ALPHA');
counts([ refusal('method') ], 'a method', sub { $client->get('/civic/callback') });
counts([ refusal('cross-origin') ], 'another site',
    sub { $client->callback($token, $page->{state}, 'Sec-Fetch-Site' => 'cross-site') });
counts([ refusal('content-type') ], 'a type',
    sub { $client->callback($token, $page->{state}, 'Content-Type' => 'text/plain') });
counts([ refusal('body-malformed') ], 'no JSON', sub { $client->post_json('/civic/callback', '{') });
counts([ refusal('body-too-large') ], 'too much',
    sub { $client->post_json('/civic/callback', '"' . 'x' x 70_000 . '"') });
counts([ refusal('state-invalid') ], 'no state of ours', sub { $client->callback($token, 'x') });
counts([ refusal('state-foreign') ], 'a state of another browser',
    sub { Civic::Client->new->callback($token, $page->{state}) });
counts([ refusal('token-format') ], 'no code', sub { $client->callback('x', $page->{state}) });
for my $name (sort keys %codes) {
    my ($how, $reason) = @{ $codes{$name} };
    my $code = $sandbox->token(appId => 'CO-ALPHA', %$how);
    counts([ refusal($reason) ], "a code $name", sub { $client->callback($code, $page->{state}) });
}

# ---- what goes wrong at Civic: the exchange counts, whatever came of it ----
for my $fault (sort keys %faults) {
    my $code = $sandbox->token(appId => 'CO-ALPHA', fault => $fault);
    counts([ refusal($faults{$fault}), $EXCHANGE ], "at Civic: $fault",
        sub { $client->callback($code, $page->{state}) });
}

# ---- how long exchanges take, and how many are under way ----
my $before = Civic::Metrics::scrape($operator);
my $slow = $sandbox->token(appId => 'CO-ALPHA', fault => 'slow:1.2');
my $pid = fork // die "fork: $!";
if (!$pid) {
    $client->callback($slow, $page->{state});
    require POSIX;
    POSIX::_exit(0);
}
my $most = 0;
for (1 .. 100) {
    my $under_way = Civic::Metrics::scrape($operator)->{auth_civic_exchanges_in_progress};
    $most = $under_way if $under_way > $most;
    last if $under_way;
    sleep 0.02;
}
is($most, 1, 'one exchange is under way');
waitpid $pid, 0;
my $after = Civic::Metrics::scrape($operator);
is($after->{auth_civic_exchanges_in_progress}, 0, 'and is not any more');
my %by = map { ($_ => $after->{"auth_civic_exchange_duration_seconds$_"} - $before->{"auth_civic_exchange_duration_seconds$_"}) }
    ('_bucket{le="0.05"}', '_bucket{le="1"}', '_bucket{le="+Inf"}', '_count', '_sum');
is($by{'_bucket{le="0.05"}'}, 0, 'it was not fast');
is($by{'_bucket{le="1"}'}, 0, 'it took over a second');
is($by{'_bucket{le="+Inf"}'}, 1, 'but an end');
is($by{_count}, 1, 'counted once');
cmp_ok($by{_sum}, '>=', 1.2, 'with its seconds');
is($after->{auth_civic_logins_total} - $before->{auth_civic_logins_total}, 1, 'it was a login');

# ---- many at once, over all children ----
$client = Civic::Client->logged_in('/members/');
$before = Civic::Metrics::scrape($operator);
my @pids;
for (1 .. 6) {
    my $child = fork // die "fork: $!";
    if (!$child) {
        $client->{agent}->conn_cache(undef);
        $client->get('/members/file.txt') for 1 .. 30;
        require POSIX;
        POSIX::_exit(0);
    }
    push @pids, $child;
}
waitpid $_, 0 for @pids;
$after = Civic::Metrics::scrape($operator);
is($after->{"auth_civic_$VALID"} - $before->{"auth_civic_$VALID"}, 180, '180 requests by six at once: 180');

# ---- sessions in the store ----
$before = $after;
Civic::Client->logged_in('/members/');
$after = Civic::Metrics::scrape($operator);
is($after->{auth_civic_sessions} - $before->{auth_civic_sessions}, 1, 'one more session');
cmp_ok($after->{auth_civic_store_used_bytes}, '>', $before->{auth_civic_store_used_bytes}, 'takes room');
is($after->{auth_civic_store_size_bytes}, $before->{auth_civic_store_size_bytes}, 'of so much');
