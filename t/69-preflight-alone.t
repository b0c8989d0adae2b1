# Preflights pass where nothing else in the configuration wants the rules to be judged before the login: no
# negated rule, no expression about the session.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Server ();

plan tests => 5;

my $server = Civic::Server->new(
    ports => [qw(SITE SANDBOX SANDBOX_PLAIN)],
    conf  => 'Include ${CIVIC_T}/conf/sandbox.conf' . "\n"
        . Civic::Server::host(SITE => Civic::Server::application('CO-ALPHA') . <<'END')
ScriptAlias /apis ${CIVIC_T}/cgi-bin/echo.pl
<Location "/apis">
    AuthType Civic
    CivicPreflight On
    Header always set Access-Control-Allow-Origin "https://app.example"
    Require valid-user
</Location>
<Location "/apis/denied">
    Require all denied
</Location>
<Location "/apis/off">
    CivicPreflight Off
</Location>
END
)->start;

my $client = $server->client('SITE');
my %preflight = (Origin => 'https://app.example', 'Access-Control-Request-Method' => 'PUT', 'Sec-Fetch-Mode' => 'cors');

is($client->request('OPTIONS', '/apis/x', \%preflight)->code, 200, 'a preflight passes');
is($client->request('OPTIONS', '/apis/x', { %preflight, Origin => undef })->code, 401, 'nothing that is none');
is($client->request('GET', '/apis/x', \%preflight)->code, 401, 'nor what would do something');
is($client->request('OPTIONS', '/apis/denied', \%preflight)->code, 403, 'past no rule but that of the login');
is($client->request('OPTIONS', '/apis/off', \%preflight)->code, 401, 'where it was asked for');
