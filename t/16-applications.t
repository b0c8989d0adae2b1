# Several applications in one host and several hosts, side by side in one browser; CivicUse is
# inherited, a host's application replaces the main server's of the same id.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha256_hex);

use lib 't/lib';
use Civic::Check qw(refused logs_in);
use Civic::Client ();
use Civic::Server ();

plan tests => 36;

sub suffix { return substr sha256_hex(shift), 0, 8 }

sub cgi_env { my ($client, $path) = @_; return $client->json($client->get($path))->{env} }

# ---- two applications of one host in one browser ----
my $client = Civic::Client->logged_in('/members/');
is($client->get('/beta/')->code, 401, 'a session of one application does not open the other');
is(Civic::Client::login_page($client->get('/beta/'))->{'app-id'}, 'CO-BETA', 'which asks for itself');
$client->logged_in('/beta/', person => 'ozdemir');
my %cookies = %{ $client->cookies };
is_deeply(
    [ sort keys %cookies ],
    [ sort '__Host-civic-login', map { '__Host-civic-' . suffix($_) } qw(CO-ALPHA CO-BETA) ],
    'a cookie for each and one for logging in'
);
my $alpha = cgi_env($client, '/members/cgi');
my $beta = cgi_env($client, '/beta/cgi');
is($alpha->{CIVIC_CONTACT_PERSONAL_EMAIL}, 'jane@example.com', 'one person here');
is($beta->{CIVIC_CONTACT_PERSONAL_EMAIL}, 'gulsen.ozdemir@example.org', 'another one there');
is($alpha->{CIVIC_APPLICATION}, 'CO-ALPHA', 'the application is said');
is($beta->{CIVIC_APPLICATION}, 'CO-BETA', 'as is the other');

# A cookie under the other application's name is nothing.
my $crossed = Civic::Client->new;
my $value = $cookies{ '__Host-civic-' . suffix('CO-ALPHA') };
is($crossed->get('/beta/', Cookie => '__Host-civic-' . suffix('CO-BETA') . "=$value")->code, 401,
    'the cookie of one does not work as the other\'s');
# Nor under another host's.
is($crossed->get("https://localhost:$ENV{CIVIC_PORT_OTHER}/members/",
        Cookie => '__Host-civic-' . suffix('CO-ALPHA') . "=$value")->code,
    401, 'nor at another host');
# A token of one application is no good for a page of the other.
my $mark = Civic::Log::mark();
my ($answer) = Civic::Client->new->login('/beta/', appId => 'CO-ALPHA');
refused($answer, 'token-audience', $mark, 'a code of the other application');
# A page of one host is no good at another.
my $elsewhere = Civic::Client->new(site => "https://localhost:$ENV{CIVIC_PORT_OTHER}");
logs_in($elsewhere, '/members/', 'the other host has its own sessions');
is($elsewhere->json($elsewhere->fetch('/civic/session'))->{sessions}[0]{application}, 'CO-ALPHA', 'of its own');

# ---- a server of hosts that inherit, replace and add ----
my $server = Civic::Server->new(
    ports => [qw(INHERITS REPLACES ADDS SANDBOX SANDBOX_PLAIN PLAIN)],
    conf  => join '',
    'Include ${CIVIC_T}/conf/sandbox.conf', "\n",
    Civic::Server::application('CO-ALPHA'),
    "CivicCookie __Host-main\n",
    Civic::Server::host('INHERITS', <<'END'),
<Location "/">
CivicScope ANONYMOUS_LOGIN
CivicRemoteUser verifications.levels.CIVIC:IAL1
</Location>
<Location "/members/deeper">
CivicScope BASIC_SIGNUP
CivicRemoteUser userId
</Location>
END
    Civic::Server::host('REPLACES', Civic::Server::application('CO-ALPHA', CivicSecretFile => '${CIVIC_KEYS}/CO-BETA.secret')
        . "CivicCookie __Host-own SameSite=Strict\n"),
    Civic::Server::host('ADDS', Civic::Server::application('CO-BETA') . <<'END'),
ScriptAlias /members/cgi ${CIVIC_T}/cgi-bin/echo.pl
ScriptAlias /members/beta/cgi ${CIVIC_T}/cgi-bin/echo.pl
<Location "/members">
CivicUse CO-ALPHA
</Location>
<Location "/members/beta">
CivicUse CO-BETA
</Location>
<Location "/members/beta/deep">
CivicScope PROOF_OF_IDENTITY
</Location>
<Location "/unclear">
AuthType Civic
AuthName "Unclear"
Require valid-user
</Location>
END
    Civic::Server::host('PLAIN', Civic::Server::application(
        'CO-PLAIN',
        CivicApiUrl            => 'http://localhost:${CIVIC_PORT_SANDBOX_PLAIN}/sip',
        CivicCACertificateFile => undef,
        CivicBrowserLibrary    => 'http://localhost:${CIVIC_PORT_SANDBOX_PLAIN}/js/civic.sip.min.js'
    ) . "<Location /members>\nCivicUse CO-PLAIN\n</Location>\n", plain => 1)
)->start;

my $inherits = $server->client('INHERITS');
my $page = Civic::Client::login_page($inherits->get('/members/'));
is($page->{'app-id'}, 'CO-ALPHA', 'the main server\'s application is inherited');
is($page->{scope}, 'ANONYMOUS_LOGIN', 'so is what the location above says');
logs_in($inherits, '/members/', 'one can log in by it');
ok(exists $inherits->cookies->{ '__Host-main-' . suffix('CO-ALPHA') }, 'the cookie\'s name is inherited');
$page = Civic::Client::login_page($inherits->get('/members/deeper/'));
is($page->{scope}, 'BASIC_SIGNUP', 'the location below says otherwise');
is($page->{reason}, 'step-up-required', 'and asks for more');

$mark = $server->mark;
my $replaces = $server->client('REPLACES');
($answer) = $replaces->login('/members/');
refused($answer, 'upstream-refused', $mark, 'a host\'s own application replaces the one of the same id');
like($replaces->get('/members/')->header('Set-Cookie'), qr/^__Host-own-login=.*SameSite=Lax/,
    'its cookie is its own');

my $adds = $server->client('ADDS');
is(Civic::Client::login_page($adds->get('/members/'))->{'app-id'}, 'CO-ALPHA', 'CivicUse says which');
is(Civic::Client::login_page($adds->get('/members/beta/'))->{'app-id'}, 'CO-BETA', 'a deeper one another');
$page = Civic::Client::login_page($adds->get('/members/beta/deep/'));
is($page->{'app-id'}, 'CO-BETA', 'and what is below inherits that');
is($page->{scope}, 'PROOF_OF_IDENTITY', 'with its own scope request');
logs_in($adds, '/members/', 'log in to one');
$adds->logged_in('/members/beta/');
is(cgi_env($adds, '/members/cgi')->{CIVIC_APPLICATION}, 'CO-ALPHA', 'both are there: one');
is(cgi_env($adds, '/members/beta/cgi')->{CIVIC_APPLICATION}, 'CO-BETA', 'and the other');

$mark = $server->mark;
refused($adds->get('/unclear/'), 'not-configured', $mark, 'where no CivicUse says which: 500');
$mark = $server->mark;
refused($adds->fetch('/unclear/'), 'not-configured', $mark, 'for scripts, too');

my $plain = $server->client('PLAIN');
logs_in($plain, '/members/', 'a host with plain http, to this machine');
ok(exists $plain->cookies->{ 'main-' . suffix('CO-PLAIN') }, 'has the cookie\'s name without its prefix');

# ---- all of them stay apart at the session endpoint ----
sub sessions {
    my $browser = shift;
    return [ sort map { $_->{application} } @{ $browser->json($browser->fetch('/civic/session'))->{sessions} } ];
}
is_deeply(sessions($server->client('ADDS')), [], 'a browser without cookies has no session');
is_deeply(sessions($adds), [qw(CO-ALPHA CO-BETA)], 'the one that logged in twice has two');
$adds->post_json('/civic/logout', { application => 'CO-BETA' });
is_deeply(sessions($adds), ['CO-ALPHA'], 'logging out of one leaves the other');
is($adds->get('/members/')->code, 200, 'which opens its pages');
is($adds->get('/members/beta/')->code, 401, 'and not the other\'s');
