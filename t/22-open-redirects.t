# Nobody is sent to another site: whatever a client asks for as the way back from a logout or a
# login is a path of this site, or refused.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use JSON::PP ();

use lib 't/lib';
use Civic::Client ();
use Civic::Raw ();

# What browsers take for another origin, or may; each on its own must be refused.
my @EVIL = (
    '//evil.example', '///evil.example', '////evil.example', '/\\evil.example', '\\/evil.example',
    '\\\\evil.example', '/\\/evil.example', '//\\evil.example', '/ /evil.example', "/\t/evil.example",
    "/\n/evil.example", "/\r/evil.example", "\t//evil.example", ' //evil.example', "\n//evil.example",
    'https://evil.example', 'http://evil.example/', 'http:evil.example', 'https:evil.example',
    'https:/evil.example', 'https:///evil.example', 'http:\\\\evil.example', 'HTTPS://evil.example',
    "java\tscript:alert(1)", 'javascript:alert(1)', 'javascript://%0aalert(1)', 'JaVaScRiPt:alert(1)',
    'data:text/html,<script>alert(1)</script>', 'vbscript:x', 'evil.example', 'evil.example/path',
    '.evil.example', '@evil.example', ':@evil.example', '?https://evil.example', '#//evil.example',
    '', ' ', 'x', './x', '../x', '~', '%2f%2fevil.example', '%5cevil.example', '/path\\x', "/path\x00x",
    "/path\x0d\x0aSet-Cookie: a=b", "/path\x0aLocation: //evil.example", "/path\x7f", "/p\xc3\xa4th",
    "/\xe2\x80\xa8//evil.example", "/\xe3\x80\x82evil.example", "\xef\xbc\x8f\xef\xbc\x8fevil.example",
    "/path with space", '/' . ('a' x 8192), 'https://localhost@evil.example/', '//localhost:@evil.example',
    'https://localhost.evil.example/', '//evil.example@localhost/', 'http://[::1]evil.example/',
);
# What is a path of this site, odd as it looks: kept to the byte.
my @GOOD = (
    '/', '/a', '/a/b?c=d&e=f', '/a//b', '/%2f%2fevil.example', '/%5cevil.example', '/%252f%252fevil.example',
    '/x?r=//evil.example', '/x#//evil.example', '/x?u=https://evil.example/', '/.//evil.example', '/;//evil.example',
    '/@evil.example', '/:80/', '/..//evil.example', '/%0d%0aSet-Cookie:a=b', '/' . ('a' x 7000),
    '/?"><script>', "/'x",
);

plan tests => 6 * @EVIL + 5 * @GOOD + 52;

my $client = Civic::Client->new;
my $port = $ENV{CIVIC_PORT_SITE};
my $JSON = JSON::PP->new->canonical;

sub encoded { return $_[0] =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger }

# Where an answer would lead to: the header, the JSON, links and forms of the page.
sub targets {
    my $answer = shift;
    my @targets = ($answer->header('Location'), $answer->header('Refresh'), $answer->header('Content-Location'));
    push @targets, $answer->content =~ /(?:href|action|src|value|data-[a-z-]+)="([^"]*)"/g;
    push @targets, $answer->content =~ /"location":"((?:[^"\\]|\\.)*)"/g;
    return grep { defined } @targets;
}

sub shown { return substr $_[0] =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger, 0, 50 }

for my $evil (@EVIL) {
    my $name = shown($evil);
    my $answer = $client->post_form('/civic/logout', 'return=' . encoded($evil));
    is($answer->code . join(' ', $answer->header('Location')), '400', "form: refused: $name");
    $answer = $client->get('/civic/login?return=' . encoded($evil));
    like($answer->code . join(' ', $answer->header('Location')), qr{^4(?:00|14)$}, "login: refused: $name");
    $answer = $client->get('/civic/login?return=/open/&then=' . encoded($evil));
    like($answer->code . join(' ', $answer->header('Location')), qr{^4(?:00|14)$}, "then: refused: $name");
    # Bytes as characters of the same number: JSON has no others.
    my $json = $JSON->latin1->encode({ return => $evil });
    $answer = $client->post_json('/civic/logout', $json);
    my @wrong = grep { !m{^/(?![/\\])} } targets($answer);
    if ($evil eq '') { is($answer->code, 200, 'JSON: an empty return is none') }
    else { is($answer->code . "@wrong", '400', "JSON: refused: $name") }
    # The page that asks first fills its form with nothing of it.
    $answer = $client->get('/civic/logout?return=' . encoded($evil));
    unlike($answer->content, qr/name="return"/, "query: left out of the page: $name");
    # Decoded twice it would be evil; once, it is just a strange relative path.
    $answer = $client->post_form('/civic/logout', 'return=' . encoded(encoded($evil)));
    unlike(join(' ', targets($answer)), qr{evil|script:}i, "form, encoded twice: $name");
}

for my $good (@GOOD) {
    my $name = shown($good);
    my $answer = $client->post_form('/civic/logout', 'return=' . encoded($good));
    my $location = $answer->header('Location') // '';
    $location =~ s{^https://localhost:$port}{};
    is($answer->code . " $location", "303 $good", "form: taken as it is: $name");
    $answer = $client->get('/civic/login?return=' . encoded($good));
    is($answer->code . ' ' . ($answer->header('Location') // '') =~ s{^https://localhost:$port}{}r, "303 $good", "login: taken as it is: $name");
    $answer = $client->get('/civic/login?return=/open/&then=' . encoded($good));
    is($answer->code . ' ' . ($answer->header('Location') // '') =~ s{^https://localhost:$port}{}r, "303 $good", "then: taken as it is: $name");
    $answer = $client->post_json('/civic/logout', { return => $good });
    is($client->json($answer)->{location}, $good, "JSON: taken as it is: $name");
    $answer = $client->get('/civic/logout?return=' . encoded($good));
    my ($back) = $answer->content =~ /name="return" value="([^"]*)"/;
    s/&quot;/"/g, s/&lt;/</g, s/&gt;/>/g, s/&#39;/'/g, s/&amp;/&/g for grep { defined } $back;
    is($back, $good, "query: on the page as it is: $name");
}

# ---- the way back from a login is the request's own target ----
my %TARGETS = (
    '//evil.example/members/'                      => undef,
    '///evil.example/members/'                     => undef,
    '/\\evil.example/../members/'                  => undef,
    '//members/'                                   => undef,
    '/members/\\evil.example'                      => undef,
    '/members//evil.example'                       => '/members//evil.example',
    '/members/?next=//evil.example'                => '/members/?next=//evil.example',
    '/members/..//members/'                        => '/members/..//members/',
    '/.//members/'                                 => '/.//members/',
    '/%2e%2e//members/'                            => undef,
    "http://localhost:$port/members/x?y=z"         => '/members/x?y=z',
    "https://localhost:$port/members/"             => '/members/',
    "https://localhost:$port//evil.example/../members/" => undef,
    "https://evil.example/members/"                => '/members/',
    "https://evil.example//members/"               => undef,
    "http://evil.example:99999/members/"           => '/members/',
    "http://user:pass\@evil.example/members/"      => undef,
    "ftp://evil.example/members/"                  => undef,
    "javascript://evil.example/members/"           => undef,
    '/members/?' . ('a' x 7000)                    => '/members/?' . ('a' x 7000),
    '/members/?uuid=1&a=//b&uuid=2'                => '/members/?a=//b',
    '/members/?uuid=//evil.example'                => '/members/',
);

for my $target (sort keys %TARGETS) {
    my $name = shown($target);
    my $answer = Civic::Raw::request($port, 'GET', $target, $Civic::Raw::NAVIGATE, undef, tls => 1);
    my ($cookie) = map { /^(__Host-civic-login=[^;]+)/ } $answer->header('Set-Cookie');
    my ($state) = $answer->body =~ /data-state="([^"]*)"/;
    unlike($answer->raw, qr{(?:Location: |href="|action="|data-[a-z]+=")(?:https?:)?[/\\][/\\]evil}i,
        "login: nothing on the page leads away: $name");
    if (!$state) {
        ok(!defined $TARGETS{$target} && $answer->code >= 400, "login: refused: $name")
            or diag $answer->raw;
        next;
    }
    # Who goes on with this page comes to the path alone.
    my $token = $client->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP');
    my $done = $client->request('POST', '/civic/callback',
        { 'Content-Type' => 'application/json', Cookie => $cookie, 'Sec-Fetch-Site' => 'same-origin' },
        $JSON->encode({ token => $token, state => $state }));
    is($client->json($done)->{location}, $TARGETS{$target}, "login: leads to the path: $name");
    $client->clear;
}

# ---- what the callback and the page are told besides is not listened to ----
my $page = Civic::Client::login_page($client->get('/members/?return=//evil.example&location=//evil.example'));
my $token = $client->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP');
my $answer = $client->post_json('/civic/callback?return=//evil.example&location=//evil.example',
    { token => $token, state => $page->{state}, return => '//evil.example', location => '//evil.example' },
    Referer => 'https://evil.example/');
is($client->json($answer)->{location}, '/members/?return=//evil.example&location=//evil.example',
    'the state alone says where to go');
is($answer->header('Location'), undef, 'by no header');
for my $form ('return=/a&return=//evil.example', 'return=/a&Return=//evil.example', 'return=/a%00//evil.example',
    'return=%', 'return=%zz', '%=1&return=/a')
{
    $answer = $client->post_form('/civic/logout', $form);
    is($answer->code . join(' ', grep { /evil/ } targets($answer)), '400',
        "a form that can be read in two ways is refused: $form");
}
