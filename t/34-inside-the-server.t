# Who somebody is is known wherever a request goes inside the server: look-ahead of mod_rewrite,
# includes, FallbackResource, DirectoryIndex, ErrorDocument; it is looked up once and no cookie is
# set twice. And nowhere else: it does not leak to requests of others on the same connection.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Client ();
use Civic::Raw ();
use Civic::Server ();

plan tests => 67;

my $USER = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';

my $server = Civic::Server->new(ports => ['SELF']);
my $root = $server->dir . '/htdocs';
make_path(map { "$root/$_" } qw(m/index m/fallback m/html o));
$server->write_file('htdocs/m/include.shtml',
    'user=<!--#echo var="REMOTE_USER" --> id=<!--#echo var="CIVIC_USER_ID" --> <!--#include virtual="/m/cgi" --><!--#include virtual="/o/cgi" -->');
$server->write_file('htdocs/m/html/index.html', 'SECRET-CONTENT');
$server->write_file('htdocs/m/file.txt', 'SECRET-CONTENT');
$server->write_file('htdocs/o/index.html', 'open');
my $conf = <<'END';
Listen 127.0.0.1:${CIVIC_PORT_SELF}
AddOutputFilter INCLUDES .shtml
<VirtualHost 127.0.0.1:${CIVIC_PORT_SELF}>
    ServerName localhost
    DocumentRoot "HTDOCS"
    Include ${CIVIC_T}/conf/application-plain.conf
    <Directory "HTDOCS">
        Options +Includes +FollowSymLinks
    </Directory>
    ScriptAliasMatch ^/(m|o|m/email)/cgi$ ${CIVIC_T}/cgi-bin/echo.pl
    RewriteEngine On
    RewriteCond %{LA-U:REMOTE_USER} (.+)
    RewriteRule ^ - [E=LOOKED_AHEAD:%1]
    RewriteRule ^/m/front/(.*) /m/cgi?path=$1 [PT,QSA]
    <Location "/m">
        AuthType Civic
        AuthName "Inside"
        Require valid-user
        ErrorDocument 404 /m/cgi
    </Location>
    <Location "/m/index">
        DirectoryIndex /m/cgi
    </Location>
    <Location "/m/fallback">
        FallbackResource /m/cgi
    </Location>
    <Location "/m/errors-open">
        ErrorDocument 404 /o/cgi
    </Location>
    <Location "/m/email">
        CivicRemoteUser contact.personal.email
        ErrorDocument 404 /m/cgi
    </Location>
    <Location "/m/denied">
        Require user nobody
        ErrorDocument 403 /o/cgi
    </Location>
    <Location "/o/missing">
        ErrorDocument 404 /m/cgi
    </Location>
</VirtualHost>
END
$conf =~ s/HTDOCS/$root/g;
open my $out, '>>', $server->dir . '/httpd.conf' or die $!;
print $out $conf;
close $out or die $!;
$server->start;
my $port = $server->port('SELF');
my $client = Civic::Client->new(site => "http://localhost:$port", sandbox => Civic::Sandbox->plain)->logged_in('/m/file.txt');
my ($name, $id) = $client->session_cookie;

# path => [status, REMOTE_USER, prefix of variables from before a redirect]
my @INSIDE = (
    ['/m/cgi',           200, $USER],
    ['/m/front/a/b',     200, $USER],
    ['/m/index/',        200, $USER],
    ['/m/fallback/none', 200, $USER],
    ['/m/missing',       404, $USER],
    ['/m/errors-open/x', 404, $USER],
    ['/m/email/cgi',     200, 'jane@example.com'],
    ['/m/email/missing', 404, $USER],
    ['/m/denied/x',      403, $USER],
    ['/o/missing/x',     404, $USER],
);
for my $case (@INSIDE) {
    my ($path, $status, $user) = @$case;
    my $answer = $client->get($path);
    is($answer->code, $status, "$path: $status");
    my $env = eval { $client->json($answer)->{env} } || {};
    is($env->{REMOTE_USER}, $user, "$path: knows the user");
    is($env->{CIVIC_USER_ID}, $USER, "$path: and the id, without prefix");
    is($env->{CIVIC_CONTACT_PERSONAL_EMAIL}, 'jane@example.com', "$path: and claims");
    is($answer->header('Set-Cookie'), undef, "$path: sets no cookie");
}
my $env = $client->json($client->get('/m/cgi'))->{env};
is($env->{LOOKED_AHEAD}, $USER, 'mod_rewrite looks ahead');
is($client->json($client->get('/m/email/cgi'))->{env}{LOOKED_AHEAD}, 'jane@example.com', 'and sees the name that holds there');
is($client->json($client->get('/o/cgi'))->{env}{LOOKED_AHEAD}, undef, 'but not where nobody logs in');
my $page = $client->get('/m/include.shtml')->content;
like($page, qr/user=$USER id=$USER/, 'a page of SSI knows the user');
is(scalar(() = $page =~ /"REMOTE_USER":"$USER"/g), 2, 'and so does what it includes, protected or not');

# ---- without a session: one page, one cookie, one line, whatever looked ahead ----
for my $path ('/m/cgi', '/m/front/x', '/m/index/', '/m/include.shtml', '/m/html/', '/m/missing') {
    my $before = length $server->error_log;
    my $answer = Civic::Raw::request($port, 'GET', $path, $Civic::Raw::NAVIGATE);
    my @lines = substr($server->error_log, $before) =~ /refused: login-required/g;
    is(join(' ', scalar($answer->header('Set-Cookie')) ? scalar(my @all = $answer->header('Set-Cookie')) : 0, scalar @lines,
        $answer->faults), '1 1', "$path: one cookie, one line");
}
my $answer = Civic::Raw::request($port, 'GET', '/o/missing/x', $Civic::Raw::NAVIGATE);
is($answer->code . join(' ', $answer->faults), '404', 'an ErrorDocument that is protected does not make a login of a 404');
unlike($answer->raw, qr/SECRET|REMOTE_USER|Set-Cookie|WWW-Authenticate/, 'and asks for nothing');

# ---- the next request of the same connection is somebody else's ----
my $raw = Civic::Raw::ask($port, join '', map {
    "GET /m/cgi HTTP/1.1\r\nHost: localhost\r\n" . ($_ ? "Cookie: $name=$id\r\n" : '') . "\r\n"
} 1, 0, 1, 0)->raw;
# The last one keeps the connection open until its time is over.
is(join(' ', $raw =~ /HTTP\/1\.1 (\d{3}) /g), '200 401 200 401', 'a connection is nobody\'s');
is(scalar(() = $server->error_log =~ /exit signal/g), 0, 'no child has died');
my ($again) = map { Civic::Raw::request($port, 'GET', $_, "Cookie: $name=$id\r\n") } '/m/file.txt';
is($again->body, 'SECRET-CONTENT', 'and the session is well');
is(scalar(grep { /\Q$id\E/ } $server->error_log), 0, 'the log does not hold its id');
