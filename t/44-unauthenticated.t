# Who gets the login page and who a 401, judged by what browsers and programs really send; and
# CivicUnauthenticated, which decides it otherwise.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Log ();

my $html = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';

sub fetched { my ($mode, $dest, $site, %more) = @_; return { 'Sec-Fetch-Mode' => $mode, 'Sec-Fetch-Dest' => $dest, 'Sec-Fetch-Site' => $site, %more } }

# who, headers, whether a person looks at it
my @who = (
    # with Fetch Metadata: Chromium, Firefox, Safari since 16.4
    [ 'an address typed in',         fetched('navigate', 'document', 'none', Accept => $html, 'Sec-Fetch-User' => '?1', 'Upgrade-Insecure-Requests' => 1), 1 ],
    [ 'a link from another site',    fetched('navigate', 'document', 'cross-site', Accept => $html), 1 ],
    [ 'an iframe',                   fetched('navigate', 'iframe', 'same-origin', Accept => $html), 1 ],
    [ 'a frame',                     fetched('navigate', 'frame', 'same-origin', Accept => $html), 1 ],
    [ 'an object',                   fetched('navigate', 'object', 'same-origin', Accept => $html), 0 ],
    [ 'an embed',                    fetched('navigate', 'embed', 'same-origin', Accept => $html), 0 ],
    [ 'a picture',                   fetched('no-cors', 'image', 'same-origin', Accept => 'image/avif,image/webp,*/*;q=0.8'), 0 ],
    [ 'a script',                    fetched('no-cors', 'script', 'same-origin', Accept => '*/*'), 0 ],
    [ 'a style sheet',               fetched('no-cors', 'style', 'same-origin', Accept => 'text/css,*/*;q=0.1'), 0 ],
    [ 'a font',                      fetched('cors', 'font', 'same-origin', Accept => '*/*'), 0 ],
    [ 'a video',                     fetched('no-cors', 'video', 'same-origin', Accept => '*/*', Range => 'bytes=0-'), 0 ],
    [ 'fetch',                       fetched('cors', 'empty', 'same-origin', Accept => '*/*'), 0 ],
    [ 'fetch that wants HTML',       fetched('same-origin', 'empty', 'same-origin', Accept => 'text/html'), 0 ],
    [ 'XMLHttpRequest',              fetched('cors', 'empty', 'same-origin', Accept => 'application/json', 'X-Requested-With' => 'XMLHttpRequest'), 0 ],
    [ 'EventSource',                 fetched('cors', 'empty', 'same-origin', Accept => 'text/event-stream', 'Cache-Control' => 'no-cache'), 0 ],
    [ 'sendBeacon',                  fetched('no-cors', 'empty', 'same-origin', Accept => '*/*'), 0 ],
    [ 'a worker',                    fetched('same-origin', 'worker', 'same-origin', Accept => '*/*'), 0 ],
    [ 'a service worker',            fetched('same-origin', 'serviceworker', 'same-origin', Accept => '*/*', 'Service-Worker' => 'script'), 0 ],
    [ 'a manifest',                  fetched('cors', 'manifest', 'same-origin', Accept => '*/*'), 0 ],
    [ 'a report',                    fetched('no-cors', 'report', 'same-origin', Accept => '*/*'), 0 ],
    [ 'a WebSocket of Chromium',     { Connection => 'Upgrade', Upgrade => 'websocket', 'Sec-WebSocket-Version' => 13, 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==', Origin => 'https://localhost' }, 0 ],
    [ 'a WebSocket of Firefox',      fetched('websocket', 'empty', 'same-origin', Accept => '*/*', Connection => 'keep-alive, Upgrade', Upgrade => 'websocket', 'Sec-WebSocket-Version' => 13, 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ=='), 0 ],
    [ 'a WebSocket called navigate', fetched('navigate', 'document', 'none', Accept => $html, Connection => 'Upgrade', Upgrade => 'websocket'), 0 ],
    # without: old browsers, programs
    [ 'an old browser',              { Accept => $html, 'User-Agent' => 'Mozilla/5.0' }, 1 ],
    [ 'an old browser\'s script',    { Accept => $html, 'X-Requested-With' => 'XMLHttpRequest' }, 0 ],
    [ 'an old browser\'s picture',   { Accept => 'image/png,image/*;q=0.8,*/*;q=0.5' }, 0 ],
    [ 'upper case',                  { Accept => 'TEXT/HTML' }, 1 ],
    [ 'curl',                        { Accept => '*/*', 'User-Agent' => 'curl/8.0.0' }, 0 ],
    [ 'wget',                        { Accept => '*/*', 'User-Agent' => 'Wget/1.21', 'Accept-Encoding' => 'identity' }, 0 ],
    [ 'nobody in particular',        {}, 0 ],
    [ 'a client of an API',          { Accept => 'application/json' }, 0 ],
    [ 'half of the metadata',        { 'Sec-Fetch-Mode' => 'navigate', Accept => $html }, 1 ],
    [ 'the other half',              { 'Sec-Fetch-Dest' => 'document', Accept => $html }, 0 ],
);
my @methods = qw(GET HEAD POST PUT DELETE PATCH OPTIONS PROPFIND);
plan tests => 4 * @who + 2 * @methods + 20;

my $client = Civic::Client->new;

sub is_page {
    my ($answer, $name) = @_;
    return is($answer->code . ' ' . (Civic::Client::login_page($answer) ? 'page' : 'none'), '401 page', $name);
}

for my $row (@who) {
    my ($name, $headers, $person) = @$row;
    # auto
    my $mark = Civic::Log::mark();
    my $answer = $client->request('GET', '/members/', $headers);
    $person
        ? is_page($answer, "$name: the page")
        : refused($answer, 'login-required', $mark, "$name: 401, by problem+json");
    # page, 401, pass
    # A WebSocket never gets a page: nobody would see it.
    $answer = $client->request('GET', '/page/', $headers);
    $name =~ /WebSocket/
        ? is($answer->header('Content-Type'), 'application/problem+json', "$name: no page, even where it is said")
        : is_page($answer, "$name: the page, where it is said");
    $mark = Civic::Log::mark();
    refused($client->request('GET', '/api/', $headers), 'login-required', $mark, "$name: 401, where it is said");
    like($client->request('GET', '/optional/', $headers)->code, qr/^20[06]$/, "$name: in, where it is said");
}

# ---- every answer says how to log in and is of the right length ----
for my $method (@methods) {
    my $answer = $client->request($method, '/members/', { Accept => $html });
    is($answer->code . ' ' . ($answer->header('WWW-Authenticate') // ''), '401 Civic realm="Members"',
        "$method: 401 with the scheme");
    unlike($answer->content, qr/SECRET-CONTENT/, "$method: nothing of what is protected");
}
my $page = $client->get('/members/');
is(length $page->content, $page->header('Content-Length'), 'the page has its length');
my $head = $client->request('HEAD', '/members/', { Accept => $html });
is(length $head->content, 0, 'HEAD has no body');

# ---- where it is said: with a session, all are the same ----
my $jane = Civic::Client->logged_in('/members/');
for my $path (qw(/members/ /page/ /api/ /optional/)) {
    is($jane->get($path)->code, 200, "$path with a session");
    is($jane->fetch($path)->code, 200, "$path with a session, for scripts");
}

# ---- pass ----
my $env = $jane->json($jane->get('/optional/cgi'))->{env};
is($env->{REMOTE_USER}, $env->{CIVIC_USER_ID}, 'pass: with a session, somebody');
is($env->{AUTH_TYPE}, 'Civic', 'pass: by Civic');
my $answer = $client->get('/optional/cgi');
$env = $client->json($answer)->{env};
is($env->{REMOTE_USER}, undef, 'pass: without, nobody');
is($env->{CIVIC_USER_ID}, undef, 'pass: without identity');
is($answer->header('Set-Cookie'), undef, 'pass: no cookie is set');
is($client->get('/optional/cgi', Cookie => '__Host-civic-2b1a1d5e=' . 'A' x 43)->code, 200, 'pass: a cookie of no use is nobody');

# The authority of Require stays: pass does not open what asks for somebody.
is($client->get('/passing-valid/')->code, 401, 'pass and Require valid-user: 401');
is_page($client->get('/passing-valid/'), 'by the page');
is($jane->get('/passing-valid/')->code, 200, 'with a session: in');
is($client->fetch('/passing-valid/')->code, 401, 'for scripts, too');
