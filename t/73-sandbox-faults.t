# Every fault on demand: for one code, and for the next N exchanges of whoever comes. Each is seen
# as a client sees it; an exchange that is refused for its own sake uses none up.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Sandbox ();
use Civic::Sip ();

my $sandbox = Civic::Sandbox->new;
my $app = Civic::Sip->new('CO-ALPHA');

# What tells each fault: given the response, true when it plays.
my %status = map { my $status = $_; $status => sub {
        $_[0]->code == $status && $app->json($_[0])->{message} } }
    qw(400 401 403 405 429 500 503 504);
my %plays = (
    %status,
    'not-json'   => sub { $_[0]->code == 200 && $_[0]->content =~ /^<h1>/ },
    'empty'      => sub { $_[0]->code == 200 && $_[0]->content eq '' },
    'wrong-type' => sub { $_[0]->code == 200 && ref $app->json($_[0]) eq 'ARRAY' },
    'large'      => sub { $_[0]->code == 200 && length $_[0]->content > 8 * 1024 * 1024 },
    'redirect'   => sub { $_[0]->code == 302 && $_[0]->header('Location') =~ m{^https://localhost:} },
    'cut'        => sub { $_[0]->header('Content-Length') > length $_[0]->content },
    'wrong-key' => sub { !defined data($_[0]) && $@ =~ /not signed by the sandbox/ },
    'wrong-secret' => sub { !defined data($_[0]) && $@ =~ /openssl enc/ },
    'unencrypted' => sub {
        my $json = $app->json($_[0]);
        my (undef, $payload) = Civic::Sip::token_open($json->{data});
        return !$json->{encrypted} && @{ $Civic::Sip::JSON->decode($payload->{data}) } == 2;
    },
    'not-valid' => sub { flags($_[0], 'isValid') eq '0 0' && flags($_[0], 'isOwner') eq '1 1' },
    'not-owner' => sub { flags($_[0], 'isOwner') eq '0 0' && flags($_[0], 'isValid') eq '1 1' },
    'no-user-id' => sub { !exists $app->json($_[0])->{userId} && data($_[0]) },
    'bulky' => sub {
        my $item = $app->open_data($app->fetch($app->json($_[0])->{data})->content)->[-1];
        return $item->{label} eq 'sandbox.bulk' && length $item->{value} == 256 * 1024;
    },
    'processed' => sub {
        my $json = $app->json($_[0]);
        return $json->{processed} && $app->open_data($app->fetch($json->{data})->content);
    },
    'payload-host' => sub { $app->json($_[0])->{data} =~ m{^https://payload\.example\.net/} },
    'payload-gone' => sub { $app->fetch($app->json($_[0])->{data})->code == 403 },
    'expired-answer' => sub {
        (Civic::Sip::token_open($app->json($_[0])->{data}))[1]{exp} < time - 3600;
    },
);

sub data {
    my $response = shift;
    return eval { $app->open_data($app->json($response)->{data}) };
}

sub flags {
    my ($response, $name) = @_;
    return join ' ', map { $_->{$name} ? 1 : 0 } @{ data($response) || [] };
}

# Neither a fault nor a refusal.
sub is_plain {
    my $response = shift;
    return $response->code == 200 && flags($response, 'isValid') eq '1 1'
        && flags($response, 'isOwner') eq '1 1' && $app->json($response)->{userId}
        && !$app->json($response)->{processed};
}

sub code { return $sandbox->token(appId => 'CO-ALPHA', @_) }

plan tests => 25 + 2 * keys %plays;

# openssl complains of the wrong secret.
open my $errors, '>&', \*STDERR or die $!;
open STDERR, '>', '/dev/null' or die $!;
for my $fault (sort keys %plays) {
    ok($plays{$fault}->($app->exchange(code(fault => $fault))), "$fault, for a code");
    $sandbox->fault($fault);
    ok($plays{$fault}->($app->exchange(code())), "$fault, for the next one");
}
open STDERR, '>&', $errors or die $!;
ok(is_plain($app->exchange(code())), 'and none is left');

# ---- slow and hanging ----
my $start = time;
ok(is_plain($app->exchange(code(fault => 'slow:0.6'))), 'a slow answer is an answer');
cmp_ok(time - $start, '>=', 0.6, 'that took its time');
$start = time;
$sandbox->fault('slow:0.3');
ok(is_plain($app->exchange(code())), 'a slow one that comes next');
cmp_ok(time - $start, '>=', 0.3, 'took its time as well');

my $hasty = Civic::Sip->new('CO-ALPHA', timeout => 1);
for my $how ('for a code', 'for the next one') {
    $sandbox->fault('hang') if $how =~ /next/;
    my $answer = $hasty->exchange($how =~ /next/ ? code() : code(fault => 'hang'));
    is($answer->header('Client-Warning'), 'Internal response', "hang, $how: no answer");
    like($answer->status_line, qr/timeout/i, "hang, $how: until the client has enough");
    # The sandbox sees that nobody waits any more, and its worker is free again.
    my $tries = 0;
    sleep 0.05 while $sandbox->log->{last}{error} ne 'hung' && ++$tries < 200;
    is($sandbox->log->{last}{error}, 'hung', "hang, $how: which the sandbox notices");
    is_plain($app->exchange(code())) or die 'the sandbox is stuck';
}

# ---- the next N ----
$sandbox->fault('503', 3);
is($app->exchange(code(), secret => '0' x 32)->code, 401, 'a refused exchange');
is($app->exchange(code(fault => '429'))->code, 429, 'a code with a fault of its own');
is(join(' ', map { $app->exchange(code())->code } 1 .. 4), '503 503 503 200',
    'and then the three that were ordered, no more');
$sandbox->fault('500', 5);
$sandbox->fault('504', 1);
is(join(' ', map { $app->exchange(code())->code } 1 .. 2), '504 200', 'a new order replaces the old one');
$sandbox->fault('500', 5);
$sandbox->reset;
is($app->exchange(code())->code, 200, 'and a reset ends it');

my $code = code(fault => '503');
is($app->exchange($code)->code, 503, 'a code that met a fault');
is($app->exchange($code)->code, 403, 'is used up');

# ---- what is no order ----
is($sandbox->try('/sandbox/fault', %$_)->code, 400, 'refused: ' . $Civic::Sip::JSON->encode($_))
    for {}, { fault => 'none' }, { fault => 'slow:' . '1' x 20 }, { fault => 'slow:x' },
    { fault => '503', count => 0 }, { fault => '503', count => 100_001 };
is(
    $sandbox->{agent}->post("$sandbox->{base}/sandbox/fault", Content => '[]')->code,
    400, 'refused: a list'
);
