# What browsers carry is sealed: two seals are never alike, no character of them can be changed, and
# one kind does not pass for the other.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();

plan tests => 21;

my $client = Civic::Client->new;
my $mark = Civic::Log::mark();

sub start {
    my $who = shift;
    my $page = Civic::Client::login_page($who->get('/members/'));
    return ($page->{state}, $who->cookies->{'__Host-civic-login'});
}

# ---- no two alike ----
my (%states, %cookies, %starts);
for (1 .. 40) {
    my ($state, $cookie) = start($client);
    $states{$state}++, $cookies{$cookie}++, $starts{ substr $state, 0, 16 }++;
}
is(scalar keys %states, 40, 'one page\'s state is never like another\'s');
is(scalar keys %cookies, 40, 'nor one login cookie like another');
is(scalar keys %starts, 40, 'each with a nonce of its own');

# ---- no character can be changed ----
my ($state, $cookie) = start($client);
my @alphabet = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_');
my %place = map { $alphabet[$_] => $_ } 0 .. $#alphabet;

# Another character there: any of its six bits.
sub flipped {
    my ($text, $at, $bit) = @_;
    substr $text, $at, 1, $alphabet[$place{ substr $text, $at, 1 } ^ 1 << $bit];
    return $text;
}

sub judged {
    my ($one_state, $one_cookie) = @_;
    my $answer = $client->post_json('/civic/callback', { token => 'x', state => $one_state },
        Cookie => defined $one_cookie ? "__Host-civic-login=$one_cookie" : undef);
    return $answer->code . ' ' . ($client->json($answer)->{reason} // '');
}

$client->clear;
is(judged($state, $cookie), '400 token-format', 'the two belong together: only the code is bad');
my @bad = grep { judged(flipped($state, $_, $_ % 6), $cookie) ne '400 state-invalid' } 0 .. length($state) - 1;
is("@bad", '', 'a state with any one character changed is not ours');
@bad = grep { judged($state, flipped($cookie, $_, $_ % 6)) ne '403 state-foreign' } 0 .. length($cookie) - 1;
is("@bad", '', 'nor a login cookie');
@bad = grep { judged(flipped($state, length($state) - 1, $_), $cookie) ne '400 state-invalid' } 0 .. 5;
is("@bad", '', 'not in any bit of its end');
@bad = grep { judged($state, flipped($cookie, 90, $_)) ne '403 state-foreign' } 0 .. 5;
is("@bad", '', 'nor of the cookie\'s');

# ---- other shapes ----
is(judged(substr($state, 0, -1), $cookie), '400 state-invalid', 'a state that was cut');
is(judged(substr($state, 1), $cookie), '400 state-invalid', 'at its start');
is(judged($state . 'A', $cookie), '400 state-invalid', 'one that was made longer');
is(judged("$state=", $cookie), '400 state-invalid', 'one with padding');
is(judged($state . $state, $cookie), '400 state-invalid', 'twice the same');
is(judged('A' x 20000, $cookie), '400 state-invalid', 'one that is far too long');
is(judged($cookie, $cookie), '400 state-invalid', 'a login cookie is no state');
is(judged($state, substr $state, 0, 91), '403 state-foreign', 'a state is no login cookie');
is(judged($state, undef), '403 state-foreign', 'a state without login cookie');

# ---- of somebody else ----
my $other = Civic::Client->new;
my ($their_state, $their_cookie) = start($other);
is(judged($their_state, $cookie), '403 state-foreign', 'a state of another browser');
is(judged($state, $their_cookie), '403 state-foreign', 'a login cookie of another browser');
my $elsewhere = Civic::Client->new(site => "https://localhost:$ENV{CIVIC_PORT_OTHER}");
my ($other_state, $other_cookie) = start($elsewhere);
like(judged($other_state, $cookie), qr/^40[03] state-(?:foreign|invalid)$/, 'a state of another site');

my $log = Civic::Log::since($mark);
unlike($log, qr/\Q$state\E|\Q$cookie\E|exit signal/, 'no seal in the log, and no child has died');
