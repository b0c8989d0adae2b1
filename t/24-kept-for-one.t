# What a connection keeps for a session is never told of another one, nor where another CivicClaims holds:
# not after many sessions came in one request, and not where .htaccess files say what may be told.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha256_hex);
use File::Copy qw(copy);

use lib 't/lib';
use Civic::Client ();
use Civic::Server ();

plan tests => 10 + 2;

my $applications = join '', map { Civic::Server::application($_) } qw(CO-ALPHA CO-BETA CO-PLAIN);
my $server = Civic::Server->new(
    ports => [qw(SITE SANDBOX SANDBOX_PLAIN)],
    conf  => 'Include ${CIVIC_T}/conf/sandbox.conf' . "\n" . Civic::Server::host(SITE => $applications . <<'END')
ScriptAlias /alpha/echo ${CIVIC_T}/cgi-bin/echo.pl
ScriptAlias /beta/echo ${CIVIC_T}/cgi-bin/echo.pl
Alias /alpha/page.shtml ${CIVIC_LOGS}/page.shtml
ScriptAlias /mail/ ${CIVIC_LOGS}/mail/
ScriptAlias /none/ ${CIVIC_LOGS}/none/
<Directory "${CIVIC_LOGS}">
    AllowOverride AuthConfig
    Options +Includes
    AddOutputFilter INCLUDES .shtml
    Require all granted
</Directory>
<LocationMatch "^/(alpha|mail|none)/">
    AuthType Civic
    AuthName "Members"
    CivicUse CO-ALPHA
    Require valid-user
</LocationMatch>
<Location "/beta">
    AuthType Civic
    CivicUse CO-BETA
    Require valid-user
</Location>
<Location "/plain">
    AuthType Civic
    CivicUse CO-PLAIN
    Require valid-user
</Location>
END
);
my $logs = $server->{env}{CIVIC_LOGS};
# Of one length: memory is laid out alike.
my %may = (mail => 'contact.personal.email', none => 'contact.personal.other');
for my $folder (sort keys %may) {
    mkdir "$logs/$folder" or die $!;
    copy("$ENV{CIVIC_T}/cgi-bin/echo.pl", "$logs/$folder/echo.pl") or die $!;
    chmod 0755, "$logs/$folder", "$logs/$folder/echo.pl";
    write_file("$logs/$folder/.htaccess", "CivicClaims $may{$folder}\n");
}
write_file("$logs/page.shtml", join '', map {qq{<!--#include virtual="$_" -->\n}} qw(/beta/x /alpha/echo));
chmod 0755, $logs;
$server->start;

sub write_file {
    my ($path, $text) = @_;
    open my $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file or die $!;
    chmod 0644, $path;
    return;
}

# With his cookies, over one connection of its own.
sub connection_of {
    my $from = shift;
    my $client = $server->client('SITE', keep_alive => 1);
    my $cookies = $from->cookies;
    $client->set_cookie($_, $cookies->{$_}) for keys %$cookies;
    return $client;
}

sub told {
    my ($client, $path) = @_;
    my $answer = $client->get($path);
    die "$path: " . $answer->as_string unless $answer->code == 200;
    my $env = $Civic::Client::JSON->decode($answer->content)->{env};
    return $env;
}

# ---- more sessions in one request than a connection has places for ----
my $jane = $server->client('SITE')->logged_in('/alpha/echo', person => 'jane');
$jane->logged_in('/beta/echo', person => 'ozdemir');
my ($name) = $jane->session_cookie(substr sha256_hex('CO-ALPHA'), 0, 8);
ok($name, 'a session of one application');
my $plain_name = $name =~ s/-[0-9a-f]+$/'-' . substr sha256_hex('CO-PLAIN'), 0, 8/er;
$jane->set_cookie($plain_name, 'x' x 43);

my $alone = told(connection_of($jane), '/beta/echo');
my $client = connection_of($jane);
is($client->get('/plain/x')->code, 401, 'a session that is none takes a place');
my $alpha = told($client, '/alpha/echo');
is($alpha->{CIVIC_APPLICATION}, 'CO-ALPHA', 'the first');
my $page = $client->get('/alpha/page.shtml');
is($page->code, 200, 'a page that includes others, of two applications');
like($page->content, qr/"CIVIC_APPLICATION":"CO-ALPHA"/, 'the last of which is told of the first session');
for my $round (1 .. 2) {
    my $beta = told($client, '/beta/echo');
    is($beta->{CIVIC_APPLICATION}, 'CO-BETA', "round $round: the second application is told of its own session");
    is($beta->{CIVIC_USER_ID}, $alone->{CIVIC_USER_ID}, 'and of its own user');
}
is(told($client, '/alpha/echo')->{CIVIC_APPLICATION}, 'CO-ALPHA', 'the first one as well');

# ---- .htaccess, whose memory goes with its request ----
$client = connection_of($server->client('SITE')->logged_in('/mail/echo.pl', person => 'jane'));
my %seen;
for (1 .. 30) {
    for my $folder (qw(none mail)) {
        my $env = told($client, "/$folder/echo.pl");
        $seen{$folder}{ join ' ', sort grep {/^CIVIC_CONTACT/} keys %$env }++;
    }
}
is_deeply($seen{none}, { '' => 30 }, 'nothing is told where CivicClaims names what is not there');
is_deeply($seen{mail}, { CIVIC_CONTACT_PERSONAL_EMAIL => 30 }, 'and the address where it names that');
