# Each scope request leads to its identity: all that was shown and is valid and owned, nothing
# else, as the UTF-8 that Civic sent; the picture is checked and not kept.
use strict;
use warnings FATAL => 'all';
use utf8;

use Apache::Test qw(-withtestmore);
use Digest::MD5 qw(md5_hex);
use Encode ();
use MIME::Base64 qw(decode_base64);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();

# A client that is logged in, its CIVIC_ variables, its claims at the session endpoint, and the
# lines that the login left in the log.
sub seen {
    my ($place, %how) = @_;
    my $mark = Civic::Log::mark();
    my $client = Civic::Client->logged_in("/$place/", %how);
    my @lines = Civic::Log::lines($mark);
    my $env = $client->json($client->get("/$place/cgi"))->{env};
    my %ours = map { /^CIVIC_(?!KEYS|LOGS|PORT|T$|BUILD|HTTPD|MODULES|MPM)/ ? ($_ => $env->{$_}) : () }
        keys %$env;
    my ($session) = @{ $client->json($client->fetch('/civic/session'))->{sessions} };
    return { client => $client, env => $env, ours => \%ours, session => $session, lines => \@lines };
}

sub item {
    my ($label, $value, $valid, $owner) = @_;
    return {
        label   => $label,
        value   => $value,
        isValid => $valid // JSON::PP::true,
        isOwner => $owner // JSON::PP::true
    };
}

# What a program gets holds the bytes of UTF-8.
sub utf8_of { return Encode::encode('UTF-8', shift) }

my $jane = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $level = { CIVIC_VERIFICATIONS_LEVELS_CIVIC_IAL1 => 'CIVIC:IAL1' };
my $contact = {
    CIVIC_CONTACT_PERSONAL_EMAIL       => 'jane@example.com',
    CIVIC_CONTACT_PERSONAL_PHONENUMBER => '+1 5551234567'
};
my $document = {
    CIVIC_DOCUMENTS_GENERICID_TYPE         => 'passport',
    CIVIC_DOCUMENTS_GENERICID_NUMBER       => 'ABC1112223333',
    CIVIC_DOCUMENTS_GENERICID_NAME         => 'Jane Specimen',
    CIVIC_DOCUMENTS_GENERICID_DATEOFBIRTH  => '1980-01-30',
    CIVIC_DOCUMENTS_GENERICID_DATEOFISSUE  => '2019-06-15',
    CIVIC_DOCUMENTS_GENERICID_DATEOFEXPIRY => '2039-06-14',
    CIVIC_DOCUMENTS_GENERICID_COUNTRY      => 'USA'
};

# place, scope, items, fault (how the answer travels)
my @scopes = (
    [ 'anonymous', 'ANONYMOUS_LOGIN',   $level ],
    [ 'members',   'BASIC_SIGNUP',      $contact ],
    [ 'proof',     'PROOF_OF_IDENTITY', { %$level, %$contact, %$document } ],
    [ 'members',   'BASIC_SIGNUP',      $contact, 'processed' ],
    [ 'proof', 'PROOF_OF_IDENTITY', { %$level, %$contact, %$document }, 'processed' ],
);
my @names = ([ ozdemir => 'Gülşen Özdemir' ], [ smiley => 'Zoë 😀 Łuk' ]);
my @unverified = (qw(not-valid not-owner));

plan tests => 6 * @scopes + 3 * @names + 4 * @unverified + 30;

for my $row (@scopes) {
    my ($place, $scope, $items, $fault) = @$row;
    my $name = $scope . ($fault ? ", $fault" : '');
    my $seen = seen($place, $fault ? (fault => $fault) : ());
    my $image = delete $seen->{ours}{CIVIC_DOCUMENTS_GENERICID_IMAGE_MD5};
    like(delete $seen->{ours}{CIVIC_SESSION_ENDS}, qr{^\d{10}$}, "$name: when it ends");
    is_deeply(
        $seen->{ours},
        {   CIVIC_USER_ID     => $jane,
            CIVIC_APPLICATION => 'CO-ALPHA',
            CIVIC_SCOPE       => $scope,
            %$items
        },
        "$name: the environment"
    );
    is($seen->{env}{REMOTE_USER}, $jane, "$name: REMOTE_USER");
    is(defined $image, $scope eq 'PROOF_OF_IDENTITY', "$name: the picture's checksum");
    is(scalar(grep { $_->{label} =~ /\.image$/ } @{ $seen->{session}{claims} }),
        0, "$name: no picture is kept");
    is(scalar(grep {/picture/} @{ $seen->{lines} }), 0, "$name: and nothing to say of it");
}

# ---- a large answer is fetched from its place, once ----
my $sandbox = Civic::Sandbox->new;
my $before = $sandbox->log->{payloads};
seen('members', fault => 'processed');
is($sandbox->log->{payloads}, $before + 1, 'processed: the payload was fetched');

# ---- names ----
for my $row (@names) {
    my ($person, $name) = @$row;
    my $seen = seen('proof', person => $person);
    is($seen->{env}{CIVIC_DOCUMENTS_GENERICID_NAME}, $name, "$person: the name, in UTF-8");
    my $raw = $seen->{client}->get('/proof/cgi')->content;
    ok(index($raw, utf8_of($name)) > 0, "$person: byte for byte");
    my ($claim) = grep { $_->{label} =~ /\.name$/ } @{ $seen->{session}{claims} };
    is($claim->{value}, $name, "$person: so says the session endpoint");
}

# ---- what is not verified ----
for my $fault (@unverified) {
    my $seen = seen('proof', fault => $fault);
    is_deeply(
        [ sort keys %{ $seen->{ours} } ],
        [qw(CIVIC_APPLICATION CIVIC_SCOPE CIVIC_SESSION_ENDS CIVIC_USER_ID)],
        "$fault: no item is in the environment"
    );
    is($seen->{env}{REMOTE_USER}, $jane, "$fault: the person is known");
    my @claims = @{ $seen->{session}{claims} };
    ok(scalar @claims, "$fault: the items are shown to their owner");
    is(scalar(grep { $_->{verified} } @claims), 0, "$fault: marked as not verified");
}
my $stale = seen('members', person => 'stale');
is($stale->{env}{CIVIC_CONTACT_PERSONAL_EMAIL}, undef, 'an email that is no longer valid is not passed on');
is($stale->{env}{CIVIC_CONTACT_PERSONAL_PHONENUMBER}, '+33 5551239876', 'the telephone number is');

# Neither true nor false is not true.
my $phone = item('contact.personal.phoneNumber', '+1 5551234567');
for my $odd ('true', 1, undef, []) {
    my $seen = seen('members', data => [ $phone, { label => 'odd.flag', value => 'x', isValid => $odd, isOwner => JSON::PP::true } ]);
    is($seen->{env}{CIVIC_ODD_FLAG}, undef, 'isValid that is no boolean does not verify');
}
my $flagless = seen('members', data => [ $phone, { label => 'no.flags', value => 'x' } ]);
is($flagless->{env}{CIVIC_NO_FLAGS}, undef, 'nor does an item without flags');

# ---- labels ----
my $odd = seen('members', data => [
    $phone,
    item('a.b', 'one'), item('A-B', 'two'),         # both fold to A_B
    item('same', 'x'), item('same', 'x'),           # twice the same
    item('user.id', 'evil'), item('Error_Code', 'evil'),    # the module's own
    item('control', "a\r\nSet-Cookie: x=y"), item('delete', "a\x7f"), item('bad', "a\x{85}"),
    item('number', 42), item('yes', JSON::PP::true),
    item('u', "\x{2028}"), item('good', 'fine')
]);
is($odd->{env}{CIVIC_A_B}, undef, 'labels that fold to one name: neither is set');
is($odd->{env}{CIVIC_USER_ID}, $jane, 'no item replaces what is the module\'s own');
is($odd->{env}{CIVIC_ERROR_CODE}, undef, 'nor adds to it');
is($odd->{env}{CIVIC_CONTROL}, undef, 'no value with CR or LF');
is($odd->{env}{CIVIC_DELETE}, undef, 'nor DEL');
is($odd->{env}{CIVIC_BAD}, undef, 'nor a control character of two bytes');
is($odd->{env}{CIVIC_NUMBER}, '42', 'a number is text');
is($odd->{env}{CIVIC_YES}, 'true', 'so is a boolean');
is($odd->{env}{CIVIC_U}, "\x{2028}", 'any other character passes');
is($odd->{env}{CIVIC_GOOD}, 'fine', 'and so does the rest');
my ($line) = grep {/fold to one name/} @{ $odd->{lines} };
like($line, qr/auth_civic:warn.*: (?=.*\bCIVIC_A_B\b)(?=.*\bCIVIC_USER_ID\b)(?=.*\bCIVIC_SAME\b).* ref=\w{8}$/,
    'the log names them');
unlike($line, qr/evil|one\b.*two/, 'and no value');

# ---- the picture ----
my $png = 'iVBORw0KGgo=';
my %md5 = (bytes => md5_hex(decode_base64($png)), text => md5_hex($png));
for my $over (sort keys %md5) {
    my $seen = seen('proof', data => [
        item('documents.genericId.image', $png), item('documents.genericId.image_md5', $md5{$over}) ]);
    is($seen->{env}{CIVIC_DOCUMENTS_GENERICID_IMAGE_MD5}, $md5{$over}, "a checksum over the $over fits");
    is($seen->{env}{CIVIC_DOCUMENTS_GENERICID_IMAGE}, undef, 'the picture itself is not passed on');
}
my @misfits = (
    [ 'another checksum', item('documents.genericId.image_md5', '0' x 32) ],
    ['no checksum'],
    [ 'no base64', item('documents.genericId.image_md5', $md5{bytes}) ],
);
for my $row (@misfits) {
    my ($name, @md5) = @$row;
    my $picture = $name eq 'no base64' ? '@@@@' : $png;
    my $seen = seen('proof', data => [ item('documents.genericId.image', $picture), @md5, item('good', 'fine') ]);
    is($seen->{env}{CIVIC_DOCUMENTS_GENERICID_IMAGE_MD5}, undef, "$name: the checksum does not count");
    is(scalar(grep {/auth_civic:warn.*picture does not fit/} @{ $seen->{lines} }), 1, "$name: the log says so");
}
