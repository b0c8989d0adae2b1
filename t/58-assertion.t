# CivicAssertion: requests bring a token that a JOSE library which is not ours verifies by the published keys: who it
# is, for whom, for a minute; verified and chosen claims alone; signed once in half a minute; none where nobody is
# logged in, none that a client sends; keys are kept, changed without a gap, and never shown.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Path qw(make_path);
use File::Temp ();
use IPC::Open2 qw(open2);
use MIME::Base64 qw(decode_base64url encode_base64url);

use lib 't/lib';
use Civic::Client ();
use Civic::Clock ();
use Civic::Env ();
use Civic::Jose ();
use Civic::Log ();
use Civic::Server ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $JSON = $Civic::Client::JSON;
my @SPELLINGS = ('Civic-Assertion', 'civic_assertion', 'CIVIC.ASSERTION', ':Civic_Assertion', 'X-Cv-Assertion', 'x_cv_assertion');
my @PLACES = (    # place, directives
    [ none => 'CivicIdentity none' ], [ headers => 'CivicIdentity headers' ], [ orders => 'CivicAssertionAudience orders' ],
    [ few => 'CivicClaims contact.personal.phoneNumber=TEL no.such.thing' ], [ fewer => 'CivicClaims none' ],
    [ off => 'CivicAssertion Off' ], [ pass => "CivicUnauthenticated pass\nRequire all granted" ], [ both => 'CivicIdentity both' ],
    [ proof => 'CivicScope PROOF_OF_IDENTITY' ], [ missing => 'ErrorDocument 404 /off/cgi' ], [ away => 'ErrorDocument 404 /orders/cgi' ],
    [ fallback => 'FallbackResource /orders/cgi' ],
    [ basic => "AuthType Basic\nAuthUserFile \${CIVIC_T}/conf/users\nRequire all granted\nErrorDocument 404 /basic/cgi" ],
    [ tobasic => 'ErrorDocument 404 /basic/cgi' ],
);
plan tests => 77;

# ---- a server, a browser ----
my $clock = Civic::Clock->new;
my $shared = Civic::Env::source_dir();
my $places = join '', map { <<"END" } @PLACES;
<Location "/$$_[0]/">
AuthType Civic
AuthName "X"
CivicAssertion On
Require valid-user
$$_[1]
</Location>
END
my $APPLICATION = Civic::Server::application('CO-ALPHA');
my $ECHO = "ScriptAliasMatch ^/\\w+/cgi \${CIVIC_T}/cgi-bin/echo.pl\n";

# One child: what it has signed it remembers for all of its threads.
sub server {
    my ($text, %how) = @_;
    my $main = delete $how{main} // '';
    return Civic::Server->new(
        ports => [qw(SITE OTHER SANDBOX SANDBOX_PLAIN BACKEND)], env => { $clock->env }, %how,
        conf => join '', "StartServers 1\nServerLimit 1\nMaxRequestWorkers 16\n", $main, 'Include ${CIVIC_T}/conf/sandbox.conf', "\n",
        'Include ${CIVIC_T}/conf/backend.conf', "\n",
        Civic::Server::host(SITE => $APPLICATION . $ECHO . $text),
        Civic::Server::host(OTHER => $APPLICATION . $ECHO . "CivicHeaderPrefix X-Cv-\nServerName LocalHost:443\n" . $text)
    );
}
my $root = File::Temp->newdir('civic-assertion-XXXXXX', TMPDIR => 1);
make_path("$root/fallback");
chmod 0755, "$root";
my $server = server("DocumentRoot $root\n${places}ProxyPassMatch ^/(\\w+/proxy)\$ http://127.0.0.1:\${CIVIC_PORT_BACKEND}/\$1\n")->start;

sub headers_of { my ($client, $path, %headers) = @_; return $client->json($client->get($path, %headers))->{env} }
sub token { return headers_of(@_)->{HTTP_CIVIC_ASSERTION} }
sub part { my ($token, $which) = @_; return $JSON->decode(decode_base64url((split /\./, $token // '')[$which] // '')) }
sub payload { return part($_[0], 1) }
sub keys_of { my ($at, $port) = @_; my $answer = $at->client($port)->fetch('/civic/jwks.json'); return $JSON->decode($answer->content)->{keys} }

# What jose says of tokens, by the keys that a server publishes.
sub jose {
    my ($at, @cases) = @_;
    open my $in, '<', "$shared/t/snippets/verify.mjs" or die $!;
    my $program = Civic::Jose::program("verify-$$.mjs", do { local $/; <$in> });
    local $ENV{NODE_EXTRA_CA_CERTS} = "$ENV{CIVIC_KEYS}/ca.pem";
    my $pid = open2(my $from, my $to, 'node', $program, 'https://localhost:' . $at->port('SITE') . '/civic/jwks.json');
    print {$to} $JSON->encode({ issuer => 'https://localhost', audience => 'https://localhost', %$_ }), "\n" for @cases;
    close $to;
    my @said = map { $JSON->decode($_) } <$from>;
    waitpid $pid, 0;
    unlink $program;
    return @said;
}

# ---- what it says, and who verifies it ----
my $client = $server->client->logged_in('/none/cgi');
my ($default, $orders) = map { token($client, $_) } '/none/cgi', '/orders/proxy';
my $other = reverse $default =~ s/.*\.//sr;    # another signature
my @said = jose($server, { token => $default }, { token => $orders, audience => 'orders' },
    { token => $default, audience => 'orders' }, { token => $orders }, { token => $default, issuer => 'https://localhost:1' },
    { token => $default, after => 61 }, { token => $default =~ s/[^.]*\z/$other/r },
    { token => $default =~ s/\.[^.]*\./'.' . encode_base64url($JSON->encode({ %{ payload($default) }, sub => 'x' })) . '.'/er });
my $who = $said[0]{payload};
is($who->{sub}, $JANE, 'jose verifies it: the person');
is($who->{iss} . ' ' . $who->{aud}, 'https://localhost https://localhost', 'the site, for the site');
is($who->{exp} - $who->{iat}, 60, 'for a minute');
cmp_ok(abs($who->{iat} - time), '<=', 20, 'from now on');
cmp_ok(abs($who->{auth_time} - time), '<=', 20, 'when the login was');
is($who->{email} . $who->{email_verified}, 'jane@example.com1', 'the address');
is_deeply($who->{civic}, { application => 'CO-ALPHA', scope => 'BASIC_SIGNUP',
    claims => { 'contact.personal.email' => 'jane@example.com', 'contact.personal.phoneNumber' => '+1 5551234567' } }, 'what was shown');
is_deeply([ sort keys %$who ], [qw(aud auth_time civic email email_verified exp iat iss sub)], 'and nothing else');
my ($key) = @{ keys_of($server) };
is_deeply($said[0]{header}, { alg => 'ES256', typ => 'JWT', kid => $key->{kid} }, 'the header names the key');
is($said[1]{payload}{aud}, 'orders', 'another audience, through a proxy');
is("$said[$$_[0]]{error} " . ($said[$$_[0]]{claim} // ''), $$_[2], $$_[1])
    for [ 2, 'not for others', 'ERR_JWT_CLAIM_VALIDATION_FAILED aud' ], [ 3, 'either way', 'ERR_JWT_CLAIM_VALIDATION_FAILED aud' ],
    [ 4, 'not of another site', 'ERR_JWT_CLAIM_VALIDATION_FAILED iss' ], [ 5, 'not after a minute', 'ERR_JWT_EXPIRED exp' ],
    [ 6, 'not with another signature', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED ' ],
    [ 7, 'not for another person', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED ' ];
my $env = headers_of($client, '/none/cgi');
is(join(' ', grep {/CIVIC/} sort keys %$env), 'HTTP_CIVIC_ASSERTION', 'with CivicIdentity none it comes alone');
is(scalar(grep {/^HTTP_CIVIC_/} keys %{ headers_of($client, '/headers/cgi') }), 7, 'beside the other headers');
is_deeply(payload(token($client, '/few/cgi'))->{civic}{claims}, { 'contact.personal.phoneNumber' => '+1 5551234567' },
    'CivicClaims chooses, by labels');
is(payload(token($client, '/few/cgi'))->{email}, undef, 'the address as well');
is_deeply(payload(token($client, '/fewer/cgi'))->{civic}{claims}, {}, 'or none');
is($server->client->get('/civic/jwks.json', Host => 'evil.example')->code, 200, 'whatever Host says');
is(payload(token($client, '/both/cgi', Host => 'evil.example', Cookie => join '=', $client->session_cookie))->{iss}, 'https://localhost', 'the issuer is not a client\'s choice');

# ---- what is not verified, what is large ----
my $item = sub { my ($label, $value, %how) = @_; return { label => $label, value => $value, isValid => \1, isOwner => \1, %how } };
my $showing = sub {
    my $path = shift;
    return $server->client->logged_in($path, data => [ $item->('contact.personal.phoneNumber', '+1'), @_ ]);
};
$client = $showing->('/none/cgi', $item->('a.invalid', '1', isValid => \0), $item->('contact.personal.email', 'x', isOwner => \0),
    $item->('a.control', "1\n2"), $item->('a.fine', "\x{fc}\"\\"));
$who = payload(token($client, '/none/cgi'));
is_deeply($who->{civic}{claims}, { 'contact.personal.phoneNumber' => '+1', 'a.fine' => "\x{fc}\"\\" }, 'verified claims alone, without control characters');
is($who->{email}, undef, 'an address that is not hers is none');
my $mark = $server->mark;
$client = $showing->('/both/cgi', map({ $item->("a.$_", 'v' x 40) } 'aa' .. 'ar'), $item->('b.large', 'x' x 1500));
my $token = token($client, '/both/cgi');
cmp_ok(length $token, '<=', 3072, 'it never grows over 3 KiB');
is(payload($token)->{civic}{claims}{'b.large'}, undef, 'what does not fit is left out');
like(Civic::Log::since($mark), qr/identity: too large for headers, left out: b\.large\b/, 'and the log says what');
$env = headers_of($client, '/both/cgi');
my $sum = 0;
$sum += length("$_: \r\n") - 5 + length $env->{$_} for grep {/^HTTP_CIVIC/} keys %$env;
cmp_ok($sum, '<=', 4096, 'with all other headers not over 4 KiB');
$client = $server->client->logged_in('/proof/cgi');
$who = payload(token($client, '/proof/cgi'));
is($who->{civic}{claims}{'documents.genericId.country'}, 'USA', 'a whole document');
is(scalar(keys %{ $who->{civic}{claims} }), 11 + 0, 'has room');

# ---- where there is none ----
my $guest = $server->client;
is(token($guest, '/pass/cgi', map { $_ => 'FORGED' } @SPELLINGS), undef, 'nobody is logged in: none');
my $member = $server->client->logged_in('/none/cgi');
is(payload(token($member, '/pass/cgi'))->{sub}, $JANE, 'somebody is');
my %forged = map { $_ => 'FORGED' } @SPELLINGS;
for my $path ('/none/cgi', '/off/cgi', '/open/cgi', '/none/proxy', '/off/proxy', '/open/proxy') {
    for my $port ('SITE', 'OTHER') {
        my $browser = $port eq 'SITE' ? $member : $server->client('OTHER')->logged_in('/none/cgi');
        my $seen = headers_of($browser, $path, %forged, Connection => 'Civic-Assertion, X-Cv-Assertion');
        my $name = $port eq 'SITE' ? 'HTTP_CIVIC_ASSERTION' : 'HTTP_X_CV_ASSERTION';
        my $found = join ' ', map { $_ . ($seen->{$_} eq 'FORGED' ? ' FORGED' : '') } grep { /ASSERTION/ } sort keys %$seen;
        # The prefix of the other host means nothing at this one.
        $found =~ s/ ?HTTP_X_CV_ASSERTION FORGED// if $port eq 'SITE';
        is($found, $path =~ m{^/none} ? $name : '', "$path at $port: none that a client sends");
    }
}
is(payload(headers_of($server->client('OTHER')->logged_in('/none/cgi'), '/none/cgi')->{HTTP_X_CV_ASSERTION})->{iss},
    'https://localhost', 'the issuer in lower case, without the usual port');
is(token($member, '/missing/x'), undef, 'an internal redirect to where it is Off takes none along');
is(payload(token($member, '/away/x'))->{aud}, 'orders', 'elsewhere it is for the audience there');

is(payload(token($member, '/fallback/'))->{aud}, 'orders', 'so it is where mod_dir leads');
is(token($member, '/tobasic/x'), undef, 'and none where people log in otherwise');

# ---- signed once in half a minute ----
my @tokens = map { token($member, '/orders/cgi') } 1 .. 20;
is(scalar(keys %{ { map { $_ => 1 } @tokens } }), 1, 'twenty requests, one signature');
$clock->step(15);
is(token($member, '/orders/proxy'), $tokens[0], 'before half of its life is over');
isnt(token($member, '/none/cgi'), $tokens[0], 'another one for another audience');
isnt(token($member, '/few/cgi'), token($member, '/none/cgi'), 'and for other claims');
isnt(token($server->client->logged_in('/orders/cgi'), '/orders/cgi'), $tokens[0], 'and for another session of the same person');
$clock->step(40);
my $later = token($member, '/orders/cgi');
isnt($later, $tokens[0], 'then a new one');
cmp_ok(payload($later)->{iat} - payload($tokens[0])->{iat}, '>=', 30, 'of a later time');
$clock->step(-3600);
cmp_ok(payload(token($member, '/orders/cgi'))->{iat}, '<', time - 3000, 'a clock that is set back makes none that is from the future');
$clock->step(0);
$member->post_form('/civic/logout', '');
is($member->get('/orders/cgi')->code, 401, 'after the logout there is no way to one');

# ---- the key set ----
my $answer = $guest->fetch('/civic/jwks.json');
is($answer->header('Content-Type'), 'application/jwk-set+json', 'a key set');
is($answer->header('Cache-Control'), 'public, max-age=300', 'that may be kept for five minutes');
is($guest->request('HEAD', '/civic/jwks.json')->code, 200, 'HEAD');
is($guest->post_form('/civic/jwks.json', 'x=1')->code, 405, 'it is read only');
is_deeply([ sort keys %$key ], [qw(alg crv kid kty use x y)], 'public halves alone');
my $file = $server->dir . '/logs/auth_civic.sessions.assertion.pem';
is((stat $file)[2] & 07777, 0600, 'the private one is kept for root alone');
$server->again('restart');
is(keys_of($server)->[0]{kid}, $key->{kid}, 'and lasts over restarts');
unlike($server->error_log, qr/eyJ/, 'no token in the log');
$server->stop;
chmod 0644, $file;
my $runs = $server->generations;
$server->run('-k', 'start');
my $refused = qr/the assertion key \S+\.assertion\.pem is not a file of mode 0600/;
for (1 .. 200) { last if $server->error_log =~ $refused; select undef, undef, undef, 0.05 }
like($server->error_log, $refused, 'a key that others may read: the log says so');
is($server->generations, $runs, 'and httpd does not start');

# ---- keys of one's own, changed without a gap ----
my $wall = "<Location \"/\">\nAuthType Civic\nAuthName X\nCivicAssertion On\nRequire valid-user\n</Location>\n";
my $own = server($wall, main => "CivicAssertionKeyFile one.pem two.pem\n");
my ($one, $two) = map {
    system("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out " . $own->dir . "/$_.pem 2>/dev/null") == 0 or die 'openssl';
    chmod 0600, $own->dir . "/$_.pem";
    $own->dir . "/$_.pem";
} qw(one two);
$own->start;
$client = $own->client->logged_in('/x/cgi');
my @before = @{ keys_of($own) };
is(scalar @before, 2, 'two keys are published, though the whole site is protected');
my $old = token($client, '/x/cgi');
is(part($old, 0)->{kid}, $before[0]{kid}, 'the first one signs');
rename $one, "$one.tmp" and rename $two, $one and rename "$one.tmp", $two or die $!;
$own->again('graceful');
my $new;
for (1 .. 100) { $new = token($client, '/x/cgi'); last if part($new, 0)->{kid} ne $before[0]{kid}; select undef, undef, undef, 0.05 }
is(part($new, 0)->{kid}, $before[1]{kid}, 'after a change the other one');
is(join(' ', map { $_->{payload}{sub} // $_->{error} } jose($own, { token => $old }, { token => $new })), "$JANE $JANE",
    'tokens of both are good');
ok(!-e $own->dir . '/logs/auth_civic.sessions.assertion.pem', 'and none is made');

# ---- not used ----
my $unused = server('')->start;
is_deeply(keys_of($unused), [], 'without CivicAssertion there is no key');
ok(!-e $unused->dir . '/logs/auth_civic.sessions.assertion.pem', 'and no file');
is(() = map({ $_->error_log =~ /exit signal/g } $server, $own, $unused), 0, 'no child has died');
