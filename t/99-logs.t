# The last test: no log of the whole run holds a key, secret, cookie, token or claim, at any level of
# ours, and no child has died. httpd's access logs have a format of the tests' own and are not ours.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();

# A run of its own of what must not be logged, should this be the only test.
my $client = Civic::Client->new->logged_in('/proof/');
my $ozdemir = Civic::Client->new->logged_in('/members/', person => 'ozdemir');
my $page = Civic::Client::login_page($client->get('/beta/'));
my $token = $client->{sandbox}->token(appId => 'CO-BETA', scope => 'BASIC_SIGNUP', signWith => 'other');
$client->callback($token, $page->{state});
$client->callback('x' . $token, $page->{state} . 'x');
$client->callback($client->{sandbox}->token(appId => 'CO-BETA', fault => $_), $page->{state})
    for qw(400 401 403 429 500 cut not-json wrong-key wrong-secret unencrypted not-valid no-user-id processed payload-host
    expired-answer large redirect);
my %own = %{ $client->cookies };
$client->post_form('/civic/logout', 'all=1');

# The session store is no log, though it stands beside them here.
my @logs = grep { -f && !/(?:access|backend)_log|auth_civic\.sessions/ } glob "$ENV{CIVIC_LOGS}/*";

# [what, a pattern, the lines that may not hold it: all or our own]
my @CANARIES = (
    ['a token',                     qr/eyJ[\w-]{8}/,                               'all'],
    ['a session cookie',            qr/civic-[0-9a-f]{8}=[\w-]{8}/,                'all'],
    ['a login cookie',              qr/civic-login=[\w-]{8}/,                      'all'],
    ['a session id',                qr/(?<![\w-])[\w-]{43}(?![\w-])/,              'own'],
    ['a sealed cookie',             qr/(?<![\w-])[\w-]{91}(?![\w-])/,              'own'],
    ['a state or another long word', qr/[\w+\/-]{100}/,                            'own'],
    ['an e-mail address',           qr/(?:jane|gulsen\.ozdemir|zoe|tim|old|stale)\@example/, 'own'],
    ['a telephone number',          qr/\+(?:1 |90|48|44|49|33) ?555\d{6}/,          'all'],
    ['a document\'s number',        qr/ABC1112223333|T01A23456|00012\/26\/0001|MIN0000001|D99\/OLD|V-123/, 'all'],
    ['a name',                      qr/Jane Specimen|zdemir|Tim Minor|Stale Mailbox/, 'own'],
    ['a day of birth',              qr/1980-01-30|1975-11-05|1999-12-31|2014-03-01|1950-07-07|1988-08-08/, 'all'],
    ['a user\'s id',                qr/c6d5795f8a059e25|1f0c9a7d3e5b8246|2a1b3c4d5e6f7081|3b2c4d5e6f708192|4c3d5e6f70819|5d4e6f708192a3/, 'own'],
    ['a picture',                   qr/iVBORw0KGgo/,                               'all'],
    ['a private key',               qr/PRIVATE KEY/,                               'all'],
    ['our Authorization header',    qr/Authorization: |Civic eyJ/i,                'all'],
    ['this run\'s own cookies',     qr/${\ join '|', map { quotemeta } values %own }/, 'all'],
    ['this run\'s own state',       qr/\Q$page->{state}\E/,                        'all'],
);

# What stands in the files of keys: each word of it.
my @secrets;
for my $file (grep { !/\.(?:pub|pem)$/ } glob "$ENV{CIVIC_KEYS}/*") {
    open my $in, '<', $file or die "$file: $!";
    push @secrets, grep { length >= 32 } map { /([0-9A-Za-z+\/=]{32,})/g } <$in>;
}
my %seen;
push @CANARIES, ['a key or secret', qr/${\ join '|', map { quotemeta } grep { !$seen{$_}++ } @secrets }/i, 'all'];

plan tests => @CANARIES + 7;

my (%found, $lines, $own_lines, $deaths, %levels);
for my $log (@logs) {
    open my $in, '<', $log or die "$log: $!";
    while (my $line = <$in>) {
        my $is_ours = $line =~ /\[auth_civic:(\w+)\]/ ? ++$levels{$1} : 0;
        $lines++;
        $own_lines++ if $is_ours;
        $deaths .= $line if $line =~ /exit signal|AH0005[12]|core dump|stack smashing|double free|AddressSanitizer|assertion .* failed/i;
        for my $canary (@CANARIES) {
            my ($what, $pattern, $where) = @$canary;
            next if $where eq 'own' && !$is_ours;
            push @{ $found{$what} }, "$log: $line" if $line =~ $pattern;
        }
    }
}
for my $what (map { $_->[0] } @CANARIES) {
    my @hits = @{ $found{$what} || [] };
    is(join('', map { substr $_, 0, 300 } splice @hits, 0, 3), '', "no log holds $what");
}
is($deaths // '', '', 'no child has died');
is(join(' ', grep { -e } map { "$_/core" } $ENV{CIVIC_T}, $ENV{CIVIC_LOGS}, "$ENV{CIVIC_T}/.."), '', 'and left no core');
cmp_ok(scalar @secrets, '>=', 7, 'there were keys and secrets to look for');
cmp_ok($own_lines // 0, '>', 20, 'and lines of ours to look at');
ok($levels{debug} && $levels{info} && $levels{warn} && $levels{error}, 'of every level that is used') or diag join ' ', %levels;
my $all = do { local (@ARGV, $/) = "$ENV{CIVIC_LOGS}/error_log"; <> };
like($all, qr/login: application CO-ALPHA, scope PROOF_OF_IDENTITY, \d+ claims ref=[A-Z2-9]{8}$/m, 'a login is logged without any of it');
like($all, qr/logout: application CO-ALPHA, all sessions ref=/, 'and so is a logout');
