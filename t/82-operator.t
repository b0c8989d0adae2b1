# Operators list and end the sessions of a person: by the page's form or by JSON, this host's only,
# from its own pages only, never by GET, only where CivicStatusActions allows it; what they type is
# shown as text; no answer and no log line holds a claim, a cookie or the person's id.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use HTML::Entities ();
use Time::HiRes qw(time);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();
use Civic::Metrics ();

my @polyglots = (
    q{"><script>alert(1)</script>},
    q{'"--></style></textarea><svg/onload=alert(1)>},
    q{javascript:/*--></title><img src=x onerror=alert(1)>},
    q[{{user-id}}{{*sessions}}{{/}}{{?notice}}],
    "\x{2028}</form><form action=//evil.example>",
);
plan tests => 76 + 4 * @polyglots;

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $operator = Civic::Client->new;

sub escaped { my $text = shift; utf8::encode($text); $text =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge; return $text }

sub form {
    my (%fields) = @_;
    return join '&', map { "$_=" . escaped($fields{$_}) } sort keys %fields;
}

# What JSON answers: (HTTP status, the object).
sub ask {
    my ($data, %headers) = @_;
    my $answer = $operator->post_json('/operator/all', { application => 'CO-ALPHA', userId => $JANE, %$data }, %headers);
    return ($answer->code, $answer->code == 200 || $answer->header('Content-Type') eq 'application/json'
        ? $operator->json($answer) : undef, $answer);
}

sub sees { my $client = shift; return $client->get('/members/file.txt')->code == 200 }

# ---- the form on the page ----
my $html = $operator->get('/operator/all')->decoded_content;
like($html, qr{<form method="post"[^>]*>.*name="application".*name="userId".*<button}s, 'GET: a form');
like($html, qr{<option value="CO-ALPHA"></option>\s*<option value="CO-BETA">}, 'knows this host\'s applications');

# ---- list ----
ask({ end => 'all' });
my ($status, $all) = ask({});
is($status, 200, 'JSON: 200');
is_deeply($all, { sessions => [], ended => 0, notice => undef }, 'nobody is logged in: no sessions');
my $start = int time;
my ($laptop, $phone, $tablet) = map { Civic::Client->logged_in('/members/') } 1 .. 3;
my $proof = $tablet->logged_in('/proof/');
($status, $all) = ask({});
my @sessions = @{ $all->{sessions} };
is(scalar @sessions, 3, 'three sessions; a new login in one browser replaces its session');
is_deeply([ sort keys %{ $sessions[0] } ], [qw(created ends lastUsed reference scope)], 'each with times and scope, and no more');
is_deeply([ map { $_->{scope} } @sessions ], [qw(BASIC_SIGNUP BASIC_SIGNUP PROOF_OF_IDENTITY)], 'in the order of logins');
my $fits = grep {
    $_->{reference} =~ /^[0-9a-f]{12}$/ && $_->{created} >= $start - 1 && $_->{created} <= time + 1
        && $_->{lastUsed} >= $_->{created} && $_->{ends} == $_->{created} + 12 * 3600
} @sessions;
is($fits, 3, 'their times are right');
my %references = map { ($_->{reference} => 1) } @sessions;
is(scalar keys %references, 3, 'each has a name of its own');
my (undef, $again) = ask({});
is_deeply($again->{sessions}, $all->{sessions}, 'looking changes nothing');
ok(sees($laptop) && sees($phone) && sees($tablet), 'all are still logged in');

# ---- end one, by JSON ----
my $mark = Civic::Log::mark();
my $before = Civic::Metrics::scrape($operator);
my $line;
(undef, $all) = ask({ end => $sessions[0]{reference} });
is($all->{ended}, 1, 'one is ended');
is_deeply([ map { $_->{reference} } @{ $all->{sessions} } ], [ map { $_->{reference} } @sessions[ 1, 2 ] ], 'the others are left');
ok(!sees($laptop), 'that browser is logged out');
ok(sees($phone) && sees($tablet), 'the others are not');
($line) = grep {/operator: /} Civic::Log::lines($mark);
like($line, qr/auth_civic:info.*operator: sessions of person [0-9a-f]{8} at application CO-ALPHA: 1 ended, 2 left ref=\w{8}/,
    'the log says so, at level info');
is(Civic::Metrics::scrape($operator)->{auth_civic_sessions_ended_total} - $before->{auth_civic_sessions_ended_total}, 1, 'and it counts');
(undef, $all) = ask({ end => $sessions[0]{reference} });
is($all->{ended}, 0, 'what has ended is not ended again');
like($all->{notice}, qr/nothing to end/, 'and it says so');
for my $unknown ('0' x 12, '', 'ALL', '*', 'x' x 1000) {
    (undef, $all) = ask({ end => $unknown });
    is($all->{ended}, 0, 'end "' . substr($unknown, 0, 12) . '": nothing');
}

# ---- end one, by the form ----
my $answer = $operator->post_form('/operator/all', form(application => 'CO-ALPHA', userId => $JANE));
is($answer->code, 200, 'the form: a page');
$html = $answer->decoded_content;
like($html, qr{<code>$_->{reference}</code>.*<button[^>]* name="end" value="$_->{reference}"}, 'with each session and its button')
    for @sessions[ 1, 2 ];
like($html, qr{<td>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC</td>.*<td>PROOF_OF_IDENTITY</td>}, 'times and scope');
like($html, qr{<input type="hidden" name="userId" value="$JANE">}, 'the buttons know whose');
like($answer->header('Content-Security-Policy'), qr/form-action 'self'/, 'under the strict policy');
is($answer->header('Cache-Control'), 'no-store', 'not to be cached');
$answer = $operator->post_form('/operator/all', form(application => 'CO-ALPHA', userId => $JANE, end => $sessions[1]{reference}));
like($answer->decoded_content, qr{id="civic-notice"[^>]*>Ended: 1\.}, 'a button ends one');
unlike($answer->decoded_content, qr/$sessions[1]{reference}/, 'which is gone from the list');
ok(!sees($phone) && sees($tablet), 'and from its browser');

# ---- end all ----
Civic::Client->logged_in('/members/') for 1 .. 4;
my $john = Civic::Client->logged_in('/members/', person => 'ozdemir');
my $beta = Civic::Client->logged_in('/beta/');
$answer = $operator->post_form('/operator/all', form(application => 'CO-ALPHA', userId => $JANE, end => 'all'));
like($answer->decoded_content, qr{Ended: 5\.}, 'all of them');
like($answer->decoded_content, qr{id="civic-none"}, 'none is left');
ok(!sees($tablet), 'no browser is logged in');
ok(sees($john), 'somebody else is');
is($beta->get('/beta/')->code, 200, 'and so is she at another application');
is($operator->json($operator->post_json('/operator/all', { application => 'CO-BETA', userId => $JANE }))->{sessions}[0]{scope},
    'BASIC_SIGNUP', 'which is listed apart');

# ---- another host is another realm ----
my $other = "https://localhost:$ENV{CIVIC_PORT_OTHER}";
my $visitor = Civic::Client->new(site => $other)->logged_in('/members/');
(undef, $all) = ask({});
is(scalar @{ $all->{sessions} }, 0, 'a session at another host is not listed');
ask({ end => 'all' });
is($visitor->get('/members/file.txt')->code, 200, 'nor ended');

# ---- what is wrong with it ----
my $victim = Civic::Client->logged_in('/members/');
for my $headers (
    { 'Sec-Fetch-Site' => 'cross-site' },
    { 'Sec-Fetch-Site' => 'same-site' },
    { 'Sec-Fetch-Site' => 'none' },
    { 'Sec-Fetch-Site' => undef, Origin => 'https://evil.example' },
    { 'Sec-Fetch-Site' => undef, Origin => 'null' },
    { 'Sec-Fetch-Site' => undef, Origin => undef },
    )
{
    $answer = $operator->post_json('/operator/all', { application => 'CO-ALPHA', userId => $JANE, end => 'all' }, %$headers);
    is($answer->code, 403, 'from elsewhere: ' . join ' ', map { "$_=" . ($headers->{$_} // 'none') } sort keys %$headers);
}
$answer = $operator->post_form('/operator/all', form(application => 'CO-ALPHA', userId => $JANE, end => 'all'), 'Sec-Fetch-Site' => 'cross-site');
is($answer->code, 403, 'a form of another site');
unlike($answer->decoded_content, qr/Session/, 'sees nothing');
$operator->get('/operator/all?' . form(application => 'CO-ALPHA', userId => $JANE, end => 'all'));
$operator->request('HEAD', '/operator/all?end=all');
ok(sees($victim), 'and GET ends nothing');
for my $path ('/operator/numbers', '/operator/denied', '/operator/basic') {
    $answer = $operator->post_json($path, { application => 'CO-ALPHA', userId => $JANE, end => 'all' });
    like($answer->code, qr/^(?:405|403|401)$/, "$path: not here");
}
ok(sees($victim), 'nothing was ended');
is($operator->get('/overridden/index.html')->code, 500, 'CivicStatusActions in .htaccess is an error');
my ($complaint) = Civic::Log::since($mark) =~ /(CivicStatusActions not allowed here)/;
ok($complaint, 'and said to be one');

my $encoded = $Civic::Client::JSON->encode({ application => 'CO-ALPHA' });
for (
    [ 400, { application => 'CO-GAMMA' }, 'no such application' ],
    [ 400, { application => '' }, 'no application, where there are two' ],
    [ 400, { userId => '' }, 'no userId' ],
    [ 400, { userId => 7 }, 'a userId that is no text' ],
    [ 400, { userId => [$JANE] }, 'a userId that is a list' ],
    )
{
    my ($expected, $data, $name) = @$_;
    ($status, $all) = ask($data);
    is($status, $expected, "$name: $expected");
    like($all->{notice}, qr/\.$/, 'and it says why');
}
is($operator->post_json('/operator/all', $_)->code, 400, "$_: 400") for '[]', '{"userId":"x","userId":"y"}', '';
is($operator->post_json('/operator/all', $encoded, 'Content-Type' => 'text/plain')->code, 415, 'text: 415');
is($operator->post_json('/operator/all', '{"userId":"' . 'x' x 70_000 . '"}')->code, 413, '70 kB: 413');
is($operator->post_form('/operator/all', 'userId=%zz')->code, 400, 'a broken form: 400');
ok(sees($victim), 'nothing was ended by any of it');

# ---- what is typed is shown as text ----
for my $text (@polyglots) {
    for my $fields ({ application => $text, userId => $JANE }, { application => 'CO-ALPHA', userId => $text }) {
        $answer = $operator->post_form('/operator/all', form(%$fields));
        my $page = $answer->decoded_content;
        my $tags = join ' ', sort { $a cmp $b } keys %{ { map { ($_ => 1) } $page =~ /<([a-z!][^\s>]*)/gi } };
        unlike($tags, qr/script|svg|img|style/i, 'no tag comes in');
        ok(index($page, HTML::Entities::encode_entities($text, q{<>&"'})) >= 0, 'it is there as text');
    }
}

# ---- nobody's data ----
my @canaries = ('jane@example.com', 'Jane Specimen', '5551234567', values %{ $victim->cookies });
my $seen = join "\n", $operator->post_form('/operator/all', form(application => 'CO-ALPHA', userId => $JANE))->decoded_content,
    ($operator->post_json('/operator/all', { application => 'CO-ALPHA', userId => $JANE }))->content;
is((grep { index($seen, $_) >= 0 } @canaries), 0, 'no claim and no cookie in the answers');
my $log = join "\n", Civic::Log::lines($mark);
is((grep { index($log, $_) >= 0 } @canaries, $JANE), 0, 'nor in the log, nor the userId there');
