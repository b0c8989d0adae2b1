# Other ways of logging in and httpd's own rules work beside ours as ever: the module says nothing
# where AuthType is another, and sections for methods, addresses and .htaccess mean what they mean
# for Basic.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha1_base64);
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Check qw(challenge);
use Civic::Client ();
use Civic::Raw ();
use Civic::Server ();

my $BASIC = "Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n";
my @METHODS = qw(GET HEAD POST PUT DELETE OPTIONS PATCH PROPFIND NONSENSE);

# The same rules twice: under /c for Civic, under /b for Basic. What a client without login gets
# must be the same, and never less.
my %RULES = (
    plain     => 'Require valid-user',
    limit     => "<Limit GET>\nRequire valid-user\n</Limit>",
    except    => "<LimitExcept GET>\nRequire valid-user\n</LimitExcept>",
    denied    => 'Require all denied',
    granted   => 'Require all granted',
    address   => "<RequireAny>\nRequire ip 127.0.0.1\nRequire valid-user\n</RequireAny>",
    elsewhere => "<RequireAny>\nRequire ip 192.0.2.1\nRequire valid-user\n</RequireAny>",
    both      => "<RequireAll>\nRequire ip 127.0.0.1\nRequire valid-user\n</RequireAll>",
    neither   => "<RequireAll>\nRequire valid-user\n<RequireNone>\nRequire ip 127.0.0.1\n</RequireNone>\n</RequireAll>",
    method    => "<RequireAny>\nRequire method OPTIONS\nRequire valid-user\n</RequireAny>",
    any       => "Satisfy Any\nOrder deny,allow\nDeny from all\nRequire valid-user",
    allowed   => "Satisfy Any\nOrder allow,deny\nAllow from all\nRequire valid-user",
    all       => "Satisfy All\nOrder allow,deny\nAllow from 192.0.2.1\nRequire valid-user",
    methods   => "AllowMethods POST\nRequire valid-user",
    if        => "<If \"%{REQUEST_METHOD} != 'OPTIONS'\">\nRequire valid-user\n</If>",
    user      => 'Require user nobody',
    merged    => "AuthMerging And\nRequire valid-user",
    or        => "AuthMerging Or\nRequire valid-user",
);

plan tests => 2 * keys(%RULES) + 40 + 5;

my $rules = join '', map {
    my $name = $_;
    map { "<Location \"/$_/$name\">\n$RULES{$name}\n</Location>\n" } 'c', 'b'
} sort keys %RULES;

my $APPLICATION = <<'END';
    Include ${CIVIC_T}/conf/application-plain.conf
END

# The recipe for scripts with a password, as the example has it.
sub recipe {
    open my $makefile, '<', "$ENV{CIVIC_BUILD}/Makefile" or die "Makefile: $!";
    my ($source) = map { /^abs_top_srcdir = (.*)/ } <$makefile>;
    open my $in, '<', "$source/conf/example-site.conf" or die "the example: $!";
    my $text = do { local $/; <$in> };
    my ($section) = $text =~ /(<Location "\/reports">.*?<\/Location>)/s or die 'the example has no recipe';
    return $section =~ s{/etc/apache2/reports\.htpasswd}{USERS}r;
}

# Loaded first, ours is asked before mod_auth_basic: so it must be silent by itself.
my $server = Civic::Server->new(ports => [qw(SELF NONE)], defines => ['CivicFirst']);
my $root = $server->dir . '/htdocs';
make_path(map { ("$root/c/$_", "$root/b/$_") } keys %RULES);
my @FOLDERS = qw(reports basic none htaccess htaccess/off htaccess/pass htaccess/other);
make_path(map { "$root/$_" } @FOLDERS);
$server->write_file("htdocs/$_/index.html", 'SECRET-CONTENT')
    for @FOLDERS, map { ("c/$_", "b/$_") } keys %RULES;
$server->write_file('users', 'user:{SHA}' . sha1_base64('password') . "=\n");
$server->write_file('htdocs/htaccess/.htaccess', "AuthType Civic\nAuthName Folder\nRequire valid-user\n");
$server->write_file('htdocs/htaccess/off/.htaccess', "AuthType None\nRequire all granted\n");
$server->write_file('htdocs/htaccess/pass/.htaccess', "CivicUnauthenticated pass\nCivicSessionLife 10min\n");
$server->write_file('htdocs/htaccess/other/.htaccess', "CivicUse CO-NOBODY\n");
my $conf = <<"END";
LoadModule access_compat_module \${CIVIC_MODULES}/mod_access_compat.so
LoadModule allowmethods_module \${CIVIC_MODULES}/mod_allowmethods.so
Listen 127.0.0.1:\${CIVIC_PORT_SELF}
Listen 127.0.0.1:\${CIVIC_PORT_NONE}
<VirtualHost 127.0.0.1:\${CIVIC_PORT_SELF}>
    ServerName localhost
    DocumentRoot "$root"
$APPLICATION
    <Directory "$root/htaccess">
        AllowOverride AuthConfig
    </Directory>
    <Location "/c">
        AuthType Civic
        AuthName "Civic"
    </Location>
    <Location "/b">
        AuthType Basic
        AuthName "Basic"
        AuthUserFile USERS
    </Location>
    $rules
    <Location "/basic">
        AuthType Basic
        AuthName "Basic"
        AuthUserFile USERS
        Require valid-user
    </Location>
    ScriptAliasMatch ^/(basic|none|reports|c/address|c/elsewhere)/cgi\$ \${CIVIC_T}/cgi-bin/echo.pl
    @{[recipe()]}
</VirtualHost>
<VirtualHost 127.0.0.1:\${CIVIC_PORT_NONE}>
    ServerName localhost
    DocumentRoot "$root"
    ScriptAlias /cgi \${CIVIC_T}/cgi-bin/echo.pl
</VirtualHost>
END
my $users = $server->dir . '/users';
$conf =~ s/USERS/$users/g;
open my $out, '>>', $server->dir . '/httpd.conf' or die $!;
print $out $conf;
close $out or die $!;
$server->start;
my $port = $server->port('SELF');

# ---- rules, as Basic understands them ----
sub codes {
    my ($path, $lines) = @_;
    return join ' ', map { "$_:" . Civic::Raw::request($port, $_, $path, $lines, /POST|PUT|PATCH/ ? '' : undef)->code } @METHODS;
}

my $client = Civic::Client->new(site => "http://localhost:$port", sandbox => Civic::Sandbox->plain)->logged_in('/c/plain/');
my ($name, $id) = $client->session_cookie;
my $session = "Cookie: $name=$id\r\n";
for my $rule (sort keys %RULES) {
    is(codes("/c/$rule/", ''), codes("/b/$rule/", ''), "$rule: without login the same as with Basic");
    # For those who are logged in one thing differs on purpose: not allowed is 403, not 401.
    is(codes("/c/$rule/", $session), codes("/b/$rule/", $BASIC) =~ s/:401/:403/gr, "$rule: and with a login");
}
is(codes('/c/limit/', '') =~ /GET:401 HEAD:401/ ? 1 : 0, 1, 'a Limit protects its methods');
is(codes('/c/plain/', ''), join(' ', map { "$_:401" } @METHODS), 'without a Limit all are protected');

# ---- who came in by an address has no name; who came by a session has one ----
my $env = $client->json(Civic::Client->new(site => "http://localhost:$port")->get('/c/address/cgi'))->{env};
is($env->{REMOTE_USER}, undef, 'let in by address: nobody');
is(join(' ', grep { /^CIVIC_(USER|APP|SCOPE|CONTACT)/ } keys %$env), '', 'and no variable');
$env = $client->json($client->get('/c/elsewhere/cgi'))->{env};
like($env->{REMOTE_USER}, qr/^c6d5795f/, 'let in by session: that person');

# ---- Basic and none, next to ours ----
my $answer = Civic::Raw::request($port, 'GET', '/basic/', $Civic::Raw::NAVIGATE);
is($answer->code . ' ' . $answer->header('WWW-Authenticate'), '401 Basic realm="Basic"', 'Basic asks for itself');
is(scalar($answer->header('Set-Cookie')), undef, 'without a cookie of ours');
unlike($answer->body, qr/civic/i, 'or a page of ours');
is(Civic::Raw::request($port, 'GET', '/basic/', $session)->code, 401, 'our session does not open it');
$answer = Civic::Raw::request($port, 'GET', '/basic/cgi', $session . $BASIC);
like($answer->body, qr/"REMOTE_USER":"user"/, 'its password does, as its user');
like($answer->body, qr/"AUTH_TYPE":"Basic"/, 'and type');
unlike($answer->body, qr/"CIVIC_USER_ID"/, 'our session adds nothing');
is(Civic::Raw::request($port, 'GET', '/c/plain/', $BASIC)->code, 401, 'a password does not open ours');
$answer = Civic::Raw::request($port, 'GET', '/none/', $Civic::Raw::NAVIGATE . $session);
is($answer->code . ($answer->header('Set-Cookie') // ''), '200', 'an open page is just that');
is(join(' ', grep { $_->[0] =~ /Content-Security|Cache-Control|Referrer/ } @{ $answer->{headers} }), '', 'with no header of ours');
is(Civic::Raw::request($server->port('NONE'), 'GET', '/civic/session')->code, 404, 'a host without application has no endpoints');
like(Civic::Raw::request($server->port('NONE'), 'GET', '/cgi', "Civic-Fan: yes\r\nCookie: civic-login=a\r\n")->body,
    qr/"HTTP_COOKIE":"civic-login=a".*"HTTP_CIVIC_FAN":"yes"|"HTTP_CIVIC_FAN":"yes".*"HTTP_COOKIE":"civic-login=a"/s, 'and nothing is taken from its requests');

# ---- the recipe: scripts with a password, people with Civic ----
$answer = Civic::Raw::request($port, 'GET', '/reports/', $Civic::Raw::NAVIGATE);
like($answer->header('WWW-Authenticate'), qr/^Civic /, 'the recipe: people are asked by Civic');
like($answer->body, qr/data-state/, 'with the login page');
is(Civic::Raw::request($port, 'GET', '/reports/', $BASIC)->code, 200, 'scripts come in by password');
like(Civic::Raw::request($port, 'GET', '/reports/cgi', $BASIC)->body, qr/"REMOTE_USER":"user"/, 'as themselves');
$answer = Civic::Raw::request($port, 'GET', '/reports/', "Authorization: Basic dXNlcjp3cm9uZw==\r\n");
is($answer->code . ' ' . $answer->header('WWW-Authenticate'), '401 Basic realm="Reports"', 'a wrong one is refused as such');
is(Civic::Raw::request($port, 'GET', '/reports/', "Authorization: Basic dXNlcjp3cm9uZw==\r\n$session")->code, 401, 'with a session as well');
is(Civic::Raw::request($port, 'GET', '/reports/', "Authorization: Civic x\r\n$session")->code, 401, 'no other scheme opens it');
is(Civic::Raw::request($port, 'GET', '/reports/', "Authorization: \r\n")->code, 401, 'nor an empty one');
is(Civic::Raw::request($port, 'GET', '/reports/', $session)->code, 200, 'people come in by session');
is(codes('/reports/', ''), join(' ', map { "$_:401" } @METHODS), 'all methods are protected');

# ---- .htaccess ----
$answer = Civic::Raw::request($port, 'GET', '/htaccess/', $Civic::Raw::NAVIGATE);
is($answer->code . ' ' . $answer->header('WWW-Authenticate'), '401 ' . challenge('Folder', '/htaccess/'), '.htaccess protects');
is(Civic::Raw::request($port, 'GET', '/htaccess/', $session)->code, 200, 'and a session opens');
is(Civic::Raw::request($port, 'GET', '/htaccess/off/')->code, 200, 'it opens a folder where it may');
is(Civic::Raw::request($port, 'GET', '/htaccess/pass/')->code, 401, '"pass" alone opens nothing');
is(Civic::Raw::request($port, 'GET', '/htaccess/pass/', $session)->code, 200, 'with a session it goes on');
is(Civic::Raw::request($port, 'GET', '/htaccess/other/', $session)->code, 500, 'an application that is not there opens nothing');
for my $line ('CivicCookie civic', 'CivicEndpoint /x', 'CivicExchangeLimit 1', '<CivicApplication x>', 'CivicSecretFile /etc/passwd',
    'CivicScope nonsense')
{
    $server->write_file('htdocs/htaccess/other/.htaccess', "$line\n");
    is(Civic::Raw::request($port, 'GET', '/htaccess/other/', $session)->code, 500, "not in .htaccess: $line");
}
# There, too, <If> is judged before anybody is logged in.
for my $case (
    [ 200, "<If \"true\">\nCivicSecondFactor Off\n</If>" ],
    [ 500, "<If \"%{REMOTE_USER} == ''\">\nCivicSecondFactor Off\n</If>" ],
    [ 500, "<If \"%{REMOTE_USER} == ''\">\nServerSignature Off\n</If>\n<Else>\nCivicSecondFactor Off\n</Else>" ],
    [ 500, "<If \"true\">\n<If \"%{REMOTE_USER} == ''\">\nServerSignature Off\n</If>\n<Else>\nCivicSecondFactor Off\n</Else>\n</If>" ],
    [ 200, "<If \"true\">\n<If \"false\">\nServerSignature Off\n</If>\n<Else>\nCivicSecondFactor Off\n</Else>\n</If>" ]
) {
    my ($status, $text) = @$case;
    $server->write_file('htdocs/htaccess/other/.htaccess', "$text\n");
    is(Civic::Raw::request($port, 'GET', '/htaccess/other/', $session)->code, $status, '.htaccess: ' . $text =~ s/\n/ /gr);
}
is(scalar(() = $server->error_log =~ /exit signal/g), 0, 'no child has died');
