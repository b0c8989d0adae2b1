# Who somebody is reaches applications by variables, by headers, by both or by neither, as the location says:
# verified claims alone, under the names that it gives, encoded, bounded; nothing that a client sends passes for
# it, and nothing goes where it is not meant to go.
use strict;
use warnings FATAL => 'all';
use utf8;

use Apache::Test qw(-withtestmore);
use Encode ();
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();
use Civic::Raw ();
use Civic::Server ();
use Civic::WebSocket ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my %ENV_OF = (
    CIVIC_USER_ID => $JANE, CIVIC_APPLICATION => 'CO-PLAIN', CIVIC_SCOPE => 'BASIC_SIGNUP',
    CIVIC_CONTACT_PERSONAL_EMAIL => 'jane@example.com', CIVIC_CONTACT_PERSONAL_PHONENUMBER => '+1 5551234567'
);
my %HEADERS_OF = (
    HTTP_CIVIC_USER_ID => $JANE, HTTP_CIVIC_APPLICATION => 'CO-PLAIN', HTTP_CIVIC_SCOPE => 'BASIC_SIGNUP',
    HTTP_CIVIC_CLAIM_CONTACT_PERSONAL_EMAIL => 'jane@example.com',
    HTTP_CIVIC_CLAIM_CONTACT_PERSONAL_PHONENUMBER => '+1%205551234567'
);
my @PLACES = (
    # place, directives, variables by CGI, headers
    [ 'env',     'CivicIdentity env',     \%ENV_OF, {} ],
    [ 'default', '',                      \%ENV_OF, {} ],
    [ 'headers', 'CivicIdentity headers', {},       \%HEADERS_OF ],
    [ 'both',    'CivicIdentity both',    \%ENV_OF, \%HEADERS_OF ],
    [ 'none',    'CivicIdentity none',    {},       {} ],
    [ 'few', "CivicIdentity both\nCivicClaims none",
        { map { $_ => $ENV_OF{$_} } grep { !/CONTACT/ } keys %ENV_OF },
        { map { $_ => $HEADERS_OF{$_} } grep { !/CLAIM/ } keys %HEADERS_OF } ],
    [ 'named', "CivicIdentity both\nCivicClaims contact.personal.email=my-Mail no.such.thing",
        { %ENV_OF, CIVIC_CONTACT_PERSONAL_EMAIL => undef, CIVIC_CONTACT_PERSONAL_PHONENUMBER => undef, CIVIC_MY_MAIL => 'jane@example.com' },
        { %HEADERS_OF, HTTP_CIVIC_CLAIM_CONTACT_PERSONAL_EMAIL => undef,
            HTTP_CIVIC_CLAIM_CONTACT_PERSONAL_PHONENUMBER => undef, HTTP_CIVIC_CLAIM_MY_MAIL => 'jane@example.com' } ],
);
my @INSIDE = qw(none env few default open basic);
my @SPELLINGS = ('X-Who-Am-I', 'x_who_am_i', 'X.WHO.Am-I', 'X~Who+Am!I', 'X-WHO-AM_I', 'Civic_User_Id', 'civic.user~id', 'CIVIC');
my @PREFIXED = ('Civic-User-Id', 'civic_user_id', 'X-Cv-User-Id', 'x_cv_user_id', 'X.Cv.Claim.Other', 'X-Cv', 'X_CV');

plan tests => 3 * @PLACES + 3 * @INSIDE + @SPELLINGS + 3 + 46;

my $places = join '', map { <<"END" } @PLACES, [ 'email', "CivicRemoteUser contact.personal.email\nCivicIdentity none" ],
<Location "/$$_[0]/">
    AuthType Civic
    AuthName "X"
    $$_[1]
    Require valid-user
</Location>
END
    [ 'user', 'CivicRemoteUser contact.personal.email' ];
my $MORE = <<'END';
<Location "/open/">
    CivicIdentity headers
    AuthType None
    Require all granted
</Location>
<Location "/proof/">
    AuthType Civic
    AuthName "Proof"
    CivicScope PROOF_OF_IDENTITY
    Require valid-user
</Location>
<Location "/basic/">
    CivicIdentity headers
    AuthType Basic
    AuthName "B"
    AuthUserFile ${CIVIC_T}/conf/users
    Require all granted
</Location>
<Location "/headers/altered/">
    RequestHeader edit Civic-Scope BASIC ALTERED
    RequestHeader set X-Copy "expr=%{req:Civic-Claim-Contact-Personal-Email}"
    RequestHeader unset Civic-Application
</Location>
<Location "/headers/ahead/">
    RewriteEngine On
    RewriteCond %{LA-U:REMOTE_USER} (.+)
    RewriteRule ^ - [E=AHEAD:%1]
    RewriteCond %{LA-F:REMOTE_USER} (.+)
    RewriteRule ^ - [E=AHEAD:%1]
</Location>
<Location "/headers/fallback/">
    FallbackResource /env/cgi
</Location>
END

# It tells what it got under whatever names; CGI leaves out odd ones.
my $echo = Civic::WebSocket->start;
my $server = Civic::Server->new(ports => [qw(PLAIN PREFIX BACKEND)]);
my $root = $server->dir . '/htdocs';
make_path("$root/headers/$_") for qw(altered fallback ahead);
$server->write_file("htdocs/headers/$_.shtml", qq{<!--#include virtual="/$_/proxy/x" -->|<!--#include virtual="/$_/cgi" -->}) for @INSIDE;
$server->write_file('htdocs/headers/vars.shtml', '<!--#echo var="CIVIC_USER_ID" -->|<!--#echo var="REMOTE_USER" -->');
my $application = Civic::Server::application('CO-PLAIN', CivicApiUrl => 'http://localhost:${CIVIC_PORT_SANDBOX_PLAIN}/sip',
    CivicCACertificateFile => undef, CivicBrowserLibrary => undef);
my $errors = join '', map {"<Location \"/headers/to-$_/\">\nErrorDocument 404 /$_/cgi\n</Location>\n"} @INSIDE;
my $host = sub {
    my ($port, $directives) = @_;
    my $raw = $echo->port;
    return <<"END";
Listen 127.0.0.1:\${CIVIC_PORT_$port}
<VirtualHost 127.0.0.1:\${CIVIC_PORT_$port}>
ServerName localhost
DocumentRoot "$root"
<Directory "$root">
Options +Includes
</Directory>
MergeTrailers On
ScriptAliasMatch ^/\\w+/(?:\\w+/)?cgi\$ \${CIVIC_T}/cgi-bin/echo.pl
ProxyPassMatch ^/\\w+/raw\$ http://127.0.0.1:$raw/ upgrade=websocket
ProxyPassMatch ^/(\\w+/(?:\\w+/)?proxy/.*)\$ http://127.0.0.1:\${CIVIC_PORT_BACKEND}/\$1
$application$directives
$MORE$places$errors</VirtualHost>
END
};
$server->write_conf(join '', "Include \${CIVIC_T}/conf/backend.conf\nAddOutputFilter INCLUDES .shtml\n",
    qq(CustomLog \${CIVIC_LOGS}/told_log "%m %U %{Civic-User-Id}i %{X-Who-Am-I}i"\n),
    $host->('PLAIN', "CivicUserHeader X-Who-Am-I\n"), $host->('PREFIX', "CivicHeaderPrefix X-Cv-\n"));
$server->start;

sub browser {
    my ($place, %how) = @_;
    my $port = delete $how{port} // 'PLAIN';
    return Civic::Client->new(site => 'http://localhost:' . $server->port($port), sandbox => Civic::Sandbox->plain)
        ->logged_in($place, scope => 'BASIC_SIGNUP', %how);
}

# What an application sees: the environment of a CGI program, here or behind the proxy.
sub env { my ($client, $path, %headers) = @_; return $client->json($client->get($path, %headers))->{env} }

# All headers that a back end gets, when the client sends one under that name.
sub seen {
    my ($client, $place, $name) = @_;
    my $port = $client->{site} =~ /(\d+)\z/ ? $1 : die;
    my $lines = 'Cookie: ' . join('=', $client->session_cookie) . "\r\nX-Other: x\r\n$name: FORGED\r\n";
    my $got = Civic::WebSocket->connect($port, "/$place/raw", connection => '', headers => $lines)->receive // 'nothing';
    return $got =~ /"x-other":"x"/ ? $got : "FORGED? $got";
}

# Of it what is ours; when a session ends is another time each time.
sub ours {
    my ($env, $pattern) = @_;
    return { map { $_ => $env->{$_} } grep { /^$pattern/ && !/SESSION_ENDS|^CIVIC_(?:T|PORT|KEYS|LOGS|MPM|BUILD|HTTPD|MODULES)/ } keys %$env };
}

sub without_undef { my $all = shift; return { map { defined $all->{$_} ? ($_ => $all->{$_}) : () } keys %$all } }

# ---- what a location says ----
my $client = browser('/env/cgi');
for my $row (@PLACES) {
    my ($place, undef, $variables, $headers) = map { ref ? without_undef($_) : $_ } @$row;
    my $env = env($client, "/$place/cgi");
    is_deeply(ours($env, '(?:REDIRECT_)*CIVIC_'), $variables, "$place: variables");
    is_deeply(ours($env, 'HTTP_CIVIC_'), $headers, "$place: headers, in the server");
    is_deeply(ours(env($client, "/$place/proxy/x"), 'HTTP_CIVIC_'), $headers, "$place: headers, at a back end");
}
like(env($client, '/headers/proxy/x')->{HTTP_CIVIC_SESSION_ENDS}, qr/^\d{10}$/, 'and when the session ends');
is(env($client, '/none/cgi')->{REMOTE_USER}, $JANE, 'none: REMOTE_USER is there');
is($client->get('/headers/vars.shtml')->content, "(none)|$JANE", 'headers: SSI has REMOTE_USER, but no variables');

# ---- the user's own header ----
is(env($client, '/env/proxy/x')->{HTTP_X_WHO_AM_I}, $JANE, 'CivicUserHeader: whatever else is sent');
is(env($client, '/user/proxy/x')->{HTTP_X_WHO_AM_I}, 'jane@example.com', 'it is REMOTE_USER');
is(env($client, '/none/proxy/x')->{HTTP_X_WHO_AM_I}, undef, 'none: none of it');
is(env($client, '/open/proxy/x')->{HTTP_X_WHO_AM_I}, undef, 'nor where nobody logs in');
for my $name (@SPELLINGS) {
    my @seen = map { seen($client, $_, $name) } qw(env headers none open basic);
    is(join(' ', grep {/FORGED/} @seen), '', "nobody sees a client's $name");
}
is(env($client, '/open/cgi', 'X-Who-Am-I-Not' => 'x')->{HTTP_X_WHO_AM_I_NOT}, 'x', 'a longer name is another one');

# ---- another prefix ----
my $prefixed = browser('/env/cgi', port => 'PREFIX');
is(env($prefixed, '/headers/proxy/x')->{HTTP_X_CV_CLAIM_CONTACT_PERSONAL_EMAIL}, 'jane@example.com', 'CivicHeaderPrefix: claims');
is_deeply(ours(env($prefixed, '/headers/proxy/x'), 'HTTP_CIVIC'), {}, 'and none under the default one');
for my $place (qw(open headers none)) {
    is(join(' ', grep {/FORGED/} map { seen($prefixed, $place, $_) } @PREFIXED), '', "$place: what clients send under either is dropped");
}
is(env($client, '/open/cgi', 'X-Cv-User-Id' => 'x')->{HTTP_X_CV_USER_ID}, 'x', 'on a host without that prefix it is a header as any other');

# ---- a client cannot take them away, nor add to them ----
my ($name, $id) = $client->session_cookie;
my $cookie = "Cookie: $name=$id\r\n";

# A program that does not read its chunked body may make mod_cgid drop the connection: once more.
sub raw {
    my ($method, $path, $lines, %how) = @_;
    my $port = $server->port('PLAIN');
    for (1 .. 20) {
        my $answer = Civic::Raw::ask($port, "$method $path HTTP/1.1\r\nHost: localhost:$port\r\n$cookie$lines\r\n" . ($how{after} // ''));
        return $Civic::Client::JSON->decode($answer->body)->{env} if $answer->code == 200;
    }
    die "no answer at $path\n";
}
for my $list (
    'Civic-User-Id, X-Who-Am-I, close, Civic-Claim-Contact-Personal-Email', 'close,CIVIC_USER_ID,civic-user-id,x-who-am-i',
    'close; civic-user-id; x-who-am-i', 'close civic-user-id x-who-am-i', "close\tcivic-user-id\tx-who-am-i",
    'close,; civic-user-id ,;x-who-am-i;', 'close, "x" civic-user-id x-who-am-i', "close\r\nConnection: civic-user-id;x-who-am-i",
    ) {
    my $env = raw('GET', '/headers/proxy/x', "Connection: $list\r\nCivic-Other: x\r\n");
    is_deeply([ $env->{HTTP_X_WHO_AM_I}, ours($env, 'HTTP_CIVIC_') ], [ $JANE, \%HEADERS_OF ], 'Connection: takes none of ours away: ' . $list =~ s/\s+/ /gr);
}
my $env = raw('GET', '/headers/proxy/x', "Connection: X-Other, close\r\nX-Other: x\r\n");
is($env->{HTTP_X_OTHER}, undef, 'but others, as ever');
$env = raw('GET', '/headers/proxy/x', "Connection: close\r\nCivic-User-Id: FORGED\r\nCivic_User_Id: FORGED\r\nX_Who_Am_I: FORGED\r\n");
is_deeply([ $env->{HTTP_X_WHO_AM_I}, ours($env, 'HTTP_CIVIC_') ], [ $JANE, \%HEADERS_OF ], 'and a client adds nothing to them');
for my $path ('/headers/proxy/x', '/headers/cgi') {
    $env = raw('POST', $path, "Connection: close\r\nTransfer-Encoding: chunked\r\n",
        after => "3\r\na=1\r\n0\r\nCivic-User-Id: FORGED\r\nX-Who-Am-I: FORGED\r\n\r\n");
    is_deeply([ $env->{HTTP_X_WHO_AM_I}, ours($env, 'HTTP_CIVIC_') ], [ $JANE, \%HEADERS_OF ], "$path: nor by trailers");
}

my $told = do { local (@ARGV, $/) = $server->dir . '/logs/told_log'; <> };
like($told, qr{^POST /headers/proxy/x $JANE $JANE$}m, 'which do not take away what is there either');
unlike($told, qr/FORGED/, 'and are in no log');

# ---- configuration may change them ----
$env = env($client, '/headers/altered/proxy/x');
is($env->{HTTP_CIVIC_SCOPE}, 'ALTERED_SIGNUP', 'RequestHeader edits one');
is($env->{HTTP_X_COPY}, 'jane@example.com', 'copies one');
is($env->{HTTP_CIVIC_APPLICATION}, undef, 'and takes one away');

# ---- inside the server ----
$env = env($client, '/headers/ahead/proxy/x');
is_deeply(ours($env, 'HTTP_CIVIC_'), \%HEADERS_OF, 'a look ahead takes none from the request itself');
$env = env($client, '/headers/fallback/x');
is_deeply([ ours($env, 'HTTP_CIVIC_'), ours($env, 'CIVIC_') ], [ {}, \%ENV_OF ], 'FallbackResource: as the location it leads to says');
my %inside = map { $$_[0] => $_ } @PLACES;
for my $place (@INSIDE) {
    my ($proxied, $cgi) = map { $Civic::Client::JSON->decode($_)->{env} } split /\|/, $client->get("/headers/$place.shtml")->content;
    my $env = env($client, "/headers/to-$place/missing");
    my $row = $inside{$place};
    my ($variables, $headers) = $row ? @$row[ 2, 3 ] : ({}, {});
    is_deeply([ map { ours($_, 'HTTP_CIVIC_') } $proxied, $cgi ], [ $headers, $headers ], "$place: included, it gets the headers that it says");
    is_deeply(ours($cgi, '(?:REDIRECT_)*CIVIC_(?!ERROR)'), $variables, "$place: and variables");
    is_deeply([ ours($env, 'HTTP_CIVIC_'), ours($env, '(?:REDIRECT_)*CIVIC_(?!ERROR)') ], [ $headers, $variables ],
        "$place: the same as ErrorDocument");
}

# ---- values ----
my $turkish = browser('/proof/cgi', person => 'ozdemir', scope => 'PROOF_OF_IDENTITY');
$env = env($turkish, '/both/cgi');
is($env->{CIVIC_DOCUMENTS_GENERICID_NAME}, 'Gülşen Özdemir', 'the environment has UTF-8');
is($env->{HTTP_CIVIC_CLAIM_DOCUMENTS_GENERICID_NAME}, 'G%C3%BCl%C5%9Fen%20%C3%96zdemir', 'a header percent-encodes it');

sub item { return { label => $_[0], value => $_[1], isValid => JSON::PP::true, isOwner => JSON::PP::true } }

my $phone = item('contact.personal.phoneNumber', '+1 555');
my $odd = browser('/both/cgi', data => [
    $phone, item('percent', '100% "sure" a+b;c,d'), item('smile', '😀'), item('odd-label/x', 'x'), item('x.Y-z_1', 'y'), item('empty', ''),
    item('crlf', "a\r\nX-Who-Am-I: evil"), item('tab', "a\tb"), item('c1', "a\x{85}b"), item('del', "a\x{7f}b"),
    { %{ item('unowned', 'x') }, isOwner => JSON::PP::false }, item('user.id', 'evil'), item('a.b', '1'), item('A_B', '2') ]);
$env = env($odd, '/both/proxy/x');
is_deeply(ours($env, 'HTTP_CIVIC_CLAIM_'), {
    HTTP_CIVIC_CLAIM_CONTACT_PERSONAL_PHONENUMBER => '+1%20555', HTTP_CIVIC_CLAIM_PERCENT => '100%25%20"sure"%20a+b;c,d',
    HTTP_CIVIC_CLAIM_SMILE => '%F0%9F%98%80', HTTP_CIVIC_CLAIM_X_Y_Z_1 => 'y', HTTP_CIVIC_CLAIM_ODD_LABEL_X => 'x', HTTP_CIVIC_CLAIM_EMPTY => ''
}, 'what is sent, and what never is: control characters, what is not verified, what clashes');
is($env->{HTTP_CIVIC_USER_ID}, $JANE, 'no claim takes the place of what is ours');

# ---- bounds ----
my $mark = $server->mark;
# One letter of two bytes takes six.
my $large = browser('/both/cgi', data => [ $phone, item('fits', 'ü' x 341 . 'ab'), item('over', 'ü' x 341 . 'abc'),
    item('second', 'ü' x 250), item('third', 'ü' x 100), item('small', 'k') ]);
$env = env($large, '/headers/proxy/x');
is(join(' ', map { /CLAIM_(\w+)/ ? lc $1 : () } sort keys %$env), 'contact_personal_phonenumber fits second small',
    'a value of 2 KiB is sent, a larger one is not, nor what goes beyond 4 KiB; what is small and comes later is');
is($env->{HTTP_CIVIC_USER_ID}, $JANE, 'who it is comes first');
my @lines = grep {/too large/} Civic::Log::lines($mark);
is(scalar @lines, 1, 'one line');
like($lines[0], qr/auth_civic:warn.*identity: too large for headers, left out: Civic-Claim-Over Civic-Claim-Third; say by CivicClaims what is needed ref=\w{8}$/,
    'that names them');
unlike($lines[0] // '', qr/ü|%C3|\\xc3/, 'and no value');
env($large, '/headers/proxy/x') for 1 .. 3;
is(scalar(grep {/too large/} Civic::Log::lines($mark)) <= 2, 1, 'once in a while for each child');
$env = env($large, '/env/cgi');
is(length $env->{CIVIC_OVER}, 344, 'the environment has more room');
$mark = $server->mark;
my $bulky = browser('/both/cgi', fault => 'bulky');
$env = env($bulky, '/both/proxy/x');
is(join(' ', map { /CLAIM_(\w+)/ ? lc $1 : () } sort keys %$env), 'contact_personal_email contact_personal_phonenumber',
    'headers go without what is far too large');
$env = env($bulky, '/env/cgi');
is($env->{CIVIC_SANDBOX_BULK}, undef, 'but not for a quarter of a megabyte');
like(join("\n", grep {/too large/} Civic::Log::lines($mark)), qr/auth_civic:warn.*identity: too large for the environment, left out: SANDBOX_BULK; say by CivicClaims .* ref=\w{8}$/m,
    'of which a line tells, too');
is($env->{CIVIC_USER_ID}, $JANE, 'and who it is, is there');
is(() = $server->error_log =~ /exit signal/g, 0, 'no child has died');
