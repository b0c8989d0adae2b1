# Whatever Civic answers, each fault has its own status, reason and log line; nobody is logged in
# by it, and the next login works.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused logs_in);
use Civic::Client ();
use Civic::Log ();

# fault of the sandbox, reason, what the log line says beside it
my @faults = (
    [ '400',            'upstream-bad-request', qr/status 400, "a fault on demand"/ ],
    [ '401',            'upstream-refused',     qr/status 401.*private key.*secret.*CivicEnvironment.*application CO-ALPHA.*CO-ALPHA\.key is [0-9a-f]{16} .*CO-ALPHA\.secret; the clocks agree/ ],
    [ '401-skewed',     'clock-skew',           qr/status 401, and Civic's clock says \w{3}, .* ours .* (?:599|60[01]) seconds apart.*NTP/ ],
    [ '403',            'code-used',            qr/status 403/ ],
    [ '405',            'upstream-bad-request', qr/status 405.*CivicApiUrl/ ],
    [ '429',            'upstream-throttled',   qr/status 429/ ],
    [ '500',            'upstream-error',       qr/status 500/ ],
    [ '503',            'upstream-error',       qr/status 503/ ],
    [ '504',            'upstream-timeout',     qr/status 504/ ],
    [ 'redirect',       'upstream-error',       qr/status 302/ ],
    [ 'cut',            'upstream-cut',         qr/\(\S/ ],
    [ 'large',          'upstream-too-large',   qr/\(\S/ ],
    [ 'not-json',       'answer-format',        qr/not a JSON object/ ],
    [ 'empty',          'answer-format',        qr/not a JSON object/ ],
    [ 'wrong-type',     'answer-format',        qr/not a JSON object/ ],
    [ 'wrong-key',      'answer-signature',     qr/CivicPublicKey/ ],
    [ 'wrong-secret',   'answer-decrypt',       qr/secret/ ],
    [ 'unencrypted',    'answer-unencrypted',   qr/encrypted is not true/ ],
    [ 'no-user-id',     'answer-user-id',       qr/no userId/ ],
    [ 'payload-host',   'payload-host',         qr/host payload\.example\.net is not in CivicPayloadHosts/ ],
    [ 'expired-answer', 'answer-expired',       qr/check NTP/ ],
);
my @fine = ('slow:0.5', 'not-valid', 'not-owner', 'processed');
# User data that is not what the protocol says.
my $true = JSON::PP::true;
my @odd = (
    [ 'an item that is none'   => ['x'] ],
    [ 'an item without label'  => [ { value => 'x', isValid => $true, isOwner => $true } ] ],
    [ 'an item without value'  => [ { label => 'x', isValid => $true, isOwner => $true } ] ],
    [ 'a label with a space'   => [ { label => 'x y', value => 'x' } ] ],
    [ 'a value that is a list' => [ { label => 'x', value => [] } ] ],
);
plan tests => 5 * @faults + 2 * @fine + @odd + 13;

my $sandbox = Civic::Sandbox->new;

for my $row (@faults) {
    my ($fault, $reason, $detail) = @$row;
    my $client = Civic::Client->new;
    my $mark = Civic::Log::mark();
    my $exchanges = $sandbox->exchanges;
    my ($answer) = $client->login('/members/', fault => $fault);
    refused($answer, $reason, $mark, "$fault: $reason");
    my ($line) = grep {/login refused: /} Civic::Log::lines($mark);
    like($line, $detail, "$fault: the log line helps");
    is($client->session_cookie, undef, "$fault: no session");
    is($sandbox->exchanges, $exchanges + 1, "$fault: the code was sent once");
    logs_in($client, '/members/', "$fault: the same browser logs in afterwards");
}
for my $fault (@fine) {
    my $client = Civic::Client->new;
    my ($answer) = $client->login('/members/', fault => $fault);
    is($answer->code, 200, "$fault: logs in");
    is($client->get('/members/')->code, 200, "$fault: and opens the page");
}
for my $row (@odd) {
    my ($name, $data) = @$row;
    my $mark = Civic::Log::mark();
    my ($answer) = Civic::Client->new->login('/members/', data => $data);
    refused($answer, 'answer-format', $mark, "$name: answer-format");
}

# ---- a code that Civic has seen is never sent again ----
my $client = Civic::Client->new;
my $page = Civic::Client::login_page($client->get('/members/'));
my $token = $sandbox->token(appId => 'CO-ALPHA', fault => '500');
is($client->callback($token, $page->{state})->code, 502, 'Civic failed');
my $exchanges = $sandbox->exchanges;
my $mark = Civic::Log::mark();
refused($client->callback($token, $page->{state}), 'token-replayed', $mark, 'the same code once more');
is($sandbox->exchanges, $exchanges, 'costs no call');

# ---- a session that is there is left alone by a login that fails ----
my $kept = Civic::Client->logged_in('/members/');
my ($name, $value) = $kept->session_cookie;
$page = Civic::Client::login_page($kept->get('/proof/'));
is($kept->callback($sandbox->token(appId => 'CO-ALPHA', fault => '500'), $page->{state})->code,
    502, 'the step up fails');
is($kept->cookies->{$name}, $value, 'the cookie stays');
is($kept->get('/members/')->code, 200, 'and so does the session');

# ---- faults for whoever comes next; more of the same are hushed, and counted ----
$sandbox->fault('429', 3);
$mark = Civic::Log::mark();
my @codes = map { (Civic::Client->new->login('/members/'))[0]->code } 1 .. 4;
is_deeply(\@codes, [ 503, 503, 503, 200 ], 'three throttled logins and one that works');
is(scalar(grep {/login refused: upstream-throttled/} Civic::Log::lines($mark)), 3, 'each has its line');

# ---- a 429 that says "in a second" is waited for, once: that code was not used ----
$sandbox->fault('429-soon', 1);
$exchanges = $sandbox->exchanges;
logs_in(Civic::Client->new, '/members/', 'throttled for a second: logs in all the same');
is($sandbox->exchanges, $exchanges + 2, 'by asking once more');
$sandbox->fault('429-soon', 3);
$mark = Civic::Log::mark();
($client, $exchanges) = (Civic::Client->new, $sandbox->exchanges);
refused(($client->login('/members/'))[0], 'upstream-throttled', $mark, 'throttled for longer');
is($sandbox->exchanges, $exchanges + 2, 'asks once more and no oftener');
$sandbox->reset;
logs_in($client, '/members/', 'and afterwards the same browser logs in');
