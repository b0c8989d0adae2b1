# Whatever comes as a body to callback and logout, empty, cut, chunked, too large or of another
# type, ends in the fitting status; no child dies of it and the connection is not left in disorder.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();
use Civic::Raw ();

my $port = $ENV{CIVIC_PORT_PLAIN};
my $SAME = "Sec-Fetch-Site: same-origin\r\n";
my $JSON = "Content-Type: application/json\r\n";
my $FORM = "Content-Type: application/x-www-form-urlencoded\r\n";
my $CHUNKED = "Transfer-Encoding: chunked\r\n";

sub length_of { return "Content-Length: $_[0]\r\n" }
sub chunks { return join '', map({ sprintf "%x\r\n%s\r\n", length, $_ } @_), "0\r\n\r\n" }

# 64 KiB of acceptable JSON or form, and one byte more.
sub json_of { my $n = shift; return '{"token":"' . ('a' x ($n - 24)) . '","state":"b"}' }
sub form_of { my $n = shift; return 'x=' . ('a' x ($n - 2)) }

# [name, header lines, bytes, reason at the callback, reason at the logout ('' when it is done)]
my $FULL = 65536;
my $FIELDS = join '&', map { "a$_=" } 1 .. 7000;
my @BODIES = (
    ['no type, no length, nothing',       '', '', 'content-type', ''],
    ['JSON, no length, nothing',          $JSON, '', 'body-malformed', ''],
    ['JSON of 0 bytes',                   $JSON . length_of(0), '', 'body-malformed', ''],
    ['a form of 0 bytes',                 $FORM . length_of(0), '', 'content-type', ''],
    ['chunked, nothing',                  $JSON . $CHUNKED, chunks(), 'body-malformed', ''],
    ['no type, 1 byte',                   length_of(1), 'x', 'content-type', 'content-type'],
    ['an empty type',                     "Content-Type: \r\n" . length_of(1), 'x', 'content-type', 'content-type'],
    ['text',                              "Content-Type: text/plain\r\n" . length_of(2), '{}', 'content-type', 'content-type'],
    ['multipart',                         "Content-Type: multipart/form-data; boundary=x\r\n" . length_of(5), "--x--", 'content-type', 'content-type'],
    ['a type that starts so',             "Content-Type: application/jsonx\r\n" . length_of(2), '{}', 'content-type', 'content-type'],
    ['two types',                         $JSON . "Content-Type: text/plain\r\n" . length_of(2), '{}', 'content-type', 'content-type'],
    ['a type with parameters',            "Content-Type: application/JSON ; charset=utf-8\r\n" . length_of(2), '{}', 'body-malformed', ''],
    ['one byte',                          $JSON . length_of(1), '{', 'body-malformed', 'body-malformed'],
    ['a list',                            $JSON . length_of(2), '[]', 'body-malformed', 'body-malformed'],
    ['null',                              $JSON . length_of(4), 'null', 'body-malformed', 'body-malformed'],
    ['a string',                          $JSON . length_of(3), '"a"', 'body-malformed', 'body-malformed'],
    ['a number',                          $JSON . length_of(5), '1e999', 'body-malformed', 'body-malformed'],
    ['members of other types',            $JSON . length_of(23), '{"token":1,"state":[1]}', 'body-malformed', ''],
    ['empty members',                     $JSON . length_of(23), '{"token":"","state":""}', 'body-malformed', ''],
    ['a member twice',                    $JSON . length_of(33), '{"token":"a","token":"b","all":0} ', 'body-malformed', 'body-malformed'],
    ['a NUL',                             $JSON . length_of(29), '{"token":"\u0000","state":"b"}', 'body-malformed', 'body-malformed'],
    ['bytes that are not UTF-8',          $JSON . length_of(25), "{\"token\":\"\xff\",\"state\":\"b\"}", 'body-malformed', 'body-malformed'],
    ['a lone surrogate',                  $JSON . length_of(30), '{"token":"\ud800","state":"b"}', 'body-malformed', 'body-malformed'],
    ['something behind',                  $JSON . length_of(26), '{"token":"a","state":"b"}x', 'body-malformed', 'body-malformed'],
    ['too deep',                          $JSON . length_of(60000), '[' x 60000, 'body-malformed', 'body-malformed'],
    ['deep in an object',                 $JSON . length_of(36), '{"a":' . ('[' x 15) . (']' x 15) . '}', 'body-malformed', ''],
    ['64 KiB',                            $JSON . length_of($FULL), json_of($FULL), 'state-invalid', ''],
    ['64 KiB, chunked',                   $JSON . $CHUNKED, chunks(unpack '(a1000)*', json_of($FULL)), 'state-invalid', ''],
    ['64 KiB and a byte',                 $JSON . length_of($FULL + 1), json_of($FULL + 1), 'body-too-large', 'body-too-large'],
    ['64 KiB and a byte, chunked',        $JSON . $CHUNKED, chunks(unpack '(a1000)*', json_of($FULL + 1)), 'body-too-large', 'body-too-large'],
    ['1 MiB, chunked',                    $JSON . $CHUNKED, chunks(unpack '(a8000)*', json_of(1048576)), 'body-too-large', 'body-too-large'],
    ['a terabyte is said to come',        $JSON . length_of('1000000000000'), '', 'body-too-large', 'body-too-large'],
    ['a form of 64 KiB',                  $FORM . length_of($FULL), form_of($FULL), 'content-type', ''],
    ['a form of 64 KiB and a byte',       $FORM . length_of($FULL + 1), form_of($FULL + 1), 'content-type', 'body-too-large'],
    ['a form of many fields',             $FORM . length_of(length $FIELDS), $FIELDS, 'content-type', ''],
    ['a bad percent',                     $FORM . length_of(4), 'a=%z', 'content-type', 'body-malformed'],
    ['half a percent',                    $FORM . length_of(3), 'a=%', 'content-type', 'body-malformed'],
    ['a NUL in a form',                   $FORM . length_of(5), 'a=%00', 'content-type', 'body-malformed'],
    ['a raw NUL in a form',               $FORM . length_of(5), "a=b\0c", 'content-type', ''],
    ['separators alone',                  $FORM . length_of(6), '&&==&=', 'content-type', 'body-malformed'],
    ['fewer bytes than said',             $JSON . length_of(100), '{"token":"a"', 'body-incomplete', 'body-incomplete'],
    ['chunked without end',               $JSON . $CHUNKED, "5\r\n{\"tok", 'body-incomplete', 'body-incomplete'],
);
# What httpd itself refuses, before us or with us: any 4xx or 501 will do.
my @FRAMING = (
    ['chunked, a bad length',     "$JSON$CHUNKED", "zz\r\n{}\r\n0\r\n\r\n"],
    ['chunked, a huge length',    "$JSON$CHUNKED", "ffffffffffffffffff\r\n{}\r\n"],
    ['chunked, a negative length', "$JSON$CHUNKED", "-5\r\n{}\r\n0\r\n\r\n"],
    ['two lengths',               "${JSON}Content-Length: 2\r\nContent-Length: 3\r\n", '{}x'],
    ['a negative length',         "${JSON}Content-Length: -1\r\n", ''],
    ['no number as length',       "${JSON}Content-Length: 0x10\r\n", '{}'],
    ['a length beyond 64 bits',   "${JSON}Content-Length: 99999999999999999999999\r\n", '{}'],
    ['an empty length',           "${JSON}Content-Length: \r\n", ''],
    ['length and chunks',         "$JSON${CHUNKED}Content-Length: 5\r\n", "0\r\n\r\n"],
    ['an unknown coding',         "${JSON}Transfer-Encoding: gzip\r\n", 'x'],
    ['chunked, then more',        "${JSON}Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"],
    ['identity',                  "${JSON}Transfer-Encoding: identity\r\n" . length_of(2), '{}'],
);

plan tests => 2 * @BODIES + 4 * @FRAMING + 10;

my $mark = Civic::Log::mark();
my $deaths = () = Civic::Log::since({ at => 0 }) =~ /exit signal/g;

sub post {
    my ($path, $lines, $bytes) = @_;
    return Civic::Raw::ask($port, "POST $path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n$SAME$lines\r\n$bytes",
        shut => 1);
}

# Of an answer that is the problem and nothing else.
sub reason {
    my $answer = shift;
    return '' if $answer->code < 400;
    return 'of no type' if ($answer->header('Content-Type') // '') ne 'application/problem+json';
    return $answer->body =~ /\A\{[^{}]*"reason":"([^"]*)"[^{}]*"status":(\d+)[^{}]*\}\z/ && $2 == $answer->code
        ? $1 : 'not one problem: ' . $answer->body;
}

my %STATUS = ('content-type' => 415, 'body-malformed' => 400, 'body-too-large' => 413, 'body-incomplete' => 400,
    'state-invalid' => 400);

for my $body (@BODIES) {
    my ($name, $lines, $bytes, $callback, $logout) = @$body;
    my $answer = post('/civic/callback', $lines, $bytes);
    is(join(' ', $answer->code, reason($answer), $answer->faults), "$STATUS{$callback} $callback", "callback: $name");
    $answer = post('/civic/logout', $lines, $bytes);
    my $expected = $logout ? "$STATUS{$logout} $logout" : $lines =~ /json/i && length($bytes) > 5 ? '200 ' : '303 ';
    $expected = '200 ' if $name eq 'a type with parameters';
    is(join(' ', $answer->code, reason($answer), $answer->faults), $expected, "logout: $name");
}

for my $framing (@FRAMING) {
    my ($name, $lines, $bytes) = @$framing;
    for my $path ('/civic/callback', '/civic/logout') {
        my $answer = post($path, $lines, $bytes);
        my $code = $answer->code;
        ok(($code >= 400 && $code < 500) || $code == 501 || ($path =~ /logout/ && $code == 303) || $code == 200,
            "$path: $name: answered") or diag $answer->raw;
        my $bodies = () = $answer->body =~ /<html|"reason"/g;
        is(join(' ', $bodies < 2 ? () : $answer->body, $answer->faults), '', "$path: $name: once");
    }
}

# ---- what follows on the same connection is a request of its own, or the connection is closed ----
for my $first (
    ['refused before it is read', '', 'GET /open/ HTTP/1.1' . "\r\n\r\n", 403],
    ['too large',                 $SAME, json_of($FULL + 1), 413],
    ['of the wrong type',         $SAME, 'GET /members/ HTTP/1.1' . "\r\n\r\n", 415],
) {
    my ($name, $lines, $bytes, $status) = @$first;
    my $type = $status == 415 ? "Content-Type: text/plain\r\n" : $JSON;
    my $raw = Civic::Raw::ask($port,
        "POST /civic/callback HTTP/1.1\r\nHost: localhost\r\n$lines$type" . length_of(length $bytes) . "\r\n$bytes"
            . "GET /civic/page.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", shut => 1)->raw;
    my @codes = $raw =~ /^HTTP\/1\.1 (\d+)/mg;
    is($codes[0], $status, "a body $name: $status");
    ok(@codes == 1 || "@codes[1..$#codes]" eq '200', "a body $name: is nobody's request") or diag "@codes";
}

# Expect: 100-continue is not answered by an invitation to send what will be refused.
my $answer = Civic::Raw::ask($port, "POST /civic/callback HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        . "Expect: 100-continue\r\n$SAME$JSON" . length_of($FULL + 1) . "\r\n");
is($answer->code, 413, 'too much is refused before it is sent');
unlike($answer->raw, qr/100 Continue/, 'without an invitation');

my $child = Civic::Raw::request($port, 'GET', '/civic/session');
is($child->body, '{"sessions":[]}', 'the server is well');
is(scalar(() = Civic::Log::since({ at => 0 }) =~ /exit signal/g), $deaths, 'no child has died');
