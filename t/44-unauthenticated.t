# Who gets the login page and who a 401, judged by what browsers and programs really send; and
# CivicUnauthenticated, which decides it otherwise. In a frame, never the login page, but one that leads
# out of it.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(challenge refused);
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
    [ 'an iframe of another site',   fetched('navigate', 'iframe', 'cross-site', Accept => $html), 1 ],
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
plan tests => 4 * @who + 2 * @methods + 45;

my $client = Civic::Client->new;

sub is_page {
    my ($answer, $name) = @_;
    return is($answer->code . ' ' . (Civic::Client::login_page($answer) ? 'page' : 'none'), '401 page', $name);
}

# What may be framed: it leads to the address in a window of its own, and there is nothing else in it.
sub frame_faults {
    my ($answer, $path) = @_;
    my ($content, @faults) = $answer->content;
    push @faults, 'no frame page' if $content !~ /<main id="civic-framed"/;
    push @faults, "there is $_" for grep { $content =~ /$_/i } '<script', '<form', '<button', '<iframe', 'data-state', 'data-app-id', 'SECRET-CONTENT';
    my @links = $content =~ /<a ([^>]*)>/g;
    push @faults, "links @links" if "@links" ne qq{class="civic-link" id="civic-open" href="$path" target="_blank" rel="noopener" id="civic-again" href="$path"};
    push @faults, "$_ " . $answer->header($_) for grep { defined $answer->header($_) } qw(Set-Cookie);
    my $policy = "default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";
    push @faults, 'policy ' . $answer->header('Content-Security-Policy') if $answer->header('Content-Security-Policy') ne $policy;
    push @faults, 'it may be kept' if $answer->header('Cache-Control') ne 'no-store';
    return join "\n", @faults;
}

sub is_frame {
    my ($answer, $path, $name) = @_;
    return is($answer->code . frame_faults($answer, $path), 401, $name);
}

for my $row (@who) {
    my ($name, $headers, $person) = @$row;
    # auto
    my $mark = Civic::Log::mark();
    my $answer = $client->request('GET', '/members/', $headers);
    my $is_framed = ($headers->{'Sec-Fetch-Dest'} // '') =~ /^(?:i?frame|embed|object)$/;
    $person && $is_framed
        ? is_frame($answer, '/members/', "$name: the page that leads out of it")
        : $person
        ? is_page($answer, "$name: the page")
        : refused($answer, 'login-required', $mark, "$name: 401, by problem+json");
    # page, 401, pass
    # A WebSocket never gets a page: nobody would see it.
    $answer = $client->request('GET', '/page/', $headers);
    $name =~ /WebSocket/
        ? is($answer->header('Content-Type'), 'application/problem+json', "$name: no page, even where it is said")
        : $is_framed
        ? is_frame($answer, '/page/', "$name: what leads out of it, where a page is said")
        : is_page($answer, "$name: the page, where it is said");
    $mark = Civic::Log::mark();
    refused($client->request('GET', '/api/', $headers), 'login-required', $mark, "$name: 401, where it is said");
    like($client->request('GET', '/optional/', $headers)->code, qr/^20[06]$/, "$name: in, where it is said");
}

# ---- every answer says how to log in and is of the right length ----
for my $method (@methods) {
    my $answer = $client->request($method, '/members/', { Accept => $html });
    is($answer->code . ' ' . ($answer->header('WWW-Authenticate') // ''), '401 ' . challenge('Members', '/members/'),
        "$method: 401 with the scheme, and where to log in");
    unlike($answer->content, qr/SECRET-CONTENT/, "$method: nothing of what is protected");
}
my $page = $client->get('/members/');
is(length $page->content, $page->header('Content-Length'), 'the page has its length');
my $head = $client->request('HEAD', '/members/', { Accept => $html });
is(length $head->content, 0, 'HEAD has no body');

# ---- in a frame ----
my %frame = (Accept => $html, 'Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'iframe', 'Sec-Fetch-Site' => 'same-origin');
sub framed { my ($who, $path, %more) = @_; return $who->request('GET', $path, { %frame, %more }) }
my $fresh = Civic::Client->new;
my $mark = Civic::Log::mark();
my $frame = framed($fresh, '/members/?a=1&b="><b>', 'Accept-Language' => 'en');
refused($frame, 'login-required', $mark, 'a frame: refused as ever, with a reference');
is(frame_faults($frame, '/members/?a=1&amp;b=%22%3E%3Cb%3E'), '', 'what is in the address stays text');
like($frame->content, qr{<title>Please log in - Members<.*Please log in with Civic to see this page\..*window of its own.*Open in a new window}s, 'in words');
is(join(' ', sort keys %{ $fresh->cookies }), '', 'no login begins by it');
is($frame->header('WWW-Authenticate'), challenge('Members', '/members/?a=1&b=%22%3E%3Cb%3E'), 'by the scheme');
like(framed($fresh, '/members/', 'Accept-Language' => 'de')->content, qr/<html lang="de".*eigenen Fenster.*In neuem Fenster/s, 'in other languages');
is(framed($fresh, '/members/')->header('Content-Length'), length framed($fresh, '/members/')->content, 'of its length');
is($fresh->request('HEAD', '/members/', \%frame)->header('Content-Length'), length framed($fresh, '/members/')->content, 'to HEAD as well');
$frame = $fresh->request('POST', '/members/', { %frame, Origin => $fresh->{site}, 'Content-Type' => 'application/x-www-form-urlencoded' }, 'note=KEEP-ME');
is($frame->code, 401, 'a form into a frame: 401');
like($frame->content, qr/civic-framed.*could not be kept/s, 'is told that it is lost');
unlike($frame->content, qr/KEEP-ME/, 'which it is');
is_page($fresh->get('/members/'), 'in the window that it leads to, the login page');
$frame = framed($fresh, '/civic/login?return=/members/&popup=1');
is($frame->code . frame_faults($frame, '/civic/login?return=/members/&amp;popup=1'), 401, 'the address that offers logins is no way around');
# Whatever else has no place in a frame: words, and the way out.
my $nobody = Civic::Client->logged_in('/members/');
is($nobody->request('GET', '/members/', \%frame)->code, 200, 'with a session, the frame has what it is for');
$mark = Civic::Log::mark();
refused($frame = framed($nobody, '/nobody/', 'Accept-Language' => 'en'), 'rule-not-met', $mark, 'not allowed: refused as ever');
is(frame_faults($frame, '/nobody/'), '', 'by such a page, too');
like($frame->content, qr/<title>Not allowed - .*not open to you\./s, 'in words');
refused($frame = framed($nobody, '/proof/', 'Accept-Language' => 'en'), 'step-up-required', $mark, 'more to be shown: refused as ever');
is(frame_faults($frame, '/proof/'), '', 'and so is that');
# No page that does something may be framed, whatever a browser says or leaves out.
for my $headers ({}, { 'Sec-Fetch-Mode' => 'navigate' }, { 'Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document' }) {
    my $said = join ' ', sort values %$headers;
    for my $row ([ $fresh, '/members/' ], [ $nobody, '/nobody/' ]) {
        my $page = $row->[0]->request('GET', $row->[1], { Accept => $html, %$headers });
        like($page->content . $page->header('Content-Security-Policy'), qr/id="civic-(?:login|logout)".*frame-ancestors 'none'/s, "never in a frame: $row->[1] for '$said'");
    }
}

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
