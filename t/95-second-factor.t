# Civic behind another login: nothing is reached before both were passed, by whatever way, the second one counts for
# one account alone, and the first one stays what it was. Rules about both compose.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Clock ();
use Civic::Enrollments ();
use Civic::Factor ();
use Civic::Log ();
use Civic::Raw ();
use Civic::Redis ();
use Civic::Seal ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $OZDEMIR = '1f0c9a7d3e5b8246017f2c4e6a8b0d1f3e5c7a9b1d3f5e7092b4d6f8a0c2e4f6';
my @METHODS = qw(GET HEAD POST OPTIONS PUT DELETE PROPFIND NONSENSE);
my @CONTENTS = qw(/admin/ /admin/index.html /admin/cgi /admin/proxy/x /admin/list/ /admin/page.shtml /admin/rewritten
    /open/include.shtml /open/rewritten /open/missing /open/fallback/none /open/index/);
my $SECRET = qr/SECRET-CONTENT/;

plan tests => 2 * (@METHODS * @CONTENTS + 3) + 104;

my $BASIC = <<'END';
AuthType Basic
AuthBasicProvider file
AuthUserFile ${CIVIC_FIRST_USERS}
END

sub location { return Civic::Factor::location(@_) }

# Further rules than valid-user, behind both.
sub ruled {
    my ($path, $rules, $more) = @_;
    return location($path, $rules . ($more // ''), first => $BASIC);
}

my $site = join '', <<'END',
CivicUserHeader X-User
ProxyPass /admin/proxy/ http://127.0.0.1:${CIVIC_PORT_BACKEND}/secret/
ProxyPass /told/ http://127.0.0.1:${CIVIC_PORT_BACKEND}/told/
RewriteEngine On
RewriteRule ^/admin/rewritten$ http://127.0.0.1:${CIVIC_PORT_BACKEND}/secret/rewritten [P]
RewriteRule ^/open/rewritten$ /admin/cgi [PT]
AddOutputFilter INCLUDES .shtml
Alias /admin/page.shtml HTDOCS/admin/page.shtml
Alias /admin/list HTDOCS/admin/list
Alias /open HTDOCS/open
<Directory "HTDOCS">
Options +Indexes +Includes
Require all granted
</Directory>
<Location "/open">
ErrorDocument 404 /admin/cgi
</Location>
<Location "/open/fallback">
FallbackResource /admin/cgi
</Location>
<Location "/open/index">
DirectoryIndex /admin/cgi
</Location>
END
    location('/admin', "CivicEnroll self\n"),
    location('/program', "CivicUnauthenticated 401\n"),
    location('/page', "CivicUnauthenticated page\n"),
    location('/pass', "CivicUnauthenticated pass\n"),
    location('/kept', "ErrorDocument 401 /kept/\n"),
    location('/told', "CivicIdentity both\n"),
    location('/fresh', "CivicSecondFactorMaxAge 60s\n"),
    location('/short', "CivicSessionLife 120s\n"),
    location('/shown', "CivicScope BASIC_SIGNUP\n"),
    location('/granted', "Require all granted\n"),
    location('/any', "Satisfy Any\nOrder allow,deny\nAllow from all\n"),
    ruled('/anywhere', "<RequireAny>\nRequire ip 127.0.0.1\nRequire user bob\n</RequireAny>\n"),
    ruled('/bobs', "Require user bob\n"),
    ruled('/nowhere', "<RequireAll>\nRequire valid-user\nRequire not ip 127.0.0.1\n</RequireAll>\n"),
    ruled('/jane', "<RequireAll>\nRequire user alice bob\nRequire civic-user $JANE\n</RequireAll>\n"),
    ruled('/notjane', "<RequireAll>\nRequire valid-user\nRequire not civic-user $JANE\n</RequireAll>\n"),
    ruled('/either', "<RequireAny>\nRequire user bob\nRequire civic-user $JANE\n</RequireAny>\n"),
    ruled('/expr', "Require expr civic('userId') == '$JANE'\n"),
    ruled('/contact', "<RequireAll>\nRequire valid-user\nRequire civic-claim contact.personal.email jane\@example.com\n</RequireAll>\n"),
    ruled('/nofirst', "AuthType None\nRequire all granted\n"),
    ruled('/both', '') . "<Location /both/>\nAuthType Civic\nRequire valid-user\n</Location>\n",
    "Alias /civic-status /nowhere\n<Location /numbers>\nSetHandler civic-status\nCivicStatusActions On\n</Location>\n";

my $redis = Civic::Redis->start;
my $clock = Civic::Clock->new;
my $store = Civic::Enrollments->new;
$store->htcivic(add => 'CO-ALPHA', alice => $JANE);
$store->htcivic(add => 'CO-ALPHA', bob => $OZDEMIR);

sub server {
    my (@defines) = @_;
    my $server = Civic::Factor->server(
        store   => $store,
        defines => \@defines,
        env     => { $clock->env },
        conf    => "LoadModule access_compat_module \${CIVIC_MODULES}/mod_access_compat.so\n"
            . "CivicSessionStore redis://127.0.0.1:" . $redis->port . "\nCivicSealKeyFile seal.key\n",
        site    => $site
    );
    my $root = $server->dir . '/htdocs';
    make_path(map {"$root/$_"} qw(admin/list open/fallback open/index));
    my $path = $server->dir . '/httpd.conf';
    open my $in, '<', $path or die $!;
    my $conf = do { local $/; <$in> };
    $server->write_file('httpd.conf', $conf =~ s/HTDOCS/$root/gr);
    $server->write_file('seal.key', Civic::Seal::new_key(), 0600);
    $server->write_file('htdocs/admin/list/SECRET-CONTENT.txt', 'SECRET-CONTENT');
    $server->write_file('htdocs/admin/page.shtml', 'SECRET-CONTENT <!--#echo var="REMOTE_USER" -->/<!--#echo var="CIVIC_USER_ID" -->'
        . ' include=<!--#include virtual="/admin/cgi" -->');
    $server->write_file('htdocs/open/include.shtml', 'open <!--#include virtual="/admin/cgi" --><!--#include virtual="/admin/list/" -->');
    return $server->start;
}

# ---- nothing behind the page ----
my $server;
my $first = 'Authorization: ' . Civic::Factor::basic('alice', 'alice-secret') . "\r\n";

sub seen_behind {
    my $log = $server->dir . '/logs/backend_log';
    open my $in, '<', $log or return 0;
    return scalar grep {m{/secret/}} <$in>;
}

for my $defines ([], ['CivicFirst']) {
    my $order = @$defines ? 'loaded first' : 'loaded last';
    $server = server(@$defines);
    for my $path (@CONTENTS) {
        for my $method (@METHODS) {
            my @faults;
            for my $lines ($Civic::Raw::NAVIGATE, "Accept: */*\r\n") {
                my $answer = Civic::Raw::request($server->port('SITE'), $method, $path, $lines . $first,
                    $method =~ /POST|PUT/ ? 'a=1' : undef, tls => 1);
                push @faults, $answer->body if $answer->raw =~ $SECRET;
                push @faults, $answer->code if $path =~ /admin/ && $answer->code != 403;
            }
            is("@faults", '', "$order: $method $path with the first login alone");
        }
    }
    is(seen_behind(), 0, "$order: no back end was asked");
    my $alice = Civic::Factor::person($server, 'alice');
    is(Civic::Factor::approve($alice, '/admin/cgi', 'jane')->code, 200, "$order: the second");
    my @closed = grep { $_ !~ m{/open/missing} && $alice->get($_)->content !~ $SECRET } @CONTENTS;
    is("@closed", '', "$order: opens each path");
    $server->finish if !@$defines;
}

sub person { return Civic::Factor::person($server, @_) }
sub approve { return Civic::Factor::approve(@_) }
sub env { my ($client, $path) = @_; return $client->json($client->get($path))->{env} }
sub page { return Civic::Client::login_page($_[0]) }

sub is_refused {
    my ($reason, $what, $code) = @_;
    my $mark = $server->mark;
    return refused($code->(), $reason, $mark, $what);
}

# ---- who is there ----
my $alice = person('alice');
my $answer = $alice->get('/admin/cgi?uuid=17&a=b');
my $page = page($answer);
like($answer->content, qr/Confirm that it is you/, 'the page says what it is for');
unlike($answer->content, qr/Use a recovery code/, 'without recovery, where there is none');
$answer = Civic::Factor::again($alice, $page, 'jane');
is($alice->json($answer)->{location}, '/admin/cgi?a=b', 'the phone\'s return leads on');
my $env = env($alice, '/admin/cgi');
is($env->{REMOTE_USER}, 'alice', 'REMOTE_USER is the first login\'s');
is($env->{AUTH_TYPE}, 'Basic', 'so is AUTH_TYPE');
is($env->{CIVIC_USER_ID}, $JANE, 'the identity is Civic\'s');
is($env->{CIVIC_SECOND_FACTOR}, 'civic', 'and how it was shown');
$env = env($alice, '/told/x');
is($env->{HTTP_CIVIC_USER_ID}, $JANE, 'behind a proxy, by headers');
is($env->{HTTP_X_USER}, 'alice', 'CivicUserHeader is the first login\'s');
is($env->{HTTP_COOKIE}, undef, 'and no cookie of ours');
like($alice->get('/admin/page.shtml')->content, qr/alice\/$JANE include=.*SECRET/, 'includes have both');

# ---- one account ----
my ($cookie, $value) = $alice->session_cookie;
my $bob = person('bob');
$bob->set_cookie($cookie, $value);
my $mark = $server->mark;
ok(page($bob->get('/admin/cgi')), 'the second factor of one account is nothing for another in the same browser');
like(join("\n", Civic::Log::lines($mark)), qr/second-factor-required \(the session is another account's\)/, 'the log says why');
is($alice->get('/admin/cgi')->code, 200, 'nor is it used up by that');
my $nobody = person(undef);
$nobody->set_cookie($cookie, $value);
$answer = $nobody->get('/admin/cgi');
is($answer->code, 401, 'logged out of the first login: that one asks');
like($answer->header('WWW-Authenticate'), qr/^Basic /, 'in its own way');
unlike($answer->content, $SECRET, 'and shows nothing');
is(person('alice', password => 'wrong')->get('/admin/cgi')->code, 401, 'so it does when the password is wrong');
my $guesser = person('alice', password => 'wrong');
$guesser->set_cookie($cookie, $value);
$answer = $guesser->get('/kept/index.html');
is($answer->code, 401, 'nor is a name without its password a first login, for a page that an error leads to');
unlike($answer->content, $SECRET, 'which is not shown');
like($alice->get('/kept/index.html')->content, $SECRET, 'as it is to her');
my $elsewhere = person('alice');
$page = page($elsewhere->get('/admin/cgi'));
is_refused('state-foreign', 'a page works in its browser', sub { Civic::Factor::again(person('alice'), $page, 'jane') });

# ---- beside a login by Civic alone ----
my $plain = page($alice->get('/members/index.html'));
ok($plain, 'a second factor is no login by itself');
is(Civic::Factor::again($alice, $plain, 'smiley')->code, 200, 'one of its own lives beside it');
is($alice->get('/members/index.html')->code, 200, 'and opens what is its');
is($alice->get('/admin/cgi')->code, 200, 'as does the other');
my ($one, $two) = sort grep { !/-login/ } keys %{ $alice->cookies };
isnt($two, undef, 'two cookies');
my ($members) = grep { $_ ne $cookie } $one, $two;
my $swapped = person('alice');
$swapped->set_cookie($members, $value);
ok(page($swapped->get('/members/index.html')), 'a second factor by the name of a login opens nothing');
$swapped->clear;
$swapped->set_cookie($cookie, $alice->cookies->{$members});
ok(page($swapped->get('/admin/cgi')), 'nor a login by the name of a second factor');
my $sessions = $alice->json($alice->fetch('/civic/session'))->{sessions};
is_deeply([ map { $_->{account} } @$sessions ], [ undef, 'alice' ], 'CivicEndpoint/session tells them apart');
my $list = sub { $alice->json($alice->post_json('/numbers', { application => 'CO-ALPHA', userId => $_[0], @_[1 .. $#_] }))->{sessions} };
is_deeply([ map { $_->{account} } @{ $list->($JANE) } ], [ ('alice') x 2 ], 'so does civic-status, by person');
$list->($JANE, end => 'all');
ok(page($alice->get('/admin/cgi')), 'where an operator ends them');
is($alice->get('/members/index.html')->code, 200, 'each person\'s');
is(approve($alice, '/admin/cgi', 'jane')->code, 200, 'and again');
is($alice->post_form('/civic/logout', '')->code, 303, 'a logout');
ok(page($alice->get('/admin/cgi')), 'ends the second factor');
ok(page($alice->get('/members/index.html')), 'and the login');
is(approve($alice, '/admin/cgi', 'jane')->code, 200, 'once more');

# ---- a browser that does not keep the session ----
my $careless = person('alice');
approve($careless, '/admin/cgi', 'jane');
$careless->jar->clear('localhost.local', '/', $cookie);
is(page($careless->get('/admin/cgi'))->{reason}, 'session-not-kept', 'a browser that does not keep the session is told');
$careless = person('alice');
$careless->logged_in('/members/index.html');
is(page($careless->get('/admin/cgi'))->{reason}, 'second-factor-required', 'a login by Civic just before is another matter');

# ---- programs, forms ----
my $new = person('alice');
is_refused('second-factor-required', 'a script is told, not shown a page', sub { $new->fetch('/admin/cgi') });
$answer = $new->post_form('/admin/cgi', 'a=1');
is($answer->code, 403, 'a form that meets it');
is(page($answer)->{method}, 'other', 'gets the page');
is($new->get('/program/cgi')->header('Content-Type'), 'application/problem+json', 'CivicUnauthenticated 401');
ok(page($new->fetch('/page/cgi')), 'CivicUnauthenticated page');
ok(page($new->get('/pass/cgi')), 'CivicUnauthenticated pass lets nobody in');

# ---- whom the rules let in without a login ----
for my $path (qw(/granted/cgi /any/cgi /anywhere/cgi)) {
    is($nobody->get($path)->code, 401, "$path: nobody gets in without the first login");
    ok(page($new->get($path)), "$path: nor without the second");
    is($alice->get($path)->code, 200, "$path: with both, yes");
}
is_refused('not-configured', 'no first login at all: nobody', sub { $alice->get('/nofirst/cgi') });
is_refused('not-configured', 'AuthType Civic is none', sub { $alice->get('/both/cgi') });

# ---- rules ----
$answer = $alice->get('/bobs/cgi');
is($answer->code, 401, 'a rule of the first login: as that one says');
like($answer->header('WWW-Authenticate'), qr/^Basic /, 'which may ask for somebody else');
is($alice->get('/nowhere/cgi')->code, 403, 'what keeps everybody out keeps out');
ok(!page($new->get('/nowhere/cgi')), 'without asking him');
is($alice->get('/jane/cgi')->code, 200, 'a rule for either');
is(approve($bob, '/admin/cgi', 'ozdemir')->code, 200, 'bob');
is_refused('rule-not-met', 'a rule about Civic that he does not meet', sub { $bob->get('/jane/cgi') });
is_refused('rule-not-met', 'nor she this one', sub { $alice->get('/notjane/cgi') });
is($bob->get('/notjane/cgi')->code, 200, 'who is somebody else does');
ok(page($new->get('/notjane/cgi')), 'and who is not known yet is asked');
is($alice->get('/either/cgi')->code, 200, 'one of two');
is($bob->get('/either/cgi')->code, 200, 'or the other');
ok(page($new->get('/either/cgi')), 'but nobody without both logins');
is($alice->get('/expr/cgi')->code, 200, 'an expression');
is($bob->get('/expr/cgi')->code, 401, 'that he does not meet');
ok(page($new->get('/expr/cgi')), 'and who is not known yet is asked');

# ---- more is asked for ----
$page = page($alice->get('/shown/cgi'));
is($page->{scope}, 'BASIC_SIGNUP', 'CivicScope: more than an approval');
is($page->{reason}, 'step-up-required', 'is asked for');
$page = page($alice->get('/contact/cgi'));
is($page->{scope}, 'BASIC_SIGNUP', 'a rule that needs more');
is(Civic::Factor::again($alice, $page, 'jane')->code, 200, 'gets it');
is($alice->get('/contact/cgi')->code, 200, 'and opens');
is($alice->get('/shown/cgi')->code, 200, 'the other, too');
is(env($alice, '/contact/cgi')->{REMOTE_USER}, 'alice', 'still the first login\'s');

# ---- age ----
my $fresh = person('alice');
approve($fresh, '/admin/cgi', 'jane');
is($fresh->get('/fresh/cgi')->code, 200, 'CivicSecondFactorMaxAge: young enough');
my $unlinked = person('carol');
approve($unlinked, '/admin/cgi', 'smiley');
ok(Civic::Factor::form($unlinked->get('/admin/cgi'), '/link'), 'young enough to be linked');
$clock->step(61);
$answer = $fresh->fetch('/fresh/cgi');
is($answer->code, 403, 'behind another login, what is 401 elsewhere');
is_deeply([ @{ $fresh->json($answer) }{qw(status reason)} ], [ 403, 'login-not-fresh' ], 'is 403: too old for this page');
is($fresh->get('/admin/cgi')->code, 200, 'not for others');
is(page($fresh->get('/fresh/cgi'))->{reason}, 'login-not-fresh', 'a person is asked');
is(approve($fresh, '/fresh/cgi', 'jane')->code, 200, 'approves');
is($fresh->get('/fresh/cgi')->code, 200, 'and is in, without a circle');
$clock->step(61 + 125);
is($fresh->json($fresh->fetch('/short/cgi'))->{reason}, 'session-expired', 'CivicSessionLife');
$clock->step(605);
ok(page($unlinked->get('/admin/cgi')), 'an approval of ten minutes ago links nothing any more');
# From the approval to the yes: a page that was opened late lengthens nothing.
my ($slow, $quick) = (person('dave'), person('erin'));
approve($_->[0], '/admin/cgi', $_->[1]) for [ $slow, 'smiley' ], [ $quick, 'minor' ];
$clock->step(605 + 590);
my ($slow_form, $quick_form) = map { Civic::Factor::form($_->get('/admin/cgi'), '/link') } $slow, $quick;
is(Civic::Factor::submit($quick, $quick_form, answer => 'yes')->code, 303, 'a yes within ten minutes of the approval links');
$clock->step(605 + 615);
is_refused('state-expired', 'a later one does not', sub { Civic::Factor::submit($slow, $slow_form, answer => 'yes') });
is($store->linked->{dave}, undef, 'nothing is linked');
ok(page($slow->get('/admin/cgi')), 'and Civic is asked anew');
$store->remove('erin');

# ---- a store from which nothing can be taken ----
my $again = person('alice');
is(approve($again, '/admin/cgi', 'jane')->code, 200, 'she approves');
my ($name, $id) = $again->session_cookie;
my $new_page = page($again->get('/fresh/cgi')) // page($again->get('/shown/cgi'));
my $no = person('erin');
approve($no, '/admin/cgi', 'smiley');
my $no_form = Civic::Factor::form($no->get('/admin/cgi'), '/link');
my @no_cookie = $no->session_cookie;
$redis->command(qw(ACL SETUSER default -zrem));
$mark = $server->mark;
is(Civic::Factor::again($again, $new_page, 'jane')->code, 200, 'a new login is one');
is(scalar(grep {/:warn\].*the session that the browser had before could not be ended: it stays in the store until it expires/} Civic::Log::lines($mark)), 1, 'the log says that the old session stays');
isnt(($again->session_cookie)[1], $id, 'the browser has the new one');
is_refused('store-unavailable', 'a no that cannot end the session', sub { Civic::Factor::submit($no, $no_form, answer => 'no') });
is(scalar(grep {/store-unavailable \(the session could not be ended\)/} Civic::Log::lines($mark)), 1, 'says so');
is(($no->session_cookie)[1], $no_cookie[1], 'and leaves the cookie, with which it can be ended later');
$redis->command(qw(ACL SETUSER default +zrem));
is(Civic::Factor::submit($no, $no_form, answer => 'no')->code, 200, 'as it is then');
is(($no->session_cookie)[1] // '', '', 'and then the cookie goes');
is(scalar(grep {/exit signal|Segmentation/} split /\n/, $server->error_log), 0, 'no child died of it');
