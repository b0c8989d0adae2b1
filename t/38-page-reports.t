# What only the login page's script sees reaches the log, by the reference that the page shows: in words
# that the server has for it, whatever is sent, from a page of this server alone, and not without bound.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Log ();
use Civic::Server ();

# what the page says, the level of its line, what that says
my @PROBLEMS = (
    [ 'civic-error', 'warn', qr/white list of the application/ ],
    [ 'not-started', 'warn', qr/does not start; see CivicBrowserLibrary/ ],
    [ 'failed',      'warn', qr/was not this server's/ ],
    [ 'blocked',     'info', qr/does not load/ ],
    [ 'cookies',     'info', qr/keeps no cookies/ ],
    [ 'offline',     'info', qr/could not be reached/ ],
);
my @UNFIT = ('EVIL', '', 'civic-error ', 'CIVIC-ERROR', "civic-error\nEVIL", 7, undef, [], { a => 1 }, 'x' x 5000);
my @NO_REFERENCE = ('EVIL', 'ABCDEFG', 'ABCDEFGHJ', 'abcdefgh', 'ABCDEFG0', "ABCDEFG\n", 'ABC EFGH', '', 7, undef, []);
plan tests => 3 * @PROBLEMS + @UNFIT + 2 * @NO_REFERENCE + 17;

my $server = Civic::Server->site(ports => ['FEW'], conf => "LogLevel info\n"
        . Civic::Server::host(FEW => Civic::Server::application('CO-ALPHA') . "CivicCallbackLimit 2/h\n"));
$server->start;
my $client = $server->client;
my $page = Civic::Client::login_page($client->get('/members/'));
like($page->{reference}, qr/^[A-HJ-NP-Z2-9]{8}$/, 'the page has a reference');
is($page->{report}, '/civic/report', 'and the address that hears of it');

sub report { my ($who, %said) = @_; return $who->post_json('/civic/report', { state => $page->{state}, reference => $page->{reference}, %said }) }
sub lines { return grep {/auth_civic: /} Civic::Log::lines($_[0]) }

for my $row (@PROBLEMS) {
    my ($problem, $level, $text) = @$row;
    my $mark = $server->mark;
    my $answer = report($client, problem => $problem);
    is($answer->code . ' ' . $answer->content, '200 {}', "$problem is heard");
    my @lines = lines($mark);
    is(scalar @lines, 1, 'one line');
    like($lines[0], qr/:$level\].* auth_civic: login page: $problem \(application CO-ALPHA at https:\S+: .*$text.*\) ref=$page->{reference}$/, 'says it, with the reference of the page');
}
my $mark = $server->mark;
report($client, problem => 'civic-error');
like((lines($mark))[0], qr/:info\].*civic-error/, 'loud once in ten seconds');

# ---- nothing else gets into the log ----
for my $problem (@UNFIT) {
    $mark = $server->mark;
    refused(report($client, problem => $problem), 'body-malformed', $mark, 'no problem: ' . (substr $problem // 'null', 0, 20) =~ s/\n.*//sr);
}
for my $reference (@NO_REFERENCE) {
    $mark = $server->mark;
    is(report($client, problem => 'blocked', reference => $reference)->code, 200, 'no reference of a page');
    like(join("\n", lines($mark)), qr/\A.*blocked .* ref=(?!ABCDEFG)[A-Z2-9]{8}\z/, 'the line has one of its own');
}
report($client, problem => 'blocked', detail => 'EVIL', message => 'EVIL');
is(scalar(() = $server->error_log =~ /EVIL/g), 0, 'nothing that was sent stands in the log');
unlike($server->error_log, qr/\Q$page->{state}\E/, 'least of all the state');

# ---- only a page of this server ----
my $stranger = $server->client;
$mark = $server->mark;
refused(report($client, problem => 'blocked', state => 'x'), 'state-invalid', $mark, 'without a state of this server');
refused(report($client, problem => 'blocked', state => undef), 'body-malformed', $mark, 'without any');
refused($client->post_json('/civic/report', {}, 'Sec-Fetch-Site' => 'cross-site'), 'cross-origin', $mark, 'from another site');
refused($client->post_json('/civic/report', {}, 'Content-Type' => 'text/plain'), 'content-type', $mark, 'by a form');
refused($client->post_json('/civic/report', '{'), 'body-malformed', $mark, 'no JSON');
refused($client->post_json('/civic/report', 'x' x 70000), 'body-too-large', $mark, 'too much');
is($client->get('/civic/report')->code, 405, 'by GET');
is(report($stranger, problem => 'cookies')->code, 200, 'a browser that keeps no cookie may say so');
is(report($stranger, problem => 'blocked')->header('Set-Cookie'), undef, 'and gets none');

# ---- nor without bound ----
my $few = $server->client('FEW');
$page = Civic::Client::login_page($few->get('/members/'));
is(report($few, problem => 'blocked')->code, 200, 'as many as tries to log in');
is($few->callback('x', 'x')->code, 400, 'which count as well');
$mark = $server->mark;
refused(report($few, problem => 'blocked'), 'too-many-attempts', $mark, 'and no more');
