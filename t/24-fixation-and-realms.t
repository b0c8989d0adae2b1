# A session id is always new and made here; a cookie opens the one application of the one site that
# it was made for, whoever carries it where.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();

plan tests => 39;

# What a cookie opens, sent by hand.
sub with_cookie {
    my ($client, $path, $cookie) = @_;
    $client->clear;
    my $answer = $client->get($path, Cookie => $cookie);
    $client->clear;
    return $answer;
}

# ---- fixation ----
my $attacker = Civic::Client->new->logged_in('/members/');
my ($name, $planted) = $attacker->session_cookie;
my $made_up = 'A' x 43;

for my $id ($made_up, 'x', '', $planted . 'x') {
    my $victim = Civic::Client->new;
    $victim->set_cookie($name, $id);
    is($victim->get('/members/')->code, 401, 'a planted id opens nothing: ' . length $id);
    my ($answer) = $victim->login('/members/');
    is($answer->code, 200, 'the login goes on');
    my (undef, $new) = $victim->session_cookie;
    isnt($new, $id, 'with an id of its own');
    is(with_cookie($victim, '/members/', "$name=$id")->code, 401, 'and the planted one opens nothing still');
    is(with_cookie($victim, '/members/', "$name=$new")->code, 200, 'while the new one does');
}

# The id of a session that is there already: it ends, and nobody rides on it.
my $victim = Civic::Client->new;
my $page = Civic::Client::login_page($victim->get('/members/'));
my $token = $victim->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP', person => 'ozdemir');
$victim->set_cookie($name, $planted);
my $answer = $victim->callback($token, $page->{state});
is($answer->code, 200, 'a login over the attacker\'s session');
my (undef, $own) = $victim->session_cookie;
isnt($own, $planted, 'makes a new id');
is(with_cookie($victim, '/members/', "$name=$planted")->code, 401, 'the attacker\'s has ended');
is($victim->json(with_cookie($victim, '/members/cgi', "$name=$own"))->{env}{CIVIC_CONTACT_PERSONAL_EMAIL},
    'gulsen.ozdemir@example.org', 'and the new one is the victim\'s');

# A page of the attacker does not work in the victim's browser: no login as the attacker.
my $evil = Civic::Client->new;
my $evil_page = Civic::Client::login_page($evil->get('/members/'));
my $evil_token = $evil->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP');
$victim = Civic::Client->new;
$victim->get('/members/');
$answer = $victim->callback($evil_token, $evil_page->{state});
is($answer->code, 403, 'a state of another browser');
is($victim->json($answer)->{reason}, 'state-foreign', 'is refused as such');
is(scalar(grep { !/-login=/ } $answer->header('Set-Cookie')), 0, 'and sets no session');
$victim->clear;
$answer = $victim->callback($evil_token, $evil_page->{state});
is($victim->json($answer)->{reason}, 'state-foreign', 'so it is without a login cookie');

# ---- another site, another application ----
my $client = Civic::Client->new->logged_in('/members/');
my ($alpha_name, $alpha) = $client->session_cookie;
my $other = Civic::Client->new(site => "https://localhost:$ENV{CIVIC_PORT_OTHER}");
is(with_cookie($other, '/members/', "$alpha_name=$alpha")->code, 401, 'the cookie opens nothing at another site');
is(with_cookie($client, '/members/', "$alpha_name=$alpha")->code, 200, 'and is good at its own still');
my $beta = Civic::Client->new->logged_in('/beta/');
my ($beta_name, $beta_id) = $beta->session_cookie;
isnt($beta_name, $alpha_name, 'each application has a cookie of its own');
is(with_cookie($client, '/beta/', "$alpha_name=$alpha")->code, 401, 'that of one opens nothing of the other');
is(with_cookie($client, '/beta/', "$beta_name=$alpha")->code, 401, 'nor under the other\'s name');
is(with_cookie($client, '/members/', "$alpha_name=$beta_id")->code, 401, 'nor the other way round');
is(with_cookie($client, '/beta/', "$beta_name=$beta_id")->code, 200, 'while it is good where it belongs');
my $sessions = $client->json($client->request('GET', '/civic/session',
    { Cookie => "$alpha_name=$beta_id; $beta_name=$alpha" }))->{sessions};
is(scalar @$sessions, 0, 'swapped cookies show no session');

# The bare name is for plain http alone: what a sibling host can plant is not looked at.
my $bare = $alpha_name =~ s/^__Host-//r;
is(with_cookie($client, '/members/', "$bare=$alpha")->code, 401, 'over https the name has its prefix');
is(with_cookie($client, '/members/', "__Secure-$bare=$alpha")->code, 401, 'and no other one');
is(with_cookie($client, '/members/', join '; ', (map { sprintf '%s-%08x=%s', 'civic', $_, 'B' x 43 } 1 .. 40),
    "$alpha_name=$alpha")->code, 200, 'however many of them are planted before');
