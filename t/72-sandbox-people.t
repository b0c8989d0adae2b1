# Every made-up person and every scope request: the documented labels and nothing else, the picture
# of the document with its checksum, and the way of large answers: by a URL of their own, which takes
# no Authorization header and is good for a short while only.
use strict;
use warnings FATAL => 'all';
use utf8;

use Apache::Test qw(-withtestmore);
use Digest::MD5 qw(md5_hex);
use MIME::Base64 qw(decode_base64);

use lib 't/lib';
use Civic::Sandbox ();
use Civic::Sip ();

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

my $email = 'contact.personal.email';
my $level = 'verifications.levels.CIVIC:IAL1';
my %labels = (
    ANONYMOUS_LOGIN   => [$level],
    BASIC_SIGNUP      => [ $email, 'contact.personal.phoneNumber' ],
    PROOF_OF_IDENTITY => [
        $level,
        (map { "documents.genericId.$_" }
            qw(type number name dateOfBirth dateOfIssue dateOfExpiry image image_md5 country)),
        $email, 'contact.personal.phoneNumber'
    ],
);
# name, email, type of document, born, country
my %people = (
    jane    => [ 'Jane Specimen', 'jane@example.com', 'passport', '1980-01-30', 'USA' ],
    ozdemir => [ 'Gülşen Özdemir', 'gulsen.ozdemir@example.org', 'ID Card', '1975-11-05', 'TUR' ],
    smiley  => [ 'Zoë 😀 Łuk', 'zoe@example.net', 'Driving License', '1999-12-31', 'POL' ],
    minor   => [ 'Tim Minor', 'tim@example.com', 'passport', '2014-03-01', 'GBR' ],
    expired => [ 'Old Document', 'old@example.com', 'Driving License', '1950-07-07', 'DEU' ],
    stale   => [ 'Stale Mailbox', 'stale@example.com', 'Voter ID', '1988-08-08', 'FRA' ],
);
plan tests => 27 + 6 * (3 * 7 + 6);

my $sandbox = Civic::Sandbox->new;
my $app = Civic::Sip->new('CO-ALPHA');
my (%users, $picture);

for my $person (sort keys %people) {
    my ($name, $mail, $type, $born, $country) = @{ $people{$person} };
    for my $scope (sort keys %labels) {
        my $what = "$person, $scope";
        my $answer = $app->json(
            $app->exchange($sandbox->token(appId => 'CO-ALPHA', scope => $scope, person => $person)));
        like($answer->{userId}, qr/^[0-9a-f]{64}$/, "$what: a userId");
        $users{ $answer->{userId} } = $person;
        is($answer->{alg}, 'aes', "$what: by AES");
        is(!!$answer->{processed}, $scope eq 'PROOF_OF_IDENTITY', "$what: by URL if it is large");
        my $token = $answer->{processed} ? $app->fetch($answer->{data})->content : $answer->{data};
        my $data = $app->open_data($token);
        is_deeply([ map { $_->{label} } @$data ], $labels{$scope}, "$what: the documented labels");
        is_deeply([ grep { join(' ', sort keys %$_) ne 'isOwner isValid label value' } @$data ], [],
            "$what: with the documented members");
        is_deeply([ grep { !$_->{isOwner} } @$data ], [], "$what: all owned");
        is_deeply([ map { $_->{label} } grep { !$_->{isValid} } @$data ],
            [ $person eq 'stale' && $scope ne 'ANONYMOUS_LOGIN' ? $email : () ],
            "$what: all valid but the stale mailbox");
        next unless $scope eq 'PROOF_OF_IDENTITY';

        my %value = map { $_->{label} => $_->{value} } @$data;
        is($value{$email}, $mail, "$what: email");
        is($value{'documents.genericId.name'}, $name, "$what: name");
        is_deeply([ @value{ map { "documents.genericId.$_" } qw(type dateOfBirth country) } ],
            [ $type, $born, $country ], "$what: document");
        like($value{'contact.personal.phoneNumber'}, qr/^\+\d+ \d+$/, "$what: telephone");
        $picture = decode_base64($value{'documents.genericId.image'});
        is(substr($picture, 0, 8), "\x89PNG\r\n\x1a\n", "$what: a picture");
        is($value{'documents.genericId.image_md5'}, md5_hex($value{'documents.genericId.image'}),
            "$what: with its checksum");
    }
}
is(join(' ', sort values %users), join(' ', sort keys %people), 'a userId for each person');
my ($width, $height) = unpack 'x16 NN', $picture;
ok($width >= 320 && $height >= 200, "the picture is $width to $height");

# ---- a scope request that Civic may add, and one that nobody is ----
my $other = $app->json($app->exchange($sandbox->token(appId => 'CO-ALPHA', scope => 'FUTURE_SCOPE')));
is($app->open_data($other->{data})->[0]{label}, $level, 'an unknown scope request passes through');
my @own = map { { label => $_, value => 'zß', isOwner => JSON::PP::true, isValid => JSON::PP::false } } 'x.y', 'x.y';
is_deeply($app->open_data($app->json($app->exchange($sandbox->token(appId => 'CO-ALPHA', data => \@own)))->{data}),
    \@own, 'user data of a choice of one\'s own');
is($sandbox->try('/sandbox/token', %$_)->code, 400, 'refused: ' . $Civic::Sip::JSON->encode($_))
    for { appId => 'CO-ALPHA', person => 'nobody' }, { appId => 'CO-NOBODY' },
    { appId => 'CO-ALPHA', scope => 'no such scope' }, { appId => 'CO-ALPHA', fault => 'no such fault' },
    { appId => 'CO-ALPHA', data => {} }, { appId => 'CO-ALPHA', data => [ 'x' x 5000 ] };

# ---- large answers ----
sub large {
    my $code = $sandbox->token(appId => 'CO-ALPHA', scope => 'PROOF_OF_IDENTITY', @_);
    return $app->json($app->exchange($code));
}
my $answer = large();
my $payloads = $sandbox->log->{payloads};
my $url = $answer->{data};
like($url, qr{^https://localhost:\d+/payload/[0-9a-f-]{36}$}, 'the URL');
is($app->fetch($url)->code, 200, 'it can be fetched');
is($app->fetch($url)->code, 200, 'more than once');
is($sandbox->log->{payloads}, $payloads + 2, 'and the sandbox counts');
is($app->fetch($url, Authorization => 'Civic x')->code, 400, 'not with an Authorization header');
is($app->{agent}->post($url)->code, 405, 'not by POST');
is($app->fetch("${url}0")->code, 403, 'no other URL');
is($app->fetch($url =~ s{[^/]+$}{}r)->code, 403, 'nor none');
is($sandbox->log->{payloads}, $payloads + 2, 'which do not count');

my $small = $app->json($app->exchange($sandbox->token(appId => 'CO-ALPHA', fault => 'processed')));
ok($small->{processed}, 'a small answer goes by URL on demand');
is(scalar @{ $app->open_data($app->fetch($small->{data})->content) }, 2, 'and is what it would be');

my $gone = large(fault => 'payload-gone');
my $expired = $app->fetch($gone->{data});
is($expired->code, 403, 'a URL that has expired is refused');
like($app->json($expired)->{message}, qr/expired/, 'with a message');
my $code = $sandbox->token(appId => 'CO-ALPHA', scope => 'PROOF_OF_IDENTITY');
is($app->fetch($url =~ s{[^/]+$}{(Civic::Sip::token_open($code))[1]{data}{codeToken}}er)->code, 403,
    'and there is none before the exchange');

# Faults reach what is fetched by URL, too, from either way of asking for them.
$answer = large(fault => 'not-owner');
is(scalar(grep { $_->{isOwner} } @{ $app->open_data($app->fetch($answer->{data})->content) }), 0,
    'a fault of the code');
$sandbox->fault('not-valid');
$answer = large();
is(scalar(grep { $_->{isValid} } @{ $app->open_data($app->fetch($answer->{data})->content) }), 0,
    'a fault of the next exchange');
$answer = large();
is(scalar(grep { !$_->{isValid} } @{ $app->open_data($app->fetch($answer->{data})->content) }), 0,
    'and none after it');
