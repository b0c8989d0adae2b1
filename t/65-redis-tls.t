# Redis over TLS, where the hiredis that this was built with can do it: the certificate must be
# valid and name the host. Elsewhere httpd does not start, and nothing goes out in the clear.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Env ();
use Civic::Node ();
use Civic::Redis ();

my $tls = do { open my $in, '<', "$ENV{CIVIC_BUILD}/config.log" or die $!; local $/; <$in> } =~ /^HIREDIS_SSL_TRUE=''/m;
my $port = Civic::Env::free_port();
my $conf = "tls-port $port\ntls-cert-file $ENV{CIVIC_KEYS}/server.pem\ntls-key-file $ENV{CIVIC_KEYS}/server.key\n"
    . "tls-ca-cert-file $ENV{CIVIC_KEYS}/ca.pem\ntls-auth-clients no\nrequirepass secret-of-redis\n";
my $ours = 'CivicSessionStoreCACertificateFile ${CIVIC_KEYS}/ca.pem';

if (!$tls) {
    plan tests => 3;
    my $fake = Civic::Redis->fake("+OK\r\n");
    my $node = Civic::Node->prepare(store => 'rediss://localhost:' . $fake->port, secret => 'secret-of-redis', conf => $ours);
    my ($status, $text) = $node->run('-k', 'start');
    isnt($status, 0, 'without TLS in hiredis, httpd does not start');
    like($text, qr{CivicSessionStore rediss://\S+: TLS needs hiredis 1\.0 or later with hiredis_ssl, and this module was built without}, 'it says why');
    is($node->pid, undef, 'and does not run');
    exit;
}

plan tests => 9;
my $redis = Civic::Redis->start(conf => $conf, password => 'secret-of-redis');
my $by_name = Civic::Node->boot(store => "rediss://localhost:$port/1", secret => 'secret-of-redis', conf => $ours);
my $jane = $by_name->person;
is($by_name->visit($jane)->code, 200, 'logged in by way of TLS');
my $by_address = Civic::Node->boot(store => "rediss://127.0.0.1:$port/1", secret => 'secret-of-redis', conf => $ours);
is($by_address->visit($jane)->code, 200, 'an address that the certificate names');

for my $case (
    ['a host that the certificate does not name', "rediss://[::ffff:127.0.0.1]:$port", $ours, qr/TLS failed \(.*mismatch/i],
    ['a certificate of somebody unknown', "rediss://localhost:$port", '', qr/TLS failed \(.*certificate/],
    ['a server that speaks no TLS', 'rediss://localhost:' . $redis->port, $ours, qr/TLS failed/],
) {
    my ($what, $store, $lines, $says) = @$case;
    my $node = Civic::Node->boot(store => $store, secret => 'secret-of-redis', conf => $lines);
    is($node->visit($jane)->code, 503, "$what: 503");
    like($node->error_log, $says, 'the log says why');
}
my $none = Civic::Node->prepare(
    store => "rediss://localhost:$port", conf => 'CivicSessionStoreCACertificateFile ${CIVIC_KEYS}/server.key');
$none->run('-X');
like($none->error_log, qr/CivicSessionStoreCACertificateFile holds no certificates/, 'a file without certificates');
