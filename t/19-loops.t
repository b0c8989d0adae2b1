# Whatever a browser does with cookies, with Back, reload and forgotten tabs: nothing piles up,
# nothing goes round, nothing is a server error, and nothing of it is cached.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use List::Util qw(sum);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Log ();

plan tests => 43;

my $sandbox = Civic::Sandbox->new;

sub is_uncached {
    my ($answer, $name) = @_;
    return is($answer->header('Cache-Control'), 'no-store', "$name: not to be cached");
}

sub token { return $sandbox->token(appId => 'CO-ALPHA', @_) }

# ---- many requests of a forgotten tab ----
my $tab = Civic::Client->new;
my $first = Civic::Client::login_page($tab->get('/members/?first'));
for my $i (1 .. 100) {
    $tab->fetch('/members/poll');
    $tab->get("/members/?$i");
}
my %cookies = %{ $tab->cookies };
my $length = sum(map { length("$_=$cookies{$_}; ") } keys %cookies);
is(scalar keys %cookies, 1, '200 requests later: one cookie');
ok($length < 400, "of $length bytes in all");
my $answer = $tab->callback(token(), $first->{state});
is($answer->code, 200, 'the first page can still be finished');
is($tab->json($answer)->{location}, '/members/?first', 'and leads to where it belongs');
is($tab->get('/members/')->code, 200, 'the session is there');

# Ten tabs, finished in any order: each goes on to its own page.
my $tabs = Civic::Client->new;
my @pages = map { Civic::Client::login_page($tabs->get("/members/?tab=$_")) } 0 .. 9;
my @went = map { $tabs->json($tabs->callback(token(), $pages[$_]{state}))->{location} } 5, 0, 9, 3;
is_deeply(\@went, [ map {"/members/?tab=$_"} 5, 0, 9, 3 ], 'tabs are finished in any order');

# A program's request gets no login cookie, so it cannot disturb anything.
is(Civic::Client->new->fetch('/members/')->header('Set-Cookie'), undef, 'no cookie for a script');

# ---- a browser that drops the session cookie ----
my $forgetful = Civic::Client->new;
my ($login) = $forgetful->login('/members/page?x=1');
is($login->code, 200, 'login');
is_uncached($login, 'the answer to a login');
my $kept = $forgetful->cookies->{'__Host-civic-login'};
$forgetful->clear;
$forgetful->set_cookie('__Host-civic-login', $kept);
my $mark = Civic::Log::mark();
$answer = $forgetful->get('/members/page?x=1');
refused($answer, 'session-not-kept', $mark, 'the next page says what is wrong');
like($answer->content, qr/does not send the session cookie\. Allow cookies/, 'and what to do');
is($answer->header('Refresh') // $answer->header('Location'), undef, 'it does not go on by itself');
ok(Civic::Client::login_page($answer), 'one can try again there');
$answer = $forgetful->get('/members/page?x=1');
is(Civic::Client::login_page($answer)->{reason}, 'login-required', 'said once, not for ever');

# ---- a browser that keeps no cookie at all ----
my $none = Civic::Client->new;
my $page = Civic::Client::login_page($none->get('/members/'));
$none->clear;
$mark = Civic::Log::mark();
refused($none->callback(token(), $page->{state}), 'state-foreign', $mark, 'without any cookie the login itself says so');

# ---- cookies of one name: any that opens a session is good ----
my $good = Civic::Client->logged_in('/members/');
my ($name, $value) = $good->session_cookie;
my $login_cookie = $good->cookies->{'__Host-civic-login'};
my $wrong = 'A' x 43;
my $plain = Civic::Client->new;
for my $row (
    [ 'first',    "$name=$value; $name=$wrong" ],
    [ 'second',   "$name=$wrong; $name=$value" ],
    [ 'last',     join('; ', map {"$name=$_"} ($wrong) x 5, $value) ],
    [ 'garbage',  "$name=x; $name=; $name; $name=$value" ],
    [ 'a header', "$name=$wrong, $name=$value" ],
    )
{
    is($plain->get('/members/', Cookie => $row->[1])->code, 200, "several of one name, the good one $row->[0]");
}
# None of them good, right after a login: said, and not asked again and again.
for my $row ([ 2, qr/several session cookies of one name/ ], [ 1, qr/session cookie that this site does not know/ ]) {
    my ($count, $cause) = @$row;
    $mark = Civic::Log::mark();
    $answer = $plain->get('/members/',
        Cookie => join '; ', "__Host-civic-login=$login_cookie", ("$name=$wrong") x $count);
    refused($answer, 'session-not-kept', $mark, "$count unknown session cookies after a login");
    like($answer->content, $cause, 'the page names the cause');
    my ($line) = grep {/session-not-kept/} Civic::Log::lines($mark);
    like($line, qr/\($count session cookies came/, 'the log counts them');
}
# Long before a login, or at another application, it is nothing special.
is(Civic::Client::login_page($plain->get('/beta/', Cookie => "__Host-civic-login=$login_cookie"))->{reason},
    'login-required', 'another application asks as ever');
is(Civic::Client::login_page($plain->get('/members/', Cookie => "$name=$wrong"))->{reason},
    'login-required', 'an unknown cookie alone is asked to log in');

# ---- Back, reload, the same callback again ----
my $back = Civic::Client->new;
$page = Civic::Client::login_page($back->get('/members/?back'));
my $token = token();
$back->callback($token, $page->{state});
for my $what ('Back and the same code', 'once more') {
    $answer = $back->callback($token, $page->{state});
    is($answer->code, 200, "$what: the session wins");
    is($back->json($answer)->{location}, '/members/?back', "$what: and goes on");
}
is_uncached($answer, 'that, too');
# The same after logging out: refused, with a way to start again.
$back->post_json('/civic/logout', {});
$mark = Civic::Log::mark();
refused($back->callback($token, $page->{state}), 'token-replayed', $mark, 'after a logout it does not');
is($back->callback(token(), $page->{state})->code, 200, 'the page with a new code does');

# The callback as a bookmark: a page, no server error, with a way on.
$mark = Civic::Log::mark();
$answer = $back->get('/civic/callback');
refused($answer, 'method', $mark, 'the callback opened as a page');
like($answer->header('Allow'), qr/^POST\b/, 'says what is allowed');
like($answer->content, qr{<a class="civic-link" id="civic-again" href="/">}, 'and leads back');

# ---- nothing is cached ----
is_uncached($plain->get('/members/'), 'the login page');
is_uncached($plain->fetch('/members/'), 'a 401');
is_uncached($plain->get('/civic/logout'), 'the logout page');
is_uncached($plain->post_form('/civic/logout', 'return=/'), 'the logout');
is_uncached($plain->fetch('/civic/session'), 'the sessions');
