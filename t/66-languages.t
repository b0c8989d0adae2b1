# People read the pages in their language: that of their browser, or of the site; the six that are built in, and those that a
# site adds by file. Programs get the same reasons in each.
use strict;
use warnings FATAL => 'all';
use utf8;

use Apache::Test qw(-withtestmore);
use Encode qw(encode_utf8);
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Client ();
use Civic::Env ();
use Civic::Log ();
use Civic::Raw ();
use Civic::Server ();

my @TAGS = qw(en de es fr ja pt);
my %words = map { ($_ => read_words(Civic::Env::source_dir() . "/src/languages/$_.json")) } @TAGS;
my $hebrew = read_words("$ENV{CIVIC_T}/conf/hebrew.json");
plan tests => 6 * 12 + 33 + 11 + 7 + 16 + 3 + 4 + 5;

sub read_words {
    my $path = shift;
    open my $in, '<', $path or die "$path: $!";
    local $/;
    return $Civic::Client::JSON->decode(<$in>);
}

my $open = "AuthType Civic\nAuthName Members\nRequire valid-user\n";
my $server = Civic::Server->new(ports => [qw(SITE OTHER SANDBOX SANDBOX_PLAIN)]);
my $dir = $server->dir;
make_path(map {"$dir/htdocs/$_"} qw(members german hebrew old nobody swiss));
$server->write_file('swiss.json', encode_utf8('{"page.button.login":"Mit Civic ahmälde","page.title.login":"</title><b>\'\\"&amp;"}'));
$server->write_file('hebrew.json', $Civic::Client::JSON->encode($hebrew));
$server->write_file('own.html', "<html lang=\"{{lang}}\" dir=\"{{dir}}\">\n<head>{{head}}</head>\n<body><h2>{{page.asks.email}}</h2>{{login}}</body></html>\n");
$server->write_file('htdocs/swiss/.htaccess', "CivicLanguage de-ch\n");
$server->write_conf(join '', 'Include ${CIVIC_T}/conf/sandbox.conf', "\n", Civic::Server::application('CO-ALPHA'),
    "CivicLanguageFile he $dir/hebrew.json\n",
    map({ Civic::Server::host($_->[0] => "DocumentRoot $dir/htdocs\n<Directory $dir/htdocs>\nAllowOverride AuthConfig\n$open</Directory>\n$_->[1]") }
        [ SITE => <<'END' ], [ OTHER => "CivicLanguageFile de-CH $dir/swiss.json\n" ]));
<Location "/german">
    CivicLanguage de-AT
</Location>
<Location "/german/auto">
    CivicLanguage auto
</Location>
<Location "/hebrew">
    CivicLanguage he
</Location>
<Location "/old">
    Require civic-age 150
</Location>
<Location "/open">
    AuthType None
    Require all granted
</Location>
<Location "/own">
    CivicLoginPage own.html
</Location>
<Location "/nobody">
    Require civic-user 0123
</Location>
END
$server->start;

my $client = $server->client('SITE');

# What a page says of its language: of the header and of the document.
sub language_of {
    my $answer = shift;
    my ($lang, $direction) = $answer->decoded_content =~ /<html lang="([^"]*)" dir="([^"]*)">/;
    return join ' ', map { $_ // 'none' } $answer->header('Content-Language'), $lang, $direction;
}

# A text as a page shows it.
sub shown {
    my $text = shift;
    s/&/&amp;/g, s/</&lt;/g, s/>/&gt;/g, s/"/&quot;/g, s/'/&#39;/g for $text;
    return $text;
}

# What button.js is to say: of what a program is told.
sub dialog_of { my $answer = shift; return Civic::Client->json($answer)->{dialog} }
sub dialog_in {
    my ($tag, $texts, $reason) = @_;
    return {
        lang   => $tag,
        dir    => $texts->{_dir},
        words  => $texts->{'dialog.words'} =~ s/\{reason\}/$texts->{"reason.$reason"}/r,
        login  => $texts->{'dialog.login'},
        cancel => $texts->{'dialog.cancel'}
    };
}

# What the login page's script says: key => text.
sub script_words { return { map { split /=/, $_, 2 } split /\n/, $_[0]{words} } }

sub has {
    my ($answer, $text, $what) = @_;
    my $there = index($answer->decoded_content, shown($text)) >= 0;
    ok($there, encode_utf8($what)) or diag encode_utf8("$text\n" . $answer->decoded_content);
    return;
}

# ---- each page in each language ----
for my $tag (@TAGS) {
    my $texts = $words{$tag};
    my @accept = ('Accept-Language' => $tag);
    my $answer = $client->get('/members/', @accept);
    is(language_of($answer), "$tag $tag ltr", "$tag: the login page");
    has($answer, "<h1>$texts->{'page.title.login'}</h1>" =~ s/<[^>]*>//gr, "$tag: its title");
    has($answer, $texts->{$_}, "$tag: $_") for qw(reason.login-required page.no-script);
    my $page = Civic::Client::login_page($answer);
    is_deeply(
        script_words($page),
        { map { /^login\.(.*)/ ? ($1 => $texts->{$_}) : () } keys %$texts },
        "$tag: what the script says"
    );
    $answer = $client->fetch('/members/', @accept);
    my $problem = $client->json($answer);
    is($problem->{detail}, $texts->{'reason.login-required'}, "$tag: problem+json");
    is($problem->{title}, $texts->{'page.title.unauthorized'}, "$tag: its title");
    is_deeply($problem->{dialog}, dialog_in($tag, $texts, 'login-required'), "$tag: what a page says that asks for the login");
    is("$problem->{reason} $problem->{type}", 'login-required urn:civic:reason:login-required', "$tag: its reason is always the same");
    is($answer->header('Content-Language'), $tag, "$tag: and says in which language it is");
    $answer = $client->get('/civic/logout', @accept);
    has($answer, $texts->{'page.logout'}, "$tag: the logout page");
    $answer = $client->get('/civic/callback', @accept);
    has($answer, $texts->{'reason.method'}, "$tag: a refusal");
}

# ---- which one ----
for my $row (
    [ undef, 'en' ], [ '', 'en' ], [ '*', 'en' ], [ 'zh-CN,zh', 'en' ], [ 'zh-CN,zh;q=0.9,ja;q=0.8,en;q=0.7', 'ja' ], [ 'DE-at', 'de' ],
    [ 'pt-BR,pt;q=0.9,en;q=0.8', 'pt' ], [ 'fr;q=0.2, es;q=0.9', 'es' ], [ 'de;q=0, de-AT, fr;q=0.1', 'fr' ], [ 'he-IL,en', 'he' ],
    [ 'en-GB, de', 'en' ], [ 'de-CH', 'de' ]
) {
    my $answer = $client->get('/members/', 'Accept-Language' => $row->[0]);
    is($answer->header('Content-Language'), $row->[1], ($row->[0] // 'none') . " gives $row->[1]");
}
# What no browser sends costs nothing and breaks nothing.
for my $evil ('de' x 3000, ',' x 7000, ('de;q=0.9,' x 800), 'de;q=' . '9' x 5000, "de\x01", "\xff\xfe", '<script>', '../../etc/passwd', '%s%n', '{{state}}', 'de"x') {
    my $answer = Civic::Raw::request($server->port('SITE'), 'GET', '/members/', "Accept-Language: $evil\r\n$Civic::Raw::NAVIGATE", undef, tls => 1);
    my $expected = $evil =~ /^de;q=0\.9/ ? 'de' : 'en';
    is($answer->code == 401 ? $answer->header('Content-Language') : $answer->code, $evil =~ /\x01/ ? 400 : $expected,
        'a header of ' . length($evil) . ' bytes: ' . substr $evil =~ s/[^ -~]/?/gr, 0, 12);
}
{
    my $answer = Civic::Raw::request($server->port('SITE'), 'GET', '/members/',
        "Accept-Language: zh\r\nAccept-Language: fr;q=0.5\r\n$Civic::Raw::NAVIGATE", undef, tls => 1);
    is($answer->header('Content-Language'), 'fr', 'several lines are one list');
}
my $answer = $client->get('/members/', 'Accept-Language' => 'de');
is($answer->header('Cache-Control'), 'no-store', 'no cache keeps a page in one language for others');
for my $asset (qw(login.js page.css)) {
    my ($version) = $answer->content =~ /$asset\?v=([^"]+)/;
    my @all = map { $client->get("/civic/$asset?v=$version", 'Accept-Language' => $_) } qw(de ja);
    is($all[0]->content, $all[1]->content, "$asset is the same for all");
    is($all[0]->header('Content-Language'), undef, 'and in no language');
}
my ($script) = $client->get("/civic/login.js")->decoded_content =~ s{/\*.*?\*/|//[^\n]*}{}gsr =~ m{(["'`][A-Z]\w+ \w+ [^"'`]*)};
is($script, undef, "login.js has no sentences of its own");
is($client->get('/civic/session', 'Accept-Language' => 'de')->header('Content-Language'), undef, 'data are in no language');
my $head = $client->request('HEAD', '/members/', { Accept => 'text/html', 'Accept-Language' => 'ja' });
is($head->code . ' ' . $head->header('Content-Language'), '401 ja', 'HEAD');
is($client->get('/open/', 'Accept-Language' => 'de')->header('Content-Language'), undef, 'what is not ours is left alone');

# ---- CivicLanguage ----
is(language_of($client->get('/german/', 'Accept-Language' => 'ja')), 'de de ltr', 'CivicLanguage: whatever the browser prefers');
is(language_of($client->get('/german/')), 'de de ltr', 'and where it prefers nothing');
is(language_of($client->get('/german/auto/', 'Accept-Language' => 'ja')), 'ja ja ltr', 'CivicLanguage auto below');
is($client->json($client->fetch('/german/', 'Accept-Language' => 'ja'))->{detail}, $words{de}{'reason.login-required'}, 'CivicLanguage: for programs, too');
is_deeply(dialog_of($client->fetch($_, 'Accept-Language' => 'ja')), dialog_in('de', $words{de}, 'login-required'),
    "CivicLanguage: what a page says: $_") for qw(/german/ /civic/login?return=/german/&popup=1);
is(dialog_of($client->fetch('/civic/login?return=/german/auto/', 'Accept-Language' => 'ja'))->{lang}, 'ja', 'as the location has it');
my $page = Civic::Client::login_page($client->get('/german/'));
$answer = $client->post_json('/civic/callback', { token => 'x', state => $page->{state} }, 'Accept-Language' => 'de');
is($client->json($answer)->{detail}, $words{de}{'reason.token-format'}, 'the callback answers in the language that the page asks for');
is($client->json($client->post_json('/civic/callback', 'x', 'Accept-Language' => 'es'))->{detail}, $words{es}{'reason.body-malformed'}, 'or any other');
$page = $server->client('OTHER')->get('/swiss/', 'Accept-Language' => 'ja');
is($page->header('Content-Language'), 'de-CH', '.htaccess');
is($client->get('/swiss/')->header('Content-Language'), 'de', 'on a host that has no file for it, the language that it belongs to');

# ---- who is kept out ----
my $member = $server->client('SITE')->logged_in('/members/', person => 'ozdemir');
for my $tag (qw(de ja)) {
    my $texts = $words{$tag};
    my $rule = $texts->{'rule.age'} =~ s/\{years\}/150/r;
    my $missing = $texts->{'rule.missing.birth'};
    $answer = $member->get('/old/', 'Accept-Language' => $tag);
    has($answer, $texts->{'rule.unknown'} =~ s/\{rule\}/$rule/r =~ s/\{missing\}/$missing/r, "$tag: which rule keeps out");
    has($answer, $texts->{'page.button.identity'}, "$tag: and what may help");
    is_deeply($member->json($member->fetch('/old/', 'Accept-Language' => $tag))->{rules}, [ $texts->{'rule.unknown'} =~ s/\{rule\}/$rule/r =~ s/\{missing\}/$missing/r ],
        "$tag: for programs, too");
}
$answer = $member->get('/nobody/', 'Accept-Language' => 'fr');
my ($account) = $answer->decoded_content =~ /celle de ([0-9a-f-]+),/;
ok($account, 'fr: who is logged in stands where French wants it') or diag $answer->as_string;

# ---- a site's own ----
$answer = $client->get('/hebrew/', 'Accept-Language' => 'de');
is(language_of($answer), 'he he rtl', 'a file: one more language, from right to left');
has($answer, $hebrew->{'page.button.login'}, 'a file: its words');
has($answer, $words{en}{'page.no-script'}, 'a file: English where it has none');
is(script_words(Civic::Client::login_page($answer))->{loading}, $hebrew->{'login.loading'}, 'a file: the script');
is(script_words(Civic::Client::login_page($answer))->{done}, "\x{2066}$words{en}{'login.done'}\x{2069}", 'and English there, which keeps its direction');
is_deeply(dialog_of($client->fetch('/members/', 'Accept-Language' => 'he')), dialog_in('he', $hebrew, 'login-required'), 'a file: what a page says');
my @lines = grep {/CivicLanguageFile/} split /\n/, $server->error_log;
my $missing = grep { !/^_/ && !exists $hebrew->{$_} } keys %{ $words{en} };
my $count = grep { !/^_/ } keys %{ $words{en} };
is(scalar @lines, 1, 'one line of the log') or diag @lines;
like($lines[0], qr{CivicLanguageFile he \S+hebrew\.json: $missing of $count texts are missing, people read them in English}, 'says how many are missing');
my $other = $server->client('OTHER');
is(language_of($other->get('/members/', 'Accept-Language' => 'de-CH')), 'de-CH de-CH ltr', 'a host has its own');
is(language_of($other->get('/members/', 'Accept-Language' => 'de')), 'de de ltr', 'beside that which it changes');
is(language_of($other->get('/members/', 'Accept-Language' => 'he')), 'he he rtl', 'and those of the main server');
$answer = $other->get('/members/', 'Accept-Language' => 'de-CH');
has($answer, 'Mit Civic ahmälde', 'its words');
has($answer, $words{de}{'reason.login-required'}, 'else those of the language that it is based on');
has($answer, '</title><b>\'"&amp;', 'and all of them are text');
unlike($answer->decoded_content, qr/<b>/, 'never elements');
is(language_of($client->get('/members/', 'Accept-Language' => 'de-CH')), 'de de ltr', 'another host has not');

# ---- a page of the site's own ----
$answer = $client->get('/own/', 'Accept-Language' => 'ja');
is(language_of($answer), 'ja ja ltr', 'CivicLoginPage: the language of who reads it');
has($answer, $words{ja}{'page.button.login'}, 'CivicLoginPage: the login');
like($answer->decoded_content, qr{<h2>\Q$words{ja}{'page.asks.email'}\E</h2>}, 'CivicLoginPage: a text by its key');

# ---- what the login page says of cookies ----
for my $row ([ 'no-cookie' => sub { $_[0]->clear_session } ], [ 'unknown-cookie' => sub { $_[0]->spoil_session } ]) {
    my ($key, $do) = @$row;
    my $forgetful = bless $server->client('SITE'), 'Civic::Forgetful';
    $forgetful->login('/members/');
    $do->($forgetful);
    $answer = $forgetful->get('/members/', 'Accept-Language' => 'pt');
    has($answer, $words{pt}{"page.cause.$key"}, "why the session is not kept: $key");
    has($answer, $words{pt}{'reason.session-not-kept'}, 'in the same language');
}

# ---- the file counts from the next restart on, and a broken one stops nothing that runs ----
$server->write_file('hebrew.json', encode_utf8('{"_dir":"rtl","page.button.login":"אחר"}'));
has($client->get('/hebrew/'), $hebrew->{'page.button.login'}, 'before');
$server->again('graceful');
has($client->get('/hebrew/'), 'אחר', 'after a graceful restart');
$server->write_file('hebrew.json', '{"page.x":"y"}');
my ($status, $printed) = $server->configtest;
isnt($status, 0, 'configtest refuses a file that is broken meanwhile');
like($printed, qr/on line \d+ of \S+httpd\.conf.*CivicLanguageFile he \S+hebrew\.json: "page\.x": there is no such key/s, 'and says where and why');
has($client->get('/hebrew/'), 'אחר', 'what runs goes on');

# Loses or spoils its session's cookie.
package Civic::Forgetful;
use parent -norequire, 'Civic::Client';
sub clear_session { my $self = shift; my ($name) = $self->session_cookie; $self->jar->clear('localhost.local', '/', $name); return }
sub spoil_session { my $self = shift; my ($name, $value) = $self->session_cookie; $self->set_cookie($name, scalar reverse $value); return }
