# Each first login that httpd has works before Civic as it works alone: Basic with files, with LDAP, with anybody; Digest;
# forms; client certificates, by name and as Basic; OAuth 2.0 by mod_auth_openidc. (OpenID Connect: 95-openid-connect.t.)
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(encode_base64url);

use lib 't/lib';
use Civic::Client ();
use Civic::Enrollments ();
use Civic::Factor ();
use Civic::Ldap ();
use Civic::Log ();

plan tests => 8 * 9 + 74;

# (mod_ssl logs the header that it makes of a certificate.)
my $modules = join '', "LogLevel ssl:warn\n", map {"LoadModule ${_}_module \${CIVIC_MODULES}/mod_$_.so\n"}
    qw(auth_digest request session session_cookie auth_form ldap authnz_ldap authn_anon auth_openidc);

my $ldap = Civic::Ldap->start(qw(alice bob));
my $store = Civic::Enrollments->new;
my $SECRET = 'a-secret-of-thirty-two-characters';

# path => lines of the first login
my %FIRST = (
    basic  => "AuthType Basic\nAuthBasicProvider file\nAuthUserFile \${CIVIC_FIRST_USERS}\nRequire valid-user\n",
    digest => "AuthType Digest\nAuthDigestProvider file\nAuthUserFile digest-users\nRequire valid-user\n",
    form   => "AuthType form\nAuthFormProvider file\nAuthUserFile \${CIVIC_FIRST_USERS}\nSession On\nSessionCookieName first path=/\n"
        . "ErrorDocument 401 /open/login\nRequire valid-user\n",
    ldap   => "AuthType Basic\nAuthBasicProvider ldap\nAuthLDAPURL ldap://127.0.0.1:" . $ldap->port
        . "/dc=example,dc=org?uid\nRequire valid-user\n",
    anon   => "AuthType Basic\nAuthBasicProvider anon\nAnonymous *\nRequire valid-user\n",
    oauth  => "AuthType oauth20\nRequire valid-user\n",
);
# Certificates are asked for by a host of its own.
my %BY_CERTIFICATE = (
    cert => "Require user alice bob\n",
    also => "AuthType Basic\nAuthBasicProvider file\nAuthUserFile \${CIVIC_FIRST_USERS}\nRequire valid-user\n",
    fake => "SSLOptions +FakeBasicAuth\nAuthType Basic\nAuthBasicProvider file\nAuthUserFile fake-users\nRequire valid-user\n",
);

sub locations {
    my %first = @_;
    return join '', map { Civic::Factor::location("/$_", "CivicEnroll self\nCivicRecovery 2\n", first => $first{$_}) } sort keys %first;
}

my $host = join '', "\n", 'Include ${CIVIC_T}/conf/applications.conf', "\n", <<'END', locations(%BY_CERTIFICATE);
<Location "/members">
CivicUse CO-ALPHA
</Location>
<Location ~ "^/(cert|also)">
SSLUserName SSL_CLIENT_S_DN_CN
</Location>
<Location ~ "/cgi$">
SetHandler cgi-script
Options +ExecCGI
</Location>
AliasMatch "^/[a-z]+/cgi$" ${CIVIC_T}/cgi-bin/echo.pl
SSLVerifyClient require
SSLCACertificateFile people.pem
END

my $server = Civic::Factor->server(
    store => $store,
    ports => ['CERTIFICATE'],
    conf  => $modules,
    site  => "OIDCOAuthVerifySharedKeys plain##$SECRET\nOIDCOAuthRemoteUserClaim sub\nOIDCCryptoPassphrase x\n" . locations(%FIRST) . <<'END'
<Location "/open/dologin">
SetHandler form-login-handler
AuthType form
AuthName "Admin"
AuthFormProvider file
AuthUserFile ${CIVIC_FIRST_USERS}
AuthFormLoginRequiredLocation /open/login
AuthFormLoginSuccessLocation /form/cgi
Session On
SessionCookieName first path=/
</Location>
<Location "/open/dologout">
SetHandler form-logout-handler
AuthName "Admin"
AuthFormLogoutLocation /open/index.html
Session On
SessionMaxAge 1
SessionCookieName first path=/
</Location>
END
);
{
    my $path = $server->dir . '/httpd.conf';
    open my $out, '>>', $path or die $!;
    print $out Civic::Server::host(CERTIFICATE => $host);
    close $out or die $!;
}
$server->write_file('digest-users', join '', map { "$_:Admin:" . md5_hex("$_:Admin:$_-secret") . "\n" } qw(alice bob));
$server->write_file('fake-users', "/CN=alice:xxj31ZMTZzkVA\n/CN=bob:xxj31ZMTZzkVA\n");

# An authority for people, and their certificates.
my $dir = $server->dir;
my $new = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
sub openssl { my $printed = `cd $dir && openssl @_ 2>&1`; die "openssl @_: $printed" if $?; return }
openssl("req -x509 $new -days 2 -subj /CN=people -keyout people.key -out people.pem");
for my $name (qw(alice bob)) {
    openssl("req $new -subj /CN=$name -keyout $name.key -out $name.csr");
    openssl("x509 -req -in $name.csr -CA people.pem -CAkey people.key -CAcreateserial -days 2 -out $name.pem");
}
$server->start;

# ---- how somebody logs in first ----
sub with_header {
    my $header = shift;
    my $client = $server->client;
    $client->{agent}->default_header(Authorization => $header);
    return $client;
}

sub by_basic { my $name = shift; return with_header(Civic::Factor::basic($name, "$name-secret")) }

sub by_digest {
    my $name = shift;
    my $client = $server->client;
    $client->{agent}->max_redirect(1);    # which a challenge counts for
    $client->{agent}->requests_redirectable([]);
    $client->{agent}->credentials('localhost:' . $server->port('SITE'), 'Admin', $name, "$name-secret");
    return $client;
}

sub by_form {
    my $name = shift;
    my $client = $server->client;
    my $answer = $client->post_form('/open/dologin', "httpd_username=$name&httpd_password=$name-secret");
    die 'form login: ' . $answer->as_string unless $answer->code =~ /^30/;
    return $client;
}

sub by_token {
    my $name = shift;
    my $text = join '.', map { encode_base64url($Civic::Client::JSON->encode($_)) }
        { alg => 'HS256', typ => 'JWT' }, { sub => $name, iat => time, exp => time + 600 };
    return with_header("Bearer $text." . encode_base64url(hmac_sha256($text, $SECRET)));
}

sub by_certificate {
    my $name = shift;
    my $client = $server->client('CERTIFICATE');
    $client->{agent}->ssl_opts(SSL_cert_file => "$dir/$name.pem", SSL_key_file => "$dir/$name.key");
    return $client;
}

# name => [path, how, REMOTE_USER of alice and of bob, AUTH_TYPE]
my %LOGIN = (
    'Basic'                     => [ basic  => \&by_basic, 'alice', 'bob', 'Basic' ],
    'Digest'                    => [ digest => \&by_digest, 'alice', 'bob', 'Digest' ],
    'a form'                    => [ form   => \&by_form, 'alice', 'bob', 'form' ],
    'LDAP'                      => [ ldap   => \&by_basic, 'alice', 'bob', 'Basic' ],
    'mod_authn_anon'            => [ anon   => \&by_basic, 'alice', 'bob', 'Basic' ],
    'OAuth 2.0'                 => [ oauth  => \&by_token, 'alice', 'bob', 'oauth20' ],
    'a certificate'             => [ cert   => \&by_certificate, 'alice', 'bob', 'ClientCert' ],
    'a certificate as Basic'    => [ fake   => \&by_certificate, '/CN=alice', '/CN=bob', 'Basic' ],
);

for my $name (sort keys %LOGIN) {
    my ($path, $how, $user, $other, $type) = @{ $LOGIN{$name} };
    $store->remove(lc $_) for grep { $store->linked->{ lc $_ } } $user, $other;
    my $alice = $how->('alice');
    my $answer = $alice->get("/$path/cgi");
    ok(Civic::Client::login_page($answer), "$name: then Civic") or diag $answer->as_string;
    unlike($answer->content, qr/SECRET/, "$name: and nothing else");
    is(Civic::Factor::enroll($alice, "/$path/cgi", 'jane')->code, 200, "$name: an account is linked");
    $answer = $alice->get("/$path/cgi");
    is($answer->code, 200, "$name: and opens") or diag $answer->as_string;
    my $env = eval { $alice->json($answer)->{env} } // {};
    is($env->{REMOTE_USER}, $user, "$name: REMOTE_USER stays");
    is($env->{AUTH_TYPE}, $type, "$name: AUTH_TYPE stays");
    like($env->{CIVIC_USER_ID}, qr/^c6d5/, "$name: the Civic identity is there");
    my $bob = $how->('bob');
    $bob->set_cookie($alice->session_cookie);
    ok(Civic::Client::login_page($bob->get("/$path/cgi")), "$name: nothing for somebody else");
    my $thief = $how->('alice');
    is(Civic::Factor::approve($thief, "/$path/cgi", 'ozdemir')->code, 403, "$name: nor for who has the first factor alone");
    $store->remove(lc $user);
}

# ---- the first login goes its own way ----
my $nobody = $server->client;
is($nobody->get("/$_/cgi")->code, 401, "$_: nobody is asked by the first login") for qw(basic digest ldap anon oauth);
my $answer = $nobody->get('/form/cgi');
is($answer->code, 401, 'a form: by its page');
unlike($answer->content, qr/civic-login/, 'which is not ours');

# Out of the first login, in to another one.
my $alice = by_form('alice');
is(Civic::Factor::enroll($alice, '/form/cgi', 'jane')->code, 200, 'a form: alice is linked');
is($alice->get('/form/cgi')->code, 200, 'and in');
my ($name, $value) = $alice->session_cookie('3462893a');
$alice->get('/open/dologout');
isnt($alice->get('/form/cgi')->code, 200, 'logged out of the form, nobody is in, whatever Civic\'s cookie');
is($alice->post_form('/open/dologin', 'httpd_username=bob&httpd_password=bob-secret')->code, 302, 'bob logs in');
ok(Civic::Client::login_page($alice->get('/form/cgi')), 'in the same browser: he is asked');

# Nor is the second factor there again when she is: whatever ended the first login has ended it, too, in the store as well.
sub log_in { my ($client, $name) = @_; return $client->post_form('/open/dologin', "httpd_username=$name&httpd_password=$name-secret")->code }
sub second { return Civic::Factor::approve($_[0], '/form/cgi', 'jane')->code }
for my $end (
    [ 'logged out of the form and in again' => sub { $_[0]->get('/open/dologout'); log_in($_[0], 'alice') } ],
    [ 'logged in by the form again' => sub { log_in($_[0], 'alice') } ],
    [ 'bob logs in, and she again' => sub { log_in($_[0], 'bob'); log_in($_[0], 'alice') } ],
    [ 'a request without the form\'s cookie' => sub {
        my $first = $_[0]->cookies->{first};
        $_[0]->jar->clear('localhost.local', '/', 'first');
        my $bare = $_[0]->get('/form/cgi');
        is($bare->code, 401, 'is asked to log in first');
        is(scalar(grep {/-3462893a=; .*Max-Age=0/} $bare->header('Set-Cookie')), 1, 'and loses the cookie of the second factor');
        $_[0]->set_cookie(first => $first);
    } ]
) {
    my ($what, $how) = @$end;
    my $she = by_form('alice');
    is(second($she), 200, "$what: before, an approval");
    is($she->get('/form/cgi')->code, 200, "$what: opens");
    my @before = $she->session_cookie('3462893a');
    my $mark = $server->mark;
    $how->($she);
    is(scalar(grep {/logout: application CO-ALPHA, second factor, with its first login/} Civic::Log::lines($mark)), 1, "$what: the log says so");
    is(($she->session_cookie('3462893a'))[1] // '', '', "$what: the cookie is gone");
    ok(Civic::Client::login_page($she->get('/form/cgi')), "$what: Civic is asked");
    $she->set_cookie(@before);
    ok(Civic::Client::login_page($she->get('/form/cgi')), "$what: and the session has ended");
}
# Where nobody has to log in, nobody is logged out.
my $lister = by_form('alice');
is(second($lister), 200, 'an approval');
for my $path (qw(/open/index.html /open/login)) {
    $lister->get($path);
    is($lister->get('/form/cgi')->code, 200, "$path: elsewhere, nothing ends");
}

# Browsers ask without a password where they do not know yet that one is wanted: that ends nothing.
for my $name ('Basic', 'Digest', 'LDAP', 'OAuth 2.0') {
    my ($path, $how) = @{ $LOGIN{$name} };
    my $she = $how->('alice');
    is(Civic::Factor::approve($she, "/$path/cgi", 'jane')->code, 200, "$name: an approval");
    my $bare = $server->client;
    $bare->set_cookie($she->session_cookie("3462893a"));
    my $answer = $bare->get("/$path/cgi");
    is($answer->code, 401, "$name: a request without the first login");
    is($answer->header('Set-Cookie'), undef, "$name: which takes no cookie away");
    is($she->get("/$path/cgi")->code, 200, "$name: nor the session");
}

# A certificate's name is not the login that AuthType asks for.
my $holder = by_certificate('alice');
$answer = $holder->get('/also/cgi');
is($answer->code, 401, 'a certificate, where AuthType says Basic: the password is asked for');
like($answer->header('WWW-Authenticate') // '', qr/^Basic /, 'by Basic');
$holder->{agent}->default_header(Authorization => Civic::Factor::basic('alice', 'wrong'));
is($holder->get('/also/cgi')->code, 401, 'and must be right');
$holder->{agent}->default_header(Authorization => Civic::Factor::basic('alice', 'alice-secret'));
ok(Civic::Client::login_page($holder->get('/also/cgi')), 'then Civic');

# Names are shown as they are, and are no markup.
my $eve = with_header(Civic::Factor::basic('<b id="x">Eve</b>', 'x'));
like($eve->get('/anon/cgi')->content, qr{<strong>&lt;b id=&quot;x&quot;&gt;Eve&lt;/b&gt;</strong>}, 'a name is no markup');
Civic::Factor::approve($eve, '/anon/cgi', 'minor');
like($eve->get('/anon/cgi')->content, qr{<dd id="civic-account">&lt;b id=}, 'on the page that links neither');
like(with_header(Civic::Factor::basic("a\x01b", 'x'))->get('/anon/cgi')->content, qr/data-reason="not-configured"/, 'one with control characters is nobody\'s');

# A directory does not mind case.
my $shout = with_header(Civic::Factor::basic('ALICE', 'alice-secret'));
like($shout->get('/ldap/cgi')->content, qr/Confirm that it is you/, 'LDAP takes ALICE for alice, and so do we');
# Nor does it mind which of Unicode's letters an a is. Such a name is linked by the operator alone.
for my $letter ("\x{ef}\x{bd}\x{81}", "\x{f0}\x{9d}\x{90}\x{9a}") {
    my $alias = with_header(Civic::Factor::basic("${letter}lice", 'alice-secret'));
    $answer = $alias->get('/ldap/cgi');
    is($answer->code, 403, 'LDAP takes other letters for an a');
    like($answer->content, qr/data-reason="not-enrolled"/, 'and who has the password alone does not link that name');
    unlike($answer->content, qr/name="state"|data-state/, 'nor gets a state');
}
$store->htcivic(add => 'CO-ALPHA', "zo\x{c3}\x{ab}", 'e' x 64);
like(with_header(Civic::Factor::basic("zo\x{c3}\x{ab}", 'x'))->get('/anon/cgi')->content, qr/Confirm that it is you/, 'one that the operator has linked is asked');
like(with_header(Civic::Factor::basic("ZO\x{c3}\x{ab} ", 'x'))->get('/anon/cgi')->content, qr/Confirm that it is you/, 'in every spelling that is folded');
is(scalar(grep {/exit signal|Segmentation/} split /\n/, $server->error_log), 0, 'no child died of it');
