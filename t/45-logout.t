# Logging out: by form and by JSON, one session, one application, all of a person's; nothing that
# another site can do, nowhere but to this site, and a copied cookie is worth nothing afterwards.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused logs_in);
use Civic::Client ();
use Civic::Log ();

my $jane = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my @foreign = (
    [ 'from another site',     { 'Sec-Fetch-Site' => 'cross-site' } ],
    [ 'from a sibling',        { 'Sec-Fetch-Site' => 'same-site' } ],
    [ 'from an address line',  { 'Sec-Fetch-Site' => 'none' } ],
    [ 'of another origin',     { 'Sec-Fetch-Site' => undef, Origin => 'https://evil.example' } ],
    [ 'of no origin',          { 'Sec-Fetch-Site' => undef, Origin => 'null' } ],
    [ 'without either',        { 'Sec-Fetch-Site' => undef, Origin => undef } ],
);
my @paths = ('//evil.example/', '/\\evil.example', 'https://evil.example/', 'evil', "/a\tb", '/' . 'x' x 8192, '/ü');
plan tests => 2 * @foreign + 2 * @paths + 54;

sub escaped { return join '', map { sprintf '%%%02X', ord } split //, shift }

sub opens { my ($client, $path) = @_; return $client->get($path // '/members/')->code == 200 }

# ---- the page ----
my $client = Civic::Client->logged_in('/members/');
my $answer = $client->get('/civic/logout?return=/members/%3Fa%26b%22%3E');
is($answer->code, 200, 'GET asks');
like($answer->content, qr{<form method="post" action="/civic/logout">}, 'by a form');
like($answer->content, qr{name="return" value="/members/\?a&amp;b&quot;&gt;"}, 'that goes on to where it was told');
like($answer->header('Content-Security-Policy'), qr/default-src 'none'.*form-action 'self'.*frame-ancestors 'none'/, 'with a policy');
ok(opens($client), 'asking ends nothing');
unlike($client->get("/civic/logout?return=//evil.example/")->content, qr/evil/, 'an unfit return is left out');
is($client->get('/civic/logout?return=/a&return=/b')->code, 200, 'so is one given twice');
is($client->request('HEAD', '/civic/logout')->code, 200, 'HEAD asks as well');
ok(opens($client), 'and ends nothing');

# ---- a form ----
my ($name, $value) = $client->session_cookie;
my $mark = Civic::Log::mark();
$answer = $client->post_form('/civic/logout', 'return=/members/%3Fout');
is($answer->code, 303, 'POST of a form');
is($answer->header('Location'), '/members/?out', 'goes on to its return');
is($answer->header('Cache-Control'), 'no-store', 'not to be cached');
like(join("\n", $answer->header('Set-Cookie')), qr/^\Q$name\E=; Path=\/; HttpOnly; Secure; SameSite=Lax; Max-Age=0$/m,
    'the cookie goes, with the attributes it came with');
like(join("\n", Civic::Log::lines($mark)), qr/auth_civic:info.*logout: application CO-ALPHA ref=\w{8}$/m, 'one line in the log');
ok(!$client->session_cookie, 'the browser has no session');
is(Civic::Client::login_page($client->get('/members/'))->{reason}, 'login-required', 'and is asked to log in, as ever');
my $thief = Civic::Client->new;
is($thief->get('/members/', Cookie => "$name=$value")->code, 401, 'a copy of the cookie is worth nothing');

# Without a session, and twice: no error.
$answer = $client->post_form('/civic/logout', '');
is($answer->code, 303, 'logging out without a session');
is($answer->header('Location'), '/', 'goes on to the root');
is($client->post_form('/civic/logout', undef, 'Content-Type' => undef)->code, 303, 'without a body, too');
logs_in($client, '/members/', 'and one can log in again');

# ---- JSON ----
$answer = $client->post_json('/civic/logout', { return => '/open/' });
is($answer->code, 200, 'POST of JSON');
is_deeply($client->json($answer), { location => '/open/' }, 'says where to go on');
ok(!opens($client), 'the session has ended');
is_deeply($client->json($client->post_json('/civic/logout', {})), { location => '/' }, 'the root by default');

# ---- one application ----
$client->logged_in('/members/');
$client->logged_in('/beta/');
$client->post_form('/civic/logout', 'application=CO-BETA');
ok(opens($client) && !opens($client, '/beta/'), 'application=: that one alone');
$client->post_json('/civic/logout', { application => 'CO-NONE' });
ok(opens($client), 'an application that is none: nothing');
$client->logged_in('/beta/');
$client->post_json('/civic/logout', {});
ok(!opens($client) && !opens($client, '/beta/'), 'none named: every one of this host');

# ---- all sessions of a person ----
my @devices = map { Civic::Client->logged_in('/members/', person => 'minor') } 1 .. 3;
my $somebody = Civic::Client->logged_in('/members/');
$devices[0]->logged_in('/beta/', person => 'minor');
my $mark_all = Civic::Log::mark();
$devices[1]->post_json('/civic/logout', {});
ok(opens($devices[0]) && !opens($devices[1]) && opens($devices[2]), 'one device alone, if not said otherwise');
$answer = $devices[0]->post_form('/civic/logout', 'all=1&application=CO-ALPHA');
is($answer->code, 303, 'all=1');
ok(!opens($devices[0]) && !opens($devices[2]), 'every device is logged out');
ok(opens($devices[0], '/beta/'), 'at this application');
ok(opens($somebody), 'and nobody else');
like(join("\n", Civic::Log::lines($mark_all)), qr/logout: application CO-ALPHA, all sessions ref=/, 'the log says so');
$devices[$_]->logged_in('/members/', person => 'minor') for 0, 1;
$devices[0]->post_form('/civic/logout', 'all=0');
ok(opens($devices[1]), 'all=0 is not all');
$devices[0]->logged_in('/members/', person => 'minor');
$devices[0]->post_json('/civic/logout', { all => JSON::PP::true });
ok(!opens($devices[1]), 'all: true, by JSON');
$devices[$_]->logged_in('/members/', person => 'minor') for 0, 1;
$devices[0]->post_json('/civic/logout', { all => 1 });
ok(!opens($devices[1]), 'or 1');

# ---- what is not taken ----
for my $row (@foreign) {
    my ($what, $headers) = @$row;
    $mark = Civic::Log::mark();
    refused($somebody->post_json('/civic/logout', {}, %$headers, 'Sec-Fetch-Mode' => 'cors'), 'cross-origin', $mark, "a logout $what");
    ok(opens($somebody), 'ends nothing');
}
for my $path (@paths) {
    $mark = Civic::Log::mark();
    refused($somebody->post_form('/civic/logout', 'return=' . escaped($path)), 'return-path', $mark,
        'return=' . substr escaped($path), 0, 40);
    ok(opens($somebody), 'ends nothing');
}
my @unfit = (
    [ 'a form that is none',       'return=%zz', 'application/x-www-form-urlencoded', 'body-malformed' ],
    [ 'a form with NUL',           'return=%00', 'application/x-www-form-urlencoded', 'body-malformed' ],
    [ 'a field given twice',       'return=/&return=/', 'application/x-www-form-urlencoded', 'body-malformed' ],
    [ 'JSON that is none',         '{', 'application/json', 'body-malformed' ],
    [ 'JSON that is a list',       '[]', 'application/json', 'body-malformed' ],
    [ 'a member given twice',      '{"return":"/","return":"/"}', 'application/json', 'body-malformed' ],
    [ 'another type',              'x', 'text/plain', 'content-type' ],
    [ 'several parts',             'x', 'multipart/form-data; boundary=x', 'content-type' ],
    [ 'too much',                  'a=' . 'x' x 65536, 'application/x-www-form-urlencoded', 'body-too-large' ],
);
for my $row (@unfit) {
    my ($what, $body, $type, $reason) = @$row;
    $mark = Civic::Log::mark();
    refused($somebody->post_json('/civic/logout', $body, 'Content-Type' => $type), $reason, $mark, "$what: $reason");
}
for my $method (qw(PUT DELETE OPTIONS)) {
    $mark = Civic::Log::mark();
    $answer = $somebody->request($method, '/civic/logout', { 'Sec-Fetch-Site' => 'same-origin' });
    refused($answer, 'method', $mark, "$method: method");
    like($answer->header('Allow'), qr/^GET,HEAD,POST\b|^(?=.*GET)(?=.*POST)/, 'says what is allowed');
}
ok(opens($somebody), 'none of it ends anything');
is($somebody->post_form('/civic/logout', '', 'Sec-Fetch-Site' => undef)->code, 303, 'an own Origin alone is enough');
