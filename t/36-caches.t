# A cache in front, httpd's own or another, does not hand one person's pages to everybody: what a
# session has opened is marked as private, unless the site says otherwise itself.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Client ();
use Civic::Raw ();
use Civic::Server ();

my @PATHS = ('/m/file.txt', '/m/proxy/x', '/m/cgi', '/pass/file.txt');

plan tests => 2 * (3 * @PATHS + 1) + 7;

sub server {
    my ($quick) = @_;
    my $server = Civic::Server->new(ports => [qw(SELF BACKEND)]);
    my $root = $server->dir . '/htdocs';
    make_path("$root/m", "$root/pass", "$root/o", $server->dir . '/cache');
    chmod 0777, $server->dir . '/cache';
    $server->write_file("htdocs/$_/file.txt", "SECRET-CONTENT\n") for qw(m pass o);
    # Old enough to be kept by mod_cache's rule of thumb.
    utime time - 30 * 86400, time - 30 * 86400, map { "$root/$_/file.txt" } qw(m pass o);
    my $dir = $server->dir;
    open my $out, '>>', "$dir/httpd.conf" or die $!;
    print $out <<"END";
LoadModule cache_module \${CIVIC_MODULES}/mod_cache.so
LoadModule cache_disk_module \${CIVIC_MODULES}/mod_cache_disk.so
LoadModule expires_module \${CIVIC_MODULES}/mod_expires.so
Listen 127.0.0.1:\${CIVIC_PORT_BACKEND}
<VirtualHost 127.0.0.1:\${CIVIC_PORT_BACKEND}>
    ServerName backend.localhost
    DocumentRoot "$root/m"
    AliasMatch ^/ "$root/m/file.txt"
</VirtualHost>
Listen 127.0.0.1:\${CIVIC_PORT_SELF}
<VirtualHost 127.0.0.1:\${CIVIC_PORT_SELF}>
    ServerName localhost
    DocumentRoot "$root"
    CacheRoot "$dir/cache"
    CacheEnable disk "/"
    CacheQuickHandler $quick
    CacheIgnoreNoLastMod On
    CacheDefaultExpire 3600
    <CivicApplication "CO-PLAIN">
        CivicPrivateKeyFile \${CIVIC_KEYS}/CO-PLAIN.key
        CivicSecretFile     \${CIVIC_KEYS}/CO-PLAIN.secret
        CivicApiUrl         http://localhost:\${CIVIC_PORT_SANDBOX_PLAIN}/sip
        CivicPublicKey      file:\${CIVIC_KEYS}/civic.pub
        CivicPayloadHosts   localhost
    </CivicApplication>
    ScriptAlias /m/cgi \${CIVIC_T}/cgi-bin/echo.pl
    ProxyPass /m/proxy/ http://127.0.0.1:\${CIVIC_PORT_BACKEND}/
    <Location "/m">
        AuthType Civic
        AuthName "Cached"
        Require valid-user
    </Location>
    <Location "/m/own">
        Header set Cache-Control "private, max-age=60"
    </Location>
    <Location "/m/always">
        Header always set Cache-Control "no-store"
    </Location>
    <Location "/m/expires">
        ExpiresActive On
        ExpiresDefault "access plus 1 hour"
    </Location>
    <Location "/pass">
        AuthType Civic
        AuthName "Cached"
        CivicUnauthenticated pass
        Require all granted
    </Location>
    AliasMatch ^/m/(own|always|expires)\$ "$root/m/file.txt"
</VirtualHost>
END
    close $out or die $!;
    return $server->start;
}

my ($port, $session);
sub ask { my ($path, $lines, %how) = @_; return Civic::Raw::request($port, 'GET', $path, $lines // '', undef, %how) }

for my $quick (qw(On Off)) {
    my $server = server($quick);
    $port = $server->port('SELF');
    my $client = Civic::Client->new(site => "http://localhost:$port", sandbox => Civic::Sandbox->plain)->logged_in('/m/file.txt');
    my ($name, $id) = $client->session_cookie;
    $session = "Cookie: $name=$id\r\n";
    ask('/o/file.txt');
    is(scalar(ask('/o/file.txt')->header('Age')) // 'none', 0, "quick handler $quick: the cache is at work") ;
    for my $path (@PATHS) {
        my $answer = ask($path, $session);
        like($answer->raw, qr/SECRET-CONTENT/, "quick handler $quick: the session opens $path");
        like($answer->header('Cache-Control') // '', qr/private|no-store/, "quick handler $quick: which no shared cache may keep: $path");
        ask($path, $session) for 1 .. 2;
        next if $path =~ /pass/ && ok(!defined ask($path)->header('Age'), "quick handler $quick: nor does httpd's: $path");
        my $other = ask($path);
        ok($other->code == 401 && $other->raw !~ /SECRET-CONTENT/, "quick handler $quick: nobody else gets it: $path") or diag $other->raw;
    }
    next if $quick eq 'On';
    is(scalar(my @one = ask('/m/own', $session)->header('Cache-Control')), 1, 'one header');
    is(scalar(ask('/m/own', $session)->header('Cache-Control')), 'private, max-age=60', 'a site\'s own stays as it is');
    is(join('|', ask('/m/always', $session)->header('Cache-Control')), 'no-store', 'also one that it always sets');
    like(join(', ', ask('/m/expires', $session)->header('Cache-Control')), qr/max-age=3600/, 'and that of mod_expires');
    is(scalar(ask('/o/file.txt', $session)->header('Cache-Control')), undef, 'nothing is said of what is open');
    is(scalar(ask('/civic/page.css', $session)->header('Cache-Control')), 'public, max-age=300', 'or of our own files');
    is(scalar(() = $server->error_log =~ /exit signal/g), 0, 'no child has died');
}
