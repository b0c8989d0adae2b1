# civic('label') and %{CIVIC:label} wherever httpd takes expressions: verified claims of the session that would
# open the location, and nothing for everybody else. Nobody is logged in by it, no session is kept
# alive, no shared cache keeps what came of it, and where it is not evaluated the store is not asked.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Path qw(make_path);
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Server ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';

# ---- expressions whose value is shown in a header ----
my $NAME = 'documents.genericId.name';
my $EMAIL = 'contact.personal.email';
my @values = (
    # expression, what jane sees who has shown her document, jane who has not, nobody
    [ "%{CIVIC:$EMAIL}"               => 'jane@example.com', 'jane@example.com', '' ],
    [ "%{civic:$EMAIL}"               => 'jane@example.com', 'jane@example.com', '' ],
    [ "%{CIVIC:$NAME}"                => 'Jane Specimen', '', '' ],
    [ '%{CIVIC:documents.genericId.Name}' => '', '', '' ],
    [ '%{CIVIC:verifications.levels.CIVIC:IAL1}' => 'CIVIC:IAL1', '', '' ],
    [ '%{CIVIC:userId}'               => $JANE, $JANE, '' ],
    [ '%{CIVIC:scope}'                => 'PROOF_OF_IDENTITY', 'BASIC_SIGNUP', '' ],
    [ '%{CIVIC:application}'          => 'CO-ALPHA', 'CO-ALPHA', '' ],
    [ '%{CIVIC:userid}'               => '', '', '' ],
    [ '%{CIVIC:no.such.label}'        => '', '', '' ],
    [ 'of %{CIVIC:documents.genericId.country}' => 'of USA', 'of ', 'of ' ],
    [ "%{tolower:%{CIVIC:$NAME}}"     => 'jane specimen', '', '' ],
);
# ---- expressions that are true or not, in Require expr ----
my @conditions = (
    # expression, jane with her document, jane without, nobody: 401 may log in
    [ '%{CIVIC:documents.genericId.country} == \'USA\'' => 200, 403, 401 ],
    [ "civic('$EMAIL') == 'jane\@example.com'"          => 200, 200, 401 ],
    [ "civic('scope') == 'BASIC_SIGNUP'"                => 403, 200, 401 ],
    [ "civic('$NAME') =~ /^Jane/"                       => 200, 403, 401 ],
    [ "-n civic('$NAME')"                               => 200, 403, 401 ],
    [ "'jane\@example.com' -in civic('$EMAIL')"         => 200, 200, 401 ],
    [ "'$JANE' -in civic('userId')"                     => 200, 200, 401 ],
    [ "'x' -in civic('$EMAIL')"                         => 403, 403, 401 ],
    [ "'' -in civic('no.such.label')"                   => 403, 403, 401 ],
    [ "civic('no.such.label') == 'x'"                   => 403, 403, 401 ],
    # empty is a value: who writes that must want it
    [ '%{CIVIC:documents.genericId.country} != \'USA\'' => 403, 200, 200 ],
);
# ---- people whose claims are odd: data, what the value is, whether x is in the list ----
my @odd = (
    [ 'one'          => [ [ 'x', 1, 1 ] ],                 'x', 'in' ],
    [ 'not valid'    => [ [ 'x', 0, 1 ] ],                 '',  'out' ],
    [ 'not owned'    => [ [ 'x', 1, 0 ] ],                 '',  'out' ],
    [ 'two'          => [ [ 'y', 1, 1 ], [ 'x', 1, 1 ] ],  '',  'in' ],
    [ 'the same'     => [ [ 'x', 1, 1 ], [ 'x', 1, 1 ] ],  'x', 'in' ],
    [ 'one verified' => [ [ 'y', 0, 1 ], [ 'x', 1, 1 ] ],  'x', 'in' ],
    [ 'a line break' => [ [ "x\r\nSet-Cookie: a=b", 1, 1 ] ], '', 'out' ],
    [ 'a tab'        => [ [ "x\t", 1, 1 ] ],               '',  'out' ],
    [ 'C1'           => [ [ "x\x{85}", 1, 1 ] ],           '',  'out' ],
    [ 'letters'      => [ [ "Gülşen 😀", 1, 1 ] ],          'Gülşen 😀', 'out' ],
    [ 'quotes'       => [ [ q{%{CIVIC:userId}'"\\}, 1, 1 ] ], q{%{CIVIC:userId}'"\\}, 'out' ],
);
# ---- labels that are none ----
my @wrong = (
    "Require expr \"civic('') == 'x'\"", "Require expr \"civic('a b') == 'x'\"", "Require expr \"'x' -in civic('ä')\"",
    "Header set X \"expr=%{CIVIC:a b}\"", "<If \"civic('" . 'x' x 257 . "') == 'x'\">\n</If>",
);
plan tests => 3 * @values + 3 * @conditions + 2 * @odd + @wrong + 45;

sub location {
    my ($name, @lines) = @_;
    return "<Location \"/e/$name\">\n" . join('', map {"$_\n"} @lines) . "</Location>\n";
}
my @use = ('CivicUse CO-ALPHA');
my @type = ('AuthType Civic', 'AuthName Expressions', @use);
my $server = Civic::Server->site(conf => join '', "ScriptAliasMatch ^/e/ \${CIVIC_T}/cgi-bin/echo.pl\nAlias /f \"\${CIVIC_LOGS}/../f\"\n",
    "LoadModule log_config_module \${CIVIC_MODULES}/mod_log_config.so\n" x !!-e "$ENV{CIVIC_MODULES}/mod_log_config.so",
    (map { location("value$_", @use, qq{Header always set X-Value "expr=($values[$_][0])"}) } 0 .. $#values),
    (map { location("if$_", @type, qq{Require expr "$conditions[$_][0]"}) } 0 .. $#conditions),
    location(odd     => @use, 'Header set X-Value "expr=(%{CIVIC:odd})"', 'Header set X-List in "expr=\'x\' -in civic(\'odd\')"'),
    location(plain   => @use),
    location(branch  => @use, "<If \"civic('scope') == 'BASIC_SIGNUP'\">\nSetEnv BRANCH basic\n</If>\n<ElseIf \"-n civic('scope')\">\nSetEnv BRANCH more\n</ElseIf>\n"
        . "<Else>\nSetEnv BRANCH nobody\n</Else>"),
    location(guards  => @use, "<If \"civic('scope') == 'BASIC_SIGNUP'\">\nRequire all denied\n</If>"),
    location(unclear => 'Header set X-Value "expr=(%{CIVIC:userId})"'),
    location(another => 'CivicUse CO-BETA', 'Header set X-Value "expr=(%{CIVIC:userId})"'),
    location(proof   => @use, 'CivicScope PROOF_OF_IDENTITY', 'Header set X-Value "expr=(%{CIVIC:userId})"'),
    location(life    => @use, 'CivicSessionLife 1s', 'Header set X-Value "expr=(%{CIVIC:userId})"'),
    location(header  => @use, 'RequestHeader set X-Email "expr=%{CIVIC:contact.personal.email}"'),
    location(env     => @use, 'SetEnvIfExpr "%{CIVIC:contact.personal.email} =~ /^(.*)@/" LOCAL_PART=$1'),
    location(rewrite => @use, 'RewriteEngine On', "RewriteCond expr \"-n civic('scope')\"", 'RewriteRule . - [E=REWRITTEN:yes]'),
    location(error   => @type, 'ErrorDocument 403 "Not for %{CIVIC:contact.personal.email}."', 'Require civic-user nobody'),
    location(cached  => @use, 'Header set Cache-Control "public, max-age=60"', 'Header set X-Value "expr=(%{CIVIC:userId})"'),
    location(any     => @type, "Require expr \"civic('scope') == 'PROOF_OF_IDENTITY'\"", 'Require ip 127.0.0.1'),
    location(all     => @type, "<RequireAll>\nRequire valid-user\nRequire expr \"civic('scope') == 'PROOF_OF_IDENTITY'\"\n</RequireAll>"),
    location(pass    => @type, 'CivicUnauthenticated pass', "Require expr \"civic('scope') == 'PROOF_OF_IDENTITY'\""),
    location(typeless => @use, "Require expr \"civic('scope') == 'PROOF_OF_IDENTITY'\""),
    "<Location /f>\n@use\nOptions +Includes\n</Location>\n",
    "CustomLog \${CIVIC_LOGS}/some_access_log \"%U\" \"expr=%{CIVIC:scope} == 'BASIC_SIGNUP'\"\n");
make_path($server->dir . '/f');
$server->write_file('f/page.shtml', '<!--#if expr="-n civic(\'userId\')" -->somebody<!--#else -->nobody<!--#endif -->');
$server->write_file('f/static.txt', 'static');
$server->start;

my $shown = $server->client->logged_in('/proof/');
my $basic = $server->client->logged_in('/members/');
my $nobody = $server->client;

sub value { return (shift->get(@_)->header('X-Value') // 'none') }
sub env { my ($client, $path) = @_; return $client->json($client->get($path))->{env} }

for my $i (0 .. $#values) {
    my ($expression, @expected) = @{ $values[$i] };
    for my $who ([ $shown, 'all shown' ], [ $basic, 'less shown' ], [ $nobody, 'nobody' ]) {
        is(value($who->[0], "/e/value$i"), '(' . shift(@expected) . ')', "$expression: $who->[1]");
    }
}
for my $i (0 .. $#conditions) {
    my ($expression, @expected) = @{ $conditions[$i] };
    is($_->get("/e/if$i")->code, shift @expected, "Require expr \"$expression\"") for $shown, $basic, $nobody;
}
for my $row (@odd) {
    my ($name, $items, $value, $listed) = @$row;
    my @data = map { my ($text, $valid, $owner) = @$_; utf8::decode($text) if $text =~ /[^\x00-\x9f]/;
        { label => 'odd', value => $text, isValid => $valid ? JSON::PP::true : JSON::PP::false, isOwner => $owner ? JSON::PP::true : JSON::PP::false } } @$items;
    my $client = $server->client->logged_in('/members/', data => [ @data, { label => "$EMAIL", value => 'a', isValid => JSON::PP::true, isOwner => JSON::PP::true } ]);
    my $answer = $client->get('/e/odd');
    is($answer->header('X-Value'), "($value)", "$name: the value");
    is($answer->header('X-List') // 'out', $listed, "$name: in the list");
}

# ---- who is let in by an expression is known, as by any other rule ----
my $env = env($shown, '/e/if0');
is("$env->{REMOTE_USER} $env->{AUTH_TYPE} $env->{CIVIC_SCOPE}", "$JANE Civic PROOF_OF_IDENTITY", 'Require expr: somebody');
my $answer = $nobody->get('/e/if0');
ok(Civic::Client::login_page($answer), 'nobody gets the login page');
like($basic->get('/e/if0')->content, qr/data-reason="rule-not-met"/, 'who is kept out, our page');
is(env($nobody, '/e/any')->{REMOTE_USER}, undef, 'who may come in without a login need not log in');
is(env($shown, '/e/any')->{REMOTE_USER}, $JANE, 'and is known when he has');
is(join(' ', map { $_->get('/e/all')->code } $shown, $basic, $nobody), '200 403 401', 'with Require valid-user');
is(join(' ', map { $_->get('/e/pass')->code } $shown, $basic, $nobody), '200 403 401', 'with CivicUnauthenticated pass');
is(join(' ', map { $_->get('/e/typeless')->code } $shown, $basic, $nobody), '200 403 403', 'without AuthType it is a condition, no more');

# ---- where there is no login: a look, nobody is logged in ----
is(join(' ', map { env($_, '/e/branch')->{BRANCH} } $shown, $basic, $nobody), 'more basic nobody', '<If> before any login');
$env = env($shown, '/e/branch');
is($env->{$_}, undef, "$_ is not set by it") for qw(REMOTE_USER AUTH_TYPE CIVIC_USER_ID);
is(join(' ', map { $_->get('/e/guards')->code } $shown, $basic, $nobody), '200 403 200', '<If> around a rule');
is(value($shown, '/e/unclear'), '()', 'several applications and no CivicUse: empty');
is(value($shown, '/e/another'), '()', 'a session of another application: empty');
is(join(' ', map { value($_, '/e/proof') } $shown, $basic, $nobody), "($JANE) () ()", 'a session that would not open the location: empty');
is($nobody->get('/e/value0')->header('Set-Cookie'), undef, 'no cookie is set');
is(value($nobody, '/e/value0', Cookie => '__Host-civic-' . ($shown->session_cookie)[0] =~ s/.*-//r . '=' . 'A' x 43), '()', 'a made-up cookie: empty');

# ---- all the places ----
is(join(' ', map { env($_, '/e/header')->{HTTP_X_EMAIL} // 'none' } $basic, $nobody), 'jane@example.com ', 'RequestHeader');
is(join(' ', map { env($_, '/e/env')->{LOCAL_PART} // 'none' } $basic, $nobody), 'jane none', 'SetEnvIfExpr');
is(join(' ', map { env($_, '/e/rewrite')->{REWRITTEN} // 'none' } $basic, $nobody), 'yes none', 'RewriteCond expr');
is($basic->get('/e/error')->content, 'Not for jane@example.com.', 'ErrorDocument');
is(join(' ', map { $_->get('/f/page.shtml')->content } $basic, $nobody), 'somebody nobody', 'mod_include');
$_->get('/e/plain?') for $basic, $shown, $nobody;
$_->get('/f/static.txt') for $shown, $basic, $basic, $nobody;
my $log = do { local (@ARGV, $/) = $server->dir . '/logs/some_access_log'; <> };
is(scalar(() = $log =~ m{^/f/static\.txt$}gm), 2, 'CustomLog with a condition');

# ---- what came of it is for one person ----
sub caching { my $answer = shift->get(@_); return join ',', $answer->header('Cache-Control') // 'none' }
for my $case ([ $shown, 'somebody' ], [ $nobody, 'nobody' ]) {
    my ($client, $who) = @$case;
    is(caching($client, '/e/plain'), 'none', "no expression: as the site has it ($who)");
    is(caching($client, '/e/branch'), 'private, no-cache', "<If>: private ($who)");
    is(caching($client, '/e/value0'), 'private, no-cache', "Header: private ($who)");
    is(caching($client, '/e/header'), 'private, no-cache', "RequestHeader: private ($who)");
    # mod_include sends the header before it evaluates, but nothing that caches go by.
    is(join(',', map { $client->get('/f/page.shtml')->header($_) // 'none' } qw(Last-Modified ETag Expires)), 'none,none,none', "mod_include ($who)");
    is(caching($client, '/e/cached'), 'public, max-age=60', "the site says so itself ($who)");
}

# ---- looking is no use of a session, and a session that has ended is none ----
my $idle = $server->client->logged_in('/idle/');
my $since = time;
while (time < $since + 2.4) { $idle->get('/e/value0'); sleep 0.3 }
is($idle->get('/idle/')->code, 401, 'looking keeps no session alive');
is(value($idle, '/e/life'), '()', 'one that is too old for the location: empty');
$basic->post_form('/civic/logout', '');
is(value($basic, '/e/value0'), '()', 'one that has ended: empty');

# ---- a store that is down is asked only where an expression is evaluated ----
my $down = Civic::Server->new(ports => [qw(SITE NOBODY)], conf => "CivicSealKeyFile seal.key\nCivicSessionStore redis://127.0.0.1:\${CIVIC_PORT_NOBODY}\n"
    . "ScriptAliasMatch ^/e/ \${CIVIC_T}/cgi-bin/echo.pl\n"
    . Civic::Server::host(SITE => Civic::Server::application('CO-ALPHA') . location('plain') . location(value => 'Header set X-Value "expr=(%{CIVIC:userId})"')
        . location(any => @type, "Require expr \"civic('scope') == 'BASIC_SIGNUP'\"")));
$down->write_file('seal.key', "0123456789abcdef" x 4 . "\n", 0600);
delete $down->{ports}{NOBODY};
$down->start;
my $client = $down->client('SITE', sandbox => $shown->{sandbox});
my @cookie = (Cookie => ($shown->session_cookie)[0] . '=' . 'A' x 43);
my $mark = $down->mark;
is($client->get('/e/plain', @cookie)->code, 200, 'a page without expressions');
is(join("\n", Civic::Log::lines($mark)), '', 'does not ask the store');
is(value($client, '/e/value', @cookie), '()', 'one with an expression: empty');
isnt(join("\n", Civic::Log::lines($mark)), '', 'does');
is($client->get('/e/any', @cookie)->code, 503, 'where it decides who gets in, nobody does');

# ---- the configuration ----
my $other = Civic::Server->new;
for my $text (@wrong) {
    my $line = $other->write_conf("<Location /x>\n>>$text\n</Location>\n");
    my ($status, $printed) = $other->configtest;
    ok($status != 0 && $printed =~ /on line $line of \S+httpd\.conf/ && $printed =~ /civic\(\) takes a label, as contact\.personal\.email/,
        'refused: ' . substr $text, 0, 60) or diag $printed;
}
is(scalar(() = ($server->error_log . $down->error_log) =~ /exit signal/g), 0, 'no child has died');
