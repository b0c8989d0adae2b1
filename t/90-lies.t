# Whatever comes back in Civic's place, over connections that are what they should be or not: each lie
# has its status and reason, exactly one line with a reference, is counted, makes no session, and leaves
# nothing behind.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Compress::Zlib ();
use MIME::Base64 qw(encode_base64);

use lib 't/lib';
use Civic::Check qw(refused logs_in);
use Civic::Liar ();
use Civic::Log ();
use Civic::Metrics ();
use Civic::Server ();

my $MIB = 1024 * 1024;
my $zeros = Compress::Zlib::memGzip("\0" x (20 * $MIB));
my $fine = '{"data":"x.y.z","userId":"u","encrypted":true}';

# An answer as text; a function that says it, and hangs up.
sub http { my ($body, @headers) = @_; return join "\r\n", 'HTTP/1.1 200 OK', @headers, 'Content-Length: ' . length $body, '', $body }
sub says { my $text = shift; return sub { Civic::Liar::say($_[0], $text); return } }
sub answers { return says(http(@_)) }
sub on_and_on {
    my ($head, $piece) = @_;
    return sub { my $socket = shift; Civic::Liar::say($socket, $head); 1 while Civic::Liar::say($socket, $piece); return };
}
# PORT is the liar's own.
sub lies_at {
    my $url = shift;
    return sub {
        my $socket = shift;
        my $port = $socket->sockport;
        Civic::Liar::say($socket, http(qq({"data":"$url","userId":"u","encrypted":true,"processed":true}) =~ s/PORT/$port/r));
        return;
    };
}

# name, what it does, reason, what the line says; none of these may be eight failures in a row
my @lies = (
    # headers
    [ 'a header of 1 MiB', says("HTTP/1.1 200 OK\r\nX: " . 'x' x $MIB . "\r\n\r\n"), 'upstream-too-large', qr/\(\S/ ],
    [ '20000 headers', says("HTTP/1.1 200 OK\r\n" . "X: 0123456789\r\n" x 20000 . "\r\n"), 'upstream-too-large', qr/\(\S/ ],
    [ 'interim answers for ever', on_and_on('', "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" x 100), 'upstream-too-large', qr/\(\S/ ],
    [ 'no header at all', says('<h1>It works!</h1>'), 'upstream-cut', qr/HTTP/ ],
    [ 'a NUL in a header', says("HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}"), 'upstream-cut', qr/\(\S/ ],
    [ 'a status that is none', says("HTTP/1.1 20 OK\r\n\r\n"), 'upstream-cut', qr/\(\S/ ],
    # lengths
    [ 'an endless body', on_and_on("HTTP/1.1 200 OK\r\n\r\n", ' ' x 65536), 'upstream-too-large', qr/\(\S/ ],
    [ 'endless chunks', on_and_on("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1000\r\n" . ' ' x 4096 . "\r\n"), 'upstream-too-large', qr/\(\S/ ],
    [ 'a length of terabytes', says("HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n{"), 'upstream-too-large', qr/\(\S/ ],
    [ 'a length that is too long', says("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n$fine"), 'upstream-cut', qr/\(\S/ ],
    [ 'a length that is too short', says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n$fine"), 'answer-format', qr/not a JSON object/ ],
    [ 'a length below zero', says("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n$fine"), 'upstream-cut', qr/\(\S/ ],
    [ 'a chunk of no length', says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n$fine\r\n0\r\n\r\n"), 'upstream-cut', qr/\(\S/ ],
    # compression
    [ 'compressed, though nobody asked', answers(Compress::Zlib::memGzip($fine), 'Content-Encoding: gzip'), 'answer-format', qr/compressed, though nobody asked/ ],
    [ 'said to be compressed', answers($fine, 'Content-Encoding: br'), 'answer-format', qr/compressed/ ],
    [ 'a bomb in the transfer', says("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n$zeros"), 'upstream-too-large', qr/\(\S/ ],
    # redirects
    (map { [ "a redirect by $_", says("HTTP/1.1 $_ Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"), 'upstream-error', qr/status $_/ ] } 301, 302, 303, 307, 308),
    # JSON
    [ 'JSON with a NUL', answers(qq({"data":"x\\u0000y","userId":"u","encrypted":true})), 'answer-format', qr/not a JSON object/ ],
    [ 'a NUL in JSON', answers("$fine\0"), 'answer-format', qr/not a JSON object/ ],
    [ 'no UTF-8', answers(qq({"data":"\xff\xfe","userId":"u","encrypted":true})), 'answer-format', qr/not a JSON object/ ],
    [ 'JSON of 1000 levels', answers('[' x 1000 . ']' x 1000), 'answer-format', qr/not a JSON object/ ],
    [ 'JSON of 100000 levels', answers('{"a":' x 100_000), 'answer-format', qr/not a JSON object/ ],
    [ '100000 items', answers('[' . join(',', ('{"label":"x"}') x 70_000) . ']'), 'answer-format', qr/not a JSON object/ ],
    [ 'two userIds', answers('{"data":"x","userId":"a","userId":"b","encrypted":true}'), 'answer-format', qr/not a JSON object/ ],
    [ 'a userId that is a list', answers('{"data":"x","userId":["u"],"encrypted":true}'), 'answer-user-id', qr/no userId/ ],
    [ 'a userId with a line break', answers('{"data":"x","userId":"u\\nv","encrypted":true}'), 'answer-user-id', qr/visible ASCII/ ],
    [ 'a userId of 129 characters', answers('{"data":"x","userId":"' . 'u' x 129 . '","encrypted":true}'), 'answer-user-id', qr/1 to 128/ ],
    [ 'a token that is none', answers($fine), 'answer-format', qr/\(\S/ ],
    [ 'a number for true', answers('{"data":"x.y.z","userId":"u","encrypted":1}'), 'answer-unencrypted', qr/not true/ ],
    # where a large payload lies
    (map { [ "a payload at $_->[0]", lies_at($_->[0]), 'payload-host', $_->[1] ] }
        [ 'http://a.example/x'            => qr/unfit: plain http/ ],
        [ 'file:///etc/passwd'            => qr/unfit: it must start with https/ ],
        [ 'ftp://a.example/x'             => qr/unfit/ ],
        [ 'gopher://a.example/x'          => qr/unfit/ ],
        [ '//a.example/x'                 => qr/unfit/ ],
        [ '/x'                            => qr/unfit/ ],
        [ 'https://evil.net/x'            => qr/host evil\.net is not in CivicPayloadHosts/ ],
        [ 'https://a.example.evil.net/x'  => qr/is not in CivicPayloadHosts/ ],
        [ 'https://a.example@evil.net/x'  => qr/unfit|not in/ ],
        [ 'https://a.example\\\\@evil.net/' => qr/unfit|not in/ ],
        [ 'https://10.0.0.1/x'            => qr/is not in CivicPayloadHosts/ ],
        [ 'https://169.254.169.254/x'     => qr/is not in CivicPayloadHosts/ ],
        # names that are allowed, and lead to this machine
        [ 'https://localhost:PORT/x'      => qr/address is this machine's or of a private network/ ],
        [ 'http://localhost:PORT/x'       => qr/address is this machine's/ ],
        [ 'https://x.localhost:PORT/x'    => qr/address is this machine's/ ]),
    [ 'one byte now and then', sub {
        my $socket = shift;
        Civic::Liar::say($socket, "HTTP/1.1 200 OK\r\n\r\n") or return;
        select undef, undef, undef, 0.2 while Civic::Liar::say($socket, ' ');
        return;
    }, 'upstream-timeout', qr/comes too slowly/ ],
);
# what the proxy answers to CONNECT, what the line says
my @proxies = (
    [ 'wants a secret', "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n", qr/proxy answers with status 407: it does not take CivicProxySecretFile/ ],
    [ 'knows no way',   "HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", qr/proxy answers with status 502/ ],
    [ 'redirects',      "HTTP/1.1 302 Go\r\nLocation: https://evil.net/\r\nContent-Length: 0\r\n\r\n", qr/proxy answers with status 302/ ],
    [ 'answers itself', "HTTP/1.1 200 Fine\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", qr/\(\S/ ],
);
my @certificates = (
    [ EXPIRED => qr/certificate has expired/ ],
    [ NAMED   => qr/no alternative certificate subject name matches/ ],
    [ SELF    => qr/self.signed certificate/ ],
);
my $MORE = 8;
plan tests => 4 * @lies + 2 * @certificates + 3 * @proxies + 2 * $MORE + 18;

# ---- the liars ----
my $dir = File::Temp->newdir('civic-lies-XXXXXX', TMPDIR => 1);
my %lies = map { $_->[0] => $_->[1] } @lies;
# As a gateway does it that cuts warm connections: the first request is answered, the second is not.
$lies{'only once'} = sub {
    my ($socket, undef, $number) = @_;
    return $number == 1 && Civic::Liar::say($socket, http($fine));
};
my $civic = Civic::Liar->new(lies => \%lies,
    tls => Civic::Liar::certificate($dir, 'mapped', names => 'DNS:localhost,IP:::ffff:127.0.0.1'));
my %liar = (
    EXPIRED => Civic::Liar->new(lies => {}, tls => Civic::Liar::certificate($dir, 'expired', names => 'DNS:localhost', days => -1)),
    NAMED   => Civic::Liar->new(lies => {}, tls => Civic::Liar::certificate($dir, 'named',   names => 'DNS:other.example')),
    SELF    => Civic::Liar->new(lies => {}, tls => Civic::Liar::certificate($dir, 'self',    names => 'DNS:localhost', self => 1)),
);
my %to_proxy = map { my $text = $_->[1]; $_->[0] => says($text) } @proxies;

# A tunnel as it should be.
$to_proxy{tunnel} = sub {
    my ($client, $request) = @_;
    my ($port) = $request =~ /^CONNECT localhost:(\d+) HTTP/ or return;
    my $server = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or return;
    Civic::Liar::say($client, "HTTP/1.1 200 Fine\r\n\r\n");
    my %other = ($client->fileno => [ $client, $server ], $server->fileno => [ $server, $client ]);
    while (1) {
        my $set = '';
        vec($set, $_, 1) = 1 for keys %other;
        select $set, undef, undef, 30 or return;
        for my $from (grep { vec $set, $_, 1 } keys %other) {
            $other{$from}[0]->sysread(my $bytes, 65536) or return;
            Civic::Liar::say($other{$from}[1], $bytes) or return;
        }
    }
};
my $proxy = Civic::Liar->new(lies => \%to_proxy);
# ---- the site: an application for each of them ----
# Written so, loopback is an address like any other to the module.
my %api = (LIES => 'https://[::ffff:127.0.0.1]:' . $civic->port, map { ($_ => 'https://localhost:' . $liar{$_}->port) } keys %liar);
my $server = Civic::Server->site(
    ports => [ keys %api, qw(PROXY NONAME) ],
    conf  => join '', <<'END',
CivicExchangeTimeout 20s
<IfModule mpm_event_module>
    StartServers 1
    ServerLimit 1
    MaxRequestWorkers 16
</IfModule>
END
    (map { Civic::Server::host($_, Civic::Server::application('CO-ALPHA', CivicApiUrl => "$api{$_}/sip", CivicPayloadHosts => 'localhost *.localhost *.example')) } sort keys %api),
    Civic::Server::host(NONAME => Civic::Server::application('CO-ALPHA', CivicApiUrl => 'https://' . 'a' x 64 . '.example/sip')),
    Civic::Server::host(PROXY => Civic::Server::application('CO-ALPHA',
        CivicProxy => 'http://localhost:' . $proxy->port, CivicProxySecretFile => 'proxy.secret')),
);
$server->write_file('proxy.secret', "jane:proxy-canary %41\n", 0600);
$server->start;
my $sandbox = $server->client->{sandbox};

sub login {
    my ($port, $client) = @_;
    $client ||= $server->client($port);
    return ($client, ($client->login('/members/'))[0]);
}
sub line { return (grep {/login refused: /} Civic::Log::lines($_[0]))[0] // '' }

# ---- lies ----
my $before = Civic::Metrics::scrape($server->client);
my %expected;
for my $row (@lies) {
    my ($name, undef, $reason, $detail) = @$row;
    $civic->tell($name);
    my $mark = $server->mark;
    my $requests = $civic->requests;
    my ($client, $answer) = login('LIES');
    refused($answer, $reason, $mark, "$name: $reason");
    like(line($mark), $detail, "$name: the line helps");
    is($client->session_cookie, undef, "$name: no session");
    is($civic->requests - $requests, 1, "$name: one request, and nothing is followed");
    $expected{qq(refusals_total{reason="$reason"})}++;
}
my $moved = Civic::Metrics::moved($before, Civic::Metrics::scrape($server->client));
delete $moved->{'refusals_total{reason="login-required"}'};
is_deeply({ map { ($_ => $moved->{$_}) } grep {/refusals/} keys %$moved }, \%expected, 'each is counted once, by its reason');
is($moved->{logins_total}, undef, 'and no login');
is(scalar(grep {/Civic at /} split /\n/, $server->error_log), 0, 'a liar is not taken for down');

# ---- a warm connection that dies under a request: not sent again, over TLS neither ----
$civic->tell('only once');
my $requests = $civic->requests;
my @cut;
for my $try (1 .. $MORE) {
    my $mark = $server->mark;
    my (undef, $answer) = login('LIES');
    like(line($mark), qr/refused: (?:answer-format|upstream-cut \(the connection broke when the request was on its way, which is not sent again(?:; \d+ more like this before)?\)) /,
        "warm or cold, $try: " . $answer->code);
    push @cut, $try if line($mark) =~ /upstream-cut/;
    is($civic->requests - $requests, $try, 'one login, one request');
}
# (With prefork, each process has connections of its own, and none may have come twice.)
ok(scalar @cut || $ENV{CIVIC_MPM} eq 'prefork', 'some went over a warm connection');
my %seen;
$seen{ /"authToken":"([^"]+)"/ ? $1 : '' }++ for $civic->requests;
is(scalar(grep { $_ > 1 } values %seen), 0, 'no code went out twice');
is($seen{''}, undef, 'and each request had one');

# ---- who is there ----
for my $row (@certificates) {
    my ($port, $detail) = @$row;
    my $mark = $server->mark;
    my (undef, $answer) = login($port);
    refused($answer, 'upstream-untrusted', $mark, "$port: upstream-untrusted");
    like(line($mark), $detail, "$port: the line says what is wrong");
}
is(scalar(map { $_->requests } values %liar), 0, 'none of them got to see a request');
my $mark = $server->mark;
my (undef, $answer) = login('NONAME');
refused($answer, 'upstream-unreachable', $mark, 'a name that there is not');
like(line($mark), qr/resolve host/, 'the line says so');

# ---- a proxy ----
for my $row (@proxies) {
    my ($name, undef, $detail) = @$row;
    $proxy->tell($name);
    $mark = $server->mark;
    my $asked = $proxy->requests;
    (my $client, $answer) = login('PROXY');
    refused($answer, 'upstream-unreachable', $mark, "a proxy that $name: upstream-unreachable");
    like(line($mark), $detail, "$name: the line says what it did");
    cmp_ok($proxy->requests - $asked, '<=', $name eq 'answers itself' ? 2 : 1, "$name: asked once, or for a connection that was never made twice");
}
$proxy->tell('tunnel');
logs_in($server->client('PROXY'), '/members/', 'through a proxy that does its work');
my ($connect) = reverse $proxy->requests;
like($connect, qr{^CONNECT localhost:\d+ HTTP/1\.1\r\n}, 'which sees host and port');
my $basic = encode_base64('jane:proxy-canary %41', '');
like($connect, qr{\r\nProxy-Authorization: Basic \Q$basic\E\r\n}, 'and who asks, to the letter');
unlike(join('', $proxy->requests), qr/Authorization: Civic|authToken|eyJ/, 'but no code, no token');
unlike($server->error_log, qr/proxy-canary|\Q$basic\E/, 'the log does not know the secret');

# ---- nothing is left ----
my @processes = split ' ', `ps -o pid= --ppid @{[ $server->pid ]}`;
my ($worst) = sort { $b <=> $a } map { scalar(() = glob "/proc/$_/fd/*") } @processes;
$civic->tell('a token that is none');
login('LIES') for 1 .. 30;
my ($now) = sort { $b <=> $a } map { scalar(() = glob "/proc/$_/fd/*") } @processes;
cmp_ok($now, '<=', $worst + 8, 'no descriptor leaks');
logs_in($server->client, '/members/', 'and an honest Civic logs people in');
is(scalar(grep {/exit signal|Segmentation/} split /\n/, $server->error_log), 0, 'no child died');
is(scalar(grep { !-d "/proc/$_" } @processes), 0, 'nor was replaced');
