# WebSockets: who opens one must be logged in, from a page of this site, and is never shown a page; the
# back end learns who it is; and it is closed when its session has ended, expired, or was ended by somebody
# else, under each MPM, by both of mod_proxy's ways, over TLS and without.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use POSIX ();
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Check ();
use Civic::Client ();
use Civic::Log ();
use Civic::Metrics ();
use Civic::Raw ();
use Civic::Server ();
use Civic::WebSocket ();

my @WAYS = qw(http tunnel);       # mod_proxy_http's upgrade=, mod_proxy_wstunnel
my @MPMS = qw(event worker prefork);
my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $SOON = 5;                     # seconds; the check is each second

plan tests => 14 * @WAYS + 10 * @MPMS + 28;

my $backend = Civic::WebSocket->start;
my $address = '127.0.0.1:' . $backend->port;
my $PLACES = <<"END";
<Location "/http/">
    ProxyPass http://$address/ upgrade=websocket
</Location>
<Location "/tunnel/">
    ProxyPass ws://$address/tunnel/
    ProxyWebsocketFallbackToProxyHttp Off
</Location>
END
$PLACES .= <<"END" for ['/', ''], ['/short/', 'CivicSessionLife 3s'], ['/idle/', 'CivicSessionIdle 3s'],
<Location "/http$$_[0]">
    ProxyPass http://$address/ upgrade=websocket
    AuthType Civic
    AuthName "Chat"
    CivicIdentity headers
    $$_[1]
    Require valid-user
</Location>
END
    ['/page/', 'CivicUnauthenticated page'];
$PLACES .= <<"END";
<Location "/tunnel/page/">
    CivicUnauthenticated page
</Location>
<Location "/tunnel/">
    AuthType Civic
    AuthName "Chat"
    CivicIdentity headers
    Require valid-user
</Location>
<Location "/optional/">
    ProxyPass http://$address/ upgrade=websocket
    AuthType Civic
    AuthName "Optional"
    CivicUnauthenticated pass
    CivicIdentity headers
    Require all granted
</Location>
<Location "/operator">
    ProxyPass !
    SetHandler civic-status
    CivicStatusActions On
</Location>
<Location "/members/">
    AuthType Civic
    AuthName "Members"
    Require valid-user
</Location>
END

sub server {
    my $mpm = shift;
    my $tls = "SSLEngine on\nSSLCertificateFile \${CIVIC_KEYS}/server.pem\nSSLCertificateKeyFile \${CIVIC_KEYS}/server.key\n";
    my $conf = "LoadModule proxy_wstunnel_module \${CIVIC_MODULES}/mod_proxy_wstunnel.so\n"
        . "CivicWebSocketCheck 1s\nTimeout 60\nLogFormat \"%P %U %s\" ended\nCustomLog \${CIVIC_LOGS}/ended_log ended\n";
    for my $port (qw(PLAIN SECURE)) {
        my $site = Civic::Server::application('CO-PLAIN',
            CivicApiUrl => 'http://localhost:${CIVIC_PORT_SANDBOX_PLAIN}/sip', CivicCACertificateFile => undef,
            CivicBrowserLibrary => undef);
        $conf .= "Listen 127.0.0.1:\${CIVIC_PORT_$port}\n<VirtualHost 127.0.0.1:\${CIVIC_PORT_$port}>\n"
            . "ServerName localhost\nDocumentRoot \${CIVIC_T}/htdocs\n" . ($port eq 'SECURE' ? $tls : '')
            . $site . $PLACES . "</VirtualHost>\n";
    }
    return Civic::Server->new(env => { CIVIC_MPM => $mpm }, ports => [qw(PLAIN SECURE)], conf => $conf)->start;
}

my $server = server('event');

sub browser {
    my ($port, %how) = @_;
    my $scheme = ($port // 'PLAIN') eq 'SECURE' ? 'https' : 'http';
    return Civic::Client->new(site => "$scheme://localhost:" . $server->port($port // 'PLAIN'), sandbox => Civic::Sandbox->plain)
        ->logged_in('/members/', %how);
}

# A WebSocket as this browser opens it. headers => header lines in place of the own Origin
sub open_socket {
    my ($client, $path, %how) = @_;
    my $port = $how{port} // 'PLAIN';
    my $scheme = $port eq 'SECURE' ? 'https' : 'http';
    my $number = $server->port($port);
    my $lines = delete $how{headers} // "Origin: $scheme://localhost:$number\r\n";
    $lines .= join '', map { "Cookie: $_->[0]=$_->[1]\r\n" } [$client->session_cookie] if $client;
    return Civic::WebSocket->connect($number, $path, headers => $lines, connection => $how{connection} // '',
        tls => $port eq 'SECURE');
}

sub hello { return $Civic::Client::JSON->decode($_[0]->receive // '{}') }

sub closed_so_far { return Civic::Metrics::scrape($_[0], '/operator')->{auth_civic_websockets_closed_total} }

# Has a line of the log said so?
sub says { my ($mark, $text) = @_; return scalar grep {/websocket closed: its session has $text ref=\w{8}$/} Civic::Log::lines($mark) }

my $client = browser();
my $foreign = "Origin: https://evil.example\r\n";

for my $way (@WAYS) {
    my $path = "/$way/";
    # ---- who may ----
    my $mark = $server->mark;
    my $none = open_socket(undef, $path);
    is(join(' ', Civic::Check::faults(HTTP::Response->parse($none->answer->raw), 'login-required', $mark)), '',
        "$way: without a session 401 as for programs");
    my $forged = open_socket(undef, $path, headers => "Cookie: civic-12345678=x\r\nCivic-User-Id: $JANE\r\nAccept: text/html\r\n");
    is($forged->code, 401, "$way: nor by a header, or with a browser's Accept");
    unlike($forged->answer->raw, qr/<html|Set-Cookie/i, "$way: never a page");
    my $page = open_socket(undef, "/$way/page/", headers => "Accept: text/html\r\n");
    is($page->code, 401, "$way: nor where people always get one");
    unlike($page->answer->raw, qr/<html|Set-Cookie/i, "$way: there neither");
    for my $lines ($foreign, "Origin: null\r\n", "Origin: http://localhost\r\n") {
        $mark = $server->mark;
        my $answer = open_socket($client, $path, headers => $lines)->answer;
        is(join(' ', Civic::Check::faults(HTTP::Response->parse($answer->raw), 'cross-origin', $mark)), '',
            "$way: from another site's page 403: " . $lines =~ s/\s+\z//r);
    }
    # ---- who it is ----
    my $socket = open_socket($client, $path, headers => "Origin: http://localhost:" . $server->port('PLAIN')
        . "\r\nCivic-User-Id: FORGED\r\nCIVIC_SCOPE: FORGED\r\n");
    is($socket->code, 101, "$way: from the site's own page");
    my $got = hello($socket)->{headers};
    is($got->{'civic-user-id'}, $JANE, "$way: the back end knows who it is");
    is(join(' ', grep { $got->{$_} =~ /FORGED/ } keys %$got), '', "$way: and sees nothing forged");
    is($got->{cookie}, undef, "$way: nor a cookie of ours");
    ok($socket->echoes('one') && $socket->echoes('x' x 300), "$way: messages go through");
    is(open_socket($client, $path, headers => '')->code, 101, "$way: a program that is no browser sends no Origin");
}

# ---- how it ends, under each MPM ----
for my $mpm (@MPMS) {
    if ($mpm ne 'event') { undef $server; $server = server($mpm) }
    my ($leaves, $stays) = (browser(), browser());
    my @ended = map { open_socket($leaves, $_) } '/http/x', '/tunnel/x', '/http/hints', '/tunnel/hints', '/tunnel/pieces', '/http/stubborn';
    my $open = open_socket($stays, '/http/');
    is(join(' ', map { $_->code } @ended, $open), join(' ', ('101') x 7), "$mpm: opened");
    hello($_) for @ended, $open;
    ok($ended[0]->echoes('before'), "$mpm: open");
    sleep 2.5;
    ok($ended[1]->echoes('before'), "$mpm: and still open after several checks");
    my $mark = $server->mark;
    my $so_far = closed_so_far($stays);
    is($leaves->post_form('/civic/logout', '')->code, 303, "$mpm: logout");
    is(join(' ', map { $_->is_closed_within($SOON) ? 1 : 0 } @ended), join(' ', (1) x @ended), "$mpm: its WebSockets are closed");
    is(says($mark, 'ended'), scalar @ended, "$mpm: the log says so, once each");
    is(closed_so_far($stays) - $so_far, scalar @ended, "$mpm: they are counted");
    my $end = time + 5;
    my $logged = sub { open my $in, '<', $server->dir . '/logs/ended_log' or die $!; return scalar grep {/stubborn/} <$in> };
    sleep 0.1 until $logged->() || time > $end;
    is($logged->(), 1, "$mpm: a back end that does not mind holds no worker");
    ok($open->echoes('after'), "$mpm: somebody else's stays open");
    is(() = $server->error_log =~ /exit signal/g, 0, "$mpm: no child has died");
}
undef $server;
$server = server('event');

# ---- over TLS ----
my $secure = browser('SECURE');
is(open_socket($secure, '/http/', port => 'SECURE', headers => $foreign)->code, 403, 'TLS: 403 from elsewhere');
my @secure = map { open_socket($secure, $_, port => 'SECURE') } '/http/', '/tunnel/';
ok(hello($_) && $_->echoes('secret'), 'TLS: open') for @secure;
$secure->post_form('/civic/logout', '');
ok($_->is_closed_within($SOON), 'TLS: closed after the logout') for @secure;

# ---- limits ----
my $mark = $server->mark;
my $person = browser();
my %by = map { ($_ => open_socket($person, "/http/$_")) } 'short/', 'idle/', 'x';
hello($_) for values %by;
my $start = time;
while (time < $start + 2.4) { $by{$_}->echoes('busy') for 'idle/', 'x'; sleep 0.2 }
is($by{'idle/'}->echoes('busy'), 1, 'idle: open before its time is over');
ok($by{'short/'}->is_closed_within($SOON), 'CivicSessionLife: closed when it is over');
ok($by{'idle/'}->is_closed_within($SOON), 'CivicSessionIdle: closed when it is over; messages are no use of the session');
is(says($mark, 'expired'), 2, 'the log says so');
ok($by{x}->echoes('still'), 'another of the same session, where the limits are wider, is open');
is($person->get('/http/x')->code != 401, 1, 'as is the session');
my $used = browser();
my $kept = open_socket($used, '/http/idle/');
hello($kept);
for (1 .. 12) { $used->get('/members/file.txt'); sleep 0.5 }
ok($kept->echoes('used'), 'while the session is used elsewhere, an idle WebSocket stays');
ok($kept->is_closed_within($SOON + 3), 'and is closed when that stops');

# ---- ended by an operator ----
my $watched = browser();
my $chat = open_socket($watched, '/http/');
my $again = browser();
my $before = open_socket($again, '/http/');
hello($_) for $chat, $before;
is($watched->post_json('/operator', { application => 'CO-PLAIN', userId => $JANE, end => 'all' })->code, 200,
    'an operator ends all sessions of a person');
ok($_->is_closed_within($SOON), 'their WebSockets are closed') for $chat, $before;

# ---- what did not become a WebSocket is not cut ----
my $slow = browser();
my $pid = fork // die "fork: $!";
if (!$pid) { sleep 0.5; $slow->post_form('/civic/logout', ''); POSIX::_exit(0) }
is(open_socket($slow, '/http/slow')->answer->body, 'whole', 'an answer that takes its time comes whole, after the logout too');
waitpid $pid, 0;

# ---- where the login is optional ----
my $guest = open_socket(undef, '/optional/');
is($guest->code, 101, 'optional: open to all');
is(hello($guest)->{headers}{'civic-user-id'}, undef, 'as nobody');
my $member = browser();
is(open_socket($member, '/optional/', headers => $foreign)->code, 403, 'but who is logged in comes from this site');
my $known = open_socket($member, '/optional/');
is(hello($known)->{headers}{'civic-user-id'}, $JANE, 'and is known');
$member->post_form('/civic/logout', '');
ok($known->is_closed_within($SOON), 'until the session ends');
ok($guest->echoes('guest'), 'a guest has no session that could end');

# ---- across a graceful restart ----
my $stays = browser();
my $old = open_socket($stays, '/http/');
hello($old);
$server->again('graceful');
ok($old->echoes('old'), 'graceful restart: a WebSocket stays with its child');
sleep 1.5;
ok($old->echoes('old'), 'and is watched there');
$stays->post_form('/civic/logout', '');
ok($old->is_closed_within($SOON), 'which hears of a logout by the new ones');
is(() = $server->error_log =~ /exit signal/g, 0, 'no child has died');
is(join(' ', grep {/ws: \d{3}/} split /\n/, $backend->output), '', 'and the back end has no complaints');
