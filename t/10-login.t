# A person logs in by HTTP and sees the protected page, as the identity says.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(challenge);
use Civic::Client ();
use Civic::Log ();

plan tests => 38;

my $client = Civic::Client->new;
my $mark = Civic::Log::mark();

# ---- the page ----
my $answer = $client->get('/members/index.html?a=1&b=2');
is($answer->code, 401, 'without a session: 401');
is($answer->header('WWW-Authenticate'), challenge('Members', '/members/index.html?a=1&b=2'), 'it says which scheme and realm, and where a login is to be had');
is($answer->header('Cache-Control'), 'no-store', 'no cache keeps the page');
unlike($answer->content, qr/SECRET-CONTENT/, 'nothing of what is protected');
is(length $answer->content, $answer->header('Content-Length'), 'its length is that of the page');
my $page = Civic::Client::login_page($answer);
ok($page, 'it is the login page');
is($page->{'app-id'}, 'CO-ALPHA', 'for this application');
is($page->{scope}, 'BASIC_SIGNUP', 'with the default scope request');
like($page->{library}, qr{^https://localhost:\d+/js/civic\.sip\.min\.js$}, 'with the library');
like($answer->content, qr/<button id="signupButton" class="civic-button-a medium" type="button"/,
    'with the documented button');
like($answer->header('Content-Security-Policy'), qr/default-src 'none'/, 'with a policy');
is($answer->header('Referrer-Policy'), 'strict-origin-when-cross-origin', 'Civic sees the origin');
my @cookies = $answer->header('Set-Cookie');
is(scalar @cookies, 1, 'one cookie is set');
like($cookies[0], qr/^__Host-civic-login=[\w-]{91}; Path=\/; HttpOnly; Secure; SameSite=Lax; Max-Age=1800$/,
    'the login cookie, with its attributes');

# ---- the callback ----
my $token = $client->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP');
$answer = $client->callback($token, $page->{state});
is($answer->code, 200, 'the code is accepted') or diag $answer->as_string;
is($answer->header('Content-Type'), 'application/json', 'by JSON');
is($client->json($answer)->{location}, '/members/index.html?a=1&b=2', 'and leads to what was asked for');
is($answer->header('Cache-Control'), 'no-store', 'not to be cached');
my ($session) = grep { !/-login=/ } $answer->header('Set-Cookie');
like($session, qr/^__Host-civic-[0-9a-f]{8}=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    'the session cookie, with its attributes');
my ($line) = grep { /login: application CO-ALPHA, scope BASIC_SIGNUP/ } Civic::Log::lines($mark);
ok($line, 'the log says that somebody logged in');

# ---- the protected page ----
$answer = $client->get('/members/index.html');
is($answer->code, 200, 'with the session: the page');
like($answer->content, qr/SECRET-CONTENT members/, 'as it is');
is($answer->header('Set-Cookie'), undef, 'no further cookie');

my $env = $client->json($client->get('/members/cgi'))->{env};
my $user = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
is($env->{REMOTE_USER}, $user, 'REMOTE_USER is the userId');
is($env->{AUTH_TYPE}, 'Civic', 'AUTH_TYPE');
is($env->{CIVIC_USER_ID}, $user, 'CIVIC_USER_ID');
is($env->{CIVIC_APPLICATION}, 'CO-ALPHA', 'CIVIC_APPLICATION');
is($env->{CIVIC_SCOPE}, 'BASIC_SIGNUP', 'CIVIC_SCOPE');
is($env->{CIVIC_CONTACT_PERSONAL_EMAIL}, 'jane@example.com', 'a claim');
is($env->{CIVIC_CONTACT_PERSONAL_PHONENUMBER}, '+1 5551234567', 'another claim');
is($env->{HTTP_COOKIE}, undef, 'our cookies do not reach the program');

my $behind = $client->json($client->get('/members/proxy/x'))->{env};
is($behind->{HTTP_COOKIE}, undef, 'nor the back end');

# ---- what the session endpoint says ----
my $sessions = $client->json($client->fetch('/civic/session'))->{sessions};
is(scalar @$sessions, 1, 'one session');
is($sessions->[0]{userId}, $user, 'of this user');
is(scalar @{ $sessions->[0]{claims} }, 2, 'with two claims');

# ---- plain http to loopback works as well, without prefix and Secure ----
my $plain = Civic::Client->new(
    site    => "http://localhost:$ENV{CIVIC_PORT_PLAIN}",
    sandbox => Civic::Sandbox->plain
);
($answer) = $plain->login('/members/');
is($answer->code, 200, 'over plain http to localhost') or diag $answer->as_string;
($session) = grep { !/-login=/ } $answer->header('Set-Cookie');
like($session, qr/^civic-[0-9a-f]{8}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/, 'its cookie');
is($plain->get('/members/')->code, 200, 'and it opens the page');
