# A connection has room for two sessions. Where one request brings more, by includes, what was made for one of them
# is never told of another that has taken its place.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Net::HTTPS ();

use lib 't/lib';
use Civic::Client ();
use Civic::Server ();

plan tests => 11;

my $server = Civic::Server->new(ports => [qw(SITE SANDBOX SANDBOX_PLAIN)]);
my $pages = $server->dir . '/pages';
mkdir $pages or die $!;
$server->write_conf(join '', 'Include ${CIVIC_T}/conf/sandbox.conf', "\n", Civic::Server::host(SITE => <<"END"));
Include \${CIVIC_T}/conf/applications.conf
KeepAliveTimeout 60
AddOutputFilter INCLUDES .shtml
Alias /alpha/page.shtml $pages/page.shtml
ScriptAliasMatch ^/(alpha|beta)/cgi\$ \${CIVIC_T}/cgi-bin/echo.pl
<Directory "$pages">
Options +Includes
</Directory>
<LocationMatch "^/(alpha|beta)/">
AuthType Civic
AuthName "Members"
Require valid-user
CivicUse CO-ALPHA
</LocationMatch>
<Location "/beta">
CivicUse CO-BETA
</Location>
END
$server->write_file('pages/page.shtml', '<!--#include virtual="/beta/cgi" --> then <!--#include virtual="/alpha/cgi" -->');
$server->start;

my $client = $server->client('SITE');
$client->logged_in('/alpha/cgi', person => 'jane');
my ($alpha) = map {"$_=" . $client->cookies->{$_}} grep { !/-login$/ } keys %{ $client->cookies };
my %user = (alpha => env($client->get('/alpha/cgi')->content));
$client->clear;
$client->logged_in('/beta/cgi', person => 'ozdemir');
my ($beta) = map {"$_=" . $client->cookies->{$_}} grep { !/-login$/ } keys %{ $client->cookies };
$user{beta} = env($client->get('/beta/cgi')->content);
isnt($user{alpha}{CIVIC_USER_ID}, $user{beta}{CIVIC_USER_ID}, 'two sessions of two people, at two applications');

# Cookies of beta's that are of the right form and open nothing, which take a place each as well.
my @nothing = map { my $last = $_; $beta =~ s/=.*(?=.)/'=' . $last x 42/er } qw(A B);

my $connection = Net::HTTPS->new(
    PeerAddr    => '127.0.0.1:' . $server->port('SITE'),
    Host        => 'localhost',
    KeepAlive   => 1,
    Timeout     => 20,
    SSL_ca_file => "$ENV{CIVIC_KEYS}/ca.pem",
    SSL_verifycn_name => 'localhost'
) || die $@;

sub env {
    my %env = %{ $Civic::Client::JSON->decode($_[0])->{env} };
    return { map { $_ => $env{$_} } qw(REMOTE_USER CIVIC_USER_ID CIVIC_APPLICATION CIVIC_SCOPE) };
}

# Over the one connection. Gives status and body.
sub ask {
    my ($path, @cookies) = @_;
    $connection->write_request(GET => $path, Host => 'localhost:' . $server->port('SITE'), Cookie => join '; ', @cookies);
    my ($code, undef, %headers) = $connection->read_response_headers;
    die 'the connection was closed' if ($headers{Connection} || '') eq 'close';
    my $body = '';
    while ($connection->read_entity_body(my $piece, 65536)) { $body .= $piece }
    return ($code, $body);
}

my ($code, $body) = ask('/alpha/cgi', $alpha);
is($code, 200, 'one session');
is_deeply(env($body), $user{alpha}, 'is told');
($code, $body) = ask('/alpha/page.shtml', $alpha, @nothing, $beta);
is($code, 200, 'a page with both in it');
my @told = map { env($_) } $body =~ /^(.*) then (.*)$/s;
is_deeply(\@told, [ @user{qw(beta alpha)} ], 'tells each its own');
for my $name (qw(beta alpha)) {
    for (1 .. 3) {
        ($code, $body) = ask("/$name/cgi", $alpha, $beta);
        is_deeply(env($body), $user{$name}, "then $name its own, request $_");
    }
}
