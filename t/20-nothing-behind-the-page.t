# Without a session not one byte of what is protected leaves, whatever makes the content and
# whatever the method, and no back end is asked; the module loaded before and behind the others.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Client ();
use Civic::Raw ();
use Civic::Server ();

my @METHODS = qw(GET HEAD POST OPTIONS TRACE PUT DELETE PROPFIND NONSENSE);

# path => [what makes the content, is the path itself protected]
my @CONTENTS = (
    ['/m/file.txt',        'a file',                               1],
    ['/m/',                'DirectoryIndex',                       1],
    ['/m/list/',           'mod_autoindex',                        1],
    ['/m/cgi',             'CGI',                                  1],
    ['/m/page.shtml',      'SSI',                                  1],
    ['/m/proxy/x',         'mod_proxy',                            1],
    ['/m/rewritten-proxy', 'mod_rewrite to a back end',            1],
    ['/m/status',          'mod_status',                           1],
    ['/m/fallback/none',   'FallbackResource',                     1],
    ['/m/missing',         'nothing, with an ErrorDocument',       1],
    ['/m/own401/file.txt', 'a file, with an ErrorDocument for 401', 1],
    ['/o/missing',         'a protected ErrorDocument',            0],
    ['/o/include.shtml',   'an include of what is protected',      0],
    ['/o/fallback/none',   'a protected FallbackResource',         0],
    ['/o/rewritten',       'mod_rewrite to what is protected',     0],
    ['/o/index/',          'a protected DirectoryIndex',           0],
);
my $SECRET = qr/SECRET-CONTENT|Apache Server Status|ServerUptime/;

plan tests => 2 * (@CONTENTS * @METHODS + 5);

my $CONF = <<'END';
Include ${CIVIC_T}/conf/backend.conf
Listen 127.0.0.1:${CIVIC_PORT_SELF}
AddHandler cgi-script .pl
AddOutputFilter INCLUDES .shtml
<VirtualHost 127.0.0.1:${CIVIC_PORT_SELF}>
    ServerName localhost
    DocumentRoot "HTDOCS"
    Include ${CIVIC_T}/conf/application-plain.conf
    <Directory "HTDOCS">
        Options +Indexes +Includes +FollowSymLinks
    </Directory>
    ScriptAlias /m/cgi  ${CIVIC_T}/cgi-bin/echo.pl
    ProxyPass   /o/proxy/ http://127.0.0.1:${CIVIC_PORT_BACKEND}/open/
    ProxyPass   /m/proxy/ http://127.0.0.1:${CIVIC_PORT_BACKEND}/secret/
    RewriteEngine On
    RewriteRule ^/m/rewritten-proxy$ http://127.0.0.1:${CIVIC_PORT_BACKEND}/secret/rewritten [P]
    RewriteRule ^/o/rewritten$       /m/file.txt [PT]
    <Location "/m">
        AuthType Civic
        AuthName "Matrix"
        Require valid-user
    </Location>
    <Location "/m/status">
        SetHandler server-status
    </Location>
    <Location "/m/fallback">
        FallbackResource /m/cgi
    </Location>
    <Location "/m/missing">
        ErrorDocument 404 /m/file.txt
    </Location>
    <Location "/m/own401">
        ErrorDocument 401 /m/file.txt
    </Location>
    <Location "/o">
        ErrorDocument 404 /m/cgi
    </Location>
    <Location "/o/fallback">
        FallbackResource /m/cgi
    </Location>
    <Location "/o/index">
        DirectoryIndex /m/file.txt
    </Location>
</VirtualHost>
END

sub server {
    my ($defines) = @_;
    my $server = Civic::Server->new(ports => [qw(SELF BACKEND)], defines => $defines);
    my $root = $server->dir . '/htdocs';
    make_path(map { "$root/$_" } qw(m/list m/own401 m/fallback o/index o/fallback));
    $server->write_file("htdocs/$_", "SECRET-CONTENT\n")
        for qw(m/file.txt m/index.html m/own401/file.txt m/list/SECRET-CONTENT.txt);
    $server->write_file('htdocs/m/page.shtml', "SECRET-CONTENT <!--#echo var=\"REMOTE_USER\" -->\n");
    $server->write_file('htdocs/o/include.shtml',
        'open <!--#include virtual="/m/file.txt" --><!--#include virtual="/m/cgi" -->'
            . "<!--#include virtual=\"/m/proxy/ssi\" -->\n");
    my $conf = $CONF =~ s/HTDOCS/$root/gr;
    open my $out, '>>', $server->dir . '/httpd.conf' or die $!;
    print $out $conf;
    close $out or die $!;
    return $server->start;
}

# Requests that the back end has seen, once one sent now has arrived there.
sub seen_behind {
    my ($server, $port) = @_;
    my $log = $server->dir . '/logs/backend_log';
    Civic::Raw::request($port, 'GET', '/o/proxy/last');
    for (1 .. 200) {
        if (open my $in, '<', $log) {
            my @lines = <$in>;
            return @lines if grep { m{ /open/last$} } @lines;
        }
        select undef, undef, undef, 0.05;
    }
    die "the back end was not asked\n";
}

sub faults_of {
    my ($answer, $method, $path, $is_protected) = @_;
    my @faults = $answer->faults;
    my $echo = $method eq 'TRACE' && $answer->code == 200
        && ($answer->header('Content-Type') // '') eq 'message/http';
    push @faults, 'SECRET: ' . $answer->body if $answer->raw =~ $SECRET;
    if ($is_protected && !$echo) {
        push @faults, 'status ' . $answer->code unless $answer->code == 401;
        push @faults, 'no length' unless $method eq 'HEAD' || defined $answer->header('Content-Length');
    }
    return @faults;
}

for my $defines ([], ['CivicFirst']) {
    my $order = @$defines ? 'loaded first' : 'loaded last';
    my $server = server($defines);
    my $port = $server->port('SELF');
    for my $content (@CONTENTS) {
        my ($path, $maker, $is_protected) = @$content;
        for my $method (@METHODS) {
            my $body = $method =~ /POST|PUT/ ? 'a=1' : undef;
            my @faults;
            for my $lines ($Civic::Raw::NAVIGATE, "Accept: */*\r\n", '') {
                push @faults, faults_of(Civic::Raw::request($port, $method, $path, $lines, $body),
                    $method, $path, $is_protected);
            }
            is("@faults", '', "$order: $method of $maker");
        }
    }
    my @wrong = grep { !m{/open/} } seen_behind($server, $port);
    is("@wrong", '', "$order: the back end was asked for nothing that is protected");

    # The same paths do lead to the content for somebody who is logged in: the test can fail.
    my $client = Civic::Client->new(site => "http://localhost:$port", sandbox => Civic::Sandbox->plain);
    my ($answer) = $client->login('/m/file.txt');
    is($answer->code, 200, "$order: a login works") or diag $answer->as_string;
    my @closed = grep { $_->[0] !~ /missing/ && $client->get($_->[0])->content !~ $SECRET } @CONTENTS;
    is(join(' ', map { $_->[0] } @closed), '', "$order: with a session each path shows its secret");
    like($client->get('/m/missing')->content, $SECRET, "$order: and the ErrorDocument too");
    like($client->get('/o/missing')->content, $SECRET, "$order: that of an open path as well");
}
