# A Civic that cannot be reached, takes too long, or cannot prove who it is: each has its status
# and reason, and the pages of the site go on.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused logs_in);
use Civic::Log ();
use Civic::Metrics ();
use Civic::Server ();

my $nobody = Civic::Env::free_port();
my $localhost = 'https://localhost';

# port, what is different about its application, reason, what the log line says
my @broken = (
    [ DEAD    => { CivicApiUrl => "$localhost:$nobody/sip" }, 'upstream-unreachable', qr/connect/ ],
    [ NOTLS   => { CivicApiUrl => "$localhost:\${CIVIC_PORT_SANDBOX_PLAIN}/sip" }, 'upstream-unreachable', qr/SSL|TLS/ ],
    [ PROXY   => { CivicProxy => "http://localhost:$nobody" }, 'upstream-unreachable', qr/connect/ ],
    [ NAME    => { CivicApiUrl => 'https://127.0.0.2:${CIVIC_PORT_SANDBOX}/sip' }, 'upstream-untrusted', qr/certificate/ ],
    [ SYSTEM  => { CivicCACertificateFile => undef }, 'upstream-untrusted', qr/certificate/ ],
    [ OTHERCA => { CivicCACertificateFile => 'other.pem' }, 'upstream-untrusted', qr/certificate/ ],
    [ ADDRESS => { CivicApiUrl => "$localhost:\${CIVIC_PORT_SANDBOX}/no/api" }, 'upstream-bad-request', qr/status 404.*CivicApiUrl/ ],
    [ KEY     => { CivicPrivateKeyFile => '${CIVIC_KEYS}/CO-BETA.key' }, 'upstream-refused', qr/status 401/ ],
    [ SECRET  => { CivicSecretFile => '${CIVIC_KEYS}/CO-BETA.secret' }, 'upstream-refused', qr/status 401/ ],
    [ STORAGE => { CivicPayloadHosts => 'storage.example.net *.example.org' }, 'payload-host', qr/host localhost/ ],
    [ PUBLIC  => { CivicPublicKey => undef }, 'token-signature', qr/CivicPublicKey/ ],
);
plan tests => 4 * @broken + 10;

my $hosts = join '',
    map { Civic::Server::host($_->[0], Civic::Server::application('CO-ALPHA', %{ $_->[1] })) } @broken;
my $server = Civic::Server->site(ports => [ map { $_->[0] } @broken ], conf => <<"END");
CivicExchangeTimeout 1s
# The sandbox at an address that its certificate does not name.
Listen 127.0.0.2:\${CIVIC_PORT_SANDBOX}
<VirtualHost 127.0.0.2:\${CIVIC_PORT_SANDBOX}>
SSLEngine on
SSLCertificateFile \${CIVIC_KEYS}/server.pem
SSLCertificateKeyFile \${CIVIC_KEYS}/server.key
</VirtualHost>
$hosts
END
$server->authority('other');
$server->start;

my $before = Civic::Metrics::scrape($server->client);
my %expected;
for my $row (@broken) {
    my ($port, undef, $reason, $detail) = @$row;
    my $client = $server->client($port);
    my $mark = $server->mark;
    # One whose answer is fetched has a payload to fetch.
    my ($answer) = $client->login('/members/', $port eq 'STORAGE' ? (fault => 'processed') : ());
    refused($answer, $reason, $mark, "$port: $reason");
    my ($line) = grep {/login refused: /} Civic::Log::lines($mark);
    like($line, $detail, "$port: the log line helps");
    is($client->session_cookie, undef, "$port: no session");
    is($client->get('/members/')->code, 401, "$port: the login page is there afterwards");
    $expected{qq(refusals_total{reason="$reason"})}++;
}
my $moved = Civic::Metrics::moved($before, Civic::Metrics::scrape($server->client));
delete $moved->{'refusals_total{reason="login-required"}'};
is_deeply({ map { ($_ => $moved->{$_}) } grep {/refusals|logins/} keys %$moved }, \%expected, 'each is counted once, and no login');

# ---- too slow ----
my $client = $server->client;
my $mark = $server->mark;
my ($answer) = $client->login('/members/', fault => 'hang');
refused($answer, 'upstream-timeout', $mark, 'hang: upstream-timeout');
my ($line) = grep {/upstream-timeout/} Civic::Log::lines($mark);
like($line, qr/imeout|timed out/i, 'the log says so');
logs_in($client, '/members/', 'the same browser logs in afterwards');

$mark = $server->mark;
($answer) = $client->login('/beta/', fault => 'slow:30');
refused($answer, 'upstream-timeout', $mark, 'too slow: upstream-timeout');
is($client->get('/members/')->code, 200, 'the session at the other application stays');

# ---- a connection that died while it was idle costs nobody a login ----
logs_in($server->client, '/members/', 'a connection is made');
sleep 3;    # longer than the sandbox keeps an idle connection
logs_in($server->client, '/members/', 'and after the service has closed it, the next login works');

# ---- the environment has no say: no proxy, no other authority ----
my $proxied = Civic::Server->site(
    env => {
        http_proxy  => "http://localhost:$nobody",
        https_proxy => "http://localhost:$nobody",
        ALL_PROXY   => "http://localhost:$nobody",
        HOME        => '/nonexistent'
    }
);
$proxied->start;
logs_in($proxied->client, '/members/', 'https_proxy and the like are not looked at');
$proxied->stop;
is(scalar(grep {/segfault|exit signal/} split /\n/, $server->error_log), 0, 'no child died');
