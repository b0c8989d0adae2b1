# The session endpoint shows a browser its own sessions, all of what they hold, and nothing else.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(time);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Log ();

plan tests => 21;

sub sessions { my $client = shift; return $client->json($client->fetch('/civic/session', @_))->{sessions} }

my $client = Civic::Client->new;
is_deeply(sessions($client), [], 'no session: an empty list');
my $before = int time;
$client->logged_in('/members/', person => 'stale');
my ($session) = @{ sessions($client) };
my $times = { map { ($_ => delete $session->{$_}) } qw(created lastUsed ends idleEnds) };
is_deeply(
    $session,
    {   application => 'CO-ALPHA',
        scope       => 'BASIC_SIGNUP',
        userId      => '5d4e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c',
        claims      => [
            { label => 'contact.personal.email', value => 'stale@example.com', verified => JSON::PP::false },
            { label => 'contact.personal.phoneNumber', value => '+33 5551239876', verified => JSON::PP::true },
        ]
    },
    'a session: who, at which application, by which scope request, with which claims'
);
ok($times->{created} >= $before && $times->{created} <= time, 'created just now');
ok($times->{lastUsed} >= $times->{created}, 'and used');
is($times->{ends} - $times->{created}, 12 * 3600, 'it ends after its life');
is($times->{idleEnds} - $times->{lastUsed}, 1800, 'or its idleness');

my $answer = $client->fetch('/civic/session');
is($answer->header('Content-Type'), 'application/json', 'JSON');
is($answer->header('Cache-Control'), 'no-store', 'not to be cached');
is($answer->header('X-Content-Type-Options'), 'nosniff', 'nor guessed at');
is($answer->header('Access-Control-Allow-Origin'), undef, 'nor read by other sites');
is($answer->header('Set-Cookie'), undef, 'it sets no cookie');
my ($name, $value) = $client->session_cookie;
unlike($answer->content, qr/\Q$value\E/, 'the cookie\'s value is not in it');

# What the cookie of another browser, host or application shows: nothing.
is_deeply(sessions(Civic::Client->new, Cookie => "$name=" . 'A' x 43), [], 'an unknown cookie shows nothing');
is_deeply(
    Civic::Client->json(Civic::Client->new->fetch("https://localhost:$ENV{CIVIC_PORT_OTHER}/civic/session", Cookie => "$name=$value")),
    { sessions => [] }, 'nor does this one at another host');
is(scalar @{ sessions(Civic::Client->new, Cookie => "$name=x; $name=$value") }, 1, 'among several, the good one counts');

# Methods.
is($client->request('HEAD', '/civic/session')->code, 200, 'HEAD');
for my $method (qw(POST DELETE)) {
    my $mark = Civic::Log::mark();
    $answer = $client->request($method, '/civic/session', { Accept => '*/*' });
    refused($answer, 'method', $mark, "$method: method");
    like($answer->header('Allow'), qr/GET/, 'says what is allowed');
}
# Only its own address.
is($client->fetch("/civic/$_")->code, 404, "/civic/$_ is nothing") for qw(sessions);
