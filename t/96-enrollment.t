# Accounts of another login are linked to Civic identities: by their people (CivicEnroll self), who are
# shown what is linked and say yes, or by the operator alone (closed). One identity for an account, one
# account for an identity, unless shared; whatever is taken away takes effect at once.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Enrollments ();
use Civic::Factor ();
use Civic::Log ();
use Civic::Parallel ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $OZDEMIR = '1f0c9a7d3e5b8246017f2c4e6a8b0d1f3e5c7a9b1d3f5e7092b4d6f8a0c2e4f6';

my $store = Civic::Enrollments->new;
my $server = Civic::Factor->server(
    store => $store,
    site  => Civic::Factor::location('/self', "CivicEnroll self\n")
        . Civic::Factor::location('/contact', "CivicEnroll self\nCivicScope BASIC_SIGNUP\nCivicStyle https://looks.example/own.css /logo.png\n")
        . Civic::Factor::location('/closed', '')
        . Civic::Factor::location('/shared', "CivicEnroll self\nCivicEnrollShared On\n")
);
$server->start;

plan tests => 81;

sub person { return Civic::Factor::person($server, @_) }
sub form { return Civic::Factor::form(@_) }
sub approve { return Civic::Factor::approve(@_) }
sub submit { return Civic::Factor::submit(@_) }

sub opens {
    my ($client, $path, $what) = @_;
    my $answer = $client->get($path);
    return is($answer->code, 200, $what) || diag $answer->as_string;
}

# What a request left in the log since, and that it was refused.
sub is_refused {
    my ($reason, $what, $code) = @_;
    my $mark = $server->mark;
    return refused($code->(), $reason, $mark, $what);
}

# ---- the linking page ----
my $alice = person('alice');
my $answer = $alice->get('/contact/cgi?a=1');
is($answer->code, 403, 'behind the first login: 403, at which browsers keep its password');
unlike($answer->content, qr/SECRET-CONTENT/, 'nothing of what is protected');
is($answer->header('WWW-Authenticate'), undef, 'and no challenge');
like($answer->content, qr{<strong>alice</strong>}, 'it says for which account');
unlike($answer->content, qr/Use a recovery code/, 'no recovery where nothing is linked');
$answer = approve($alice, '/contact/cgi?a=1', 'jane');
is($answer->code, 200, 'an approval is taken') or diag $answer->as_string;
is($alice->json($answer)->{location}, '/contact/cgi?a=1', 'and leads back');
is_deeply($store->linked, {}, 'it links nothing');

my $mark = $server->mark;
$answer = $alice->get('/contact/cgi?a=1');
ok(refused($answer, 'link-required', $mark, 'nor does it open anything'), 'but asks');
like($answer->content, qr{<dd id="civic-account">alice</dd>}, 'whether this account');
like($answer->content, qr{<dt>Site:</dt><dd>Admin, localhost</dd>}, 'of this site');
like($answer->content, qr{<dt>email address</dt><dd>jane\@example\.com</dd>}, 'belongs to this identity');
like($answer->header('Content-Security-Policy'), qr/default-src 'none';.*form-action 'self';.*frame-ancestors 'none'/, 'in nobody\'s frame');
like($answer->content, qr{factor\.css\?v=.*\n<link rel="stylesheet" href="https://looks\.example/own\.css">}, 'in the looks of the site');
like($answer->content, qr{<img class="civic-logo" src="/logo\.png" alt="Admin">}, 'with its logo');
like($answer->header('Content-Security-Policy'), qr{style-src 'self' https://looks\.example;.*img-src 'self'}, 'which the policy knows');
is($answer->header('Cache-Control'), 'no-store', 'nor cache');
ok(!grep({ m{contact} } Civic::Log::lines($mark)), 'the log has no claim');
$mark = $server->mark;
my $frame = $alice->get('/contact/cgi?a=1', 'Sec-Fetch-Dest' => 'iframe');
refused($frame, 'link-required', $mark, 'in a frame it says so as ever');
like($frame->content, qr{id="civic-framed".*href="/contact/cgi\?a=1" target="_blank"}s, 'and leads to a window of its own');
unlike($frame->content, qr{name="state"|<form}, 'where nothing is linked by a click');
is_refused('link-required', 'a program is told', sub { $alice->fetch('/contact/cgi') });
my $form = form($answer, '/link');

# ---- the yes ----
is_refused('method', 'the link is not made by GET', sub { $alice->get('/civic/link') });
is_refused('cross-origin', 'nor from another site', sub {
    $alice->post_form('/civic/link', 'answer=yes', 'Sec-Fetch-Site' => 'cross-site') });
is_refused('content-type', 'nor by JSON', sub { $alice->post_json('/civic/link', { answer => 'yes' }) });
is_refused('state-invalid', 'nor without the state', sub { $alice->post_form('/civic/link', 'answer=yes') });
is_refused('state-foreign', 'nor in another browser', sub { submit(person('alice'), $form, answer => 'yes') });
my $login = Civic::Client::login_page(person('alice')->get('/self/cgi'));
is_refused('state-invalid', 'nor with the state of a login page', sub {
    submit($alice, { %$form, state => $login->{state} }, answer => 'yes') });
my $token = $alice->{sandbox}->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP');
is_refused('state-invalid', 'and its state is none for a login', sub { $alice->callback($token, $form->{state}) });
is_deeply($store->linked, {}, 'nothing is linked by all that');

# Its session alone counts: another one of the same browser does not.
my $fickle = person('alice');
approve($fickle, '/self/cgi', 'jane');
my $before = form($fickle->get('/self/cgi'), '/link');
Civic::Factor::again($fickle, $login = Civic::Client::login_page(do {
    my ($name) = $fickle->session_cookie; $fickle->jar->clear('localhost.local', '/', $name); $fickle->get('/self/cgi') }), 'ozdemir');
is_refused('state-foreign', 'a page of the session before links nothing', sub { submit($fickle, $before, answer => 'yes') });

$mark = $server->mark;
$answer = submit($alice, $form, answer => 'yes');
is($answer->code, 303, 'the yes leads') or diag $answer->as_string;
is($answer->header('Location'), '/contact/cgi?a=1', 'back');
is_deeply($store->linked, { alice => $JANE }, 'the account is linked');
is(scalar(grep {/linked: account alice at application CO-ALPHA, 0 recovery codes/} Civic::Log::lines($mark)), 1, 'the log says so');
opens($alice, '/contact/cgi?a=1', 'and open');
is(submit($alice, $form, answer => 'yes')->code, 303, 'the same yes once more');
is_deeply($store->linked, { alice => $JANE }, 'changes nothing');
opens($alice, '/closed/cgi', 'where the operator links, an account that is linked is as good');

# ---- no ----
my $bob = person('bob');
approve($bob, '/self/cgi', 'ozdemir');
$answer = submit($bob, form($bob->get('/self/cgi'), '/link'), answer => 'no');
is($answer->code, 200, 'no') or diag $answer->as_string;
like($answer->content, qr/Nothing was linked/, 'links nothing');
ok(Civic::Client::login_page($bob->get('/self/cgi')), 'and the approval is worth nothing any more');
is_deeply($store->linked, { alice => $JANE }, 'nothing was linked');

# ---- somebody else ----
my $thief = person('alice');
is_refused('second-factor-foreign', 'another identity is refused', sub { approve($thief, '/self/cgi', 'ozdemir') });
is($thief->session_cookie, undef, 'and gets no session');
ok(Civic::Client::login_page($thief->get('/self/cgi')), 'who has the password alone gets no further');
approve($bob, '/self/cgi', 'jane');
$form = form($bob->get('/self/cgi'), '/link');
is_refused('identity-taken', 'one account for an identity', sub { submit($bob, $form, answer => 'yes') });
ok(Civic::Client::login_page($bob->get('/self/cgi')), 'who may try another one');
is(Civic::Factor::enroll($bob, '/self/cgi', 'ozdemir')->code, 303, 'which is free');
is_deeply($store->linked, { alice => $JANE, bob => $OZDEMIR }, 'and linked');
my $carol = person('carol');
is(Civic::Factor::enroll($carol, '/shared/cgi', 'jane')->code, 303, 'CivicEnrollShared: an identity for several accounts');
opens($carol, '/shared/cgi', 'which opens');
is($store->linked->{carol}, $JANE, 'for each of them');
my $mixed = person('carol');
$mixed->set_cookie($alice->session_cookie);
ok(Civic::Client::login_page($mixed->get('/shared/cgi')), 'but the approval for one of them is none for the other');

# ---- names ----
my $shout = person('ALICE');
$answer = $shout->get('/self/cgi');
like($answer->content, qr/Confirm that it is you/, 'another spelling of a name is no other account');
is_refused('second-factor-foreign', 'which could be linked anew', sub { approve($shout, '/self/cgi', 'smiley') });
is(approve($shout, '/self/cgi', 'jane')->code, 200, 'it has the same identity');
opens($shout, '/self/cgi', 'which opens');

# ---- closed ----
my $dave = person('dave');
$mark = $server->mark;
$answer = $dave->get('/closed/cgi');
ok(refused($answer, 'not-enrolled', $mark, 'closed: 403'), 'for who is not linked');
like($server->error_log, qr/refused: not-enrolled \(account dave: CivicEnroll is closed\) ref=/, 'the log says whose account it is');
like($answer->content, qr{Whom to ask: help\@example\.org}, 'with whom to ask');
is_refused('not-enrolled', 'and for programs', sub { $dave->fetch('/closed/cgi') });
$store->htcivic(add => 'CO-ALPHA', 'dave', 'd' x 64);
ok(Civic::Client::login_page($dave->get('/closed/cgi')), 'linked by the operator, he is asked');

# ---- taken away ----
$store->remove('alice');
is_refused('not-enrolled', 'removed: at once', sub { $alice->get('/closed/cgi') });
is_refused('link-required', 'where people link themselves, the approval is asked about again', sub { $alice->get('/self/cgi') });
my $again = person('alice');
is(Civic::Factor::enroll($again, '/self/cgi', 'smiley')->code, 303, 'linked anew, to another identity');
opens($again, '/self/cgi', 'which opens');
is_refused('second-factor-foreign', 'the one before does not any more', sub { $alice->fetch('/self/cgi') });
ok(Civic::Client::login_page($alice->get('/self/cgi')), 'and is asked');

# ---- from two browsers at once ----
my @browsers = map { person("erin", keep_alive => 0) } 1 .. 6;
my @forms = map {
    approve($browsers[$_], '/self/cgi', $_ % 2 ? 'minor' : 'expired');
    form($browsers[$_]->get('/self/cgi'), '/link')
} 0 .. 5;
$mark = $server->mark;
my @codes = Civic::Parallel::run(6, sub { my $i = shift; submit($browsers[$i], $forms[$i], answer => "yes")->code });
is(scalar(grep { $_ == 303 } @codes), 3, 'of six yeses at once, those to one identity win') or diag "@codes";
is(scalar(grep { $_ == 403 } @codes), 3, 'and the others are refused');
is(scalar(grep {/linked: account erin/} Civic::Log::lines($mark)) > 0, 1, 'it is linked');
my @let = map { $_->fetch('/self/cgi')->code } @browsers;
is(scalar(grep { $_ == 200 } @let), 3, 'three have what opens') or diag "@let";

# ---- the store is away ----
rename $store->dir, $store->dir . '.away';
is_refused('enrollment-unavailable', 'a store that is not there: 503', sub { $again->get('/self/cgi') });
is_refused('enrollment-unavailable', 'for programs', sub { $again->fetch('/closed/cgi') });
is($again->get('/self/cgi')->header('Retry-After'), 10, 'later');
rename $store->dir . '.away', $store->dir;
opens($again, '/self/cgi', 'and nobody has lost anything');
my $late = person('bob');
my $page = Civic::Client::login_page($late->get('/self/cgi'));
rename $store->dir, $store->dir . '.away';
is_refused('enrollment-unavailable', 'in the middle of a login', sub {
    $late->callback($late->{sandbox}->token(appId => 'CO-ALPHA', scope => 'ANONYMOUS_LOGIN', person => 'ozdemir'), $page->{state}) });
rename $store->dir . '.away', $store->dir;

is(scalar(grep {/exit signal|Segmentation/} split /\n/, $server->error_log), 0, 'no child died of it');
