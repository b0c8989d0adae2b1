# A login page works once it was made here, for this browser, less than half an hour ago; any
# other state is refused by name. The key can be changed without anybody's noticing.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Log ();
use Civic::Seal ();
use Civic::Server ();

my ($key, $previous, $unknown) = map { Civic::Seal::new_key() } 1 .. 3;
# Civic is the shared server's sandbox, which stays when this server is restarted.
my $server = Civic::Server->new(
    ports => [qw(SITE PLAIN OTHER)],
    conf  => "CivicSealKeyFile seal.key previous.key\nInclude \${CIVIC_T}/conf/site.conf\n"
);
$server->write_file('seal.key', "$key\n", 0600);
$server->write_file('previous.key', "  $previous\r\n", 0600);
$server->start;

my $browser = 'a browser\'s id!!';
my $now = time;

# name, how the state is made, reason (undef: it works)
my @states = (
    [ 'fresh',                        {} ],
    [ 'nearly half an hour old',      { age => 1790 } ],
    [ 'over half an hour old',        { age => 1805 }, 'state-expired' ],
    [ 'a day old',                    { age => 86400 }, 'state-expired' ],
    [ 'a little from the future',     { age => -50 } ],
    [ 'from the future',              { age => -70 }, 'state-expired' ],
    [ 'from before 1970',             { age => $now + 1e9 }, 'state-expired' ],
    [ 'of another browser',           { browser => 'x' x 16 }, 'state-foreign' ],
    [ 'old and of another browser',   { browser => 'x' x 16, age => 1805 }, 'state-foreign' ],
    [ 'sealed by the key before',     { key => $previous } ],
    [ 'an old one by the key before', { key => $previous, age => 1805 }, 'state-expired' ],
    [ 'sealed by an unknown key',     { key => $unknown }, 'state-invalid' ],
    [ 'of an unknown application',    { application => 'CO-GONE' }, 'state-invalid' ],
    [ 'of another version',           { version => 2 }, 'state-invalid' ],
    [ 'with an unfit scope',          { scope => 'basic' }, 'state-invalid' ],
    [ 'with a foreign path',          { path => '//evil.example/' }, 'state-invalid' ],
    [ 'with a full address',          { path => 'https://evil.example/' }, 'state-invalid' ],
    [ 'with a scope of its own',      { scope => 'SOMETHING_NEW' } ],
    [ 'with the longest path',        { path => '/' . 'x' x 8191 } ],
    [ 'with a path too long',         { path => '/' . 'x' x 8192 }, 'state-invalid' ],
);
# What is done to a good one.
my $good = Civic::Seal::state(key => $key, browser => $browser);
my @spoiled = (
    [ 'empty',             '' ],
    [ 'no base64url',      '+' . substr $good, 1 ],
    [ 'with padding',      "$good=" ],
    [ 'with a blank',      " $good" ],
    [ 'cut at its end',    substr $good, 0, -4 ],
    [ 'cut at its start',  substr $good, 4 ],
    [ 'with more behind',  $good . 'AAAA' ],
    [ 'twice',             $good x 2 ],
    [ 'over the limit',    'A' x 16388 ],
    [ 'a login cookie',    Civic::Seal::cookie(key => $key, browser => $browser) ],
    map { [ "with another character at $_", flipped($good, $_) ] } 0, 15, 16, 40, length($good) - 2
);
plan tests => 2 * @states + @spoiled + 15;

sub flipped {
    my ($text, $at) = @_;
    my $old = substr $text, $at, 1;
    substr $text, $at, 1, $old eq 'A' ? 'B' : 'A';
    return $text;
}

# A client that holds the login cookie of `browser`.
sub client {
    my $client = $server->client;
    $client->set_cookie('__Host-civic-login', Civic::Seal::cookie(key => $key, browser => $browser, @_));
    return $client;
}

sub token { my $client = shift; return $client->{sandbox}->token(appId => 'CO-ALPHA', @_) }

for my $row (@states) {
    my ($name, $how, $reason) = @$row;
    my $client = client();
    my $state = Civic::Seal::state(key => $key, browser => $browser, %$how);
    my $mark = $server->mark;
    my $answer = $client->callback(token($client), $state);
    if ($reason) {
        refused($answer, $reason, $mark, "a state $name: $reason");
        is($client->session_cookie, undef, 'no session');
        next;
    }
    is($answer->code, 200, "a state $name works");
    is(Civic::Client->json($answer)->{location}, $how->{path} || '/members/', 'and leads to its path');
}
for my $row (@spoiled) {
    my ($name, $state) = @$row;
    my $reason = $name eq 'empty' ? 'body-malformed' : 'state-invalid';
    my $client = client();
    my $mark = $server->mark;
    refused($client->callback(token($client), $state), $reason, $mark,
        "a state $name: $reason");
}

# ---- the login cookie ----
my @cookies = (
    [ 'by the key before'  => Civic::Seal::cookie(key => $previous, browser => $browser), undef ],
    [ 'by an unknown key'  => Civic::Seal::cookie(key => $unknown, browser => $browser), 'state-foreign' ],
    [ 'of another browser' => Civic::Seal::cookie(key => $key, browser => 'y' x 16), 'state-foreign' ],
    [ 'that is a state'    => substr($good, 0, 91), 'state-foreign' ],
    [ 'of garbage'         => 'A' x 91, 'state-foreign' ],
    [ 'too long'           => 'A' x 92, 'state-foreign' ],
);
for my $row (@cookies) {
    my ($name, $value, $reason) = @$row;
    my $client = $server->client;
    $client->set_cookie('__Host-civic-login', $value);
    my $mark = $server->mark;
    my $answer = $client->callback(token($client), $good);
    $reason
        ? refused($answer, $reason, $mark, "a login cookie $name: $reason")
        : is($answer->code, 200, "a login cookie $name works");
}
my $bare = $server->client;
my $mark = $server->mark;
refused($bare->callback(token($bare), $good), 'state-foreign', $mark, 'no login cookie: state-foreign');
my ($line) = grep {/state-foreign/} Civic::Log::lines($mark);
like($line, qr/no login cookie came/, 'and the log says that none came');

# ---- a valid session wins over a page that is too old ----
my $old = Civic::Seal::state(key => $key, browser => $browser, age => 3600, path => '/members/page.html');
my $client = client();
$client->logged_in('/members/');
my $answer = $client->callback(token($client), $old);
is($answer->code, 200, 'with a session, an old page goes on');
is($client->json($answer)->{location}, '/members/page.html', 'to its own path');
# By then the browser has dropped the login cookie as well: both live half an hour.
my %kept = %{ $client->cookies };
$client->clear;
$client->set_cookie($_, $kept{$_}) for grep { !/-login$/ } keys %kept;
$answer = $client->callback(token($client), $old);
is($answer->code, 200, 'also when the login cookie has gone by then');
my $proof = Civic::Seal::state(key => $key, browser => $browser, age => 3600, scope => 'PROOF_OF_IDENTITY');
$mark = $server->mark;
refused(client()->callback(token($client), $proof), 'state-expired', $mark, 'without a session it does not');
$mark = $server->mark;
$client->set_cookie('__Host-civic-login', Civic::Seal::cookie(key => $key, browser => $browser));
refused($client->callback(token($client), $proof), 'state-expired', $mark, 'nor with one that holds less');

# ---- rolling the key over ----
my $open = $server->client;
my $page = Civic::Client::login_page($open->get('/members/'));
$server->write_file('previous.key', $key, 0600);
$server->write_file('seal.key', $unknown, 0600);
$server->again('graceful');
is($open->callback(token($open), $page->{state})->code, 200, 'a page from before the change works');
is($client->get('/members/')->code, 200, 'and sessions stay');
