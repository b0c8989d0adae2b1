# Each Require rule of ours, both ways: whom it lets in, whom it keeps out, and whom it keeps out when it
# is negated. What is not verified, ambiguous, unreadable or not there satisfies none, under `not`
# neither. A rule that is no good is refused with file and line.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use POSIX qw(strftime);

use lib 't/lib';
use Civic::Server ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $OZDEMIR = '1f0c9a7d3e5b8246017f2c4e6a8b0d1f3e5c7a9b1d3f5e7092b4d6f8a0c2e4f6';
my ($YEAR, $MONTH, $DAY) = split /-/, strftime('%Y-%m-%d', gmtime);

# Today, so many years ago.
sub years { my $year = $YEAR - shift; return sprintf '%04d-%s-%02d', $year, $MONTH, $MONTH == 2 && $DAY == 29 ? 28 : $DAY }

# What a document says: label => value or values, "documents.genericId." left out.
sub document {
    my %says = @_;
    my @items;
    for my $label (sort keys %says) {
        my $name = $label =~ /\.|slow/ ? $label : "documents.genericId.$label";
        push @items, map { { label => $name, value => $_, isValid => JSON::PP::true, isOwner => JSON::PP::true } }
            ref $says{$label} ? @{ $says{$label} } : $says{$label};
    }
    return data => \@items;
}

# ---- who asks: name => where and how he logs in ----
my %people = (
    jane    => ['proof'],
    basic   => ['members'],
    anon    => ['anonymous'],
    ozdemir => [ 'proof', person => 'ozdemir' ],
    smiley  => [ 'proof', person => 'smiley' ],
    expired => [ 'proof', person => 'expired' ],
    stale   => [ 'members', person => 'stale' ],
    # nothing of it is verified
    invalid => [ 'proof', fault => 'not-valid' ],
    unowned => [ 'proof', fault => 'not-owner' ],
    # Jane, with documents of other kinds
    kid     => [ 'proof', document(dateOfBirth => years(10), dateOfExpiry => years(-1), country => 'CAN') ],
    adult   => [ 'proof', document(dateOfBirth => years(18), dateOfExpiry => years(0), country => 'usa') ],
    odd     => [ 'proof', document(dateOfBirth => '1980-1-30', dateOfExpiry => '2021-1-01', country => 'Can', 'slow' => 'a' x 60 . '!') ],
    garbage => [ 'proof', document(dateOfBirth => '01/30/1980', dateOfExpiry => 'never', country => 'United States',
        'contact.personal.email' => "jane\@example.com\n") ],
    nodays  => [ 'proof', document(dateOfBirth => '1981-02-29', dateOfExpiry => '2039-13-01', country => 'US') ],
    empty   => [ 'proof', document(dateOfBirth => '', dateOfExpiry => '', country => '', 'contact.personal.email' => '') ],
    twice   => [ 'proof', document(dateOfBirth => [ years(30), years(10) ], dateOfExpiry => [ years(-1), years(1) ],
        country => [ 'USA', 'CAN' ], 'contact.personal.email' => [ 'jane@example.com', 'zoe@example.net' ]) ],
    agreed  => [ 'proof', document(dateOfBirth => [ years(30), years(30) ], country => [ 'USA', 'USA' ]) ],
    unborn  => [ 'proof', document(dateOfBirth => years(-1), dateOfExpiry => '9999-12-31', country => 'XXX') ],
    ancient => [ 'proof', document(dateOfBirth => '0001-01-01', dateOfExpiry => '0001-01-01', country => 'ROM') ],
);
my @everybody = sort keys %people;
my @janes = grep { !/ozdemir|smiley|expired|stale/ } @everybody;
my @documents = grep { $people{$_}[0] eq 'proof' } @everybody;

sub but { my ($out, @from) = @_; return join ' ', grep { !/^(?:$out)$/ } @from }

# rule => whom it lets in, whom it lets in behind `Require valid-user` and negated. All others are kept out by
# either.
my @rules = (
    [ "civic-user $JANE",                => "@janes",                 'ozdemir smiley expired stale' ],
    [ "civic-user $JANE $OZDEMIR",       => "@janes ozdemir",         'smiley expired stale' ],
    [ "civic-user \"$OZDEMIR\"",         => 'ozdemir',                but('ozdemir', @everybody) ],
    [ 'civic-user ' . uc $JANE,          => '',                       "@everybody" ],
    [ 'civic-user ' . substr($JANE, 1),  => '',                       "@everybody" ],
    [ 'civic-claim contact.personal.email jane@example.com', => 'jane basic', 'ozdemir smiley expired' ],
    [ 'civic-claim contact.personal.email zoe@example.net "jane@example.com"', => 'jane basic smiley', 'ozdemir expired' ],
    [ 'civic-claim contact.personal.email JANE@example.com', => '',   'jane basic ozdemir smiley expired' ],
    [ 'civic-claim contact.personal.email jane@example', => '',       'jane basic ozdemir smiley expired' ],
    [ 'civic-claim documents.genericId.name "Jane Specimen"', => 'jane', 'ozdemir smiley expired' ],
    [ 'civic-claim documents.genericId.name "Gülşen Özdemir"', => 'ozdemir', 'jane smiley expired' ],
    [ 'civic-claim contact.personal.email ~ "@example\.(com|org)$"', => 'jane basic ozdemir expired', 'smiley' ],
    [ 'civic-claim contact.personal.email ~ (?i)^JANE@', => 'jane basic', 'ozdemir smiley expired' ],
    [ 'civic-claim contact.personal.email ~ ^$',        => '',        'jane basic ozdemir smiley expired' ],
    [ 'civic-claim slow ~ ^(?:a|aa)+$',                 => '',        '' ],    # is given up
    [ 'civic-claim slow ~ ^b',                          => '',        'odd' ],
    [ 'civic-claim no.such.label x',                    => '',        '' ],
    [ 'civic-claim no.such.label ~ .*',                 => '',        '' ],
    [ 'civic-scope ANONYMOUS_LOGIN',     => "@everybody",             '' ],
    [ 'civic-scope BASIC_SIGNUP',        => but('anon', @everybody),  'anon' ],
    [ 'civic-scope PROOF_OF_IDENTITY',   => "@documents",             'anon basic stale' ],
    [ 'civic-scope PROOF_OF_AGE',        => '',                       "@everybody" ],
    [ 'civic-scope PROOF_OF_AGE PROOF_OF_IDENTITY', => "@documents",  'anon basic stale' ],
    [ 'civic-age 18',                    => 'jane ozdemir smiley expired adult odd agreed', 'kid' ],
    [ 'civic-age 19',                    => 'jane ozdemir smiley expired odd agreed', 'kid adult' ],
    [ 'civic-age 10',                    => 'jane ozdemir smiley expired kid adult odd agreed', '' ],
    [ 'civic-age 150',                   => '',                       'jane ozdemir smiley expired kid adult odd agreed' ],
    [ 'civic-document-valid',            => 'jane ozdemir smiley kid adult unborn', 'expired odd ancient' ],
    [ 'civic-country USA',               => 'jane adult agreed',      'ozdemir smiley expired kid odd unborn ancient' ],
    [ 'civic-country usa Tur CAN',       => 'jane ozdemir kid adult odd agreed', 'smiley expired unborn ancient' ],
    [ 'civic-fresh 10min',               => "@everybody",             undef ],
);

# ---- lines that are no good, and what is said ----
my $years = qr/it must be one number of years, 1 to 150/;
my $country = qr/countries have three letters \(ISO 3166-1 alpha-3\), as USA/;
my $interval = qr/must be a number with the unit s \(the default\), min, h or ms/;
my $scopes = qr/it must be names of scope requests, as ANONYMOUS_LOGIN/;
my @wrong = (
    [ 'civic-user',                        qr/it takes at least one userId/ ],
    [ 'civic-user ""',                     qr/a value is empty/ ],
    [ 'civic-claim',                       qr/it takes a label and values, or a label, ~ and a regular expression/ ],
    [ 'civic-claim contact.personal.email', qr/it takes a label and values/ ],
    [ 'civic-claim "a label" x',           qr/a label is visible ASCII, as contact\.personal\.email/ ],
    [ 'civic-claim contact.personal.email jane@example.com ""', qr/a value is empty/ ],
    [ 'civic-claim contact.personal.email ~', qr/~ takes one regular expression: put it in quotes/ ],
    [ 'civic-claim contact.personal.email ~ a b', qr/~ takes one regular expression/ ],
    [ 'civic-claim contact.personal.email ~ (a', qr/this is no regular expression/ ],
    [ 'civic-scope',                       qr/it takes at least one scope request, as PROOF_OF_IDENTITY/ ],
    [ 'civic-scope basic_signup',          $scopes ],
    [ 'civic-scope BASIC_SIGNUP,PROOF_OF_IDENTITY', $scopes ],
    (map { [ "civic-age $_", $years ] } '', 0, 151, -1, '18 19', 'eighteen', '18y', '1e1', '0018', '1.5'),
    [ 'civic-document-valid yes',          qr/it takes nothing more/ ],
    [ 'civic-country',                     qr/it takes at least one country, as USA/ ],
    (map { [ "civic-country $_", $country ] } qw(US USAA U-A 123 Österreich), 'USA,CAN', 'USA Canada'),
    [ 'civic-fresh',                       qr/it takes one interval, as 5min/ ],
    [ 'civic-fresh 5 min',                 qr/it takes one interval/ ],
    [ 'civic-fresh soon',                  $interval ],
    [ 'civic-fresh 0',                     qr/at least one second and at most ten years/ ],
    [ 'civic-agee 18',                     qr/Unknown Authz provider: civic-agee/ ],
);

plan tests => 2 * @rules + @wrong + 5;

sub location {
    my ($name, $text) = @_;
    return "<Location /r/$name>\nAuthType Civic\nAuthName Rules\nCivicUse CO-ALPHA\nCivicScope ANONYMOUS_LOGIN\n$text\n</Location>\n";
}
my $conf = "ScriptAliasMatch ^/r/ \${CIVIC_T}/cgi-bin/echo.pl\n";
for my $i (0 .. $#rules) {
    $conf .= location("is$i", "Require $rules[$i][0]");
    $conf .= location("not$i", "<RequireAll>\nRequire valid-user\nRequire not $rules[$i][0]\n</RequireAll>")
        if defined $rules[$i][2];
}
my $server = Civic::Server->site(conf => $conf)->start;
my %client = map { my ($place, @how) = @{ $people{$_} }; ($_ => $server->client->logged_in("/$place/", @how)) } @everybody;
my $nobody = $server->client;

# Whom a path lets in; all others must be told that they are not. Gives names or a fault.
sub let_in {
    my $path = shift;
    my ($in, $fault) = ('', '');
    for my $name (@everybody) {
        my $code = $client{$name}->get($path)->code;
        $in .= " $name" if $code == 200;
        $fault .= " $name: $code" if $code != 200 && $code != 403;
    }
    my $code = $nobody->get($path)->code;
    $fault .= " without a session: $code" if $code != 401;
    return substr "$in$fault", $in ? 1 : 0;
}

sub sorted { return join ' ', sort split / /, shift }

for my $i (0 .. $#rules) {
    my ($rule, $in, $in_not) = @{ $rules[$i] };
    my $short = $rule =~ s/([0-9a-f]{8})[0-9a-f]{40,}/$1…/gir;
    is(let_in("/r/is$i"), sorted($in), "Require $short");
    defined $in_not
        ? is(let_in("/r/not$i"), sorted($in_not), "Require not $short")
        : pass("Require not $short is none");
}

# ---- the configuration ----
my $other = Civic::Server->new;
my $keys = "<CivicApplication CO-A>\nCivicPrivateKeyFile \${CIVIC_KEYS}/CO-ALPHA.key\nCivicSecretFile \${CIVIC_KEYS}/CO-ALPHA.secret\n</CivicApplication>\n";

sub refuses {
    my ($text, $said, $name) = @_;
    my $line = $other->write_conf($keys . $text);
    my ($status, $printed) = $other->configtest;
    my $right = $status != 0 && $printed =~ /on line $line of \S+httpd\.conf/ && $printed =~ $said;
    return ok($right, "refused: $name") || diag("line $line, status $status: $printed");
}

for my $row (@wrong) {
    my ($rule, $said) = @$row;
    refuses("<Location /x>\n>>Require $rule\n</Location>\n", $said, "Require $rule");
}
refuses("<Location /x>\n<RequireAll>\nRequire valid-user\n>>Require not civic-age x\n</RequireAll>\n</Location>\n",
    qr/Require not civic-age x: it must be one number/, 'a negated line says so');
my $negated = qr/Require (?:not )?civic-fresh 5min: it cannot be negated: that would keep out whoever has just logged in/;
refuses("<Location /x>\n<RequireAll>\nRequire valid-user\n>>Require not civic-fresh 5min\n</RequireAll>\n</Location>\n",
    $negated, 'not civic-fresh');
refuses("<Location /x>\n<RequireAll>\nRequire valid-user\n<RequireNone>\n>>Require civic-fresh 5min\n</RequireNone>\n</RequireAll>\n</Location>\n",
    $negated, 'civic-fresh in RequireNone');
refuses(">><AuthzProviderAlias civic-age adults 18>\n</AuthzProviderAlias>\n",
    qr/cannot be called by an <AuthzProviderAlias>: write the rule where it is used/, 'an alias');
is(scalar(() = $server->error_log =~ /exit signal/g), 0, 'no child has died');
