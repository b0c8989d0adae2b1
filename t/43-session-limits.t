# Sessions end when a location says so: after their life, after being unused; the log and the page
# say which. Requests that are no activity do not move the clock, and others do so rarely.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Check qw(challenge refused);
use Civic::Client ();
use Civic::Log ();
use Civic::Server ();

plan tests => 32;

sub session {
    my $client = shift;
    return $client->json($client->fetch('/civic/session'))->{sessions}[0];
}

# ---- both limits, one session ----
my $client = Civic::Client->logged_in('/members/');
my $login = time;
is($client->get('/short/')->code, 200, 'a fresh session opens where life is short');
is($client->get('/idle/')->code, 200, 'and where idleness is');
my $before = session($client);
is($before->{ends} - $before->{created}, 12 * 3600, 'the session endpoint says when it ends: after 12 h');
is($before->{idleEnds} - $before->{lastUsed}, 30 * 60, 'or after 30 min unused');

# Polling what is no activity, until both limits of 2 s have passed.
while (time < $login + 2.6) {
    $client->fetch('/quiet/');
    $client->fetch('/civic/session');
    sleep 0.3;
}
my $after = session($client);
is($after->{lastUsed}, $before->{lastUsed}, 'CivicSessionActivity Off: polling is no use');
my $mark = Civic::Log::mark();
my $answer = $client->get('/short/');
is(Civic::Client::login_page($answer)->{reason}, 'session-expired', 'too old: the page asks again');
like($answer->content, qr/Your session has ended\. Please log in again\./, 'and says that it has ended');
like(join("\n", Civic::Log::lines($mark)), qr/auth_civic:info.*session-expired \([2-9] s old, the limit is 2\)/,
    'the log says how old it is');
$mark = Civic::Log::mark();
refused($client->fetch('/short/'), 'session-expired', $mark, 'a script is told so, too');
$mark = Civic::Log::mark();
$answer = $client->get('/idle/');
is(Civic::Client::login_page($answer)->{reason}, 'session-expired', 'unused for too long: the page asks again');
like(join("\n", Civic::Log::lines($mark)), qr/session-expired \(idle for [2-9] s, the limit is 2\)/,
    'the log says for how long');
$mark = Civic::Log::mark();
refused($client->fetch('/idle/'), 'session-expired', $mark, 'a script is told so');
is(($answer->header('WWW-Authenticate') // ''), challenge('Idle', '/idle/'), 'by a challenge as ever');

# The limits are each location's: elsewhere the session is as good as before.
is($client->get('/members/')->code, 200, 'elsewhere it is good');
is($client->fetch('/quiet/')->code, 200, 'also where it is no activity');
# That use, by a click, moved the idle clock: but not the life.
is($client->get('/idle/')->code, 200, 'a use elsewhere is a use');
is($client->get('/short/')->code, 401, 'the life does not begin anew');
($answer) = $client->login('/short/');
is($answer->code, 200, 'logging in again');
is($client->get('/short/')->code, 200, 'opens it again');

# ---- with pass: an expired session is no identity, and no page ----
my $passes = Civic::Client->logged_in('/members/');
is($passes->json($passes->get('/passing/cgi'))->{env}{AUTH_TYPE}, 'Civic', 'pass: a good session is somebody');

# ---- the last use is written rarely: once in a tenth of the limit ----
my $server = Civic::Server->new(
    ports => [qw(SITE SANDBOX SANDBOX_PLAIN)],
    conf  => "Include \${CIVIC_T}/conf/sandbox.conf\n"
        . Civic::Server::application('CO-ALPHA')
        . Civic::Server::host('SITE', '')
)->start;
my $reader = $server->client->logged_in('/members/');
my $start = session($reader)->{lastUsed};
for (1 .. 12) { $reader->get('/members/'); sleep 0.1 }
is(session($reader)->{lastUsed}, $start, '30 min: a second of use is not written back');
# Where some location's limit is 2 s, a tenth of that has passed soon.
$reader = Civic::Client->logged_in('/members/');
$start = session($reader)->{lastUsed};
for (1 .. 12) { $reader->get('/members/'); sleep 0.1 }
ok(session($reader)->{lastUsed} > $start, '2 s somewhere: it is');
# Kept in use, it stays for longer than the limit.
my $end = time + 3;
while (time < $end) { $reader->get('/idle/'); sleep 0.5 }
is($reader->get('/idle/')->code, 200, 'whoever goes on clicking stays');

is($passes->get('/passing/')->code, 200, 'pass: an expired session still lets in');
is($passes->json($passes->get('/passing/cgi'))->{env}{AUTH_TYPE}, undef, 'pass: as nobody');
is($passes->json($passes->get('/passing/cgi'))->{env}{CIVIC_USER_ID}, undef, 'without identity');

# ---- the session endpoint looks, and never uses; it says the ends that hold at its place ----
my $watched = Civic::Client->logged_in('/members/');
my $seen = session($watched);
sleep 0.3;
$watched->fetch('/civic/session') for 1 .. 3;
is(session($watched)->{lastUsed}, $seen->{lastUsed}, 'the session endpoint is no use');
ok($seen->{created} <= time && $seen->{created} > time - 60, 'created: seconds since the epoch');

# ---- expired logins are told from none at all ----
my $nobody = Civic::Client->new;
is(Civic::Client::login_page($nobody->get('/short/'))->{reason}, 'login-required', 'nobody is not expired');
$client->post_json('/civic/logout', {});
is(Civic::Client::login_page($client->get('/short/'))->{reason}, 'login-required', 'nor is who logged out');
is($client->get('/idle/')->code, 401, 'who is out everywhere');
is(session($client), undef, 'without session');
