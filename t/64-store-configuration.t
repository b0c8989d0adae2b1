# CivicSessionStore and its like: what is wrong is refused by configtest, with the place, what is
# wrong and what would be right, and without repeating a password.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Node ();
use Civic::Server ();

my $cache = 'LoadModule socache_memcache_module ${CIVIC_MODULES}/mod_socache_memcache.so';

# argument => what configtest says
my @stores = (
    ['redis'                                => qr{it must be redis://host:port/db}],
    ['redis:localhost'                      => qr{it must be redis://host:port/db}],
    ['redis:/localhost'                     => qr{it must be redis://host:port/db}],
    ['REDIS://localhost'                    => qr{there is no such store}],
    ['memcache:localhost'                   => qr{there is no such store: shm, .*redis://host:port/db, socache:provider:arguments}],
    ['redis://'                             => qr{the host is missing}],
    ['redis:///0'                           => qr{the host is missing}],
    ['redis://ho+st'                        => qr{other characters than letters}],
    ['redis://h/1/2'                        => qr{the database is a number of 0 to 65535}],
    ['redis://h/x'                          => qr{the database is a number}],
    ['redis://h/65536'                      => qr{the database is a number}],
    ['redis://h:0'                          => qr{a port is a number of 1 to 65535}],
    ['redis://h:65536'                      => qr{a port is a number}],
    ['redis://h:'                           => qr{a port is a number}],
    ['redis://h:6379x'                      => qr{a port is a number}],
    ['redis://[::1'                         => qr{an IPv6 address stands in brackets}],
    ['redis://[::1]6379'                    => qr{an IPv6 address stands in brackets}],
    ['redis://[localhost]'                  => qr{what stands in brackets is not an IPv6 address}],
    ['redis://a,b'                          => qr{it names one server: several are for redis\+sentinel://}],
    ['redis://h/0?prefix='                  => qr{the prefix has 1 to 64 letters}],
    ['redis://h/0?prefix=a*'                => qr{the prefix has 1 to 64 letters}],
    ['redis://h/0?prefix=a&prefix=b'        => qr{behind the question mark stands prefix=, once}],
    ['redis://h/0?timeout=1'                => qr{behind the question mark stands prefix=, once}],
    ['redis://h?db=1'                       => qr{behind the question mark stands prefix=, once}],
    ['redis+unix://redis.sock'              => qr{the socket is a full path}],
    ['redis+unix:///' . 'x' x 120           => qr{the socket is a full path}],
    ['redis+unix:///run/r.sock?db=1&db=2'   => qr{db= and prefix=, each once}],
    ['redis+sentinel://h1,h2'               => qr{the name that the Sentinels give the master is missing}],
    ['redis+sentinel://h1,,h2/m'            => qr{the host is missing}],
    ['redis+sentinel://h1,h2/m/x'           => qr{the database is a number}],
    ['redis+sentinel://' . join(',', map { "h$_" } 1 .. 17) . '/m' => qr{more than 16 Sentinels}],
    ['redis://' . 'h' x 300                 => qr{the host's name is too long}],
    ['redis://' . 'h' x 1100                => qr{longer than 1024 characters}],
    ['redis://:hunter22@localhost'          => qr{user and password have no place in it: CivicSessionStoreSecretFile}],
    ['redis://civic:hunter22@localhost:1/0' => qr{user and password have no place in it}],
    ['rediss://civic:hunter22@localhost'    => qr{user and password have no place in it}],
    ['redis://h/0?password=hunter22'        => qr{behind the question mark stands prefix=, once}],
    ['socache:'                             => qr{there is no such provider}],
    ['socache:memcached:localhost'          => qr{there is no such provider: load mod_socache_memcached before this line \(loaded: .*shmcb}],
    ['socache:memcache'                     => qr{List of server names required}],
    ['socache:memcache:a:1,b:2'             => qr{name one server: with several}],
    ['socache:shmcb:/tmp/x(1'               => qr{Invalid argument}],
);

# further lines, why, and what configtest says
my @others = (
    ['CivicSessionStoreSecretFile /nowhere', 'a file that is not there', qr{CivicSessionStoreSecretFile /nowhere: .*No such file}],
    ['CivicSessionStoreCACertificateFile /nowhere', 'another one', qr{CivicSessionStoreCACertificateFile /nowhere: there is no such file}],
    ['CivicSessionStoreCACertificateFile ${CIVIC_KEYS}/ca.pem', 'certificates without TLS', qr{httpd\.conf:\d+: CivicSessionStoreCACertificateFile: it has no use without TLS}],
    ["<VirtualHost *:1>\nCivicSessionStore redis://h\n</VirtualHost>", 'in a virtual host', qr{it belongs to the whole server}],
);
my @secrets = (
    ["\n"              => qr{its first line is empty}],
    ["  \nx"           => qr{its first line is empty}],
    ["a\nb\nhunter22"  => qr{it has more than two lines}],
    ["hunter22\x01"    => qr{it holds control characters}],
);
my @good = (
    'redis://localhost', 'redis://localhost:6379/0', 'redis://[::1]:6379/15', 'redis://127.0.0.1/?prefix=shop:',
    'redis+unix:///run/redis/redis.sock', 'redis+unix:///run/redis/redis.sock?db=3&prefix=a',
    'redis+sentinel://s1,s2:26380,[::1]:1/my-master.1/2', 'socache:memcache:localhost:11211', 'socache:shmcb', 'shm',
);
plan tests => 3 * @stores + 2 * @others + 2 * @secrets + @good + 14;

sub configtest {
    my %how = @_;
    my $node = Civic::Node->prepare(%how, conf => "$cache\n" . ($how{conf} // ''));
    return $node->configtest;
}

# The argument comes before the module is loaded in Civic::Node's own order.
sub test_store {
    my ($store, %how) = @_;
    my $node = Civic::Node->prepare(%how, store => 'shm', conf => "$cache\nCivicSessionStore \"$store\"");
    return $node->configtest;
}

for (@stores) {
    my ($store, $says) = @$_;
    my ($status, $text) = test_store($store);
    my $shown = length $store > 60 ? substr($store, 0, 60) . '...' : $store;
    isnt($status, 0, "$shown is refused") or diag $text;
    like($text, qr{Syntax error on line \d+ of \S+/httpd\.conf:\s*CivicSessionStore .*: .*$says}s, '... with place and reason');
    unlike($text, qr{hunter22}, '... and no password is shown');
}
for (@others) {
    my ($lines, $what, $says) = @$_;
    my ($status, $text) = configtest(store => 'redis://h', conf => $lines);
    isnt($status, 0, "$what is refused");
    like($text, $says, '... for its reason');
}
for (@secrets) {
    my ($secret, $says) = @$_;
    my ($status, $text) = configtest(store => 'redis://h', secret => $secret);
    like($text, qr{CivicSessionStoreSecretFile /\S+: $says}, 'a secret that is none is refused');
    unlike($text, qr{hunter22}, '... and not shown');
}
for my $store (@good) {
    my ($status, $text) = test_store($store);
    is($status, 0, "$store is right") or diag $text;
}

# ---- what does not go together ----
for my $store ('redis://h', 'socache:shmcb') {
    my (undef, $text) = configtest(store => $store, seal => '');
    like($text, qr{httpd\.conf:\d+: CivicSessionStore: this store needs CivicSealKeyFile, the same file on every node: make it with openssl rand -hex 32},
        "$store needs a seal key");
}
my (undef, $text) = configtest(store => 'shm', secret => 'x');
like($text, qr{httpd\.conf:\d+: CivicSessionStoreSecretFile: only a Redis has such a secret}, 'a secret without Redis');
(undef, $text) = configtest(store => 'socache:shmcb', conf => 'CivicSessionsPerUser 3');
like($text, qr{httpd\.conf:\d+: CivicSessionStore: CivicSessionsPerUser cannot be kept with socache:}, 'a limit that the store cannot keep');
my $node = Civic::Node->prepare(store => 'redis://h', secret => 'x');
chmod 0644, $node->dir . '/secret';
(undef, $text) = $node->run('-k', 'start');
$node->wait_for_ports;
$node->visit(Civic::Client->new); # by then it has said all
$text .= $node->error_log;
$node->stop;
like($text, qr{CivicSessionStoreSecretFile: others than its owner may read \S+: chmod 600 it}, 'a secret that others may read is noted');
like($text, qr{auth_civic: session store redis://h$}m, 'httpd starts without its Redis');


# The keys of an application stand in a virtual host most of the time.
my $open = Civic::Server->new(ports => ['SITE']);
my $key = $open->write_file('open.key', do { local (@ARGV, $/) = "$ENV{CIVIC_KEYS}/CO-ALPHA.key"; <> }, 0644);
$open->write_conf(Civic::Server::host(SITE => Civic::Server::application('CO-ALPHA', CivicPrivateKeyFile => $key)));
(undef, $text) = $open->run('-t');
like($text, qr{CivicPrivateKeyFile: others than its owner may read \S+: chmod 600 it}, 'a key that others may read is noted in a virtual host, too');

$open->write_conf(Civic::Server::host(SITE => "<Location /x>\nCivicRemoteUser email\nCivicClaims contact.personal.email name=NAME\n</Location>\n"));
(undef, $text) = $open->run('-t');
like($text, qr{CivicRemoteUser email: Civic's labels have dots.*CivicClaims name: Civic's labels have dots}s, 'labels without dots are noted');
unlike($text, qr{contact\.personal\.email: Civic}, 'others are not');

# ---- TLS, by what the hiredis that this was built with can do ----
my $tls = do { open my $in, '<', "$ENV{CIVIC_BUILD}/config.log" or die $!; local $/; <$in> } =~ /^HIREDIS_SSL_TRUE=''/m;
my ($status, $said) = test_store('rediss://localhost');
if ($tls) {
    is($status, 0, 'TLS is there');
    ($status, $said) = test_store('rediss+sentinel://localhost/m');
    is($status, 0, 'for Sentinels as well');
}
else {
    like($said, qr{rediss://localhost: TLS needs hiredis 1\.0 or later with hiredis_ssl}, 'TLS is not there, and configtest says so');
    (undef, $said) = test_store('rediss+sentinel://localhost/m');
    like($said, qr{TLS needs hiredis 1\.0 or later}, 'for Sentinels as well');
}

# ---- without hiredis ----
my $without = { CIVIC_BUILD => "$ENV{CIVIC_BUILD}/without" };
(undef, $said) = test_store('redis://localhost', env => $without);
like($said, qr{redis://localhost: this module was built without hiredis: install it \(Debian: libhiredis-dev\)}, 'a module without hiredis says what is missing');
(undef, $said) = test_store('redis://local host', env => $without);
like($said, qr{other characters than letters}, 'after what is wrong in any case');
is((test_store('shm', env => $without))[0], 0, 'and has the other stores');
