# Recovery codes stand for a lost telephone: made when an account is linked, shown once, each usable once, guessed by
# nobody; and what they open is less than what an approval opens.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Enrollments ();
use Civic::Factor ();
use Civic::Log ();
use Civic::Parallel ();
use Civic::Redis ();
use Civic::Seal ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';

my $store = Civic::Enrollments->new;
my $redis = Civic::Redis->start;
my $server = Civic::Factor->server(
    store => $store,
    conf  => 'CivicSessionStore redis://127.0.0.1:' . $redis->port . "\nCivicSealKeyFile seal.key\n",
    site  => Civic::Factor::location('/codes', "CivicEnroll self\nCivicRecovery 4\n")
        . Civic::Factor::location('/without', "CivicEnroll self\n")
        . Civic::Factor::location('/more', "CivicScope BASIC_SIGNUP\nCivicRecovery 4\n")
        . "<Location /numbers>\nSetHandler civic-status\n</Location>\n"
);
$server->write_file('seal.key', Civic::Seal::new_key(), 0600);
$server->start;

plan tests => 69;

sub person { return Civic::Factor::person($server, @_) }
sub form { return Civic::Factor::form(@_) }
sub submit { return Civic::Factor::submit(@_) }
sub page { return Civic::Client::login_page($_[0]) }

sub is_refused {
    my ($reason, $what, $code) = @_;
    my $mark = $server->mark;
    return refused($code->(), $reason, $mark, $what);
}

# The form that asks for a code, as the login page of a path leads to it.
sub asked {
    my ($client, $path) = @_;
    my $answer = submit($client, form($client->get($path), '/recover'));
    return (form($answer, '/recover'), $answer);
}

# Log in by a code.
sub recover {
    my ($client, $code, $path) = @_;
    my ($form) = asked($client, $path // '/codes/cgi?a=1');
    return submit($client, $form, code => $code);
}

sub counted { return $_[0]->json($_[0]->fetch('/numbers?format=json')) }

# ---- made when the account is linked ----
my $alice = person('alice');
my $answer = Civic::Factor::enroll($alice, '/codes/cgi?a=1', 'jane');
is($answer->code, 200, 'a yes shows') or diag $answer->as_string;
my @codes = $answer->content =~ m{<li><code>([^<]+)</code></li>}g;
is(scalar(@codes), 4, 'as many codes as CivicRecovery says');
is(scalar(grep {/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/} @codes), 4, 'that people can read and type') or diag "@codes";
is($answer->header('Cache-Control'), 'no-store', 'in no cache');
like($answer->content, qr{href="/codes/cgi\?a=1"}, 'and leads on');
is($alice->get('/codes/cgi')->code, 200, 'the account is linked');
my ($recovery) = grep {/recovery/} map {/(linked: .*)/ ? $1 : ()} Civic::Log::lines({ path => $server->log_path, at => 0 });
like($recovery, qr/account alice at application CO-ALPHA, 4 recovery codes/, 'the log counts them');
my $log = $server->error_log;
is(scalar(grep { index($log, $_) >= 0 } @codes), 0, 'and has none of them');
my $files = join '', map { my $path = $_; open my $in, '<:raw', $path or die $!; local $/; <$in> } grep {-f} glob $store->dir . '/*';
is(scalar(grep { index($files, $_) >= 0 || index($files, s/-//gr) >= 0 } @codes), 0, 'nor has the store');
my $bob = person('bob');
is(Civic::Factor::enroll($bob, '/codes/cgi', 'ozdemir')->code, 200, 'another account');

# ---- used ----
my $lost = person('alice');
$answer = $lost->get('/codes/cgi?a=1');
like($answer->content, qr/Use a recovery code/, 'the page offers it');
my ($form, $page) = asked($lost, '/codes/cgi?a=1');
is($page->code, 200, 'a click asks for the code') or diag $page->as_string;
like($page->content, qr{<strong id="civic-account">alice</strong>}, 'of this account');
unlike($page->content, qr/data-reason/, 'without a reproach');
like($page->header('Content-Security-Policy'), qr/default-src 'none'/, 'with nothing foreign on it');
my $mark = $server->mark;
$answer = submit($lost, $form, code => lc($codes[0]) =~ s/-/ /gr);
is($answer->code, 303, 'a code, in small letters with blanks') or diag $answer->as_string;
is($answer->header('Location'), '/codes/cgi?a=1', 'leads back');
my @lines = Civic::Log::lines($mark);
is(scalar(grep {/:warn\].*recovery: account alice at application CO-ALPHA logged in by a recovery code, 3 left/} @lines), 1, 'and is logged, loudly') or diag "@lines";
my $env = $lost->json($lost->get('/codes/cgi'))->{env};
is($env->{REMOTE_USER}, 'alice', 'it opens');
is($env->{CIVIC_SECOND_FACTOR}, 'recovery', 'and the application knows by what');
is($env->{CIVIC_USER_ID}, $JANE, 'whose it is');
is($env->{CIVIC_SCOPE}, 'ANONYMOUS_LOGIN', 'nothing was shown');
is(scalar(grep {/^CIVIC_(CONTACT|VERIFICATIONS|DOCUMENTS)/} keys %$env), 0, 'no claims');
is(page($lost->get('/more/cgi'))->{reason}, 'step-up-required', 'where more is asked for, it does not do');
$mark = $server->mark;
is(page($lost->get('/without/cgi'))->{reason}, 'second-factor-required', 'nor where CivicRecovery is Off');
like(join("\n", Civic::Log::lines($mark)), qr/second-factor-required \(CivicRecovery is Off here\)/, 'as the log says');
is($lost->get('/codes/cgi')->code, 200, 'it opens what it opened');
is(page($lost->get('/members/index.html'))->{reason}, 'login-required', 'nor is it a login at Civic');
my $numbers = counted($lost);
is($numbers->{recoveries}, 1, 'counted');
is($numbers->{links}, 2, 'as are links');

# ---- once ----
my $again = person('alice');
$mark = $server->mark;
$answer = recover($again, $codes[0]);
ok(refused($answer, 'recovery-refused', $mark, 'a code that was used'), 'is none any more');
like($answer->content, qr{role="alert"}, 'the page says so');
ok($form = form($answer, '/recover'), 'and asks again');
is($again->session_cookie, undef, 'without a session');
is(submit($again, $form, code => $codes[1])->code, 303, 'for another one, which is taken');
is($again->get('/codes/cgi')->code, 200, 'and opens');

# At once from many browsers: one.
my @browsers = map { person('alice', keep_alive => 0) } 1 .. 5;
my @forms = map { (asked($_, '/codes/cgi'))[0] } @browsers;
my $before = () = $redis->keys('civic:');
my @answers = Civic::Parallel::run(5, sub { submit($browsers[ $_[0] ], $forms[ $_[0] ], code => $codes[2])->code });
is(join(' ', sort @answers), '303 403 403 403 403', 'from five browsers at once, one code logs in one');
is(scalar(my @after = $redis->keys('civic:')), $before + 1, 'and has the only session');

# ---- whose ----
my $thief = person('bob');
my $written = $redis->calls('hset');
is_refused('recovery-refused', 'the code of another account', sub { recover($thief, $codes[3]) });
is($redis->calls('hset'), $written, 'makes no session, not for a moment');
is_refused('recovery-refused', 'what is no code', sub { recover($thief, "'; DROP TABLE") });
is_refused('recovery-refused', 'an empty one', sub { recover($thief, '') });
($form) = asked($alice = person('alice'), '/codes/cgi');
is_refused('state-foreign', 'in another browser than the page', sub { submit(person('alice'), $form, code => $codes[3]) });
is_refused('cross-origin', 'from another site', sub { $alice->post_form('/civic/recover', 'code=1', 'Sec-Fetch-Site' => 'cross-site') });
is_refused('method', 'by GET', sub { $alice->get('/civic/recover') });
is_refused('state-invalid', 'without a state', sub { $alice->post_form('/civic/recover', "code=$codes[3]") });
my $state = page($alice->get('/without/cgi'))->{state};
is_refused('state-invalid', 'where CivicRecovery is Off', sub { submit($alice, { action => '/civic/recover', state => $state }, code => $codes[3]) });
unlike($alice->get('/without/cgi')->content, qr/recovery/, 'nor does the page offer it there');
$state = page($alice->get('/members/index.html'))->{state};
is_refused('state-invalid', 'with the state of a plain login', sub { submit($alice, { action => '/civic/recover', state => $state }, code => $codes[3]) });

# ---- lost identities ----
my $locked = person('bob');
$store->remove('bob');
($form) = (Civic::Factor::form($again->get('/codes/cgi'), '/recover'));
is($form, undef, 'an account that is in needs none');
ok(page($locked->get('/codes/cgi')), 'an account that is not linked any more');
unlike($locked->get('/codes/cgi')->content, qr/Use a recovery code/, 'has no codes');
$store->remove('alice');
my $left = page($again->get('/codes/cgi'));
is($left->{reason}, 'second-factor-required', 'a session by a recovery code links nothing');

# ---- guessed ----
is(Civic::Factor::enroll(person('carol'), '/codes/cgi', 'smiley')->code, 200, 'somebody else');
my $guesser = person('carol');
($form) = asked($guesser, '/codes/cgi');
my %seen;
for my $i (1 .. 11) {
    $mark = $server->mark;
    $answer = submit($guesser, $form, code => sprintf 'AAAA-AAAA-AAAA-%04d', $i);
    $seen{ $answer->code }++;
}
is_deeply(\%seen, { 403 => 10, 429 => 1 }, 'an account has ten tries an hour');
ok(refused($answer, 'too-many-attempts', $mark, 'then'), '429');
cmp_ok($answer->header('Retry-After'), '>', 60, 'for a while');

# ---- a store is away ----
my $dave = person('dave');
$answer = Civic::Factor::enroll($dave, '/codes/cgi', 'minor');
@codes = $answer->content =~ m{<li><code>([^<]+)</code></li>}g;
my $waiting = person('dave');
($form) = asked($waiting, '/codes/cgi');
rename $store->dir, $store->dir . '.away';
is_refused('enrollment-unavailable', 'without the store: 503', sub { submit($waiting, $form, code => $codes[0]) });
rename $store->dir . '.away', $store->dir;
is(submit($waiting, $form, code => $codes[0])->code, 303, 'and the code is still good');
my $read_only = person('dave');
($form) = asked($read_only, '/codes/cgi');
$before = () = $redis->keys('civic:');
chmod 0500, $store->dir;
is_refused('enrollment-unavailable', 'where nothing can be written: 503', sub { submit($read_only, $form, code => $codes[1]) });
is(scalar(@after = $redis->keys('civic:')), $before, 'and no session, for whomever');
chmod 0700, $store->dir;

# That of the sessions: a code that cannot log in is not used up.
my $later = person('dave');
($form) = asked($later, '/codes/cgi');
$redis->stop;
is_refused('store-unavailable', 'without the session store: 503', sub { submit($later, $form, code => $codes[1]) });
is($later->session_cookie, undef, 'and no session');
is($store->codes('dave'), 3, 'no code is used up by that');
$redis->again;
my $end = time + 30;
sleep 0.6 while ($answer = submit($later, $form, code => $codes[1]))->code == 503 && time < $end;
is($answer->code, 303, 'it is still good') or diag $answer->as_string;
is($store->codes('dave'), 2, 'and then used up');
is($later->get('/codes/cgi')->code, 200, 'and opens');
