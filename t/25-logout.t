# Who has logged out is out: a copied cookie is dead, twice is fine, so is without a session; and no
# other site can log anybody out.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();

plan tests => 46;

my $client = Civic::Client->new;

sub cookie_header { my ($name, $value) = $_[0]->session_cookie; return "$name=$value" }

# ---- a copied cookie ----
$client->logged_in('/members/');
my $copy = cookie_header($client);
is($client->get('/members/')->code, 200, 'logged in');
my $answer = $client->post_form('/civic/logout', 'return=/open/');
is($answer->code, 303, 'logout');
is($answer->header('Cache-Control'), 'no-store', 'not to be cached');
my ($gone) = grep { !/-login=/ } $answer->header('Set-Cookie');
like($gone, qr/^__Host-civic-[0-9a-f]{8}=; Path=\/; HttpOnly; Secure; SameSite=Lax; Max-Age=0$/,
    'the cookie is taken away with the attributes that it was set with');
is($client->get('/members/')->code, 401, 'so the browser is asked to log in');
for my $path ('/members/', '/members/cgi', '/members/proxy/x', '/anonymous/', '/page/', '/api/') {
    is($client->request('GET', $path, { Cookie => $copy })->code, 401, "a copy is dead: $path");
}
is(scalar @{ $client->json($client->request('GET', '/civic/session', { Cookie => $copy }))->{sessions} }, 0,
    'also for the session endpoint');
$answer = $client->request('GET', '/optional/cgi', { Cookie => $copy });
unlike($answer->content, qr/REMOTE_USER|jane/, 'and where identity is optional');

# ---- a callback with the copy does not bring it back ----
my $page = Civic::Client::login_page($client->get('/members/'));
my $token = $client->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP');
is($client->callback($token, $page->{state})->code, 200, 'a new login');
$client->post_form('/civic/logout', '');
$answer = $client->callback($token, $page->{state});
is($answer->code, 401, 'its code, again after the logout');
is($client->json($answer)->{reason}, 'token-replayed', 'is refused');
is($client->get('/members/')->code, 401, 'and nobody is logged in');

# ---- twice, without a session, with rubbish ----
for my $cookie (undef, $copy, '__Host-civic-00000000=x', '__Host-civic-login=x', ';;;=') {
    my $name = $cookie // 'no cookie';
    $client->clear;
    $answer = $client->request('POST', '/civic/logout',
        { 'Sec-Fetch-Site' => 'same-origin', Cookie => $cookie, 'Accept' => 'text/html' });
    is($answer->code, 303, 'a logout without a session is fine: ' . substr $name, 0, 22);
    $answer = $client->post_json('/civic/logout', {}, Cookie => $cookie);
    is($answer->code . $answer->content, '200{"location":"/"}', 'by JSON too');
}

# ---- everywhere ----
my @devices = map { Civic::Client->new->logged_in('/members/') } 1 .. 3;
my $beta = Civic::Client->new->logged_in('/beta/');
my $somebody = Civic::Client->new->logged_in('/members/', person => 'smiley');
is($devices[0]->post_form('/civic/logout', 'all=1')->code, 303, 'a logout everywhere');
is(join(' ', map { $_->get('/members/')->code } @devices), '401 401 401', 'ends all of one person');
is($beta->get('/beta/')->code, 200, 'not at the other application');
is($somebody->get('/members/')->code, 200, 'nor anybody else\'s');
is($somebody->post_form('/civic/logout', 'application=CO-BETA')->code, 303, 'a logout of another application');
is($somebody->get('/members/')->code, 200, 'leaves this one');

# ---- from another site ----
my %FOREIGN = (
    'a form of another site'     => { Origin => 'https://evil.example', 'Sec-Fetch-Site' => 'cross-site' },
    'one of a sibling host'      => { Origin => 'https://a.localhost', 'Sec-Fetch-Site' => 'same-site' },
    'an old browser'             => { Origin => 'https://evil.example' },
    'a sandboxed frame'          => { Origin => 'null' },
    'neither header'             => {},
    'a typed address'            => { 'Sec-Fetch-Site' => 'none' },
    'both headers, at odds'      => { Origin => "https://localhost:$ENV{CIVIC_PORT_SITE}", 'Sec-Fetch-Site' => 'cross-site' },
    'an origin that starts so'   => { Origin => "https://localhost:$ENV{CIVIC_PORT_SITE}.evil.example" },
    'another port'               => { Origin => 'https://localhost:1' },
    'another scheme'             => { Origin => "http://localhost:$ENV{CIVIC_PORT_SITE}" },
);
$client = Civic::Client->new->logged_in('/members/');
for my $name (sort keys %FOREIGN) {
    my @codes = map {
        $client->request('POST', '/civic/logout', { %{ $FOREIGN{$name} }, 'Content-Type' => $_ }, '')->code
    } 'application/x-www-form-urlencoded', 'application/json', 'text/plain';
    is("@codes", '403 403 403', "cannot log out: $name");
}
my @codes = map {
    $client->request($_, '/civic/logout?return=/&all=1', { 'Sec-Fetch-Site' => 'cross-site', 'Sec-Fetch-Dest' => 'image',
            'Sec-Fetch-Mode' => 'no-cors', Accept => 'image/*' })->code
} qw(GET HEAD PUT DELETE OPTIONS PATCH);
is("@codes", '200 200 405 405 405 405', 'an image, or any other method');
is($client->get('/members/')->code, 200, 'the session is still there');
is($client->post_form('/civic/logout', '')->code, 303, 'until the person wants it');
