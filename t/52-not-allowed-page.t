# Who is logged in and kept out by our rules reads which one it was, in words and without anybody's values;
# programs read the same as JSON. Where a larger scope request may show what is missing, the page offers
# it, once; where the login is too old, it asks for a new one, and never in circles.
use strict;
use warnings FATAL => 'all';
use utf8;

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Check qw(challenge refused);
use Civic::Raw ();
use Civic::Server ();

my $OZDEMIR = '1f0c9a7d3e5b8246017f2c4e6a8b0d1f3e5c7a9b1d3f5e7092b4d6f8a0c2e4f6';

# rule => what Jane reads who has shown her document, what she reads without, what is offered without.
# undef: she is let in. A rule that begins with "not" stands behind Require valid-user.
my $shows = 'Your login does not show';
my $PROOF = 'PROOF_OF_IDENTITY';
my @rules = (
    [ "civic-user $OZDEMIR" => ('This page is for certain people, and you are not one of them.') x 2, undef ],
    [ 'not civic-user c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42' => ('This page is not open to you.') x 2, undef ],
    [ 'civic-claim contact.personal.email zoe@example.net' =>
        ('This page is for certain people only: it goes by the verified fact “email address”.') x 2, undef ],
    [ 'not civic-claim contact.personal.email ~ ^jane' =>
        ('This page is not for everybody: it goes by the verified fact “email address”.') x 2, undef ],
    [ 'civic-claim documents.genericId.name "Z O"' => 'This page is for certain people only: it goes by the verified fact “name”.',
        "This page is for certain people only: it goes by the verified fact “name”. $shows this: name.", $PROOF ],
    [ 'civic-claim <b>&"\'</b> x' => ("This page is for certain people only: it goes by the verified fact “<b>&\"'</b>”. $shows this: <b>&\"'</b>.") x 2, undef ],
    [ 'civic-scope PROOF_OF_IDENTITY' => undef, 'This page is for people who have shown more than you have.', $PROOF ],
    [ 'civic-scope PROOF_OF_AGE' => ('This page is for people who have shown more than you have.') x 2, undef ],
    [ 'not civic-scope BASIC_SIGNUP' => ('This page is for people who have shown less than you have.') x 2, undef ],
    [ 'civic-age 18' => undef, "This page is for people of at least 18 years. $shows your date of birth.", $PROOF ],
    [ 'civic-age 150' => 'This page is for people of at least 150 years.',
        "This page is for people of at least 150 years. $shows your date of birth.", $PROOF ],
    [ 'not civic-age 18' => 'This page is for people younger than 18 years.',
        "This page is for people younger than 18 years. $shows your date of birth.", $PROOF ],
    [ 'civic-document-valid' => undef, "This page asks for an identity document that has not expired. $shows until when your identity document is valid.", $PROOF ],
    [ 'not civic-document-valid' => 'This page is for people whose identity document has expired.',
        "This page is for people whose identity document has expired. $shows until when your identity document is valid.", $PROOF ],
    [ 'civic-country TUR POL' => 'This page is for people with an identity document of certain countries.',
        "This page is for people with an identity document of certain countries. $shows which country your identity document is from.", $PROOF ],
    [ 'not civic-country USA' => 'This page is not for people with an identity document of certain countries.',
        "This page is not for people with an identity document of certain countries. $shows which country your identity document is from.", $PROOF ],
);
# What stands on the page or in the log without being said there.
my $SECRET = qr/1f0c9a7d|zoe\@|\^jane|jane\@|\b(?:TUR|POL)\b|"USA|Z O|1980-01-30|555123|Specimen/;

plan tests => 108 + map { defined($_) ? (1) x 6 : 1 } map { @$_[ 1, 2 ] } @rules;

sub location {
    my ($name, $text) = @_;
    return "<Location \"/r/$name\">\nAuthType Civic\nAuthName Rules\nCivicUse CO-ALPHA\n$text\n</Location>\n";
}

sub require_line {
    my $rule = shift;
    return $rule =~ /^not / ? "<RequireAll>\nRequire valid-user\nRequire $rule\n</RequireAll>" : "Require $rule";
}
my $kept_out = 'Require civic-age 150';
my $conf = join '', "ScriptAliasMatch ^/(r|o)/ \${CIVIC_T}/cgi-bin/echo.pl\n",
    (map { location("rule$_", require_line($rules[$_][0])) } 0 .. $#rules),
    location(other     => 'Require user nobody'),
    location(adults    => 'Require civic-age 18'),
    location(custom    => "CivicScope PROOF_OF_AGE\nRequire civic-age 18"),
    location(anonymous => "CivicScope ANONYMOUS_LOGIN\nRequire civic-claim contact.personal.email jane\@example.com"),
    location(greeting  => "CivicScope ANONYMOUS_LOGIN\n<RequireAny>\nRequire civic-claim contact.personal.email x\nRequire civic-age 150\n</RequireAny>"),
    location(any       => "Require civic-age 150\nRequire civic-country TUR"),
    location(first     => "<RequireAll>\nRequire civic-age 150\nRequire civic-country TUR\n</RequireAll>"),
    location(passed    => "<RequireAll>\n<RequireAny>\nRequire civic-age 150\n<RequireAll>\nRequire valid-user\nRequire civic-document-valid\n"
        . "Require civic-age 140\n</RequireAll>\nRequire civic-age 18\n</RequireAny>\nRequire civic-country TUR\n</RequireAll>"),
    location(mixed     => "Require user nobody\nRequire civic-age 150"),
    location(document  => "ErrorDocument 403 /o/denied\n$kept_out"),
    location(words     => "ErrorDocument 403 \"The site says no.\"\n$kept_out"),
    location(api       => "CivicUnauthenticated 401\n$kept_out"),
    location(page      => "CivicUnauthenticated page\n$kept_out"),
    location(pass      => "CivicUnauthenticated pass\n$kept_out"),
    location(forbidden => "AuthzSendForbiddenOnFailure On\n$kept_out"),
    location(fresh     => "CivicScope ANONYMOUS_LOGIN\nRequire civic-fresh 2s"),
    location(hour      => 'Require civic-fresh 1h'),
    location(freshAny  => "CivicScope ANONYMOUS_LOGIN\nRequire civic-fresh 2s\nRequire civic-user nobody"),
    location(freshAge  => "CivicScope ANONYMOUS_LOGIN\nRequire civic-fresh 2s\nRequire civic-age 18");
my $server = Civic::Server->site(conf => $conf)->start;

my $shown = $server->client->logged_in('/proof/');
my $basic = $server->client->logged_in('/members/');

# The rules on a page, as a person reads them.
sub read_rules {
    my @rules = shift->decoded_content =~ /<p class="civic-cause civic-rule">(.*?)<\/p>/g;
    s/&lt;/</g, s/&gt;/>/g, s/&quot;/"/g, s/&#39;/'/g, s/&amp;/&/g for @rules;
    return join ' | ', @rules;
}

sub says {
    my ($client, $path, $words, $offered, $name) = @_;
    my $mark = $server->mark;
    my $answer = $client->get($path);
    return is($answer->code, 200, "$name: let in") if !defined $words;
    refused($answer, 'rule-not-met', $mark, "$name: refused");
    is(read_rules($answer), $words, "$name: in words");
    my $page = Civic::Client::login_page($answer);
    is($page && $page->{scope}, $offered, "$name: " . ($offered // 'nothing') . ' offered');
    unlike($answer->decoded_content . join('', Civic::Log::lines($mark)), $SECRET, "$name: no values");
    $mark = $server->mark;
    $answer = $client->fetch($path);
    refused($answer, $offered ? 'step-up-required' : 'rule-not-met', $mark, "$name: for a program");
    my $problem = $client->json($answer);
    return is_deeply([ $problem->{rules}, $problem->{scope} ], [ [$words], $offered ], "$name: which reads the same");
}

for my $i (0 .. $#rules) {
    my ($rule, $with, $without, $offered) = @{ $rules[$i] };
    $rule =~ s/([0-9a-f]{8})[0-9a-f]{20,}/$1/;
    says($shown, "/r/rule$i", $with, undef, "$rule, all shown");
    says($basic, "/r/rule$i", $without, $offered, "$rule, less shown");
}

# ---- several rules ----
my $old = 'This page is for people of at least 150 years.';
my $lands = 'This page is for people with an identity document of certain countries.';
is(read_rules($shown->get('/r/any')), "$old | $lands", 'alternatives: all of them');
is(read_rules($shown->get('/r/first')), $old, 'of those that must all be met, the first');
is(read_rules($shown->get('/r/passed')), $lands, 'alternatives of which one was met do not count');
is(read_rules($shown->get('/r/mixed')), $old, 'beside a rule of another module');
my $mark = $server->mark;
my $answer = $shown->get('/r/other');
refused($answer, 'rule-not-met', $mark, 'rules of other modules');
is(read_rules($answer), '', 'have no words');
like(join("\n", Civic::Log::lines($mark)), qr/rule-not-met \(a rule of another module\)/, 'nor a name in the log');
$mark = $server->mark;
$shown->get('/r/any');
like(join("\n", Civic::Log::lines($mark)), qr/rule-not-met \(civic-age, civic-country\)/, 'ours have');
$mark = $server->mark;
$basic->get('/r/any');
like(join("\n", Civic::Log::lines($mark)),
    qr/rule-not-met \(civic-age cannot be told, civic-country cannot be told; PROOF_OF_IDENTITY may show more\)/, 'and so has the offer');

# ---- the page as an answer ----
$answer = $shown->get('/r/any');
is($answer->header('Cache-Control'), 'no-store', 'it is not kept');
like($answer->header('Content-Security-Policy'), qr/^default-src 'none'; style-src 'self'; form-action 'self'/, 'nothing runs on it');
like($answer->content, qr/You are logged in as c6d5795f/, 'it says who one is');
my ($action, $back) = $answer->content =~ /<form method="post" action="([^"]*)">\s*<input type="hidden" name="return" value="([^"]*)">/;
is("$action $back", '/civic/logout /r/any', 'and leads out and back');
is($answer->header('WWW-Authenticate'), undef, 'no login is asked for');
for my $client ($shown, $basic) {
    my ($name, $id) = $client->session_cookie;
    for my $method (qw(GET HEAD POST)) {
        my $raw = Civic::Raw::request($server->port('SITE'), $method, '/r/any', "Cookie: $name=$id\r\n$Civic::Raw::NAVIGATE",
            $method eq 'POST' ? 'a=1' : undef, tls => 1);
        is(join(' ', $raw->code, $raw->faults, $raw->body =~ /SECRET/), '403', "$method: one answer");
    }
}
like($basic->get('/r/any')->header('Content-Security-Policy'), qr/script-src 'self' https:/, 'the offer runs the library');
($back) = $basic->get('/r/any?a=1&b=%22')->content =~ /<a id="civic-logout" href="([^"]*)">Log out<\/a>/;
is($back, '/civic/logout?return=%2fr%2fany%3fa%3d1%26b%3d%2522', 'and leads out as well');
like($basic->get($back)->content, qr/name="return" value="\/r\/any\?a=1&amp;b=%22"/, 'and back');
is($basic->get('/members/')->code, 200, 'nobody was logged out');

# ---- ErrorDocument, CivicUnauthenticated ----
my $env = $shown->json($shown->get('/r/document'))->{env};
is($env->{REDIRECT_CIVIC_ERROR_CODE}, 'rule-not-met', 'a page of the site\'s own knows the reason');
like($env->{REDIRECT_CIVIC_ERROR_REFERENCE}, qr/^[A-Z2-9]{8}$/, 'and the reference');
is($shown->get('/r/words')->content, 'The site says no.', 'words of the site\'s own');
for my $path (qw(/r/document /r/words)) {
    $answer = $basic->get($path);
    is($answer->code . ' ' . Civic::Client::login_page($answer)->{scope}, '403 PROOF_OF_IDENTITY', "$path: an offer is no error");
}
$mark = $server->mark;
refused($shown->get('/r/api'), 'rule-not-met', $mark, 'CivicUnauthenticated 401');
like($shown->get('/r/api')->content_type, qr/problem\+json/, 'is for programs');
is($basic->get('/r/api')->code, 401, 'also where more could be shown');
is($basic->get('/r/api')->header('WWW-Authenticate'), challenge('Rules', '/r/api', 'error="insufficient_user_authentication"'), 'with the scheme, and that it takes more');
$answer = $basic->fetch('/r/page');
is($answer->code . ' ' . Civic::Client::login_page($answer)->{scope}, '403 PROOF_OF_IDENTITY', 'CivicUnauthenticated page is for people');
says($_->[0], '/r/pass', @$_[ 1 .. 3 ]) for [ $shown, $old, undef, 'CivicUnauthenticated pass' ],
    [ $basic, "$old $shows your date of birth.", $PROOF, 'CivicUnauthenticated pass, less shown' ];
is($server->client->get('/r/pass')->code, 401, 'CivicUnauthenticated pass: without a session, a login');
says($shown, '/r/forbidden', $old, undef, 'AuthzSendForbiddenOnFailure');

# ---- showing more: once ----
my $client = $server->client->logged_in('/members/');
my ($name, $before) = $client->session_cookie;
$answer = $client->get('/r/adults?a=1');
my $page = Civic::Client::login_page($answer);
like($answer->content, qr/<h1>Not allowed yet<\/h1>.*<span>Show your identity document<\/span>/s, 'what is offered, in words');
($answer) = $client->login('/r/adults?a=1');
is($answer->code . ' ' . $client->json($answer)->{location}, '200 /r/adults?a=1', 'it is shown');
is($client->get('/r/adults?a=1')->code, 200, 'and lets in');
isnt(($client->session_cookie)[1], $before, 'by a new session');
is($server->client->get('/members/', Cookie => "$name=$before")->code, 401, 'in place of the old one');
$client = $server->client->logged_in('/members/');
my $born = sprintf '%d-01-01', (gmtime)[5] + 1890;
my %kid = (data => [ { label => 'documents.genericId.dateOfBirth', value => $born, isValid => JSON::PP::true, isOwner => JSON::PP::true } ]);
$client->login('/r/adults', %kid);
says($client, '/r/adults', 'This page is for people of at least 18 years.', undef, 'it is shown and does not let in');
for my $fault (qw(not-valid not-owner)) {
    $client = $server->client->logged_in('/members/');
    $client->login('/r/adults', fault => $fault);
    says($client, '/r/adults', "This page is for people of at least 18 years. $shows your date of birth.", undef, "$fault: what is shown is no fact");
}
# The page decides what is asked for, not the browser.
$client = $server->client->logged_in('/members/');
$mark = $server->mark;
($answer) = $client->login('/r/adults', scope => 'BASIC_SIGNUP');
refused($answer, 'scope-not-shown', $mark, 'less is approved than the page asks for');
is($client->get('/r/adults')->code, 403, 'and lets nobody in');
is($client->get('/members/')->code, 200, 'nor out');
my $other = $server->client->logged_in('/members/');
$page = Civic::Client::login_page($other->get('/r/adults'));
$mark = $server->mark;
refused($client->callback($client->{sandbox}->token(appId => 'CO-ALPHA', scope => $PROOF), $page->{state}), 'state-foreign', $mark,
    'an offer is for the browser that got it');
# What is offered is the least that may help, and never what the location does not take.
$client = $server->client->logged_in('/anonymous/');
is(Civic::Client::login_page($client->get("/r/$_"))->{scope}, 'BASIC_SIGNUP', "from nothing, at $_") for qw(anonymous greeting);
$client->login('/r/greeting');
is(Civic::Client::login_page($client->get('/r/greeting'))->{scope}, $PROOF, 'then the rest');
$client->login('/r/greeting');
is(Civic::Client::login_page($client->get('/r/greeting')), undef, 'and then nothing');
is($client->get('/r/anonymous')->code, 200, 'more lets in where less would');
$client = $server->client->logged_in('/r/custom');
says($client, '/r/custom', "This page is for people of at least 18 years. $shows your date of birth.", undef, 'a scope request of another kind');

# ---- a login that is too old ----
# Until this login is older than two seconds; its browser may have forgotten when it was.
sub age {
    my ($who, $forget) = @_;
    sleep 0.1 while time < $who->{logged_in} + 2.2;
    $who->set_cookie('__Host-civic-login', 'x') if $forget;
    return $who;
}

sub fresh_login { my $who = $server->client->logged_in(@_); $who->{logged_in} = time; return $who }
$client = fresh_login('/proof/');
is($client->get('/r/fresh')->code, 200, 'a fresh login');
is($client->get('/r/hour')->code, 200, 'fresh enough');
my $circling = fresh_login('/r/fresh');
age($client, 1);
$mark = $server->mark;
$answer = $client->get('/r/fresh');
$page = Civic::Client::login_page($answer);
is($answer->code . " $page->{reason}", '401 login-not-fresh', 'an old one: the login page');
is($page->{scope}, $PROOF, 'for all that was shown before');
is(read_rules($answer), 'This page asks for a login of the last 2 seconds.', 'in words');
is($client->get('/r/hour')->code, 200, 'the session lives on');
$mark = $server->mark;
$answer = $client->fetch('/r/fresh');
refused($answer, 'login-not-fresh', $mark, 'for a program');
is($answer->header('WWW-Authenticate'), challenge('Rules', '/r/fresh', 'error="insufficient_user_authentication"', 'max_age="2"'), 'with the scheme, and how recent it must be');
says($client, '/r/freshAge', undef, undef, 'an alternative that needs no fresh login');
is(Civic::Client::login_page($client->get('/r/freshAny'))->{reason}, 'login-not-fresh', 'one that does not help');
($answer) = $client->login('/r/fresh');
is($answer->code, 200, 'the new login');
is($client->get('/r/fresh')->code, 200, 'lets in');
# Who has logged in only just and is too late all the same does not go in circles.
age($circling);
$mark = $server->mark;
$answer = $circling->get('/r/fresh');
refused($answer, 'rule-not-met', $mark, 'just logged in and too late all the same');
is(read_rules($answer), 'This page asks for a login of the last 2 seconds.', 'in words');
is($circling->get('/r/fresh')->code, 401, 'who comes once more may log in');
# More to show comes before a newer login: it brings one.
$client = fresh_login('/members/');
age($client, 1);
is(Civic::Client::login_page($client->get('/r/freshAge'))->{scope}, $PROOF, 'more to show and too old');
is(scalar(() = $server->error_log =~ /exit signal/g), 0, 'no child has died');
