# The sandbox's API truly verifies: each thing that an exchange must have is made wrong, one at a
# time, and the answer has the documented status and a message. The code survives all of that and
# is then exchanged once.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Sandbox ();
use Civic::Sip ();

plan tests => 206;

my $sandbox = Civic::Sandbox->new;
my $app = Civic::Sip->new('CO-ALPHA');
my $code = $sandbox->token(appId => 'CO-ALPHA');

sub refused {
    my ($answer, $status, $message, $what) = @_;
    is($answer->code, $status, "$what: $status");
    is($answer->header('Content-Type'), 'application/json', "$what: JSON");
    like($app->json($answer)->{message}, $message, "$what: message");
    is($sandbox->log->{last}{status}, $status, "$what: in the sandbox's log");
    return;
}

# ---- 404 and 405 ----
for my $path ('scopeRequest/authcode', 'scopeRequest/authCode/x', 'scopeRequest', '') {
    my $answer = $app->exchange($code, path => $path);
    is($answer->code, 404, "address '$path': 404");
    ok($app->json($answer)->{message}, "address '$path': message");
}
is($app->exchange($code, env => '')->code, 404, 'no environment: 404');
for my $method (qw(GET PUT DELETE PATCH)) {
    my $answer = $app->exchange($code, method => $method);
    refused($answer, 405, qr/POST/, $method);
    is($answer->header('Allow'), 'POST', "$method: Allow");
}

# ---- 400: what is no request at all ----
refused($app->exchange($code, body => $_->[0]), 400, qr/body/, $_->[1])
    for ['', 'no body'], ['x', 'a body that is no JSON'], ['[1]', 'a list'],
    ['{"authToken":"a","authToken":"b"}', 'a member given twice'],
    ['{"authToken":"' . 'x' x 70_000 . '"}', 'a body over the limit'];

# ---- 401: who asks ----
refused($app->exchange($code, authorization => $_->[0]), 401, qr/Authorization must be/, $_->[1])
    for [undef, 'no Authorization'], ['Basic YTpi', 'another scheme'], ['Civic ', 'an empty token'],
    ['Civic abc', 'a token without dots'];
refused($app->exchange($code, authorization => 'Civic a.b.c.d'), 401, qr/no known application/,
    'a token of garbage');
refused($app->exchange($code, key => 'CO-BETA'), 401, qr/not signed by this application/,
    "another application's key");
refused($app->exchange($code, header => { alg => 'none' }), 401, qr/not signed/, 'alg none');
refused($app->exchange($code, header => { alg => 'HS256', typ => 'JWT' }), 401, qr/not signed/,
    'alg HS256');
refused($app->exchange($code, claims => { iss => 'CO-NOBODY', sub => 'CO-NOBODY' }), 401,
    qr/no known application/, 'an unknown application');
refused($app->exchange($code, claims => { sub => 'CO-BETA' }), 401, qr/iss and sub/,
    'another subject');
refused($app->exchange($code, claims => { iss => 'CO-BETA' }), 401, qr/not signed by/,
    "another application's name");

# ---- 401: for what, and when ----
for my $aud ('https://api.civic.com/sip/', "$app->{base}evil/", "$app->{base}//",
    "$app->{base}/dev/") {
    (my $text = $aud) =~ s/:\d+//;
    refused($app->exchange($code, claims => { aud => $aud }), 401, qr/aud/, "audience $text");
}
refused($app->exchange($code, claims => { data => $_ }), 401, qr/must name POST/,
    'data ' . $Civic::Sip::JSON->encode($_))
    for { method => 'GET', path => 'scopeRequest/authCode' }, { method => 'POST', path => 'other' },
    { method => 'POST' };
my $now = time;
refused($app->exchange($code, claims => { iat => $now - 300, exp => $now - 90 }), 401, qr/times/,
    'a request token that is too old');
refused($app->exchange($code, claims => { iat => $now + 90, exp => $now + 300 }), 401, qr/times/,
    'a request token from the future');
refused($app->exchange($code, claims => { $_ => undef }), 401, qr/request token/, "no $_")
    for qw(jti exp);

# ---- 401: the HMAC ----
my $body = $Civic::Sip::JSON->encode({ allowS3UploadedPayload => JSON::PP::true, authToken => $code });
refused($app->exchange($code, secret => '0' x 32), 401, qr/HMAC/, 'another secret');
refused($app->exchange($code, secret => pack('H*', $app->{secret})), 401, qr/HMAC/,
    "the secret's bytes instead of its text");
refused($app->exchange($code, signed => "$body "), 401, qr/HMAC/, 'an HMAC over another body');

# ---- 400: the code ----
refused($app->exchange($code, body => '{"allowS3UploadedPayload":true}'), 400, qr/authToken is missing/,
    'no authToken');
refused($app->exchange('a.b.c'), 400, qr/not a token of this service/, 'a code of garbage');
refused($app->exchange($sandbox->token(appId => 'CO-ALPHA', signWith => 'other')), 400,
    qr/not a token of this service/, 'a code that somebody else signed');
refused($app->exchange($sandbox->token(appId => 'CO-BETA')), 400, qr/another application/,
    "another application's code");
refused(
    $app->exchange($sandbox->token(appId => 'CO-BETA', claims => { sub => 'civic-sip-hosted-service' })),
    400, qr/not known/, "another application's code in the older form");
refused($app->exchange($sandbox->token(appId => 'CO-ALPHA', claims => { iss => 'CO-ALPHA' })), 400,
    qr/iss of authToken/, 'a code of another issuer');
refused(
    $app->exchange($sandbox->token(appId => 'CO-ALPHA', claims => { iat => $now - 2000, exp => $now - 100 })),
    400, qr/expired/, 'a code that is too old');
refused(
    $app->exchange(
        $sandbox->token(appId => 'CO-ALPHA', claims => { data => { codeToken => 'nobody-knows-this' } })),
    400, qr/not known/, 'an unknown code');

# ---- once ----
my $token = $app->request_token($app->claims);
my $answer = $app->exchange($code, token => $token);
is($answer->code, 200, 'after all that, the code is exchanged') or diag $answer->as_string;
is(scalar @{ $app->open_data($app->json($answer)->{data}) }, 2, 'for the user data');
refused($app->exchange($code), 403, qr/duplicate/, 'the code a second time');
refused($app->exchange($sandbox->token(appId => 'CO-ALPHA'), token => $token), 401,
    qr/used before/, 'the request token a second time');
is($app->exchange($sandbox->token(appId => 'CO-ALPHA', claims => { sub => 'civic-sip-hosted-service' }))->code,
    200, 'a code in the older form');

# ---- many at once: each is a code of its own ----
my @codes = $sandbox->tokens(256, appId => 'CO-ALPHA', person => 'minor');
is(scalar @codes, 256, 'as many codes as were wanted');
my %distinct = map { ($_ => 1) } @codes;
is(scalar keys %distinct, 256, 'all different');
for my $which (0, 255) {
    is($app->exchange($codes[$which])->code, 200, "code $which is exchanged");
    refused($app->exchange($codes[$which]), 403, qr/duplicate/, "code $which a second time");
}
is($sandbox->try('/sandbox/token', appId => 'CO-ALPHA', count => $_)->code, 400, "count $_: 400") for 0, 257;
