# How often recovery codes may be tried: so that somebody who knows a password can neither guess one nor spend the tries of the
# person whose codes they are. What is no code, and what no store could judge, is no try.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Enrollments ();
use Civic::Factor ();
use Civic::Log ();
use Civic::Parallel ();

plan tests => 32;

my $store = Civic::Enrollments->new;
my %codes = map { ($_ => [ split /\n/, $store->htcivic(add => '--recovery', 'CO-ALPHA', $_, unpack 'H*', $_) ]) } qw(alice bob carol dave erin);
my $server = Civic::Factor->server(
    store => $store,
    conf  => "LoadModule remoteip_module \${CIVIC_MODULES}/mod_remoteip.so\n",
    site  => "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\n" . Civic::Factor::location('/codes', "CivicRecovery 4\n")
)->start;

# Somebody with the password of an account, and the form for its codes.
sub somebody {
    my ($account) = @_;
    my $client = Civic::Factor::person($server, $account);
    my $form = Civic::Factor::form($client->get('/codes/cgi'), '/recover');
    return ($client, Civic::Factor::form(Civic::Factor::submit($client, $form), '/recover'));
}

# Try a code from an address, as the proxy in front says.
sub try {
    my ($client, $form, $address, $code) = @_;
    $client->{agent}->default_header('X-Forwarded-For' => $address);
    return Civic::Factor::submit($client, $form, code => $code);
}

my $made = 0;
sub guess { return sprintf 'AAAA-AAAA-%04d-%04d', $made / 10000, $made++ % 10000 }

# How often each status was the answer to so many tries.
sub statuses {
    my ($count, @how) = @_;
    my $code = $how[3];
    my %seen;
    $seen{ try(@how[ 0 .. 2 ], $code // guess())->code }++ for 1 .. $count;
    return \%seen;
}

# ---- the person, and who has her password ----
my @thief = somebody('alice');
is_deeply(statuses(13, @thief, '192.0.2.1'), { 403 => 10, 429 => 3 }, 'an account has ten tries an hour from one address');
my $mark = $server->mark;
my $answer = try(@thief, '192.0.2.1', guess());
ok(refused($answer, 'too-many-attempts', $mark, 'then'), '429');
cmp_ok($answer->header('Retry-After'), '>', 300, 'until the next one is there');
cmp_ok($answer->header('Retry-After'), '<=', 360, 'ten in an hour');
my @alice = somebody('alice');
is(try(@alice, '198.51.100.7', $codes{alice}[0])->code, 303, 'the person, elsewhere, has hers');
is_deeply(statuses(30, @thief, '192.0.2.1'), { 429 => 30 }, 'nor does he go on');
@alice = somebody('alice');
is(try(@alice, '198.51.100.7', $codes{alice}[1])->code, 303, 'nor take hers');
is_deeply(statuses(10, @thief, '2001:db8:0:1::1'), { 403 => 10 }, 'of IPv6');
is(try(@thief, '2001:db8:0:1:ffff::2', guess())->code, 429, 'the first 64 bits are an address');
@alice = somebody('alice');
is(try(@alice, '2001:db8:0:2::1', $codes{alice}[2])->code, 303, 'others are others');

# ---- what is no try ----
my @bob = somebody('bob');
is_deeply(statuses(15, @bob, '192.0.2.2', $_), { 403 => 15 }, "no code: '$_'") for '', 'ABCD', "'; DROP TABLE", 'UUUU-UUUU-UUUU-UUUU';
rename $store->dir, $store->dir . '.away';
is_deeply(statuses(15, @bob, '192.0.2.2'), { 503 => 15 }, 'a store that is away');
rename $store->dir . '.away', $store->dir;
chmod 0500, $store->dir;
is_deeply(statuses(15, @bob, '192.0.2.2', $codes{bob}[0]), { 503 => 15 }, 'or cannot be changed');
is_deeply(statuses(5, @bob, '192.0.2.2'), { 403 => 5 }, 'which judges other codes');
is_deeply(statuses(15, @bob, '192.0.2.2', $codes{bob}[0]), { 503 => 15 }, 'but not the right ones');
chmod 0700, $store->dir;
is_deeply(statuses(4, @bob, '192.0.2.2'), { 403 => 4 }, 'nine were tries');
is(try(@bob, '192.0.2.2', $codes{bob}[0])->code, 303, 'and the tenth is there');
@bob = somebody('bob');
is(try(@bob, '192.0.2.2', $codes{bob}[1])->code, 429, 'not one more, right as it may be');

# ---- one address, many accounts ----
my %seen;
for my $account (qw(bob carol dave)) {
    my $seen = statuses(10, somebody($account), '203.0.113.9');
    $seen{$_} += $seen->{$_} for keys %$seen;
}
is_deeply(\%seen, { 403 => 30 }, 'thirty tries an hour from one address, ten an account');
my @erin = somebody('erin');
$mark = $server->mark;
ok(refused(try(@erin, '203.0.113.9', guess()), 'too-many-attempts', $mark, 'then'), 'none for another account');
is(try(@erin, '203.0.113.10', $codes{erin}[0])->code, 303, 'which has its tries elsewhere');

# ---- one account, many addresses ----
# More than all networks of a /56 have, which is what one household gets.
my @seen = Civic::Parallel::run(4, sub {
    my $part = shift;
    my @guesser = somebody('carol');
    my %answers;
    for my $network (1 .. 64) {
        my $answers = statuses(10, @guesser, sprintf '2001:db8:1:%x::1', $part * 64 + $network);
        $answers{$_} += $answers->{$_} for keys %$answers;
    }
    return join ' ', map {"$_:$answers{$_}"} sort keys %answers;
});
is("@seen", '403:640 403:640 403:640 403:640', '256 networks have their tries');
my @carol = somebody('carol');
is(try(@carol, '198.51.100.8', $codes{carol}[0])->code, 303, 'and the person hers');
my @guesser = somebody('carol');
my ($tries, $network) = (0, 0);
$mark = $server->mark;
while (($answer = try(@guesser, sprintf('2001:db8:2:%x::1', $network++ / 10), guess()))->code == 403 && $tries < 2000) { $tries++ }
cmp_ok($tries, '>=', 3000 - 2560 - 11, '3000 tries an hour for an account');
is($answer->code, 429, 'then none, from wherever');
like(join("\n", Civic::Log::lines($mark)), qr/too-many-attempts \(recovery codes, for one account\)/, 'the log says what was spent');
cmp_ok($answer->header('Retry-After'), '<=', 2, 'for a moment');
