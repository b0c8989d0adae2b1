# One change to an otherwise good authorization code at a time: each is refused with its reason, on
# the answer and in the log, nothing is asked of Civic and nobody is logged in.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(hmac_sha256);
use JSON::PP ();
use MIME::Base64 qw(decode_base64url encode_base64url);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();

my $now = time;
my $ISSUER = 'civic-sip-hosted-service';
my %ES256 = (alg => 'ES256', typ => 'JWT');

# [what, reason, status, what the sandbox is asked for]
my @SIGNED = (
    ['alg none',               'token-algorithm', 400, header => { %ES256, alg => 'none' }],
    ['alg None',               'token-algorithm', 400, header => { %ES256, alg => 'None' }],
    ['alg empty',              'token-algorithm', 400, header => { %ES256, alg => '' }],
    ['alg HS256',              'token-algorithm', 400, header => { %ES256, alg => 'HS256' }],
    ['alg ES256K',             'token-algorithm', 400, header => { %ES256, alg => 'ES256K' }],
    ['alg ES384',              'token-algorithm', 400, header => { %ES256, alg => 'ES384' }],
    ['alg RS256',              'token-algorithm', 400, header => { %ES256, alg => 'RS256' }],
    ['alg es256',              'token-algorithm', 400, header => { %ES256, alg => 'es256' }],
    ['alg a list',             'token-algorithm', 400, header => { %ES256, alg => ['ES256'] }],
    ['no alg',                 'token-algorithm', 400, header => { typ => 'JWT' }],
    ['crit',                   'token-format',    400, header => { %ES256, crit => ['exp'] }],
    ['crit, empty',            'token-format',    400, header => { %ES256, crit => [] }],
    ['another typ',            'token-format',    400, header => { %ES256, typ => 'at+jwt' }],
    ['typ a number',           'token-format',    400, header => { %ES256, typ => 1 }],
    ['the key of nobody',      'token-signature', 400, signWith => 'other'],
    ['a key in the header',    'token-signature', 400, signWith => 'other', header => { %ES256, jwk => { kty => 'EC' }, kid => '../x', jku => 'https://evil.example/' }],
    ['no iss',                 'token-format',    400, claims => { iss => undef }],
    ['a foreign iss',          'token-issuer',    400, claims => { iss => 'https://evil.example' }],
    ['iss that starts so',     'token-issuer',    400, claims => { iss => "$ISSUER.evil" }],
    ['iss of another case',    'token-issuer',    400, claims => { iss => uc $ISSUER }],
    ['iss a list',             'token-format',    400, claims => { iss => [$ISSUER] }],
    ['iss empty',              'token-format',    400, claims => { iss => '' }],
    ['no sub',                 'token-format',    400, claims => { sub => undef }],
    ['sub of another application', 'token-audience', 400, claims => { sub => 'CO-BETA' }],
    ['sub of another case',    'token-audience',  400, claims => { sub => 'co-alpha' }],
    ['sub with more',          'token-audience',  400, claims => { sub => 'CO-ALPHA ' }],
    ['sub a number',           'token-format',    400, claims => { sub => 1 }],
    ['sub empty',              'token-format',    400, claims => { sub => '' }],
    ['no aud',                 'token-format',    400, claims => { aud => undef }],
    ['aud empty',              'token-format',    400, claims => { aud => '' }],
    ['aud an empty list',      'token-format',    400, claims => { aud => [] }],
    ['aud a list of numbers',  'token-format',    400, claims => { aud => [1] }],
    ['aud an object',          'token-format',    400, claims => { aud => { a => 1 } }],
    ['no exp',                 'token-format',    400, claims => { exp => undef }],
    ['exp a string',           'token-format',    400, claims => { exp => '' . ($now + 600) . ' ' }],
    ['exp true',               'token-format',    400, claims => { exp => JSON::PP::true }],
    ['exp a minute and more ago', 'token-expired', 401, claims => { iat => $now - 900, exp => $now - 65 }],
    ['exp in 1970',            'token-expired',   401, claims => { iat => 0, exp => 1 }],
    ['exp negative',           'token-expired',   401, claims => { iat => -20, exp => -10 }],
    ['exp -1e300',             'token-expired',   401, claims => { iat => -1e301, exp => -1e300 }],
    ['exp before iat',         'token-format',    400, claims => { iat => $now, exp => $now - 1 }],
    ['no iat',                 'token-format',    400, claims => { iat => undef }],
    ['iat a string',           'token-format',    400, claims => { iat => "x$now" }],
    ['iat a minute and more ahead', 'token-early', 401, claims => { iat => $now + 90, exp => $now + 900 }],
    ['iat 1e300',              'token-early',     401, claims => { iat => 1e300, exp => 1e301 }],
    ['no jti',                 'token-format',    400, claims => { jti => undef }],
    ['jti empty',              'token-format',    400, claims => { jti => '' }],
    ['jti a number',           'token-format',    400, claims => { jti => 1 }],
    ['jti with a space',       'token-format',    400, claims => { jti => 'a b' }],
    ['jti with a line break',  'token-format',    400, claims => { jti => "a\nb" }],
    ['jti not ASCII',          'token-format',    400, claims => { jti => "\x{e4}" }],
    ['jti too long',           'token-format',    400, claims => { jti => 'a' x 257 }],
);

my $client = Civic::Client->new;
my $sandbox = $client->{sandbox};
my $JSON = JSON::PP->new->canonical->utf8;
my $good = $sandbox->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP');
my ($head, $payload, $signature) = split /\./, $good;
my $bytes = decode_base64url($signature);
my $claims = decode_base64url($payload);

sub part { return encode_base64url($_[0]) }

# Another spelling of the last character: the same bytes for a lenient decoder.
sub respelled {
    my $text = shift;
    my $alphabet = join '', 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-_';
    my $last = index $alphabet, substr $text, -1;
    return substr($text, 0, -1) . substr $alphabet, $last ^ 1, 1;
}

# [what, reasons that will do, the token]
my $FORMAT = 'token-format';
my @MANGLED = (
    ['nothing but dots',        $FORMAT, '..'],
    ['two parts',               $FORMAT, "$head.$payload"],
    ['four parts',              $FORMAT, "$good.$signature"],
    ['five parts',              $FORMAT, "$good.a.b"],
    ['no signature',            'token-format|token-signature', "$head.$payload."],
    ['no payload',              $FORMAT, "$head..$signature"],
    ['no header',               $FORMAT, ".$payload.$signature"],
    ['blanks around',           $FORMAT, " $good "],
    ['a line break in it',      'token-signature', $good =~ s/\./.\n/r],
    ['padding',                 $FORMAT, "$head.$payload.$signature=="],
    ['the other base64',        $FORMAT, "$head.$payload.+/" . substr $signature, 2],
    ['a signature respelled',   $FORMAT, "$head.$payload." . respelled($signature)],
    ['a signature of zeros',    'token-signature', "$head.$payload." . part("\0" x 64)],
    ['a signature of r alone',  'token-signature', "$head.$payload." . part(substr($bytes, 0, 32))],
    ['a signature and a byte',  'token-signature', "$head.$payload." . part("$bytes\0")],
    ['a signature by DER',      'token-signature', "$head.$payload." . part("\x30\x44\x02\x20" . substr($bytes, 0, 32) . "\x02\x20" . substr($bytes, 32))],
    ['a signature turned round', 'token-signature', "$head.$payload." . part(substr($bytes, 32) . substr($bytes, 0, 32))],
    ['a huge signature',        $FORMAT, "$head.$payload." . ('A' x 4000)],
    ['HS256 by the public key', 'token-algorithm', do {
        open my $in, '<', "$ENV{CIVIC_KEYS}/civic.pub" or die $!;
        chomp(my $key = do { local $/; <$in> });
        my $input = part('{"alg":"HS256","typ":"JWT"}') . ".$payload";
        "$input." . part(hmac_sha256($input, $key));
    }],
    ['another payload',         'token-signature', "$head." . part($claims =~ s/CO-ALPHA/CO-BETA/r) . ".$signature"],
    ['a member twice',          'token-signature|token-format', "$head." . part($claims =~ s/\{/{"sub":"CO-ALPHA",/r) . ".$signature"],
    ['alg twice',               $FORMAT, part('{"alg":"ES256","alg":"none"}') . ".$payload.$signature"],
    ['alg twice, other order',  $FORMAT, part('{"alg":"none","alg":"ES256"}') . ".$payload.$signature"],
    ['a header that is a list', $FORMAT, part('["ES256"]') . ".$payload.$signature"],
    ['a header that is no JSON', $FORMAT, part('ES256') . ".$payload.$signature"],
    ['a header with more behind', $FORMAT, part('{"alg":"ES256"}x') . ".$payload.$signature"],
    ['a huge header',           $FORMAT, part('{"alg":"ES256","x":"' . ('a' x 4000) . '"}') . ".$payload.$signature"],
    ['a deep header',           $FORMAT, part('{"alg":"ES256","x":' . ('[' x 200) . (']' x 200) . '}') . ".$payload.$signature"],
    ['60000 bytes',             $FORMAT, 'A' x 60000],
    ['markup',                  $FORMAT, '<script>alert(1)</script>'],
    ['a JSON text',             $FORMAT, '{"payload":"' . $payload . '","signature":"' . $signature . '"}'],
);

plan tests => 4 * (@SIGNED + @MANGLED) + 20;

my $page = Civic::Client::login_page($client->get('/members/'));

# One code that must be refused.
sub refused {
    my ($what, $reasons, $status, $token) = @_;
    my $mark = Civic::Log::mark();
    my $before = $sandbox->exchanges;
    my $answer = $client->callback($token, $page->{state});
    my $problem = { reason => '', type => '', reference => '', %{ (eval { $client->json($answer) }) || {} } };
    like($answer->code . " $problem->{reason} $problem->{type}",
        qr/^$status ($reasons) urn:civic:reason:\1$/, "$what: refused") or diag $answer->as_string;
    my @lines = grep { /login refused: ($reasons) \(.*\) ref=\Q$problem->{reference}\E$/ } Civic::Log::lines($mark);
    is(scalar @lines, 1, "$what: one line says so, with the reference");
    is($sandbox->exchanges, $before, "$what: Civic was not asked");
    is(join(' ', map { /^([^;]*)/ } grep { !/-login=/ } $answer->header('Set-Cookie')), '', "$what: no session");
    return;
}

for my $case (@SIGNED) {
    my ($what, $reason, $status, %how) = @$case;
    refused($what, $reason, $status, $sandbox->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP', %how));
}
refused(@$_[0, 1], 400, $_->[2]) for @MANGLED;
is($client->get('/members/')->code, 401, 'after all of these nobody is logged in');
is(scalar @{ $client->json($client->fetch('/civic/session'))->{sessions} }, 0, 'and no session is there');

# ---- what is odd and yet good ----
$now = time;    # a busy machine may have needed a while for what is above
my %GOOD = (
    'exp 1e300'               => { exp => 1e300 },
    'exp in 2100'             => { exp => 4102444800 },
    'exp 50 s ago'            => { iat => $now - 900, exp => $now - 50 },
    'iat 50 s ahead'          => { iat => $now + 50, exp => $now + 900 },
    'sub of the service'      => { sub => $ISSUER },
    'aud a list'              => { aud => ['https://a.example', 'b'] },
    'members nobody knows'    => { nbf => 'x', admin => JSON::PP::true, scope => 'PROOF_OF_IDENTITY' },
    'a jti of 256 characters' => { jti => 'j' x 248 . sprintf '%08d', $$ },
);
for my $what (sort keys %GOOD) {
    my $token = $sandbox->token(appId => 'CO-ALPHA', scope => 'BASIC_SIGNUP', claims => $GOOD{$what});
    my $fresh = Civic::Client->new;
    my $state = Civic::Client::login_page($fresh->get('/members/'))->{state};
    is($fresh->callback($token, $state)->code, 200, "$what: good");
    $fresh = Civic::Client->new;
    $state = Civic::Client::login_page($fresh->get('/members/'))->{state};
    is($client->json($fresh->callback($token, $state))->{reason}, 'token-replayed', "$what: once");
}
is($client->callback($good, $page->{state})->code, 200, 'the good one is good after all');
is($client->get('/members/')->code, 200, 'and opens the page');
