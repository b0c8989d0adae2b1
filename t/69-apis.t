# Programs and scripts: they never get a page, whatever is missing, and are told where a login is to be
# had. That login is the one of the location that turned them away. Preflights pass where the site says
# so, and nothing else passes for one.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Check qw(challenge refused);
use Civic::Client ();
use Civic::Log ();

sub fetched { my ($mode, $dest, %more) = @_; return { 'Sec-Fetch-Mode' => $mode, 'Sec-Fetch-Dest' => $dest, 'Sec-Fetch-Site' => 'same-origin', %more } }

# who, method, headers, body
my $json = '{"a":1}';
my @who = (
    [ 'fetch',                  'GET',     fetched('cors', 'empty', Accept => '*/*') ],
    [ 'fetch that posts JSON',  'POST',    fetched('cors', 'empty', Accept => '*/*', 'Content-Type' => 'application/json'), $json ],
    [ 'fetch that posts a form', 'POST',   fetched('cors', 'empty', Accept => 'text/html', 'Content-Type' => 'application/x-www-form-urlencoded'), 'a=b' ],
    [ 'fetch that puts',        'PUT',     fetched('cors', 'empty', Accept => '*/*', 'Content-Type' => 'application/json'), $json ],
    [ 'fetch that deletes',     'DELETE',  fetched('cors', 'empty', Accept => '*/*') ],
    [ 'fetch that patches',     'PATCH',   fetched('cors', 'empty', Accept => '*/*'), $json ],
    [ 'fetch that asks HEAD',   'HEAD',    fetched('cors', 'empty', Accept => '*/*') ],
    [ 'a page of another site', 'GET',     fetched('cors', 'empty', Accept => '*/*', 'Sec-Fetch-Site' => 'cross-site', Origin => 'https://app.example') ],
    [ 'an old XMLHttpRequest',  'GET',     { Accept => 'text/html, */*', 'X-Requested-With' => 'XMLHttpRequest' } ],
    [ 'EventSource',            'GET',     fetched('cors', 'empty', Accept => 'text/event-stream') ],
    [ 'a picture',              'GET',     fetched('no-cors', 'image', Accept => 'image/avif,image/webp,*/*') ],
    [ 'a script',               'GET',     fetched('no-cors', 'script', Accept => '*/*') ],
    [ 'a module',               'GET',     fetched('cors', 'script', Accept => '*/*', Origin => 'https://localhost') ],
    [ 'a worker',               'GET',     fetched('same-origin', 'worker', Accept => '*/*') ],
    [ 'a beacon',               'POST',    fetched('no-cors', 'empty', Accept => '*/*', 'Content-Type' => 'text/plain'), 'x' ],
    [ 'a font',                 'GET',     fetched('cors', 'font', Accept => '*/*') ],
    [ 'curl',                   'GET',     { Accept => '*/*', 'User-Agent' => 'curl/8.0.0' } ],
    [ 'curl that posts',        'POST',    { Accept => '*/*', 'User-Agent' => 'curl/8.0.0', 'Content-Type' => 'application/x-www-form-urlencoded' }, 'a=b' ],
    [ 'a client of an API',     'GET',     { Accept => 'application/json' } ],
    [ 'OPTIONS',                'OPTIONS', fetched('cors', 'empty', Accept => '*/*') ],
);
# what is missing, the path, the reason, what the challenge says of it (RFC 9470)
my @missing = (
    [ 'no session',           '/apis/x?a=1&b=2', 'login-required' ],
    [ 'an expired one',       '/apis/short',     'session-expired' ],
    [ 'one that shows less',  '/apis/document',  'step-up-required', 'error="insufficient_user_authentication"' ],
    [ 'one that is too old',  '/apis/fresh',     'login-not-fresh', 'error="insufficient_user_authentication"', 'max_age="1"' ],
);

my $preflight = { Origin => 'https://app.example', 'Access-Control-Request-Method' => 'PUT', Accept => '*/*', 'Sec-Fetch-Mode' => 'cors',
    'Sec-Fetch-Site' => 'cross-site', 'Sec-Fetch-Dest' => 'empty' };
sub with { return { %$preflight, @_ } }
# Like one, and none. The last value is a body.
my @near = (
    [ 'no Origin',                 with(Origin => undef) ],
    [ 'no method to ask for',      with('Access-Control-Request-Method' => undef) ],
    [ 'a navigation',              with('Sec-Fetch-Mode' => 'navigate') ],
    [ 'no-cors',                   with('Sec-Fetch-Mode' => 'no-cors') ],
    [ 'a cookie',                  with(Cookie => 'a=b') ],
    [ 'a cookie of ours',          with(Cookie => '__Host-civic-login=x') ],
    [ 'credentials',               with(Authorization => 'Bearer x') ],
    [ 'an upgrade',                with(Connection => 'Upgrade', Upgrade => 'websocket') ],
    [ 'another method by a header', with('X-HTTP-Method-Override' => 'DELETE') ],
    [ 'by another of the kind',    with('X-HTTP-Method' => 'PUT') ],
    [ 'and by a third',            with('X-Method-Override' => 'GET') ],
    [ 'a body',                    with('Content-Type' => 'text/plain'), 'x' ],
);
my @methods = qw(GET POST PUT DELETE PATCH HEAD PROPFIND);

plan tests => (3 * @who - 1) * @missing + 2 * @near + @methods + 83;

my $client = Civic::Client->new;
my $jane = Civic::Client->logged_in('/members/');
sleep 2; # until her login is too old for two of the locations

# ---- programs ----
for my $row (@missing) {
    my ($missing, $path, $reason, @lacks) = @$row;
    for my $who (@who) {
        my ($name, $method, $headers, $body) = @$who;
        my $mark = Civic::Log::mark();
        my $answer = ($reason eq 'login-required' ? $client : $jane)->request($method, $path, $headers, $body);
        if ($method eq 'HEAD') {
            is($answer->code . $answer->header('Content-Type'), '401application/problem+json', "$missing: $name");
            is($answer->header('WWW-Authenticate'), challenge('APIs', $path, @lacks), "$missing: $name: told where to log in, without a body");
            next;
        }
        refused($answer, $reason, $mark, "$missing: $name: no page");
        is($answer->header('WWW-Authenticate'), challenge('APIs', $path, @lacks), "$missing: $name: told where to log in");
        like($answer->header('WWW-Authenticate'), qr/ login="\Q${\ $client->json($answer)->{login}}\E"/, "$missing: $name: there as well");
    }
}
is($client->fetch('/apis/x')->header('Set-Cookie'), undef, 'no login begins by it');
# The challenge is bounded; the body is not.
for my $row ([ 1900, 1 ], [ 2100, 0 ]) {
    my ($length, $said) = @$row;
    my $answer = $client->fetch('/apis/' . 'x' x $length);
    is($answer->header('WWW-Authenticate') =~ /login=/ ? 1 : 0, $said, "a path of $length bytes: in the challenge, or not");
    is(length $client->json($answer)->{login}, $length + length '/civic/login?return=%2fapis%2f', 'in the body as ever');
}
sub offered { my $problem = $client->json(shift); return join ' ', grep { $problem->{$_} } qw(login dialog) }
is(offered($client->fetch('/apis/x')), 'login dialog', 'and how to ask for it');
is(offered($client->fetch('/civic/login?return=/apis/x')), 'dialog', 'as that login itself says');
is(offered($jane->request('GET', '/nobody/', { Accept => '*/*' })), '', 'none is offered that would not help');
is(offered($jane->fetch('/civic/login?return=/nobody/')), '', 'nor by the login of that address');
is(offered($client->post_json('/civic/callback', '{}')), '', 'nor by the callback');
like($client->json($jane->fetch('/apis/document'))->{dialog}{words}, qr/^This page asks for more .* Nothing on this page is lost\.$/, 'it says why');

# ---- the login that they are told of ----
my $login = $client->json($client->fetch('/apis/strict/x?y=z'))->{login};
my $answer = $client->get("$login&popup=1");
is($answer->code, 401, 'a window of its own: 401');
my $page = Civic::Client::login_page($answer);
is("@$page{'app-id', 'scope'}", 'CO-BETA PROOF_OF_IDENTITY', 'the login of that location, for which programs alone come');
like($answer->content, qr/<title>Log in - APIs</, 'with its name');
is($answer->header('WWW-Authenticate'), 'Civic realm="APIs"', 'and scheme: this is where a login is to be had');
is($answer->header('Cache-Control'), 'no-store', 'which nobody keeps');
my $token = $client->{sandbox}->token(appId => 'CO-BETA', scope => 'PROOF_OF_IDENTITY');
$answer = $client->callback($token, $page->{state});
is($client->json($answer)->{location}, "$login&popup=1", 'it leads back to the window');
$answer = $client->get("$login&popup=1");
is($answer->code, 200, 'which is done');
is($client->get("$login&popup=1&window=1-2-3-4")->code, 200, 'whatever its name');
is($client->fetch("$login&popup=1")->code, 200, 'and so a script hears that it is open');
like($answer->content, qr{data-step="done".*You can close this window.*href="/apis/strict/x\?y=z"}s, 'and says so');
like($answer->header('Content-Security-Policy'), qr/^default-src 'none'; .*script-src 'self'$/, 'its policy lets the closing script in, and no more');
is($answer->header('Cache-Control'), 'no-store', 'nobody keeps it');
like($client->fetch($answer->content =~ m{src="(/civic/done[^"]+)"} ? $1 : 'none')->content, qr/window\.close\(\)/, 'that script is there');
like($client->fetch('/civic/button.js')->content, qr/data-civic-login/, 'so is the one for pages');
like($client->fetch('/civic/form.js')->content, qr/civicForm/, 'and the one for forms');
$answer = $client->get($login);
is($answer->code . ' ' . $answer->header('Location') =~ s{^https://localhost:\d+}{}r, '303 /apis/strict/x?y=z', 'without popup it goes on there');
is($client->fetch('/apis/strict/x?y=z')->code, 200, 'where the program is let in now');

# ---- nothing but the location decides ----
sub login_of { my ($who, $query) = @_; my $page = Civic::Client::login_page($who->get("/civic/login?$query")) or return 'none'; return "@$page{'app-id', 'scope'}" }
my $new = Civic::Client->new;
is(login_of($new, 'return=/beta/'), 'CO-BETA BASIC_SIGNUP', 'another location, another application');
is(login_of($new, 'return=/anonymous/&scope=PROOF_OF_IDENTITY&application=CO-BETA&appId=CO-BETA'), 'CO-ALPHA ANONYMOUS_LOGIN', 'whatever the query says');
is(login_of($new, 'return=/apis/optional'), 'CO-ALPHA BASIC_SIGNUP', 'one that lets everybody in offers it, too');
is(login_of($jane, 'return=/apis/optional'), 'none', 'once');
is(login_of($new, 'return=/proof/&then=/open/'), 'CO-ALPHA PROOF_OF_IDENTITY', 'wherever it goes on then');
is(login_of($new, 'return=/open/&then=/proof/'), 'none', 'for which nothing is asked');
is($jane->get('/civic/login?return=/members/&then=/open/%3Fa%3Db')->header('Location') =~ s{^https://localhost:\d+}{}r, '/open/?a=b', 'there it goes');
like($jane->get('/civic/login?return=/members/&then=/open/&popup=1')->content, qr{data-step="done".*href="/open/"}s, 'or says so in a window');
my $mark = Civic::Log::mark();
refused($new->get('/civic/login?return=/members/&then=//evil.example'), 'return-path', $mark, 'if it is of this site');
is(login_of($jane, 'return=/proof/'), 'CO-ALPHA PROOF_OF_IDENTITY', 'one that asks for more');
is(login_of($jane, 'return=/apis/document'), 'CO-ALPHA PROOF_OF_IDENTITY', 'or whose rule does');
is(login_of($jane, 'return=/apis/fresh'), 'none', 'one that wants it anew, just behind a login that is too old: no circle');
is(login_of($jane, 'return=/apis/fresh'), 'CO-ALPHA BASIC_SIGNUP', 'but it may be tried again');
is(login_of($jane, 'return=/members/cgi%3Fa%3D1'), 'none', 'none where she is let in');
$answer = $jane->get('/civic/login?return=/nobody/');
is($answer->code, 403, 'where no login helps: the page that says so');
like($answer->content, qr/data-reason="rule-not-met".*name="return" value="\/civic\/login\?return=\/nobody\/"/s, 'from which somebody else may come');
for my $open ('/open/', '/basic/', '/missing', '/', '/civic/login', '/civic/session', '/civic/login?return=/members/') {
    $answer = $new->get('/civic/login?return=' . $open =~ s/\?/%3F/gr);
    is($answer->code . ' ' . ($answer->header('Location') // '') =~ s{^https://localhost:\d+}{}r, "303 $open", "no login of ours at $open");
}
is($new->get('/civic/login')->header('Location') =~ s{^https://localhost:\d+}{}r, '/', 'without return: the front page');
unlike($new->get('/civic/login?return=/members/')->content, qr/SECRET-CONTENT/, 'nothing of what is protected');
for my $evil ('//evil.example', 'https://evil.example', '/\\evil.example', '', 'x', '/a%0d%0ax') {
    my $mark = Civic::Log::mark();
    refused($new->get("/civic/login?return=$evil&popup=1"), 'return-path', $mark, "no way to $evil");
}
$mark = Civic::Log::mark();
refused($new->get('/civic/login?return=/a&return=/b'), 'return-path', $mark, 'one way only');
refused($new->fetch('/civic/login?return=/members/'), 'login-required', $mark, 'no page for a script');
is($new->request('POST', '/civic/login?return=/members/')->code, 405, 'it is read only');
is($new->request('HEAD', '/civic/login?return=/members/', { Accept => 'text/html' })->code, 401, 'HEAD as GET');

# ---- preflights ----
sub pre { my ($path, $headers, $body) = @_; return Civic::Client->new->request('OPTIONS', $path, $headers // $preflight, $body) }
$answer = pre('/apis/x');
is($answer->code, 200, 'a preflight passes');
my $env = $client->json($answer)->{env};
is(join(' ', grep { /^CIVIC_(?!T$|BUILD|KEYS|LOGS|M|P|HTTPD)|^REMOTE_USER/ } keys %$env), '', 'without anybody');
is($env->{REQUEST_METHOD}, 'OPTIONS', 'as it is');
is($answer->header('Access-Control-Allow-Origin'), 'https://app.example', 'the site answers it');
is($answer->header('Set-Cookie'), undef, 'no login begins by it');
is($client->json(pre('/apis/behind/x'))->{env}{HTTP_ACCESS_CONTROL_REQUEST_METHOD}, 'PUT', 'a back end, too');
is(pre('/apis/x', { Origin => 'null', 'Access-Control-Request-Method' => 'DELETE' })->code, 200, 'of a browser without metadata');
is(pre("/apis/$_")->code, 200, "it passes what a login would open: $_") for qw(strict short fresh email not document optional);
is(pre("/apis/$_")->code, 403, "not what else is closed: $_") for qw(elsewhere denied);
$mark = Civic::Log::mark();
refused(pre('/apis/closed'), 'login-required', $mark, 'Off: 401');
is(pre('/apis/closed')->header('Access-Control-Allow-Origin'), 'https://app.example', 'with the header of the site');
is(pre('/members/')->code, 401, 'by default: 401');
for my $row (@near) {
    my ($name, $headers, $body) = @$row;
    is(pre('/apis/x', $headers, $body)->code, 401, "no preflight: $name");
    is(pre('/apis/optional', $headers, $body)->code, 200, "which is let in where everybody is: $name");
}
is(Civic::Client->new->request($_, '/apis/x', $preflight)->code, 401, "no preflight: $_") for @methods;
$answer = $jane->request('OPTIONS', '/apis/x', $preflight);
is($answer->code . $client->json($answer)->{env}{REMOTE_USER}, 200 . $client->json($jane->get('/members/cgi'))->{env}{REMOTE_USER},
    'with a session it is a request as any other');
