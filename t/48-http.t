# Old and odd HTTP: version 1.0, HEAD, conditions, ranges, many requests on one connection. The
# login page is never mistaken for what it stands for, and nothing leaks.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use IO::Socket::SSL ();

use lib 't/lib';
use Civic::Client ();

my @validators = (
    [ 'If-None-Match *',        'If-None-Match'     => '*' ],
    [ 'If-None-Match',          'If-None-Match'     => '"x"' ],
    [ 'If-Modified-Since',      'If-Modified-Since' => 'Fri, 31 Dec 2100 23:59:59 GMT' ],
    [ 'If-Match',               'If-Match'          => '"x"' ],
    [ 'If-Unmodified-Since',    'If-Unmodified-Since' => 'Thu, 01 Jan 1970 00:00:01 GMT' ],
    [ 'Range',                  Range               => 'bytes=0-9' ],
    [ 'Range of the end',       Range               => 'bytes=-5' ],
    [ 'Range of nothing',       Range               => 'bytes=999999-' ],
    [ 'several ranges',         Range               => 'bytes=0-1,3-4,6-7' ],
    [ 'Range with If-Range',    Range               => 'bytes=0-9', 'If-Range' => '"x"' ],
);
plan tests => 3 * @validators + 37;

my $client = Civic::Client->new;
my $whole = $client->get('/members/file.txt');
ok(Civic::Client::login_page($whole), 'the login page in place of a file');
is($whole->header($_), undef, "it has no $_") for qw(ETag Last-Modified Accept-Ranges Content-Range);

for my $row (@validators) {
    my ($name, %headers) = @$row;
    my $answer = $client->get('/members/file.txt', %headers);
    is($answer->code, 401, "$name: 401");
    ok($answer->content =~ m{^<!DOCTYPE html>.*</html>\s*\z}s, "$name: the whole page");
    is($answer->header('Content-Length'), length $answer->content, "$name: of its length");
}

# What is behind still obeys them, for whoever is logged in.
my $jane = Civic::Client->logged_in('/members/');
my $file = $jane->get('/members/file.txt');
is($file->code, 200, 'with a session: the file');
is($jane->get('/members/file.txt', 'If-None-Match' => $file->header('ETag'))->code, 304, 'its ETag: 304');
is($jane->get('/members/file.txt', Range => 'bytes=0-5')->code, 206, 'a range: 206');
is($client->get('/members/file.txt', 'If-None-Match' => $file->header('ETag'))->code, 401, 'without a session, its ETag tells nothing');

# ---- as written on the wire ----
sub wire {
    my ($text, %how) = @_;
    my $port = $how{port} || $ENV{CIVIC_PORT_SITE};
    my $socket = $how{plain}
        ? IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
        : IO::Socket::SSL->new(PeerAddr => "127.0.0.1:$port", SSL_ca_file => "$ENV{CIVIC_KEYS}/ca.pem",
            SSL_verifycn_name => 'localhost', SSL_hostname => '');
    die "connect: $!" if !$socket;
    print {$socket} $text =~ s/\n/\r\n/gr;
    local $/;
    my $answer = <$socket> // '';
    close $socket;
    return $answer;
}

my $accept = "Accept: text/html\n";
my $answer = wire("GET /members/ HTTP/1.0\n$accept\n");
like($answer, qr{^HTTP/1\.1 401 }, 'HTTP/1.0 without Host: 401');
like($answer, qr/id="civic-login"/, 'and the page');
like($answer, qr/\nConnection: close\r/, 'then the connection is closed');
unlike($answer, qr/Transfer-Encoding/, 'without chunks');
my ($name, $value) = $jane->session_cookie;
$answer = wire("GET /members/file.txt HTTP/1.0\nCookie: $name=$value\n\n");
like($answer, qr{^HTTP/1\.1 200 .*SECRET-CONTENT}s, 'with a session: the file');
like(wire("GET /members/\n\n"), qr/^(?!.*SECRET)/s, 'HTTP/0.9 gets nothing that is protected');
$answer = wire("GET /members/ HTTP/1.0\n$accept\n", plain => 1, port => $ENV{CIVIC_PORT_PLAIN});
like($answer, qr{^HTTP/1\.1 403 .*data-reason="origin-insecure"}s, 'plain http without Host cannot be told from elsewhere: no login');

my $host = "Host: localhost:$ENV{CIVIC_PORT_SITE}\n";
$answer = wire("HEAD /members/ HTTP/1.1\n$host${accept}Connection: close\n\n");
like($answer, qr{^HTTP/1\.1 401 .*\r\n\r\n\z}s, 'HEAD: the header alone');
like($answer, qr/\nSet-Cookie: __Host-civic-login=/, 'and its cookie');

# Several requests in one go: each answer begins where the one before ends.
$answer = wire(join '', map {"GET /members/$_ HTTP/1.1\n$host$accept" . ($_ eq '3' ? "Connection: close\n" : '') . "\n"} 1 .. 3);
is(scalar(() = $answer =~ m{HTTP/1\.1 401 }g), 3, 'three requests on one connection: three answers');
is(scalar(() = $answer =~ m{</html>}g), 3, 'and three pages');

# A body that nobody reads does not become the next request.
my $smuggled = "GET /open/ HTTP/1.1\n$host\n";
$answer = wire("POST /members/ HTTP/1.1\n${host}Content-Length: " . length($smuggled =~ s/\n/\r\n/gr) . "\n\n$smuggled"
        . "GET /members/ HTTP/1.1\n${host}Connection: close\n\n");
is(scalar(() = $answer =~ m{HTTP/1\.1 \d+}g), 2, 'a body is no request');
unlike($answer, qr{HTTP/1\.1 200}, 'so nothing is let in by it');

# Absolute form, upper case, percent.
like(wire("GET https://localhost/members/?x HTTP/1.1\n$host${accept}Connection: close\n\n"), qr{^HTTP/1\.1 401 .*civic-login}s, 'absolute form');
like(wire("GET /%6dembers/ HTTP/1.1\n$host${accept}Connection: close\n\n"), qr{^HTTP/1\.1 401 }s, 'a percent-encoded path');
like(wire("GET /open/../members/file.txt HTTP/1.1\n$host${accept}Connection: close\n\n"), qr{^HTTP/1\.1 401 }s, 'a path with ..');
like(wire("get /members/ HTTP/1.1\n$host${accept}Connection: close\n\n"), qr{^HTTP/1\.1 [45]\d\d (?!.*SECRET)}s, 'a method in lower case');
like(wire("BREW /members/ HTTP/1.1\n$host${accept}Connection: close\n\n"), qr{^HTTP/1\.1 [45]\d\d (?!.*SECRET)}s, 'a method that is none');
# httpd answers TRACE before anybody is asked to log in: with the request, and no cookie of ours.
$answer = wire("TRACE /members/ HTTP/1.1\n${host}Cookie: a=b; $name=$value\nConnection: close\n\n");
like($answer, qr{^HTTP/1\.1 200 .*message/http.*\nCookie: a=b\r}s, 'TRACE tells the request');
unlike($answer, qr/\Q$value\E/, 'without the session');

# Expect: the body is not asked for before it is known that nobody wants it.
$answer = wire("POST /members/ HTTP/1.1\n${host}Content-Length: 5\nExpect: 100-continue\nConnection: close\n\n");
unlike($answer, qr/100 Continue/, 'Expect: a body that is not wanted is not asked for');
like($answer, qr{^HTTP/1\.1 401 }, '401 at once');

# ---- the page as a page: HTML, its policy, its assets ----
is($whole->header('Content-Type'), 'text/html; charset=utf-8', 'the type of the page');
for my $asset ($whole->content =~ m{(?:src|href)="(/civic/[^"]+)"}g) {
    my $answer = $client->fetch($asset =~ s/&amp;/&/gr);
    is($answer->code, 200, "$asset: there without a login");
    like($answer->header('Cache-Control'), qr/public, max-age=31536000, immutable/, "$asset: and may be kept");
}
is($client->request('POST', '/civic/login.js')->code, 405, 'assets are read only');
