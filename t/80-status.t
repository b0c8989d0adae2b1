# civic-status: a page for people, JSON, and Prometheus text that a scraper takes; whoever its
# location lets in and nobody else; never a claim, a cookie or a name of a person. And its block on
# httpd's own status page.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Env ();
use Civic::Metrics ();

# Accept header => the type that comes
my @accept = (
    [ undef, 'text/html; charset=utf-8' ],
    [ '*/*', 'text/html; charset=utf-8' ],
    [ 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html; charset=utf-8' ],
    [ 'application/json', 'application/json' ],
    [ 'application/json, text/plain, */*', 'application/json' ],
    [ 'text/html;q=0.2, application/json;q=0.9', 'application/json' ],
    [ 'application/*', 'application/json' ],
    [ 'text/plain', 'text/plain; version=0.0.4; charset=utf-8' ],
    [   'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
        'text/plain; version=0.0.4; charset=utf-8'
    ],
    [ 'text/html;q=0, text/plain;q=0.1', 'text/plain; version=0.0.4; charset=utf-8' ],
    [ ',,; ;q=x', 'text/html; charset=utf-8' ],
);
# broken texts that the lint must not take
my @broken = (
    "# HELP a_total A.\n# TYPE a_total counter\na_total 1",
    "# TYPE a_total counter\na_total 1\n",
    "# HELP a_total A.\na_total 1\n",
    "# HELP a A.\n# TYPE a counter\na 1\n",
    "# HELP a_total A.\n# TYPE a_total counter\na_total 1\na_total 1\n",
    "# HELP a_total A.\n# TYPE a_total counter\na_total{b=\"c\"d\"} 1\n",
    "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
    "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 2\na_sum 1\na_count 3\n",
);
plan tests => @accept + @broken + 69;

my $client = Civic::Client->new;
my $person = Civic::Client->logged_in('/proof/');
my $user = $person->json($person->fetch('/civic/session'))->{sessions}[0]{userId};
$person->get('/members/');

# ---- which format ----
for (@accept) {
    my ($accept, $type) = @$_;
    my $answer = $client->request('GET', '/operator/numbers', { Accept => $accept });
    is($answer->header('Content-Type'), $type, 'Accept: ' . ($accept // 'none'));
}
for ([ html => 'text/html; charset=utf-8' ], [ json => 'application/json' ],
    [ prometheus => 'text/plain; version=0.0.4; charset=utf-8' ])
{
    my ($name, $type) = @$_;
    my $answer = $client->request('GET', "/operator/numbers?format=$name", { Accept => 'image/png' });
    is($answer->code, 200, "format=$name");
    is($answer->header('Content-Type'), $type, 'wins over Accept');
    is($answer->header('Cache-Control'), 'no-store', 'not to be cached');
    is($answer->header('X-Content-Type-Options'), 'nosniff', 'nor guessed at');
    is($answer->header('Set-Cookie'), undef, 'no cookie');
    my $head = $client->request('HEAD', "/operator/numbers?format=$name");
    is($head->code . $head->content, '200', 'HEAD: without body');
    is($head->header('Content-Length'), length $answer->content, 'of the same length');
}
for my $query ('format=xml', 'format=', 'format=json&format=html', 'format=%zz', 'format=jsonx') {
    is($client->get("/operator/numbers?$query")->code, 400, "?$query: 400");
}
is($client->get('/operator/numbers?other=1')->code, 200, 'other parameters are nothing to it');

# ---- the page ----
my $page = $client->get('/operator/numbers?format=html');
my $html = $page->decoded_content;
like($page->header('Content-Security-Policy'), qr/^default-src 'none'; style-src 'self'; form-action 'self'/,
    'a strict policy');
unlike($page->header('Content-Security-Policy'), qr/unsafe|script-src/, 'with no way around it');
unlike($html, qr/<script|<style|\sstyle=|\son\w+=|javascript:/i, 'nothing inline');
like($html, qr{<dt>Requests with a session</dt><dd>[1-9]\d*</dd>}, 'numbers');
like($html, qr{<dt>Exchanges under way</dt><dd>0 of at most \d+</dd>}, 'with what they count');
like($html, qr{<dt>Room taken</dt><dd>[\d.]+ KiB of [\d.]+ MiB \(\d+ %\)</dd>}, 'and units');
like($html, qr{<td><code>login-required</code></td><td[^>]*>[1-9]\d*</td><td>401</td>}, 'reasons that occurred');
unlike($html, qr/upstream-untrusted/, 'and no others');
like($html, qr{doc/errors\.md}, 'and where they are explained');
unlike($html, qr/<form/, 'no actions where they are not allowed');
my ($style) = $html =~ /<link rel="stylesheet" href="([^"]*)">/;
$style =~ s/&amp;/&/;
my $css = $client->get("/operator/numbers$style");
is($css->header('Content-Type'), 'text/css; charset=utf-8', 'its style is at the same address');
like($css->content, qr/prefers-color-scheme: ?dark/, 'for dark as well');

# ---- JSON ----
my $json = $client->json($client->fetch('/operator/numbers?format=json'));
is_deeply([ sort keys %$json ],
    [ sort qw(version countingSince requests logins links recoveries logouts sessionsEnded websocketsClosed refusals exchanges upstreams store) ],
    'JSON has all of it');
is_deeply([ sort keys %{ $json->{requests} } ], [qw(expired none unavailable valid)], 'requests by outcome');
ok($json->{logins} >= 1 && $json->{exchanges}{count} >= 1 && $json->{store}{sessions} >= 1, 'with values');

# ---- Prometheus ----
my $text = $client->fetch('/operator/numbers?format=prometheus')->content;
is_deeply([ Civic::Metrics::faults($text) ], [], 'a scraper finds nothing wrong');
like($text, qr/^auth_civic_info\{version="[\d.]+",store="shm"\} 1$/m, 'version and store');
my $samples = Civic::Metrics::samples($text);
cmp_ok($samples->{'auth_civic_exchange_duration_seconds_count'}, '>=', 1, 'exchanges in the histogram');
cmp_ok($samples->{'auth_civic_exchange_duration_seconds_sum'}, '>', 0, 'took some time');
is($samples->{auth_civic_store_up}, 1, 'the store is up');
my %documented;
open my $errors, '<', Civic::Env::source_dir() . "/doc/errors.md" or die "doc/errors.md: $!";
while (<$errors>) { $documented{$1} = 1 if /^\| `([a-z-]+)` \|/ }
is_deeply(
    [ sort map { /refusals_total\{reason="(.*)"\}/ ? $1 : () } keys %$samples ],
    [ sort keys %documented ],
    'a counter for each documented reason'
);
ok(scalar Civic::Metrics::faults($_), 'the lint finds what is broken') for @broken;

# ---- who may see it ----
is($client->get('/operator/denied')->code, 403, 'denied: denied');
is($client->get('/operator/basic')->code, 401, 'with a password: not without');
my $with = $client->get('/operator/basic', Authorization => 'Basic b3BlcmF0b3I6c2VjcmV0');
is($with->code, 200, 'but with it') or diag $with->as_string;
for my $path ('/civic-status', '/civic/status', '/operator', '/status') {
    is($client->get($path)->code, 404, "$path: nothing where nothing is configured");
}
unlike($client->get('/open/?format=prometheus')->content, qr/auth_civic/, 'nor elsewhere');
for my $method (qw(PUT DELETE PATCH POST)) {
    my $answer = $client->request($method, '/operator/numbers', { Accept => 'text/html' });
    is($answer->code, 405, "$method: 405");
    unlike($answer->header('Allow'), qr/POST/, 'GET is allowed, POST is not');
}

# ---- httpd's page ----
my $block = $client->get('/operator/httpd')->decoded_content;
like($block, qr{<h1>mod_auth_civic</h1>\s*<dl>(?:\s*<dt>[^<]+: \d+</dt>)+\s*</dl>}, 'a block on server-status');
my $auto = $client->get('/operator/httpd?auto')->content;
is(scalar(my @lines = $auto =~ /^(Civic\w+: \d+)$/mg), 9, '?auto: lines');
unlike($auto, qr/<|requests with/, 'without markup');
my $whole = Civic::Metrics::scrape($client);
like($auto, qr/^CivicLogins: $whole->{auth_civic_logins_total}$/m, 'of the same numbers');

# ---- nobody's data ----
my @canaries = ('jane@example.com', 'Jane Specimen', '5551234567', 'ABC1112223333', $user,
    values %{ $person->cookies });
my $all = join "\n", $html, $text, $auto, $block,
    map { $client->get("/operator/numbers?format=$_")->decoded_content } qw(html json prometheus);
my $found = grep { index($all, $_) >= 0 } @canaries;
is($found, 0, 'no claim, userId or cookie in any format');
