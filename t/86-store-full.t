# A store that is filled to twice its capacity: every login succeeds, who was idle for longest goes,
# the operator is told once, and visitors who never log in take no room.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Server ();

plan tests => 10;

my $server = Civic::Server->site(conf => "CivicSessionStore shm(262144)\n");
$server->start;

sub client { return $server->client('PLAIN') }

my ($room) = $server->error_log =~ /session store \S+: 262144 bytes, room for (\d+) sessions/;
cmp_ok($room, '>', 500, 'the log says how many sessions fit');

my $first = client()->logged_in('/members/index.html');

# Visitors: they look at the login page and go.
my $visitors = client();
for (1 .. 2 * $room) {
    $visitors->clear;
    $visitors->get('/members/index.html');
}
is($first->get('/members/index.html')->code, 200, 'visitors push nobody out');

# One page, one browser, as many logins: each leaves a session of its own.
my $browser = client();
my $page = $browser->login_page($browser->get('/members/index.html'));
my ($cookie, @ids, $failed);
for (1 .. 2 * $room) {
    my $token = $browser->{sandbox}->token(appId => 'CO-PLAIN', scope => 'BASIC_SIGNUP');
    my $answer = $browser->callback($token, $page->{state});
    $failed++ unless $answer->code == 200;
    my ($name, $id) = $browser->session_cookie;
    $cookie = $name;
    push @ids, $id;
    $browser->jar->clear('localhost.local', '/', $name);
}
ok(!$failed, 'each login succeeds');

my $probe = client();

sub opens {
    my $id = shift;
    return $probe->request('GET', '/members/index.html', { Cookie => "$cookie=$id" })->code == 200;
}
is(scalar(grep { opens($_) } @ids[-100 .. -1]), 100, 'the newest are all there');
is(scalar(grep { opens($_) } @ids[0 .. 99]), 0, 'the oldest had to go');
is($first->get('/members/index.html')->code, 401, 'so had who was idle since before');

my $log = $server->error_log;
my $full = () = $log =~ /\[auth_civic:warn\].*the session store is full, who was idle/g;
cmp_ok($full, '>=', 1, 'the operator is told');
cmp_ok($full, '<=', 2, 'but not each time');
my $nearly = () = $log =~ /the session store is four fifths full: \d+ sessions take/g;
is($nearly, 1, 'and was told before');
unlike($log, qr/store-unavailable/, 'nobody was refused for it');
$server->stop;
