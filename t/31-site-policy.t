# A site's own security headers, however they are set, stay on its pages and do not get in the way of
# ours: each page of the module has one Content-Security-Policy, its own.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Raw ();
use Civic::Server ();

my $SITE = "default-src 'self' https://site.example";
my %WAYS = (
    always     => "Header always set Content-Security-Policy \"$SITE\"",
    onsuccess  => "Header set Content-Security-Policy \"$SITE\"",
    both       => "Header always set Content-Security-Policy \"$SITE\"\nHeader set Content-Security-Policy \"$SITE\"",
    add        => "Header always add Content-Security-Policy \"$SITE\"\nHeader add Content-Security-Policy \"$SITE\"",
    append     => "Header always append Content-Security-Policy \"$SITE\"\nHeader append Content-Security-Policy \"$SITE\"",
    case       => "Header always set CONTENT-security-POLICY \"$SITE\"",
    location   => "<Location \"/\">\nHeader always set Content-Security-Policy \"$SITE\"\n</Location>",
    directory  => "<Directory \"HTDOCS\">\nHeader always set Content-Security-Policy \"$SITE\"\n</Directory>",
    condition  => "<If \"true\">\nHeader always set Content-Security-Policy \"$SITE\"\n</If>",
    reporting  => "Header always set Content-Security-Policy \"$SITE\"\nHeader always set Content-Security-Policy-Report-Only \"$SITE\"\n"
        . "Header set Content-Security-Policy-Report-Only \"$SITE\"",
    others     => "Header always set Content-Security-Policy \"$SITE\"\nHeader always set Referrer-Policy no-referrer\nHeader set Referrer-Policy no-referrer\n"
        . "Header always set Cache-Control \"public, max-age=31536000\"\nHeader always set X-Content-Type-Options other\n"
        . "Header always set Strict-Transport-Security max-age=1000\nHeader always set X-Frame-Options SAMEORIGIN",
);

plan tests => 5 * keys(%WAYS) + 4;

sub host {
    my ($name, $rules) = @_;
    $name = uc $name;
    return <<"END";
Listen 127.0.0.1:\${CIVIC_PORT_$name}
<VirtualHost 127.0.0.1:\${CIVIC_PORT_$name}>
    ServerName localhost
    DocumentRoot "HTDOCS"
    <CivicApplication "CO-PLAIN">
        CivicPrivateKeyFile \${CIVIC_KEYS}/CO-PLAIN.key
        CivicSecretFile     \${CIVIC_KEYS}/CO-PLAIN.secret
        CivicApiUrl         http://localhost:\${CIVIC_PORT_SANDBOX_PLAIN}/sip
        CivicPublicKey      file:\${CIVIC_KEYS}/civic.pub
        CivicPayloadHosts   localhost
    </CivicApplication>
    $rules
    <Location "/m">
        AuthType Civic
        AuthName "Policy"
        Require valid-user
    </Location>
    <Location "/m/nobody">
        Require user nobody
    </Location>
</VirtualHost>
END
}

my $server = Civic::Server->new(ports => [map { uc } sort keys %WAYS]);
$server->write_file('index.html', 'open');
mkdir $server->dir . '/m';
mkdir $server->dir . '/m/nobody';
$server->write_file("m/$_", 'SECRET-CONTENT') for 'index.html', 'nobody/index.html';
my $conf = join '', map { host($_, $WAYS{$_}) } sort keys %WAYS;
my $root = $server->dir;
$conf =~ s/HTDOCS/$root/g;
open my $out, '>>', $server->dir . '/httpd.conf' or die $!;
print $out $conf;
close $out or die $!;
$server->start;

# Exactly one policy, ours, and our other headers once each.
sub faults_of {
    my ($what, $answer, $cache) = @_;
    my @policies = $answer->header('Content-Security-Policy');
    my @faults;
    push @faults, "policies: @policies" unless @policies == 1 && $policies[0] =~ /^default-src 'none';/ && $policies[0] !~ /site\.example/;
    push @faults, 'reports' if $answer->header('Content-Security-Policy-Report-Only');
    my %own = ('Cache-Control' => $cache // 'no-store', 'X-Content-Type-Options' => 'nosniff',
        'Referrer-Policy' => 'strict-origin-when-cross-origin');
    for my $name (sort keys %own) {
        my @values = $answer->header($name);
        push @faults, "$name: @values" unless "@values" eq $own{$name};
    }
    return map { "$what: $_" } @faults, $answer->faults;
}

for my $way (sort keys %WAYS) {
    my $port = $server->port(uc $way);
    my $client = Civic::Client->new(site => "http://localhost:$port", sandbox => Civic::Sandbox->plain)->logged_in('/m/');
    my ($name, $id) = $client->session_cookie;
    my $session = "Cookie: $name=$id\r\n";
    my $get = sub { return Civic::Raw::request($port, $_[2] // 'GET', $_[0], ($_[1] // '')) };
    my $nav = $Civic::Raw::NAVIGATE;

    is(join("\n", faults_of('login page', $get->('/m/', $nav)), faults_of('HEAD', $get->('/m/', $nav, 'HEAD')),
        faults_of('for a program', $get->('/m/'))), '', "$way: the login page has its own policy alone");
    is(join("\n", faults_of('logout', $get->('/civic/logout', $nav)), faults_of('callback', $get->('/civic/callback', $nav)),
        faults_of('session', $get->('/civic/session')), faults_of('forbidden', $get->('/m/nobody/', $session . $nav))), '',
        "$way: so have the other pages");
    is(join("\n", map { faults_of($_, $get->($_), 'public, max-age=300') } '/civic/login.js', '/civic/page.css'), '',
        "$way: and what they load");
    my @site = map { join ', ', $get->($_, $session)->header('Content-Security-Policy') } '/', '/m/';
    is(scalar(grep { /^default-src 'self' https:\/\/site\.example/ } @site), 2, "$way: the site's stays on its own pages");
    my @missing = map { join ', ', $get->($_, $session)->header('Content-Security-Policy') } '/none';
    is(scalar(grep { /none'/ } @missing), 0, "$way: and ours is on none of them");
}

# What a site adds beside those stays: it protects our pages as well.
my $answer = Civic::Raw::request($server->port('OTHERS'), 'GET', '/m/', $Civic::Raw::NAVIGATE);
is($answer->header('Strict-Transport-Security'), 'max-age=1000', 'HSTS stays on the login page');
is($answer->header('X-Frame-Options'), 'SAMEORIGIN', 'and other headers');
$answer = Civic::Raw::request($server->port('OTHERS'), 'GET', '/civic/session');
is($answer->header('Strict-Transport-Security'), 'max-age=1000', 'on the endpoints as well');
is(scalar(() = $server->error_log =~ /exit signal/g), 0, 'no child has died');
