# Headers of a client that could pass for the module's own are seen by nobody: no CGI program, no
# back end, no sub-request, no rule of the configuration; however they are spelled and wherever
# they are sent to.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha1_base64);
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Client ();
use Civic::Raw ();
use Civic::Server ();

my $FORGED = 'FORGED-IDENTITY';
my @NAMES = (
    'Civic-User-Id', 'CIVIC_USER_ID', 'civic-user-id', 'cIvIc-uSeR-iD', 'Civic_User-Id',
    'Civic.User.Id', 'CIVIC.USER_ID', 'Civic~User~Id', 'Civic!User#Id', 'Civic|User+Id', 'Civic',
    'CIVIC', 'Civic-', 'civic_claim_contact_personal_email', 'Civic-Claim-Contact-Personal-Email',
    'Civic-Application', 'Civic_Scope', 'Civic-Assertion', 'civic*contact*personal*email',
);
my %LINES = map { ($_ => "$_: $FORGED\r\n") } @NAMES;
$LINES{'repeated'} = "Civic-User-Id: $FORGED\r\nCIVIC-USER-ID: $FORGED 2\r\nCivic_User_Id: $FORGED 3\r\n";
$LINES{'on a folded line'} = "Civic-User-Id:\r\n $FORGED\r\n";
$LINES{'folded further'} = "Civic-User-Id: a\r\n\t$FORGED\r\n  $FORGED\r\n";

my @PATHS = (
    '/o/cgi', '/o/proxy/x', '/o/missing', '/o/include.shtml', '/o/fallback/none', '/o/rewritten',
    '/none/cgi', '/basic/cgi', '/optional/cgi', '/m/cgi', '/m/proxy/x', '/m/missing', '/m/none.shtml',
);

plan tests => 2 * (@PATHS + 6);

my $CONF = <<'END';
Include ${CIVIC_T}/conf/backend.conf
Listen 127.0.0.1:${CIVIC_PORT_SELF}
AddOutputFilter INCLUDES .shtml
<VirtualHost 127.0.0.1:${CIVIC_PORT_SELF}>
    ServerName localhost
    DocumentRoot "HTDOCS"
    Include ${CIVIC_T}/conf/application-plain.conf
    <Directory "HTDOCS">
        Options +Includes +FollowSymLinks
    </Directory>
    ScriptAliasMatch ^/(o|m|none|basic|optional)/cgi$ ${CIVIC_T}/cgi-bin/echo.pl
    ProxyPass /o/proxy/ http://127.0.0.1:${CIVIC_PORT_BACKEND}/open/
    ProxyPass /m/proxy/ http://127.0.0.1:${CIVIC_PORT_BACKEND}/members/
    RequestHeader set X-Early "expr=%{req:Civic-User-Id}" early
    MergeTrailers On
    SetEnvIfNoCase ^civic        (.+) SEEN_SETENVIF=$1
    SetEnvIfNoCase Civic-User-Id (.+) SEEN_SETENVIF_2=$1
    SetEnvIfExpr "req('Civic-User-Id') =~ /(.+)/" SEEN_SETENVIFEXPR=$1
    RewriteEngine On
    RewriteCond %{HTTP:Civic-User-Id} (.+)
    RewriteRule ^ - [E=SEEN_REWRITE:%1]
    RewriteRule ^/o/rewritten$ /o/cgi [PT]
    <If "-n req('Civic-User-Id') || -n req('CIVIC_USER_ID') || -n req('Civic')">
        RequestHeader set X-Seen-If "FORGED-IDENTITY"
        Header always set X-Seen-If "FORGED-IDENTITY"
    </If>
    Header always set X-Seen-Header "expr=%{req:Civic-User-Id}"
    <Location "/o">
        ErrorDocument 404 /o/cgi
        FallbackResource /o/cgi
    </Location>
    <Location "/m">
        AuthType Civic
        AuthName "Forged"
        ErrorDocument 404 /m/cgi
        Require valid-user
    </Location>
    <Location "/none">
        AuthType None
        Require all granted
    </Location>
    <Location "/optional">
        AuthType Civic
        AuthName "Optional"
        CivicUnauthenticated pass
        Require all granted
    </Location>
    <Location "/basic">
        AuthType Basic
        AuthName "Basic"
        AuthUserFile USERS
        Require valid-user
    </Location>
</VirtualHost>
END

sub server {
    my ($defines, $more) = @_;
    my $server = Civic::Server->new(ports => [qw(SELF BACKEND)], defines => $defines);
    my $root = $server->dir . '/htdocs';
    make_path(map { "$root/$_" } qw(o/fallback m));
    $server->write_file('htdocs/o/include.shtml',
        'open <!--#include virtual="/o/cgi" --><!--#include virtual="/o/proxy/ssi" --><!--#printenv -->');
    $server->write_file('htdocs/m/none.shtml', '<!--#include virtual="/m/cgi" --><!--#printenv -->');
    my $users = $server->write_file('users', 'user:{SHA}' . sha1_base64('password') . "=\n");
    my $conf = $more . $CONF =~ s/HTDOCS/$root/gr =~ s/USERS/$users/r;
    open my $out, '>>', $server->dir . '/httpd.conf' or die $!;
    print $out $conf;
    close $out or die $!;
    return $server->start;
}

my $BASIC = "Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n";

# What went wrong with one request.
sub leak {
    my ($what, $answer) = @_;
    return "$what: seen" if $answer->raw =~ /$FORGED|HTTP_CIVIC/;
    return "$what: status " . $answer->code if $answer->code == 0 || $answer->code >= 500;
    return;
}

# A program that does not read its chunked body may make mod_cgid drop the connection: once more.
sub with_trailers {
    my ($port, $path, $lines, $trailers) = @_;
    for (1 .. 20) {
        my $answer = Civic::Raw::request($port, 'POST', $path, "Transfer-Encoding: chunked\r\n$lines",
            undef, after => "3\r\na=1\r\n0\r\n$trailers\r\n");
        return $answer if $answer->code;
    }
    die "no answer to trailers at $path\n";
}

# Each spelling alone by GET; all of them together by other methods and by HTTP/1.0.
sub leaks {
    my ($port, $path, $cookie) = @_;
    my $all = join '', map { $LINES{$_} } sort keys %LINES;
    my @leaks = map { leak("GET with $_", Civic::Raw::request($port, 'GET', $path, "$LINES{$_}$cookie$BASIC")) }
        sort keys %LINES;
    push @leaks, leak($_, Civic::Raw::request($port, $_, $path, "$all$cookie$BASIC"))
        for qw(OPTIONS TRACE HEAD POST);
    push @leaks, leak('HTTP/1.0', Civic::Raw::ask($port, "GET $path HTTP/1.0\r\n$all$cookie$BASIC\r\n"));
    push @leaks, leak('trailers', with_trailers($port, $path, "$cookie$BASIC", $all));
    push @leaks, leak('without session', Civic::Raw::request($port, 'GET', $path, "$all$BASIC"));
    return @leaks;
}

my $round = 0;
for my $defines ([], ['CivicFirst']) {
    my $order = @$defines ? 'loaded first' : 'loaded last';
    my $server = server($defines, $round++ ? "HttpProtocolOptions Unsafe LenientMethods\n" : '');
    my $port = $server->port('SELF');
    my $client = Civic::Client->new(site => "http://localhost:$port", sandbox => Civic::Sandbox->plain)
        ->logged_in('/m/cgi');
    my ($name, $value) = $client->session_cookie;
    my $cookie = "Cookie: $name=$value\r\n";

    for my $path (@PATHS) {
        is(join("\n", leaks($port, $path, $cookie)), '', "$order: nobody behind $path sees them");
    }

    my $env = $client->json($client->get('/m/cgi', 'CIVIC_USER_ID' => $FORGED))->{env};
    like($env->{CIVIC_USER_ID}, qr/^c6d5795f/, "$order: the variable is that of the session");
    is(scalar(grep { /^HTTP_CIVIC/ } keys %$env), 0, "$order: no variable starts with HTTP_CIVIC");
    $env = $client->json($client->get('/o/cgi', 'Civic-User-Id' => $FORGED))->{env};
    is(join(' ', grep { /CIVIC_/ && !/^CIVIC_(T|PORT|KEYS|LOGS|MPM|BUILD|HTTPD|MODULES)/ } keys %$env), '',
        "$order: where nobody logs in there is no variable of ours");
    $env = $client->json($client->get('/o/cgi', 'X-Civic-User-Id' => 'other', 'Civics' => 'other'))->{env};
    is($env->{HTTP_X_CIVIC_USER_ID}, 'other', "$order: headers that are not ours stay");
    is($env->{HTTP_CIVICS}, 'other', "$order: also when they start alike");

    # The endpoints tell nothing of them either.
    my @seen = grep {
        Civic::Raw::request($port, 'GET', "/civic/$_", $LINES{repeated} . $cookie)->raw =~ $FORGED
    } qw(session logout callback renew report login.js page.css other);
    is("@seen", '', "$order: nor do the module's own addresses");
}
