# Each reason of src/reason.h is reached here from outside, by its shortest way, and nothing but
# the documented ones is: status, level, page and log as doc/errors.md says.
#
# What they need: `internal` a server whose OpenSSL has no random numbers; `store-unavailable` a
# Redis that is not there; `session-too-large` a person with an item of 256 KiB and a small store; `exchange-busy` an exchange that hangs; the states and
# `session-not-kept` a seal key that this test knows; the rest nothing but requests.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha1_base64 sha256_hex);
use IO::Socket::INET ();
use POSIX ();
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Enrollments ();
use Civic::Factor ();
use Civic::Log ();
use Civic::Seal ();
use Civic::Server ();

my $key = Civic::Seal::new_key();
my $browser = 'a browser\'s id..';
my $nobody = Civic::Env::free_port();

# Civic behind another login, for four accounts.
my $accounts = Civic::Enrollments->new;
$accounts->htcivic(add => 'CO-ALPHA', $_ => 'a' x 64) for qw(linked);
sub factor {
    my ($port, $store) = @_;
    my $basic = "AuthType Basic\nAuthName X\nAuthUserFile users\nRequire valid-user\nCivicSecondFactor On\nCivicRecovery 1\n";
    return Civic::Server::host($port => Civic::Server::application('CO-ALPHA') . "CivicEnrollmentStore $store\n"
        . "<Location /closed>\n$basic</Location>\n<Location /self>\n${basic}CivicEnroll self\n</Location>\n");
}

my $server = Civic::Server->site(ports => [qw(DEAD UNTRUSTED UNCLEAR SLOW FEW FACTOR LOST)], conf => join '', <<'END',
CivicSessionStore shm(262144)
CivicSealKeyFile seal.key
CivicExchangeTimeout 3s
CivicExchangeLimit 1
END
    Civic::Server::host(DEAD => Civic::Server::application('CO-ALPHA', CivicApiUrl => "https://localhost:$nobody/sip")),
    Civic::Server::host(UNTRUSTED => Civic::Server::application('CO-ALPHA', CivicCACertificateFile => undef)),
    Civic::Server::host(UNCLEAR => Civic::Server::application('CO-ALPHA') . Civic::Server::application('CO-BETA')),
    factor(FACTOR => $accounts->store), factor(LOST => 'dbm:' . $accounts->dir . '/lost'),
    Civic::Server::host(FEW => Civic::Server::application('CO-ALPHA') . "CivicCallbackLimit 1/h\n"),
    Civic::Server::host(SLOW => Civic::Server::application('CO-ALPHA') . "CivicExchangeTimeout 8s\n"));
$server->write_file('seal.key', $key, 0600);
$server->write_file('users', join '', map { "$_:{SHA}" . sha1_base64('secret') . "=\n" } qw(linked first second));
$server->start;

# Without random numbers: OpenSSL is told to use a generator that it does not have.
my $lost;
my $broken = Civic::Server->new(
    ports => ['SITE'],
    env   => { OPENSSL_CONF => 'broken.cnf' },
    conf  => "CivicSealKeyFile seal.key\n" . Civic::Server::host(SITE => Civic::Server::application('CO-ALPHA'), plain => 1)
);
$broken->{env}{OPENSSL_CONF} = $broken->write_file('broken.cnf', "openssl_conf = a\n[a]\nrandom = b\n[b]\nrandom = NONE\n");
$broken->write_file('seal.key', $key, 0600);

my $sandbox = $server->client->{sandbox};
my $old = $server->client->logged_in('/short/');
my $logged_in = time;

sub token { return $sandbox->token(appId => 'CO-ALPHA', @_) }

# A login by somebody new.
sub login {
    my %how = @_;
    my $client = $server->client(delete $how{port} // 'SITE');
    return ($client->login(delete $how{path} // '/members/', %how))[0];
}

# A callback with a state of our own making.
sub with_state {
    my ($state, $token) = @_;
    my $client = $server->client;
    $client->set_cookie('__Host-civic-login', Civic::Seal::cookie(key => $key, browser => $browser));
    return $client->callback($token // token(), $state);
}

sub state_of { return Civic::Seal::state(key => $key, browser => $browser, @_) }

# Half a body, and then nothing any more.
sub half_a_body {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $server->port('PLAIN')) or die $!;
    print {$socket} "POST /civic/callback HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n",
        "Content-Type: application/json\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{\"to";
    shutdown $socket, 1;
    local $/;
    return HTTP::Response->parse(scalar <$socket>);
}

# The one exchange that is allowed hangs; a code that was used before tells when it has begun.
my $hanging;

sub while_it_hangs {
    my $used = token();
    my $client = $server->client('SLOW');
    my $page = Civic::Client::login_page($client->get('/members/'));
    $client->callback($used, $page->{state});
    $client->jar->clear;
    $page = Civic::Client::login_page($client->get('/members/'));
    if (!($hanging = fork)) {
        eval { login(port => 'SLOW', fault => 'hang') };
        POSIX::_exit(0);
    }
    my $answer;
    for (1 .. 200) {
        $_[0] = $server->mark;    # the caller's: this answer's lines come behind it
        $answer = $client->callback($used, $page->{state});
        last if $answer->code == 503;
        sleep 0.05;
    }
    return $answer;
}

# Eight in a row have failed before it is given up; one has by now.
sub until_it_is_down {
    login(port => 'DEAD') for 1 .. 7;
    $_[0] = $server->mark;
    return login(port => 'DEAD');
}

sub oftener_than_allowed {
    $server->client('FEW')->callback('x', 'x');
    $_[0] = $server->mark;
    return $server->client('FEW')->callback('x', 'x');
}

# Somebody who has passed the first login.
sub behind {
    my ($name, $port) = @_;
    my $client = $server->client($port // 'FACTOR');
    $client->{agent}->default_header(Authorization => Civic::Factor::basic($name, 'secret'));
    return $client;
}

sub linked_twice {
    Civic::Factor::enroll(behind('first'), '/self/', 'jane');
    $_[0] = $server->mark;
    return Civic::Factor::enroll(behind('second'), '/self/', 'jane');
}

sub fault { my $fault = shift; return sub { login(fault => $fault) } }
sub code { my %how = @_; return sub { with_state(state_of(), token(%how)) } }

my @reasons = (
    # no session
    [ 'login-required'      => sub { $server->client->fetch('/members/') } ],
    [ 'step-up-required'    => sub { $old->fetch('/proof/') } ],
    [ 'session-expired'     => sub { sleep 0.1 while time < $logged_in + 2.1; $old->fetch('/short/') } ],
    [ 'session-not-kept'    => sub { $server->client->get('/members/',
        Cookie => '__Host-civic-login=' . Civic::Seal::cookie(key => $key, browser => $browser, completed => 5)) } ],
    [ 'origin-insecure'     => sub { $server->client('PLAIN')->get('/members/', Host => 'www.example.org') } ],
    [ 'return-path'         => sub { $server->client->post_form('/civic/logout', 'return=//evil.example') } ],
    [ 'remote-user-missing' => sub { $server->client->logged_in('/email/', person => 'stale')->get('/email/') } ],
    [ 'login-not-fresh'     => sub { sleep 0.1 while time < $logged_in + 1.1; $old->fetch('/fresh/') } ],
    [ 'rule-not-met'        => sub { $old->fetch("/nobody/") } ],
    [ 'no-picture'          => sub { $old->fetch('/civic/image') } ],
    # behind another login
    [ 'second-factor-required' => sub { behind('linked')->fetch('/self/') } ],
    [ 'link-required'          => sub { my $first = behind('first'); $first->login('/self/'); $first->fetch('/self/') } ],
    [ 'not-enrolled'           => sub { behind('first')->fetch('/closed/') } ],
    [ 'second-factor-foreign'  => sub { (behind('linked')->login('/closed/'))[0] } ],
    [ 'identity-taken'         => \&linked_twice ],
    [ 'recovery-refused'       => sub { my $linked = behind('linked');
        Civic::Factor::submit($linked, Civic::Factor::form($linked->get('/self/'), '/recover'), code => 'x') } ],
    # what the login page sends
    [ 'method'              => sub { $server->client->get('/civic/callback') } ],
    [ 'too-many-attempts'   => \&oftener_than_allowed ],
    [ 'cross-origin'        => sub { $server->client->callback('x', 'x', 'Sec-Fetch-Site' => 'cross-site') } ],
    [ 'content-type'        => sub { $server->client->callback('x', 'x', 'Content-Type' => 'text/plain') } ],
    [ 'body-too-large'      => sub { $server->client->callback('x', 'x' x 65536) } ],
    [ 'body-incomplete'     => \&half_a_body ],
    [ 'body-malformed'      => sub { $server->client->post_json('/civic/callback', '{') } ],
    [ 'state-invalid'       => sub { with_state('AAAA') } ],
    [ 'state-expired'       => sub { with_state(state_of(age => 1900)) } ],
    [ 'state-foreign'       => sub { with_state(state_of(browser => 'x' x 16)) } ],
    [ 'token-format'        => code(claims => { jti => undef }) ],
    [ 'token-algorithm'     => code(header => { alg => 'none' }) ],
    [ 'token-signature'     => code(signWith => 'other') ],
    [ 'token-issuer'        => code(claims => { iss => 'evil' }) ],
    [ 'token-audience'      => code(claims => { sub => 'CO-BETA' }) ],
    [ 'token-expired'       => code(claims => { exp => time - 3600, iat => time - 7200 }) ],
    [ 'token-early'         => code(claims => { iat => time + 3600, exp => time + 7200 }) ],
    [ 'token-replayed'      => sub { my $token = token(); with_state(state_of(), $token); with_state(state_of(), $token) } ],
    # the exchange
    [ 'code-used'            => fault('403') ],
    [ 'upstream-refused'     => fault('401') ],
    [ 'clock-skew'           => fault('401-skewed') ],
    [ 'upstream-bad-request' => fault('400') ],
    [ 'upstream-throttled'   => fault('429') ],
    [ 'upstream-error'       => fault('500') ],
    [ 'upstream-timeout'     => fault('hang') ],
    [ 'upstream-unreachable' => sub { login(port => 'DEAD') } ],
    [ 'upstream-down'        => \&until_it_is_down ],
    [ 'upstream-cut'         => fault('cut') ],
    [ 'upstream-untrusted'   => sub { login(port => 'UNTRUSTED') } ],
    [ 'upstream-too-large'   => fault('large') ],
    [ 'answer-format'        => fault('not-json') ],
    [ 'answer-signature'     => fault('wrong-key') ],
    [ 'answer-expired'       => fault('expired-answer') ],
    [ 'answer-unencrypted'   => fault('unencrypted') ],
    [ 'answer-decrypt'       => fault('wrong-secret') ],
    [ 'answer-user-id'       => fault('no-user-id') ],
    [ 'scope-not-shown'      => sub { login(scope => 'ANONYMOUS_LOGIN') } ],
    [ 'payload-host'         => fault('payload-host') ],
    # this server
    [ 'session-too-large'    => fault('bulky') ],
    [ 'not-configured'       => sub { $server->client('UNCLEAR')->get('/members/') } ],
    [ 'internal'             => sub { $_[0] = $broken->start->mark; $broken->client('SITE', site => 'http://localhost:' . $broken->port('SITE'))->get('/members/') } ],
    [ 'exchange-busy'        => \&while_it_hangs ],
    [ 'enrollment-unavailable' => sub { behind('linked', 'LOST')->fetch('/closed/') } ],
    [ 'store-unavailable'    => \&without_store ],
);

# A Redis that is not there; the cookie has the form of a session's.
sub without_store {
    kill TERM => $hanging;
    waitpid $hanging, 0;
    my $file = $server->write_file('lost.key', "$key\n", 0600);
    $lost = Civic::Server->new(
        ports => [ 'SITE', 'NOBODY' ],
        conf  => "CivicSealKeyFile $file\nCivicSessionStore redis://127.0.0.1:\${CIVIC_PORT_NOBODY}\n"
            . Civic::Server::host(SITE => Civic::Server::application('CO-ALPHA'))
    );
    delete $lost->{ports}{NOBODY};    # nobody is waited for there
    $lost->start;
    $_[0] = $lost->mark;
    my $cookie = '__Host-civic-' . substr(sha256_hex('CO-ALPHA'), 0, 8) . '=' . 'a' x 43;
    my $client = Civic::Client->new(site => 'https://localhost:' . $lost->port('SITE'));
    return $client->get('/members/', Cookie => $cookie);
}

plan tests => 2 * @reasons + 3;

sub slurp {
    my $path = Civic::Env::source_dir() . shift;
    open my $in, '<', $path or die "$path: $!";
    local $/;
    return scalar <$in>;
}

my %level = slurp('/doc/errors.md') =~ /^\| `([a-z-]+)` \| \d+ \| (\w+) \|/mg;
my %reached;
for my $row (@reasons) {
    my ($reason, $how) = @$row;
    my $mark = $server->mark;
    my $answer = $how->($mark);
    $reached{$reason}++ if refused($answer, $reason, $mark, "$reason: status, answer, log");
    my ($line) = grep {/refused: \Q$reason\E /} Civic::Log::lines($mark);
    like($line // '', qr/\[auth_civic:$level{$reason}\]/, "$reason: at level $level{$reason}");
}

# ---- this is all ----
my @names = slurp('/src/reason.h') =~ /X\(CIVIC_\w+,\s+"([a-z-]+)"/g;
is_deeply([ sort @names ], [ sort keys %level ], 'doc/errors.md has a row for each reason of src/reason.h');
is_deeply([ sort keys %reached ], [ sort @names ], 'and each was reached');
is(scalar(grep {/exit signal|Segmentation/} split /\n/, $server->error_log . $broken->error_log . $lost->error_log), 0, 'no child died of it');
