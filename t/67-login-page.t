# A site's own login page: a template is taken apart when it is read, with file and line of what is
# wrong in it; what it shows is text, whatever it holds. CivicStyle and CivicPagePolicy change looks and
# policy by exactly what they say.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Env ();
use Civic::Server ();

my $server = Civic::Server->new(ports => [qw(SITE SANDBOX SANDBOX_PLAIN)]);
my $dir = $server->dir;
my $application = Civic::Server::application('CO-ALPHA');

# Around what is looked at: a template that is good apart from it.
sub template { return "<!DOCTYPE html>\n<title>{{title}}</title>\n{{head}}\n<body>\n$_[0]\n{{login}}\n" }
my $names = qr/there are head, login and site title words reason reference cause scope endpoint lang dir/;

# Text, the line, what is said; no line: it is fine.
my @texts = (
    [ 'text',                    '{{site}} {{words}} {{reason}} {{reference}} {{cause}} {{scope}} {{lang}} {{dir}}' ],
    [ 'attributes',              qq(<p title="{{site}}" lang='{{lang}}' data-x="a {{site}} b">x</p>) ],
    [ 'an area of text',         '<textarea><p {{site}}></textarea>' ],
    [ 'a condition',             '{{?cause}}<p>{{cause}}</p>{{/}}' ],
    [ 'one within a value',      '<p title="a{{?cause}} b{{/}}">x</p>' ],
    [ 'an address of ours',      '<a href="{{endpoint}}/logout">x</a>' ],
    [ 'a script of a file',      '<script src="/own.js"></script> {{site}}' ],
    [ 'a style',                 "<style>p { color: red }\n</style> {{site}}" ],
    [ 'comments',                "<!-- <p x=' -- > \" -->{{site}}<!-- -->" ],
    [ 'an odd doctype',          '<!ELEMENT x "y"> <?php x?> </ y> {{site}}' ],
    [ 'less than',               'a < b {{site}} <3 {{site}}' ],
    [ 'upper case',              '<TEXTAREA>{{site}}</TEXTAREA><SCRIPT SRC=/x></SCRIPT>' ],
    [ 'a single brace',          '{ } {a} }}' ],
    [ 'an unknown name',         '{{nme}}',                         5, qr/\{\{nme\}\} is no placeholder; $names/ ],
    [ 'an empty name',           '{{}}',                            5, qr/\{\{\}\} is no placeholder/ ],
    [ 'part of a name',          '{{sit}}',                         5, qr/\{\{sit\}\} is no placeholder/ ],
    [ 'two names',               '{{site title}}',                  5, qr/no placeholder/ ],
    [ 'upper case',              '{{Site}}',                        5, qr/no placeholder/ ],
    [ 'space',                   '{{ site }}',                      5, qr/no placeholder/ ],
    [ 'a list',                  '{{*rules}}{{*}}',                 5, qr/no placeholder/ ],
    [ 'the state',               "\n\n{{state}}",                   7, qr/\{\{state\}\} is no placeholder/ ],
    [ 'an unknown condition',    '{{?nme}}{{/}}',                   5, qr/\{\{\?nme\}\} is no placeholder/ ],
    [ 'no end',                  "{{site\n}}",                      5, qr/\{\{ has no \}\} in its line/ ],
    [ 'no end at all',           '{{',                              5, qr/has no \}\}/ ],
    [ 'no quotes',               "<p title={{site}}>",              5, qr/\{\{site\}\} must stand within quotes/ ],
    [ 'behind =',                "<p title=\n{{site}}>",            6, qr/must stand within quotes/ ],
    [ 'within a value without',  '<p title=a{{site}}>',             5, qr/must stand within quotes/ ],
    [ 'the name of a tag',       '<{{site}}>',                      5, qr/cannot stand behind </ ],
    [ 'part of it',              '<p{{site}}>',                     5, qr/cannot stand within a tag/ ],
    [ 'an end tag',              '</{{site}}>',                     5, qr/cannot stand within a tag/ ],
    [ '= without a name',        '<p ="{{site}}">',                 5, qr/= has no attribute in front of it/ ],
    [ '= behind a value',        '<p title="a"="{{site}}">',        5, qr/= has no attribute in front of it/ ],
    [ '= behind a slash',        '<p title/="{{site}}">',           5, qr/= has no attribute in front of it/ ],
    [ 'an attribute',            '<p {{site}}>',                    5, qr/cannot stand within a tag: only between quotes/ ],
    [ 'part of its name',        '<p data-{{site}}="x">',           5, qr/cannot stand within a tag/ ],
    [ 'a script',                "<script src='/x'>\n{{site}}",     6, qr/\{\{site\}\} cannot stand within <script>/ ],
    [ 'a script that ends not',  "<script src='/x'></scripts>{{site}}</script>", 5, qr/within <script>/ ],
    [ 'a style sheet',           '<style>{{site}}</style>',         5, qr/within <style>/ ],
    [ 'a frame',                 '<iframe>{{site}}</iframe>',       5, qr/within <iframe>/ ],
    [ 'a comment',               '<!-- {{site}} -->',               5, qr/cannot stand within a comment/ ],
    [ 'the words of a doctype',  '<!x {{site}}>',                   5, qr/cannot stand within a tag/ ],
    map({ [ "the attribute $_", "<a $_=\"{{site}}\">", 5, qr/cannot stand in the attribute $_/ ] }
        qw(href src action formaction style srcdoc srcset poster content)),
    [ 'an address in upper case', '<a HREF="{{site}}">',            5, qr/cannot stand in the attribute href/ ],
    [ 'a program',               '<p onclick="x()">',               5, qr/the attribute onclick does not run: use a file/ ],
    [ 'a script of its own',     "\n<script>x()</script>",          6, qr/a script within the page does not run: name a file by <script src>/ ],
    [ 'a script with a type',    "<script type='module'>x</script>", 5, qr/a script within the page does not run/ ],
    [ 'a second head',           '{{head}}',                        5, qr/\{\{head\}\} is there twice/ ],
    [ 'a second login',          '{{login}}',                       6, qr/\{\{login\}\} is there twice/ ],
    [ 'login in a condition',    "{{?cause}}\n{{login}}{{/}}",      6, qr/\{\{login\}\} must stand between tags, outside of/ ],
    [ 'login in a title',        '<title>{{login}}</title>',        5, qr/\{\{login\}\} must stand between tags/ ],
    [ 'head in a value',         '<p title="{{head}}">',            5, qr/must stand between tags/ ],
    [ 'a condition within one',  '{{?cause}}{{?site}}{{/}}{{/}}',   5, qr/cannot stand within another/ ],
    [ 'an end without',          '{{/}}',                           5, qr/has no \{\{\?/ ],
    [ 'one that does not end',   '{{?cause}} <title>{{/}}</title>', 5, qr/has no \{\{\?\.\.\.\}\} that begins at such a place/ ],
    [ 'a value that ends not',   '<p title="',                      6, qr/\{\{login\}\} must stand between tags/ ],
    [ 'not UTF-8',               "a\n\xe9",                         6, qr/this is not UTF-8/ ],
    [ 'a NUL',                   "a\n\n\0",                         7, qr/this is not UTF-8/ ],
);
my @wholes = (
    [ 'nothing',           '',                                             0, qr/\{\{head\}\} is missing: it must stand in the <head>/ ],
    [ 'no login',          '{{head}}',                                     0, qr/\{\{login\}\} is missing: it must stand in the <body>/ ],
    [ 'no head',           '{{login}}',                                    0, qr/\{\{head\}\} is missing/ ],
    [ 'a condition open',  "{{head}}{{login}}\n{{?cause}}\n",              2, qr/\{\{\?\.\.\.\}\} has no/ ],
    [ 'a title open',      "{{head}}{{login}}\n<title>",                   0, qr/it ends within a tag, a comment or an element/ ],
    [ 'a tag open',        "{{head}}{{login}}\n<p title='",                0, qr/it ends within a tag/ ],
    [ 'too large',         '{{head}}{{login}}' . 'x' x 65520,              0, qr/it is larger than 64 KiB/ ],
    [ 'the largest',       '{{head}}{{login}}' . 'x' x 65519 ],
    [ 'the smallest',      '{{head}}{{login}}' ],
);

plan tests => @texts + @wholes + 60;

for my $row ((map { [ $_->[0], template($_->[1]), @$_[ 2, 3 ] ] } @texts), @wholes) {
    my ($name, $text, $line, $fault) = @$row;
    $server->write_file('page.html', $text);
    $server->write_conf("$application<Location /x>\nCivicLoginPage page.html\n</Location>\n");
    my ($status, $said) = $server->configtest;
    my $place = $line ? qr/\Q$dir\E\/page\.html:$line: / : qr/\Q$dir\E\/page\.html: /;
    defined $fault
        ? like($said, qr/CivicLoginPage $place.*$fault/, "template: $name")
        : is($status, 0, "template: $name") || diag $said;
}

# ---- served ----
my $source = Civic::Env::source_dir();
my $example = do { open my $in, '<', "$source/conf/login-page.html" or die $!; local $/; <$in> };
$server->write_file('example.html', $example);
$server->write_file('page.html', template('<p id="own" title="{{site}}">{{site}} {{words}}{{?cause}} [{{cause}}]{{/}}</p>'));
$server->write_conf('Include ${CIVIC_T}/conf/sandbox.conf' . "\n" . Civic::Server::host(SITE => $application . <<'END'));
Alias /own ${CIVIC_T}/htdocs/members
Alias /deep ${CIVIC_T}/htdocs/members
Alias /policy ${CIVIC_T}/htdocs/members
Alias /elsewhere ${CIVIC_T}/htdocs/members
CivicLoginPage example.html
<LocationMatch "^/(own|deep|policy|elsewhere)">
AuthType Civic
AuthName "\"Own\" <b> & 'x'"
Require valid-user
</LocationMatch>
<Location /own>
CivicLoginPage page.html
CivicStyle /own.css?a=1&b /logo.svg
CivicPagePolicy add "img-src https://pictures.example.org; font-src 'self'"
</Location>
<Location /own/builtin>
CivicLoginPage Off
CivicStyle Off
CivicPagePolicy add "img-src https://more.example.org https://pictures.example.org"
</Location>
<Location /deep>
CivicStyle https://cdn.example.org:8443/a/own.css https://pictures.example.org/logo.png
</Location>
<Location /policy>
CivicPagePolicy add "media-src 'self'"
CivicPagePolicy set "default-src 'self'; img-src *"
CivicPagePolicy add "img-src https://more.example.org"
CivicPagePolicy add "frame-ancestors https://portal.example.org;form-action https://pay.example.org"
</Location>
<Location /elsewhere>
CivicPagePolicy add "frame-ancestors https://portal.example.org;form-action https://pay.example.org"
</Location>
END
$server->start;
my $client = $server->client;
my $built_in = $client->get('/own/builtin/');
my $shown = $client->get('/members/');

sub policy { return { map { /^\s*(\S+) ?(.*)/ ? ($1 => $2) : () } split /;/, $_[0]->header('Content-Security-Policy') } }
sub page_parts { my $text = shift->content; $text =~ s/(data-state|data-issued|id)="[^"]*"//g; return $text =~ m{(<link.*)</head>.*(<main.*</main>)}s }

my $page = Civic::Client::login_page($shown);
is($shown->code, 401, 'the example: a login page');
like($shown->content, qr/<a href="\/">Back to our front page/, 'with its own text');
like($shown->content, qr{<title>Log in - Members</title>}, 'and title');
is($page->{'app-id'}, 'CO-ALPHA', 'it has what the script needs');
unlike($shown->content, qr/\{\{|\}\}/, 'no placeholder is left');
unlike($shown->content, qr/please name the reference/, 'nor what is not so');
like($shown->content, qr{login\.js\?v=\w+" defer></script>.*</head>.*<main id="civic-login".*</main>.*<footer>}s, 'all in its place');
is($client->callback($client->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP'), $page->{state})->code, 200,
    'and a login from it works');
is($client->get('/members/')->code, 200, 'which opens the site');
$client = $server->client;

my $own = $client->get('/own/');
my $escaped = qr/&quot;Own&quot; &lt;b&gt; &amp; &#39;x&#39;/;
like($own->content, qr{<p id="own" title="$escaped">$escaped Please log in}, 'a value is text, in tags and between');
is(length $own->content, $own->header('Content-Length'), 'the length is right');
like($own->content, qr{<link rel="stylesheet" href="/own\.css\?a=1&amp;b">\s}, 'CivicStyle: the style sheet');
like($own->content, qr{/civic/page\.css.*/own\.css}s, 'behind ours');
like($own->content, qr{<img class="civic-logo" src="/logo\.svg" alt="$escaped">}, 'the logo, named as the site');
like($built_in->content, qr{^<!DOCTYPE html>\s*<html lang="\w*"( dir="\w*")?>\s*<head>\s*<meta charset}, 'Off: the built-in page');
unlike($built_in->content, qr/own\.css|civic-logo/, 'Off: no style');

# ---- the policy ----
my ($mine, $base, $far) = map { policy($_) } $own, $shown, $client->get('/deep/');
is($mine->{'style-src'}, $base->{'style-src'}, 'a style of this site adds nothing to the policy');
is($mine->{'img-src'}, "$base->{'img-src'} https://pictures.example.org", 'a source is added');
is($mine->{'font-src'}, "$base->{'font-src'} 'self'", 'each');
is_deeply([ sort keys %$mine ], [ sort keys %$base ], 'and nothing else');
is_deeply({ %$far, map { ($_ => $base->{$_}) } qw(style-src img-src) }, $base, 'of another site: the rest stays');
is($far->{'style-src'}, "$base->{'style-src'} https://cdn.example.org:8443", 'its origin is added');
is($far->{'img-src'}, "$base->{'img-src'} https://pictures.example.org", 'for the logo, too');
my $inherited = policy($built_in);
is($inherited->{'img-src'}, "$base->{'img-src'} https://pictures.example.org https://more.example.org",
    'a deeper location adds to what is above, once');
my $answer = $client->get('/policy/');
is($answer->header('Content-Security-Policy'),
    "default-src 'self'; img-src * https://more.example.org; frame-ancestors https://portal.example.org; form-action https://pay.example.org",
    'a policy of its own, and what is added to that');
my $elsewhere = policy($client->get('/elsewhere/'));
is($elsewhere->{'frame-ancestors'}, 'https://portal.example.org', "'none' goes where something is added");
is($elsewhere->{'form-action'}, "'self' https://pay.example.org", 'any other source stays');
is(scalar(my @policies = $answer->header('Content-Security-Policy')), 1, 'one policy');
# A page of another kind takes part.
my $member = $server->client->logged_in('/own/');
$server->write_file('denied', '');
is(policy($member->get('/civic/logout'))->{'style-src'}, "'self'", 'the logout page lies outside of these locations');

# ---- what is no good ----
my @faults = (
    map({ [ "CivicStyle $_->[0]", $_->[1] ] }
        [ 'http://cdn.example.org/a.css', qr/use https, or be a path of this site as \/style\.css/ ],
        [ 'a.css',                        qr/it must start with https:\/\/, or be a path/ ],
        [ '//cdn.example.org/a.css',      qr/begins with one slash/ ],
        [ '"/a b.css"',                   qr/has no space/ ],
        [ '/a\\\\b.css',                  qr/or backslash/ ],
        [ '""',                           qr/takes 1-2 arguments/ ],
        [ '/a.css javascript:x',          qr/CivicStyle javascript:x: it must start/ ],
        [ "/\xc3\xbc.css",                qr/a path is ASCII/ ]),
    map({ [ "CivicPagePolicy $_->[0]", $_->[1] ] }
        [ 'more x',                             qr/it must be add or set/ ],
        [ 'add " "',                            qr/must be of the form/ ],
        [ 'add ";"',                            qr/must be of the form/ ],
        [ 'add "img-src"',                      qr/img-src has no source/ ],
        [ 'add "img-scr x"',                    qr/img-scr is not a directive that sources can be added to/ ],
        [ 'add "default-src x"',                qr/default-src is not a directive that sources can be added to/ ],
        [ 'add "img-src \'none\'"',             qr/'none' cannot be added/ ],
        [ 'add "script-src \'unsafe-inline\'"', qr/'unsafe-inline' would let any script in: name the origin/ ],
        [ 'add "script-src *"',                 qr/\* would let any script in/ ],
        [ 'add "script-src HTTPS:"',            qr/HTTPS: would let any script in/ ],
        [ 'add "img-src a, img-src b"',         qr/without commas/ ],
        [ "add \"img-src \xc3\xbc\"",           qr/is ASCII/ ],
        [ 'set "img-scr x"',                    qr/img-scr is not a directive that a policy has/ ],
        [ 'set " "',                            qr/must be of the form/ ]),
    [ 'CivicLoginPage missing.html', qr/CivicLoginPage \S+missing\.html: it cannot be read: \S/ ],
    [ "CivicLoginPage $dir",         qr/cannot be read/ ],
    [ 'CivicLoginPage ""',           qr/takes one argument/ ],
);
my $broken = Civic::Server->new;
for my $row (@faults) {
    $broken->write_conf("$application<Location /x>\n$row->[0]\n</Location>\n");
    my ($status, $said) = $broken->configtest;
    like($said, $row->[1], $row->[0]);
}
# A URL that holds more than a URL brings nothing of it into the policy.
like(policy($client->get('/own/'))->{'script-src'}, qr/^'self' https:\/\/localhost:\d+$/, 'scripts stay strict');

# ---- read anew ----
$server->write_file('page.html', template('<p>changed</p>'));
like($client->get('/own/')->content, qr/id="own"/, 'what is read is kept');
$server->again('graceful');
like($client->get('/own/')->content, qr/<p>changed<\/p>/, 'until a graceful restart');
$server->write_file('page.html', template('{{nothing}}'));
my ($status, $said) = $server->run('-k', 'graceful');
isnt($status, 0, 'one that is no good any more is not taken');
like($said, qr/page\.html:5: \{\{nothing\}\} is no placeholder/, 'and says so');
like($client->get('/own/')->content, qr/<p>changed<\/p>/, 'what runs stays');
