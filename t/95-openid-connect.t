# mod_auth_openidc as the first login, by OpenID Connect: what it asks of its provider goes on as without Civic, its logout ends the second
# factor at the next request, and its own address lies outside of the locations of the second factor.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(encode_base64url);
use URI ();

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Enrollments ();
use Civic::Factor ();
use Civic::Log ();
use Civic::Server ();

plan tests => 31;

# Tokens come by the browser, signed with the client's secret: no provider is asked for anything.
my $SECRET = 'a-secret-of-thirty-two-characters';
sub relying_party {
    my ($port, $redirect) = @_;
    return <<"END";
OIDCProviderIssuer https://provider.example
OIDCProviderAuthorizationEndpoint https://provider.example/authorize
OIDCClientID here
OIDCClientSecret $SECRET
OIDCIDTokenSignedResponseAlg HS256
OIDCResponseType id_token
OIDCResponseMode form_post
OIDCRedirectURI https://localhost:\${CIVIC_PORT_$port}$redirect
OIDCDefaultLoggedOutURL https://localhost:\${CIVIC_PORT_$port}/open/index.html
OIDCCryptoPassphrase x
OIDCRemoteUserClaim sub
<Location "/oidc">
AuthType openid-connect
Require valid-user
</Location>
END
}

my $first = "AuthType openid-connect\nRequire valid-user\n";
my $store = Civic::Enrollments->new;
my $server = Civic::Factor->server(
    store => $store,
    ports => ['INSIDE'],
    conf  => join('', "LoadModule auth_openidc_module \${CIVIC_MODULES}/mod_auth_openidc.so\n",
        Civic::Server::host(INSIDE => "Include \${CIVIC_T}/conf/applications.conf\n<Location \"/members\">\nCivicUse CO-ALPHA\n</Location>\n"
                . relying_party(INSIDE => '/codes/back') . Civic::Factor::location('/codes', "CivicEnroll self\n", first => $first))),
    site => relying_party(SITE => '/oidc/back') . Civic::Factor::location('/both', "CivicEnroll self\n", first => $first)
)->start;

sub jwt {
    my $text = join '.', map { encode_base64url($Civic::Client::JSON->encode($_)) } @_;
    return "$text." . encode_base64url(hmac_sha256($text, $SECRET));
}

# That somebody has logged out at the provider.
sub ended {
    my $name = shift;
    return jwt({ alg => 'HS256', typ => 'JWT' }, { iss => 'https://provider.example', aud => 'here', sub => $name, iat => time, jti => "jti-$name",
        events => { 'http://schemas.openid.net/event/backchannel-logout' => {} } });
}

# What the provider's page sends back, as answer to a redirect.
sub provide {
    my ($client, $answer, $name) = @_;
    my %asked = URI->new($answer->header('Location'))->query_form;
    my $token = jwt({ alg => 'HS256', typ => 'JWT' },
        { iss => 'https://provider.example', aud => 'here', sub => $name, nonce => $asked{nonce}, iat => time, exp => time + 600 });
    my $form = URI->new('http:');
    $form->query_form(id_token => $token, state => $asked{state});
    return $client->post_form(URI->new($asked{redirect_uri})->path, $form->query, Origin => 'https://provider.example', 'Sec-Fetch-Site' => 'cross-site');
}

sub log_in {
    my ($client, $path, $name) = @_;
    my $asked = $client->get($path);
    like($asked->header('Location') // $asked->as_string, qr{^https://provider\.example/authorize\?}, "$name: the provider is asked");
    my $back = provide($client, $asked, $name);
    return is($back->code, 302, "$name: and answers") || diag $back->as_string;
}

sub page { return Civic::Client::login_page($_[0]) }

# ---- both logins ----
my $alice = $server->client;
log_in($alice, '/both/cgi', 'alice');
my $answer = $alice->get('/both/cgi');
ok(page($answer), 'then Civic') or diag $answer->as_string;
unlike($answer->content, qr/SECRET/, 'and nothing else');
is(Civic::Factor::enroll($alice, '/both/cgi', 'jane')->code, 303, 'the account is linked');
$answer = $alice->get('/both/cgi');
is($answer->code, 200, 'and opens') or diag $answer->as_string;
my $env = eval { $alice->json($answer)->{env} } // {};
is($env->{REMOTE_USER}, 'alice', 'REMOTE_USER stays');
is($env->{AUTH_TYPE}, 'openid-connect', 'AUTH_TYPE, too');
like($env->{CIVIC_USER_ID}, qr/^c6d5/, 'beside the Civic identity');
my $bob = $server->client;
log_in($bob, '/both/cgi', 'bob');
$bob->set_cookie($alice->session_cookie('3462893a'));
ok(page($bob->get('/both/cgi')), 'nothing for somebody else');

# ---- its logout ----
my @session = $alice->session_cookie('3462893a');
is($alice->get('/oidc/back?logout=')->code, 302, 'a logout');
my $mark = $server->mark;
log_in($alice, '/both/cgi', 'alice');
is(scalar(grep {/logout: application CO-ALPHA, second factor, with its first login/} Civic::Log::lines($mark)), 1, 'ends the second factor as well');
ok(page($alice->get('/both/cgi')), 'who logs in again is asked by Civic');
$alice->set_cookie(@session);
ok(page($alice->get('/both/cgi')), 'whatever cookie there was');
is(Civic::Factor::approve($alice, '/both/cgi', 'jane')->code, 200, 'an approval');
my $seen = scalar grep {/with its first login/} Civic::Log::lines($mark);
is($alice->get($_)->code, 200, "$_: goes on") for '/open/index.html', '/both/cgi';
is(scalar(grep {/with its first login/} Civic::Log::lines($mark)), $seen, 'and ends nothing');

# ---- its own address ----
is($alice->fetch('/oidc/back?jwks=rsa')->code, 200, 'outside of the second factor, its own address answers');
is($alice->post_form('/oidc/back?logout=backchannel', 'logout_token=' . ended('carol'))->code, 200, 'and its provider is heard');
my $inside = $server->client('INSIDE');
for my $request (
    [ 'its keys' => sub { $inside->fetch('/codes/back?jwks=rsa') } ],
    [ 'a logout by its provider' => sub { $inside->post_form('/codes/back?logout=backchannel', 'logout_token=' . ended('alice'), 'Sec-Fetch-Mode' => 'cors', Accept => '*/*') } ]
) {
    my ($what, $how) = @$request;
    $mark = $server->mark;
    $answer = $how->();
    is($answer->code, 500, "$what, inside: nothing is let through");
    unlike($answer->content, qr/"keys"|SECRET/, "$what: nothing is told");
    like(join("\n", Civic::Log::lines($mark)), qr/not-configured \(.*: let OIDCRedirectURI lie outside of CivicSecondFactor\)/, "$what: the log says what to do");
}
is(scalar(grep {/exit signal|Segmentation/} split /\n/, $server->error_log), 0, 'no child died of it');
