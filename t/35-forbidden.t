# Somebody who is logged in and may not see a page is told so: 403, once, with a way to come back as
# somebody else; by the site's own page where it has one. Never 401, never a second login.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Client ();
use Civic::Raw ();
use Civic::Server ();

my %RULES = (
    user    => 'Require user nobody',
    none    => "Require user nobody\nRequire group nobody",
    expr    => "Require expr \"%{REMOTE_USER} == 'nobody'\"",
    all     => "<RequireAll>\nRequire valid-user\nRequire user nobody\n</RequireAll>",
    not     => "<RequireAll>\nRequire valid-user\nRequire not valid-user\n</RequireAll>",
    forbid  => "AuthzSendForbiddenOnFailure On\nRequire user nobody",
);
my %DOCUMENTS = (
    builtin  => '',
    words    => 'ErrorDocument 403 "The site says no."',
    page     => 'ErrorDocument 403 /o/denied.html',
    program  => 'ErrorDocument 403 /o/cgi',
    guarded  => 'ErrorDocument 403 /m/user/builtin/x.html',
    missing  => 'ErrorDocument 403 /o/none.html',
    standard => 'ErrorDocument 403 default',
);

plan tests => 2 * keys(%RULES) * keys(%DOCUMENTS) + 21;

my ($rules, @paths) = ('');
for my $rule (sort keys %RULES) {
    for my $document (sort keys %DOCUMENTS) {
        push @paths, [$rule, $document, "/m/$rule/$document/x.html"];
        $rules .= "<Location \"/m/$rule/$document\">\n$RULES{$rule}\n$DOCUMENTS{$document}\n</Location>\n";
    }
}
my $server = Civic::Server->new(ports => ['SELF']);
my $root = $server->dir . '/htdocs';
for my $path (map { $_->[2] } @paths) {
    make_path("$root$path" =~ s{/x\.html$}{}r);
    $server->write_file("htdocs$path", 'SECRET-CONTENT');
}
make_path("$root/o");
$server->write_file('htdocs/m/index.html', 'SECRET-CONTENT');
$server->write_file('htdocs/o/denied.html', 'The site\'s own page.');
open my $out, '>>', $server->dir . '/httpd.conf' or die $!;
print $out <<"END";
LoadModule authz_groupfile_module \${CIVIC_MODULES}/mod_authz_groupfile.so
Listen 127.0.0.1:\${CIVIC_PORT_SELF}
<VirtualHost 127.0.0.1:\${CIVIC_PORT_SELF}>
    ServerName localhost
    DocumentRoot "$root"
    <CivicApplication "CO-PLAIN">
        CivicPrivateKeyFile \${CIVIC_KEYS}/CO-PLAIN.key
        CivicSecretFile     \${CIVIC_KEYS}/CO-PLAIN.secret
        CivicApiUrl         http://localhost:\${CIVIC_PORT_SANDBOX_PLAIN}/sip
        CivicPublicKey      file:\${CIVIC_KEYS}/civic.pub
        CivicPayloadHosts   localhost
    </CivicApplication>
    ScriptAlias /o/cgi \${CIVIC_T}/cgi-bin/echo.pl
    <Location "/m">
        AuthType Civic
        AuthName "Forbidden"
        Require valid-user
    </Location>
    $rules
</VirtualHost>
END
close $out or die $!;
$server->start;
my $port = $server->port('SELF');
my $client = Civic::Client->new(site => "http://localhost:$port", sandbox => Civic::Sandbox->plain)->logged_in('/m/');
my ($name, $id) = $client->session_cookie;

my %SHOWN = (
    builtin  => qr/\A<!DOCTYPE html>.*You are logged in as c6d5795f.*id="civic-logout".*<\/html>\s*\z/s,
    words    => qr/\AThe site says no\.\z/,
    page     => qr/\AThe site's own page\.\z/,
    program  => qr/\A\{"body":.*"REDIRECT_STATUS":"403".*"REMOTE_USER":"c6d5795f.*\}\z/s,
    guarded  => qr/\A<!DOCTYPE HTML PUBLIC.*Forbidden.*<\/html>\s*\z/s,
    missing  => qr/\A<!DOCTYPE HTML PUBLIC.*Forbidden.*<\/html>\s*\z/s,
    standard => qr/\A<!DOCTYPE html>.*id="civic-logout".*<\/html>\s*\z/s,
);
for my $case (@paths) {
    my ($rule, $document, $path) = @$case;
    my @faults;
    for my $method (qw(GET HEAD POST)) {
        my $answer = Civic::Raw::request($port, $method, $path, "Cookie: $name=$id\r\n$Civic::Raw::NAVIGATE",
            $method eq 'POST' ? 'a=1' : undef);
        push @faults, map { "$method: $_" } $answer->faults;
        push @faults, "$method: " . $answer->code unless $answer->code == 403;
        push @faults, "$method: $_" for grep { defined } map { scalar $answer->header($_) } qw(WWW-Authenticate Set-Cookie);
        push @faults, "$method: another body: " . $answer->body
            unless $method eq 'HEAD' || $answer->body =~ $SHOWN{$document};
        push @faults, "$method: SECRET" if $document ne 'program' && $answer->body =~ /SECRET/;
    }
    is("@faults", '', "rule $rule, ErrorDocument $document: 403, one body");
    # Without a session it is a login all the same.
    my $answer = Civic::Raw::request($port, 'GET', $path, $Civic::Raw::NAVIGATE);
    is(join(' ', $answer->code, $answer->body =~ /data-state/ ? 'page' : (), $answer->faults), '401 page',
        "rule $rule, ErrorDocument $document: others log in");
}

# ---- the way to be somebody else ----
my $answer = $client->get('/m/user/builtin/x.html');
my ($action) = $answer->content =~ /<form method="post" action="([^"]*)"/;
is($action, '/civic/logout', 'the page offers a logout');
like($answer->header('Content-Security-Policy'), qr/^default-src 'none'; style-src 'self'; form-action 'self'/, 'which its policy allows');
is($answer->header('Cache-Control'), 'no-store', 'and is not kept');
is($client->get('/m/')->code, 200, 'nobody was logged out');
is($client->post_form($action, '')->code, 303, 'the logout');
is($client->get('/m/user/builtin/x.html')->code, 401, 'and then one may log in');

# ---- refusals of other kinds, with and without the site's page ----
my @OTHERS = (
    # [what, path, host, header lines, status, reason]
    ['callback opened by hand', '/civic/callback', '', 405, 'method'],
    ['a return path',           '//m/',            '', 400, 'return-path'],
);
my $site = Civic::Server->new(ports => [qw(SELF OWN)]);
open $out, '>>', $site->dir . '/httpd.conf' or die $!;
for my $port_name (qw(SELF OWN)) {
    my $documents = $port_name eq 'SELF' ? '' : join '', map { "ErrorDocument $_ /o/cgi\n" } 400, 401, 403, 405, 413, 415, 500, 503;
    print $out <<"END";
Listen 127.0.0.1:\${CIVIC_PORT_$port_name}
<VirtualHost 127.0.0.1:\${CIVIC_PORT_$port_name}>
    ServerName localhost
    <CivicApplication "CO-PLAIN">
        CivicPrivateKeyFile \${CIVIC_KEYS}/CO-PLAIN.key
        CivicSecretFile     \${CIVIC_KEYS}/CO-PLAIN.secret
    </CivicApplication>
    ScriptAlias /o/cgi \${CIVIC_T}/cgi-bin/echo.pl
    $documents
    <Location "/m">
        AuthType Civic
        AuthName "Forbidden"
        Require valid-user
    </Location>
</VirtualHost>
END
}
close $out or die $!;
$site->start;
push @OTHERS, ['plain http', '/m/', 'www.example.org', 403, 'origin-insecure'];
for my $case (@OTHERS) {
    my ($what, $path, $host, $code, $reason) = @$case;
    my %host = $host ? (host => $host) : ();
    $answer = Civic::Raw::request($site->port('SELF'), 'GET', $path, $Civic::Raw::NAVIGATE, undef, %host);
    is(join(' ', $answer->code, $answer->faults), $code, "$what: one answer");
    like($answer->body, qr/\A<!DOCTYPE html>.*data-reason="$reason".*<\/html>\s*\z/s, "$what: our page says why");
    $answer = Civic::Raw::request($site->port('OWN'), 'GET', $path, $Civic::Raw::NAVIGATE, undef, %host);
    is(join(' ', $answer->code, $answer->faults), $code, "$what: one answer with the site's page");
    like($answer->body, qr/\A\{.*"REDIRECT_CIVIC_ERROR_CODE":"$reason","REDIRECT_CIVIC_ERROR_REFERENCE":"[A-Z2-9]{8}".*\}\z/s,
        "$what: which knows the reason and the reference");
}
$answer = Civic::Raw::request($site->port('OWN'), 'GET', '/m/', $Civic::Raw::NAVIGATE);
is(join(' ', $answer->code, $answer->body =~ /data-state/ ? 'page' : (), $answer->faults), '401 page', 'the login page is no error');
$answer = Civic::Raw::request($site->port('OWN'), 'GET', '/m/', '');
is(join(' ', $answer->code, $answer->header('Content-Type'), $answer->faults), '401 application/problem+json', 'programs get JSON');
is(scalar(() = ($server->error_log . $site->error_log) =~ /exit signal/g), 0, 'no child has died');
