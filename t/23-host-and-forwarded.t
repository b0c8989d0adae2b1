# Host, X-Forwarded-*, Forwarded and absolute request targets decide nothing: no answer leads to
# what they name, no cookie is set for it, and odd ones end in a status, not in a crash.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();
use Civic::Raw ();

my $port = $ENV{CIVIC_PORT_SITE};
my %HEADERS = (
    'Host'                    => "Host: evil.example\r\n",
    'Host with port'          => "Host: evil.example:$port\r\n",
    'two Hosts'               => "Host: localhost:$port\r\nHost: evil.example\r\n",
    'two Hosts, other order'  => "Host: evil.example\r\nHost: localhost:$port\r\n",
    'Host with user'          => "Host: localhost\@evil.example\r\n",
    'Host with path'          => "Host: evil.example/members\r\n",
    'Host with space'         => "Host: localhost evil.example\r\n",
    'Host with quotes'        => "Host: evil.example\"onload=alert(1)\r\n",
    'Host of markup'          => "Host: <script>evil</script>\r\n",
    'Host with backslash'     => "Host: localhost\\evil.example\r\n",
    'Host with CR'            => "Host: localhost\revil.example\r\n",
    'IPv6 Host'               => "Host: [::1]:$port\r\n",
    'IPv6 Host, no end'       => "Host: [::1\r\n",
    'IPv6 Host, no start'     => "Host: ::1]\r\n",
    'IPv6 Host, empty'        => "Host: []\r\n",
    'IPv6 Host, zone'         => "Host: [fe80::1%25evil]\r\n",
    'IPv6 Host, rubbish'      => "Host: [::evil.example]:99999999\r\n",
    'Host, empty'             => "Host: \r\n",
    'Host, dot'               => "Host: .\r\n",
    'Host, port alone'        => "Host: :$port\r\n",
    'Host, bad port'          => "Host: localhost:evil\r\n",
    'Host, huge port'         => "Host: localhost:99999999999999999999\r\n",
    'Host, long'              => 'Host: ' . ('evil.' x 1500) . "\r\n",
    'no Host'                 => '',
    'X-Forwarded-Host'        => "Host: localhost:$port\r\nX-Forwarded-Host: evil.example\r\n",
    'X-Forwarded-*'           => "Host: localhost:$port\r\nX-Forwarded-Host: evil.example\r\n"
        . "X-Forwarded-Proto: http\r\nX-Forwarded-Port: 666\r\nX-Forwarded-Server: evil.example\r\n"
        . "X-Forwarded-Prefix: //evil.example\r\nX-Forwarded-Uri: /open/\r\nX-Original-URL: /open/\r\n"
        . "X-Rewrite-URL: /open/\r\nX-Forwarded-For: 127.0.0.1\r\n",
    'Forwarded'               => "Host: localhost:$port\r\nForwarded: for=127.0.0.1;host=evil.example;proto=http\r\n",
    'Front-End-Https'         => "Host: localhost:$port\r\nFront-End-Https: off\r\nX-Url-Scheme: http\r\n",
    'Origin and Referer'      => "Host: localhost:$port\r\nReferer: https://evil.example/\r\n",
);
my @TARGETS = ('/members/', "https://evil.example/members/", '/civic/logout?return=/a', '/civic/session',
    '/civic/callback', 'https://evil.example/civic/logout');

plan tests => 3 * keys(%HEADERS) + 16;

my $mark = Civic::Log::mark();

# Whatever a browser would follow, load, send to or keep; but for what is sealed, where any letters may
# stand side by side.
sub leads_away {
    my $answer = shift;
    my @found = grep { s/[\w-]{40,}//gr =~ /evil|(?<![\w-])666(?![\w-])/ } grep {defined}
        map({ $answer->header($_) } qw(Location Content-Location Refresh Link Set-Cookie Access-Control-Allow-Origin
        Content-Security-Policy)), $answer->body =~ /(?:href|action|src|data-[a-z-]+|value)="([^"]*)"/g;
    push @found, 'markup' if $answer->body =~ /<script>evil/;
    return @found;
}

for my $name (sort keys %HEADERS) {
    my @faults;
    for my $target (@TARGETS) {
        for my $version ('1.1', '1.0') {
            my $answer = Civic::Raw::ask($port,
                "GET $target HTTP/$version\r\nConnection: close\r\n$HEADERS{$name}$Civic::Raw::NAVIGATE\r\n", tls => 1);
            push @faults, map { "$target: $_" } $answer->faults, leads_away($answer);
            push @faults, "$target: opened" if $answer->raw =~ /SECRET-CONTENT/;
            push @faults, "$target: status " . $answer->code if $answer->code >= 500;
        }
    }
    is("@faults", '', "$name: no answer leads there");

    # The logout answers with a redirect.
    my $answer = Civic::Raw::ask($port, "POST /civic/logout HTTP/1.1\r\nConnection: close\r\n$HEADERS{$name}"
            . "Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            . "Content-Length: 12\r\n\r\nreturn=/back", tls => 1);
    is(join(' ', leads_away($answer)), '', "$name: nor the logout's");
    ok($answer->code == 303 || $answer->code == 400, "$name: which is done or refused")
        or diag $answer->code;
}

# ---- plain http: only this machine, and Host says which it is ----
for my $host ('evil.example', 'localhost.evil.example', '127.0.evil.example', '127.0.0.1.evil.example',
    'localhost@evil.example', '0.0.0.0', '[::2]', '1270.0.0.1')
{
    my $answer = Civic::Raw::request($ENV{CIVIC_PORT_PLAIN}, 'GET', '/members/', $Civic::Raw::NAVIGATE, undef,
        host => $host);
    ok(!$answer->header('Set-Cookie') && $answer->code >= 400 && $answer->body !~ /data-state/,
        "plain http: no login page as $host");
}
for my $host ('localhost', '127.0.0.1', 'LOCALHOST:80', '[::1]', 'site.localhost') {
    my $answer = Civic::Raw::request($ENV{CIVIC_PORT_PLAIN}, 'GET', '/members/', $Civic::Raw::NAVIGATE, undef,
        host => $host);
    like($answer->body, qr/data-state/, "plain http: one as $host");
}
my $answer = Civic::Raw::request($ENV{CIVIC_PORT_PLAIN}, 'GET', '/members/',
    "X-Forwarded-Proto: https\r\nX-Forwarded-Host: localhost\r\nForwarded: proto=https;host=localhost\r\n"
        . $Civic::Raw::NAVIGATE, undef, host => 'www.example.org');
like($answer->body, qr/data-reason="origin-insecure"/, 'X-Forwarded-Proto makes no https of it');
is($answer->header('WWW-Authenticate'), undef, 'and nothing asks to log in there');

unlike(Civic::Log::since($mark), qr/exit signal/, 'no child has died');
