# A login page that was open for long gets a new state: it says what the old one said, belongs to the
# browser that asks, and works. Nothing but a state of this server is renewed, and for this site's
# own pages only.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Log ();
use Civic::Seal ();
use Civic::Server ();

my ($key, $unknown) = map { Civic::Seal::new_key() } 1 .. 2;
my $server = Civic::Server->new(
    ports => [qw(SITE PLAIN OTHER)],
    conf  => "CivicSealKeyFile seal.key\nInclude \${CIVIC_T}/conf/site.conf\n"
);
$server->write_file('seal.key', "$key\n", 0600);
$server->start;

my $browser = 'a browser\'s id!!';
my $path = '/members/index.html?a=1&b=%2F';

sub state_of { return Civic::Seal::state(key => $key, browser => $browser, path => $path, @_) }

# name, the login cookie that comes along, the state's age
my @good = (
    [ 'an old one',                             $browser,          1805 ],
    [ 'a very old one',                         $browser,          30 * 86400 ],
    [ 'a fresh one',                            $browser,          0 ],
    [ 'where the login cookie has gone',        undef,             1805 ],
    [ 'where the browser has another one now',  'another browser!', 1805 ],
);
my @bad = (
    [ 'sealed by an unknown key',    'state-invalid',  { state => state_of(key => $unknown) } ],
    [ 'of an unknown application',   'state-invalid',  { state => state_of(application => 'CO-GONE') } ],
    [ 'with a foreign path',         'state-invalid',  { state => state_of(path => '//evil.example/') } ],
    [ 'that is a login cookie',      'state-invalid',  { state => Civic::Seal::cookie(key => $key, browser => $browser) } ],
    [ 'that is not there',           'body-malformed', {} ],
    [ 'that is no text',             'body-malformed', { state => [1] } ],
    [ 'from a page of another site', 'cross-origin',   { state => state_of() }, 'Sec-Fetch-Site' => 'cross-site', Origin => 'https://evil.example' ],
    [ 'as a form',                   'content-type',   { state => state_of() }, 'Content-Type' => 'application/x-www-form-urlencoded' ],
);
plan tests => 4 * @good + 2 * @bad + 3;

for my $row (@good) {
    my ($name, $cookie, $age) = @$row;
    my $client = $server->client;
    $client->set_cookie('__Host-civic-login', Civic::Seal::cookie(key => $key, browser => $cookie)) if $cookie;
    my $answer = $client->post_json('/civic/renew', { state => state_of(age => $age) });
    is($answer->code, 200, "a state is renewed: $name");
    my $new = Civic::Client->json($answer)->{state};
    my $token = $client->{sandbox}->token(appId => 'CO-ALPHA');
    my $done = $client->callback($token, $new);
    is($done->code, 200, 'and works') or diag $done->as_string;
    is(Civic::Client->json($done)->{location}, $path, 'for the same path');
    my $other = $server->client;
    $other->get('/members/');
    is($other->callback($token, $new)->code, 403, 'in this browser alone');
}
for my $row (@bad) {
    my ($name, $reason, $body, %headers) = @$row;
    my $client = $server->client;
    my $mark = $server->mark;
    my $answer = $client->post_json('/civic/renew', $body, %headers);
    refused($answer, $reason, $mark, "a state $name: $reason");
    is($client->cookies->{'__Host-civic-login'}, undef, 'and sets no cookie');
}
my $mark = $server->mark;
my $client = $server->client;
my $answer = $client->post_json('/civic/renew', { state => state_of() });
is($answer->header('Cache-Control'), 'no-store', 'nobody keeps it');
is(scalar(grep {/refused/} Civic::Log::lines($mark)), 0, 'it is nothing to complain about');
refused($client->callback($client->{sandbox}->token(appId => 'CO-ALPHA'), state_of()), 'state-foreign', $mark,
    'the old one does not become this browser\'s');
