# A location that asks for more than a session was obtained with asks the person again, once; the
# greater scope request opens the lesser.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(challenge refused);
use Civic::Client ();
use Civic::Log ();

my %place = (ANONYMOUS_LOGIN => 'anonymous', BASIC_SIGNUP => 'members', PROOF_OF_IDENTITY => 'proof');
my @ranks = qw(ANONYMOUS_LOGIN BASIC_SIGNUP PROOF_OF_IDENTITY);
plan tests => 9 * 2 + 35;

# Every scope held against every scope asked for.
for my $held (0 .. 2) {
    my $client = Civic::Client->logged_in("/$place{$ranks[$held]}/");
    for my $asked (0 .. 2) {
        my ($opens, $path) = ($held >= $asked, "/$place{$ranks[$asked]}/");
        is($client->get($path)->code, $opens ? 200 : 401,
            "$ranks[$held] " . ($opens ? 'opens' : 'does not open') . " $ranks[$asked]");
        is($client->fetch($path)->code, $opens ? 200 : 401, 'for scripts, too');
    }
}

# ---- from BASIC_SIGNUP to PROOF_OF_IDENTITY ----
my $client = Civic::Client->logged_in('/members/');
my ($name, $before) = $client->session_cookie;
my $mark = Civic::Log::mark();
my $answer = $client->get('/proof/?a=1');
my $page = Civic::Client::login_page($answer);
is($answer->code, 401, 'the page asks again');
is($page->{reason}, 'step-up-required', 'and says why');
is($page->{scope}, 'PROOF_OF_IDENTITY', 'for the greater scope request');
is($page->{'hide-intro'}, 'true', 'as CivicHideIntro says there');
like($answer->content, qr/asks for more than you have shown/, 'in words');
is(scalar(grep {/refused: step-up-required \(BASIC_SIGNUP does not cover PROOF_OF_IDENTITY\)/} Civic::Log::lines($mark)),
    1, 'and one line says what was held');
$mark = Civic::Log::mark();
refused($answer = $client->fetch('/proof/'), 'step-up-required', $mark, 'a script is told so');
my $proof = challenge('Proof', '/proof/', 'error="insufficient_user_authentication"');
is($answer->header('WWW-Authenticate'), $proof, 'in the challenge as well, by the name that RFC 9470 has for it');
is($client->request('HEAD', '/proof/', { Accept => '*/*' })->header('WWW-Authenticate'), $proof, 'which HEAD has');
is($client->get('/proof/')->header('WWW-Authenticate'), $proof, 'and the page, too');
unlike(Civic::Client->new->fetch('/proof/')->header('WWW-Authenticate'), qr/error/, 'who has no session lacks nothing else');
is($client->get('/members/')->code, 200, 'meanwhile the session opens what it did');

($answer) = $client->login('/proof/?a=1');
is($answer->code, 200, 'the step up');
is($client->json($answer)->{location}, '/proof/?a=1', 'leads to what was asked for');
my ($same, $after) = $client->session_cookie;
is($same, $name, 'one cookie for the application');
isnt($after, $before, 'with another id');
is($client->get('/proof/')->code, 200, 'it opens the greater');
is($client->get('/members/')->code, 200, 'and the lesser');
is($client->get('/anonymous/')->code, 200, 'and the least');

# ---- what the person approved is less than the page asked for: refused, whatever the page said ----
my @lesser = (
    [ 'proof',   'PROOF_OF_IDENTITY', [qw(ANONYMOUS_LOGIN BASIC_SIGNUP)] ],
    [ 'members', 'BASIC_SIGNUP',      ['ANONYMOUS_LOGIN'] ],
);
for my $row (@lesser) {
    my ($place, $asked, $shown) = @$row;
    for my $scope (@$shown) {
        my $sly = Civic::Client->new;
        $mark = Civic::Log::mark();
        ($answer) = $sly->login("/$place/", scope => $scope);
        refused($answer, 'scope-not-shown', $mark, "$scope approved for $asked: refused");
        like(join("\n", Civic::Log::lines($mark)), qr/\($asked was asked for, but no \w+\. item is shown\)/, 'the log says what is missing');
        is($sly->get("/$place/")->code, 401, 'and opens nothing');
    }
}
# More than was asked for is fine, and counts as what was asked for.
my $generous = Civic::Client->new;
($answer) = $generous->login('/members/', scope => 'PROOF_OF_IDENTITY');
is($answer->code, 200, 'more than was asked for is taken');
is($generous->get('/proof/')->code, 401, 'as what was asked for');

# The session before has ended, also for whoever kept its cookie.
my $other = Civic::Client->new;
is($other->get('/members/', Cookie => "$name=$before")->code, 401, 'the old id opens nothing');

# ---- a page for the lesser, finished when there is the greater already ----
my $tabs = Civic::Client->new;
my $lesser = Civic::Client::login_page($tabs->get('/members/'));
$tabs->login('/proof/');
my ($cookie, $greater) = $tabs->session_cookie;
my $used = $tabs->{sandbox}->token(appId => 'CO-ALPHA');
$answer = $tabs->callback($used, $lesser->{state});
is($answer->code, 200, 'a second tab finishes its login');
is($tabs->get('/members/')->code, 200, 'and its page opens');
# It is a login of its own, as the person approved it: what he holds is what he showed last.
is($tabs->get('/proof/')->code, 401, 'the newer login counts');
isnt(($tabs->session_cookie)[1], $greater, 'under its own id');
