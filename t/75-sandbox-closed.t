# The sandbox is for this machine and on purpose: off unless it is switched on, for one virtual host,
# with a warning; clients from elsewhere are refused, whether they come themselves or through a proxy
# that mod_remoteip believes; pages of other sites cannot give orders; wrong directives do not start.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use IO::Socket::INET ();
use LWP::UserAgent ();

use lib 't/lib';
use Civic::Env ();
use Civic::Sandbox ();
use Civic::Server ();

plan tests => 52;

my $agent = LWP::UserAgent->new(timeout => 20, max_redirect => 0);
my @paths = ('/js/civic.sip.min.js', '/hosted/frame', '/phone/x', '/sip/dev/scopeRequest/authCode',
    '/payload/x', '/sandbox/log');

# The address of this machine that others see, if there is any. Nothing is sent.
my $socket = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '192.0.2.1', PeerPort => 9);
my $own = $socket ? $socket->sockhost : '127.0.0.1';

my $key = 'CivicSandboxKeyFile ${CIVIC_KEYS}/civic.key';
my $app = 'CivicSandboxApplication CO-ALPHA ${CIVIC_KEYS}/CO-ALPHA.pub ${CIVIC_KEYS}/CO-ALPHA.secret';

# ---- who may come ----
my $server = Civic::Server->new(ports => [qw(ON OFF)], conf => <<"END");
LoadModule remoteip_module \${CIVIC_MODULES}/mod_remoteip.so
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.1 $own
Listen \${CIVIC_PORT_ON}
Listen 127.0.0.1:\${CIVIC_PORT_OFF}
DocumentRoot \${CIVIC_T}/htdocs
<VirtualHost *:\${CIVIC_PORT_ON}>
    CivicSandbox On
    $key
    $app *
</VirtualHost>
<VirtualHost *:\${CIVIC_PORT_OFF}>
</VirtualHost>
END
$server->start;
my $base = 'http://127.0.0.1:' . $server->port('ON');
is($agent->get("$base/sandbox/log")->code, 200, 'this machine is answered');
like($server->error_log, qr/civic_sandbox:warn.*THIS IS NOT CIVIC/, 'a warning at startup');
is($agent->get("$base/sandbox/log", 'X-Forwarded-For' => '127.0.0.1')->code, 200, 'also through a proxy');
for my $path (@paths) {
    is($agent->get("$base$path", 'X-Forwarded-For' => '192.0.2.7')->code, 403,
        "$path: not for others, through a proxy");
    is($agent->get("$base$path", 'X-Forwarded-For' => '2001:db8::7')->code, 403, "$path: by IPv6");
}
my $refusals = () = $server->error_log =~ /a client that is not on this machine was refused/g;
is($refusals, 2 * @paths, 'each is logged');

# By the machine's own address one is a client like any other, whomever a proxy claims to speak for.
# A machine that has none but loopback has no such clients.
my $outside = $own eq '127.0.0.1' ? 200 : 403;
my $there = "http://$own:" . $server->port('ON');
is($agent->get("$there/sandbox/log")->code, $outside, 'not for who comes by another address');
is($agent->get("$there/sandbox/log", 'X-Forwarded-For' => '127.0.0.1')->code, $outside,
    'whatever a proxy says');

# ---- where it is on ----
my $off = 'http://127.0.0.1:' . $server->port('OFF');
is($agent->get("$off$_")->code, 404, "$_: not at the host beside it") for @paths;
is($agent->get("$off/open/")->code, 200, 'which serves as ever');
is($agent->get("$base/open/")->code, 404, 'as the sandbox does not');
undef $server;

$server = Civic::Server->new(ports => ['OFF'], conf => <<"END");
Listen 127.0.0.1:\${CIVIC_PORT_OFF}
DocumentRoot \${CIVIC_T}/htdocs
$key
$app *
END
$server->start;
is($agent->get('http://127.0.0.1:' . $server->port('OFF') . '/sandbox/log')->code, 404, 'not switched on: no sandbox');
unlike($server->error_log, qr/THIS IS NOT CIVIC/, 'and no warning');
undef $server;

# ---- orders of other sites ----
my $sandbox = Civic::Sandbox->plain;
for my $order ('reset', 'token', 'fault') {
    my $answer = $agent->post("$sandbox->{base}/sandbox/$order", Origin => 'http://evil.example',
        'Content-Type' => 'text/plain', Content => '{"appId":"CO-PLAIN","fault":"503"}');
    is($answer->code, 403, "a page of another site cannot order: $order");
    is($answer->header('Access-Control-Allow-Origin'), undef, "nor read: $order");
}
is($agent->post("$sandbox->{base}/sandbox/reset", Origin => $sandbox->{base})->code, 200, 'one of its own can');
is($agent->get("$sandbox->{base}/sandbox/reset")->code, 405, 'nothing is ordered by GET');

# ---- what does not start ----
for (
    [ 'CivicSandbox On', qr/CivicSandbox On needs CivicSandboxKeyFile/, 'no key' ],
    [ 'CivicSandboxKeyFile nowhere', qr/the file nowhere cannot be read/, 'no such key file' ],
    [ 'CivicSandboxKeyFile ${CIVIC_KEYS}/CO-ALPHA.secret', qr/CivicSandboxKeyFile .*digits/, 'what is no key' ],
    [ $app, qr/takes an id, a file with its public key, a file with its secret/, 'no origins' ],
    [ $app =~ s/\S+$/nowhere */r, qr/nowhere cannot be read/, 'no such secret' ],
    [ "$app *\n$app *", qr/CO-ALPHA: it is there already/, 'an application twice' ],
    [ 'CivicSandboxPublicUrl http://localhost:1/civic', qr/scheme, host and port alone/, 'an address with a path' ],
    [ 'CivicSandboxPublicUrl http://civic.example', qr/loopback/, 'plain http to elsewhere' ],
) {
    my ($conf, $message, $what) = @$_;
    my $wrong = Civic::Server->new(ports => ['X'], conf => "Listen 127.0.0.1:\${CIVIC_PORT_X}\n$conf\n");
    my ($status, $text) = $wrong->configtest;
    isnt($status, 0, "$what: refused");
    $text .= $wrong->error_log;
    like($text, $message, "$what: and says why");
}
