# A form that meets no session is in the login page as it was sent, so that it can be sent again: only of
# this very site, only up to a limit, whatever its bytes are, and nowhere else. Bodies that are none end as
# they must.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use MIME::Base64 qw(decode_base64);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();
use Civic::Raw ();

my $FORM = 'application/x-www-form-urlencoded';
my $PARTS = 'multipart/form-data; boundary=----WebKitFormBoundaryAbC123';
my $parts = "------WebKitFormBoundaryAbC123\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.bin\"\r\nContent-Type: application/x\r\n\r\n"
    . join('', map { chr } 0 .. 255) . "\r\n------WebKitFormBoundaryAbC123--\r\n";

# name, type, bytes
my @kept = (
    [ 'a form',               $FORM,                     'a=1&b=2&a=3' ],
    [ 'an empty one',         $FORM,                     '' ],
    [ 'odd pairs',            $FORM,                     '&&=&a&%zz&%00&b=%ff' ],
    [ 'markup',               $FORM,                     q{a="><script>alert(1)</script></template>'&lt;} ],
    [ 'placeholders',         $FORM,                     '{{state}}{{?a}}{{/}}{{*rules}}' ],
    [ 'all bytes',            $FORM,                     join('', map { chr } 0 .. 255) ],
    [ 'a charset',            "$FORM; charset=utf-8",    'a=%C3%A9' ],
    [ 'upper case',           uc $FORM,                  'a=1' ],
    [ 'parts',                $PARTS,                    $parts ],
    [ 'text',                 'text/plain',              "a=1\r\nb=2\r\n" ],
    [ 'a type with quotes',   'text/plain; x="><b>\'',   'a=1' ],
    [ 'the largest',          $FORM,                     'a=' . 'x' x 65534 ],
);
# name, headers in place of the usual ones, bytes, what the page says
my $elsewhere = qr/What another site has sent to this page is not passed on\./;
my $lost = qr/What you have sent could not be kept\. Please send it again after the login\./;
my @lost = (
    [ 'from another site',       { 'Sec-Fetch-Site' => 'cross-site', Origin => 'https://evil.example' }, 'a=1', $elsewhere ],
    [ 'from another host of it', { 'Sec-Fetch-Site' => 'same-site', Origin => 'https://other.localhost' }, 'a=1', $elsewhere ],
    [ 'from nowhere',            { 'Sec-Fetch-Site' => 'none', Origin => undef }, 'a=1', $elsewhere ],
    [ 'from another port',       { 'Sec-Fetch-Site' => undef, Origin => 'https://localhost:1' }, 'a=1', $elsewhere ],
    [ 'without an origin',       { 'Sec-Fetch-Site' => undef, Origin => undef }, 'a=1', $elsewhere ],
    [ 'of a sandboxed frame',    { 'Sec-Fetch-Site' => undef, Origin => 'null' }, 'a=1', $elsewhere ],
    [ 'a byte too large',        {}, 'a=' . 'x' x 65535, $lost ],
    [ 'much too large',          {}, 'a=' . 'x' x 3000000, $lost ],
    [ 'compressed',              { 'Content-Encoding' => 'gzip' }, 'x', $lost ],
    [ 'of a long type',          { 'Content-Type' => "$FORM; x=" . 'x' x 200 }, 'a=1', $lost ],
    [ 'of a type not ASCII',     { 'Content-Type' => "$FORM; x=\xe9" }, 'a=1', $lost ],
    [ 'JSON',                    { 'Content-Type' => 'application/json' }, '{}', undef ],
    [ 'XML',                     { 'Content-Type' => 'text/xml' }, '<a/>', undef ],
    [ 'of no type',              { 'Content-Type' => undef }, 'a=1', undef ],
    [ 'of an empty type',        { 'Content-Type' => '' }, 'a=1', undef ],
    [ 'of a type that begins so', { 'Content-Type' => "${FORM}x" }, 'a=1', undef ],
);
my $chunked = "Content-Type: $FORM\r\nTransfer-Encoding: chunked\r\n";
# On the wire: name, header lines, bytes, what is kept
my @wire = (
    [ 'chunked',                    $chunked, "3\r\na=1\r\n4\r\n&b=2\r\n0\r\n\r\n", 'a=1&b=2' ],
    [ 'chunked, nothing',           $chunked, "0\r\n\r\n", '' ],
    [ 'chunked, a byte too large',  $chunked, sprintf("%x\r\n%s\r\n", 65537, 'x' x 65537) . "0\r\n\r\n", undef ],
    [ 'chunked, 1 MiB',             $chunked, join('', map { "8000\r\n" . 'x' x 32768 . "\r\n" } 1 .. 32) . "0\r\n\r\n", undef ],
    [ 'chunked without end',        $chunked, "5\r\na=1", undef ],
    [ 'chunked, no number',         $chunked, "zz\r\na=1\r\n0\r\n\r\n", undef ],
    [ 'fewer bytes than said',      "Content-Type: $FORM\r\nContent-Length: 100\r\n", 'a=1', undef ],
    [ 'a terabyte is said to come', "Content-Type: $FORM\r\nContent-Length: 1000000000000\r\n", 'a=1', undef ],
    [ 'no length at all',           "Content-Type: $FORM\r\n", '', '' ],
);
plan tests => 5 * @kept + 3 * @lost + 2 * @wire + 21;

my $client = Civic::Client->new;
sub post { my ($path, $bytes, %headers) = @_; return $client->post_form($path, $bytes, %headers) }

# (type, bytes) that a page holds.
sub held {
    my $text = shift;
    my ($type, $body) = $text =~ m{<template id="civic-form" data-type="([^"]*)">([A-Za-z0-9+/=]*)</template>} or return;
    s/&quot;/"/g, s/&lt;/</g, s/&gt;/>/g, s/&#39;/'/g, s/&amp;/&/g for $type;
    return ($type, decode_base64($body));
}

my $mark = Civic::Log::mark();
for my $row (@kept) {
    my ($name, $type, $bytes) = @$row;
    my $answer = post('/members/cgi?x=1', $bytes, 'Content-Type' => $type);
    is($answer->code, 401, "$name: the login page");
    my ($held_type, $held_bytes) = held($answer->content);
    is($held_type, $type, "$name: its type");
    ok(defined $held_bytes && $held_bytes eq $bytes, "$name: byte for byte");
    like($answer->content, qr{<script src="/civic/form\.js\?v=\w+" defer>.*What you have sent is kept, and sent again after the login}s, "$name: with what sends it again");
    is(length $answer->content, $answer->header('Content-Length'), "$name: the page has its length");
}
for my $row (@lost) {
    my ($name, $headers, $bytes, $said) = @$row;
    my $answer = post('/members/cgi', $bytes, %$headers);
    is($answer->code, 401, "$name: the login page");
    unlike($answer->content, qr/civic-form"|form\.js/, "$name: nothing is kept");
    $said ? like($answer->content, $said, "$name: and it says so") : unlike($answer->content, qr/civic-form-lost/, "$name: nothing is said");
}
for my $row (@wire) {
    my ($name, $lines, $bytes, $kept) = @$row;
    my $answer = Civic::Raw::request($ENV{CIVIC_PORT_PLAIN}, 'POST', '/members/', "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\n"
        . "Sec-Fetch-Dest: document\r\nSec-Fetch-Site: same-origin\r\n$lines", undef, after => $bytes, shut => 1);
    like($answer->code, defined $kept ? qr/^401$/ : qr/^4\d\d$/, "$name: an answer");
    is(join('|', grep { defined } (held($answer->body))[1], $answer->faults), $kept // '', "$name: what is kept of it");
}

# ---- who else gets none ----
is((held($client->get('/members/')->content))[0], undef, 'GET: nothing to keep');
for my $method (qw(PUT PATCH DELETE)) {
    is((held($client->request($method, '/members/', { Accept => 'text/html', Origin => $client->{site}, 'Content-Type' => $FORM }, 'a=1')->content))[0],
        undef, "$method: no form");
}
my $answer = $client->request('POST', '/members/', { Accept => '*/*', Origin => $client->{site}, 'Content-Type' => $FORM }, 'a=1');
is($answer->header('Content-Type'), 'application/problem+json', 'a program: 401');
$answer = $client->request('POST', '/members/', { Accept => 'text/html', Origin => $client->{site}, 'Content-Type' => $FORM }, 'a=1');
is((held($answer->content))[1], 'a=1', 'an old browser tells its origin, and that is enough');
$answer = post('/proof/', 'a=step-up-canary');
is((held($answer->content))[1], 'a=step-up-canary', 'a form that asks for another login is kept as well');
my $jane = Civic::Client->logged_in('/members/');
$answer = $jane->post_form('/proof/', 'a=1');
is(Civic::Client::login_page($answer)->{reason}, 'step-up-required', 'step-up');
is((held($answer->content))[1], 'a=1', 'keeps it');
$answer = $jane->post_form('/members/cgi', 'a=1&b=2');
is($jane->json($answer)->{body}, 'a=1&b=2', 'with a session, the form arrives');

# ---- what was sent is nowhere else ----
my $canary = 'form-canary-7f3a';
$answer = post('/members/cgi', "secret=$canary");
like((held($answer->content))[1], qr/$canary/, 'a value is in the page');
unlike($answer->headers->as_string, qr/$canary/, 'in none of its headers');
unlike($answer->content =~ s/<template.*?<\/template>//sr, qr/$canary/, 'at one place');
my $page = Civic::Client::login_page($answer);
is($page->{method}, 'other', 'the page knows how it came');
my $done = $client->callback($client->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP'), $page->{state});
is($client->json($done)->{location}, '/members/cgi', 'the login leads to the same address');
unlike($done->as_string, qr/$canary/, 'without it');
is(scalar(grep { /canary/ } Civic::Log::lines($mark)), 0, 'no line of the log has it');

# ---- the connection goes on behind a form that was read ----
my $nav = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Site: same-origin\r\n";
my $host = "Host: localhost:$ENV{CIVIC_PORT_PLAIN}\r\n";
my $two = Civic::Raw::ask($ENV{CIVIC_PORT_PLAIN}, "POST /members/ HTTP/1.1\r\n$host${nav}Content-Type: $FORM\r\nContent-Length: 3\r\n\r\na=1"
        . "GET /open/ HTTP/1.1\r\n${host}Connection: close\r\n\r\n");
like($two->raw, qr{^HTTP/1\.1 401 .*</html>\s*HTTP/1\.1 \d}s, 'the next request on the connection is answered');
like($two->raw, qr/<template id="civic-form"/, 'and the form was kept');
$answer = Civic::Raw::request($ENV{CIVIC_PORT_PLAIN}, 'POST', '/members/', "${nav}Expect: 100-continue\r\nContent-Type: $FORM\r\n", 'a=1');
is($answer->code . (held($answer->body))[1], '401a=1', 'who waits to be asked for it is asked');
is(scalar(grep { /exit signal/ } Civic::Log::lines($mark)), 0, 'no child has died');
