# A configuration that is no good is refused before httpd starts: with file and line, the
# directive, what is wrong and what would be right. Good ones are taken.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Basename qw(dirname);
use MIME::Base64 qw(encode_base64url);

use lib 't/lib';
use Civic::Server ();

my $server = Civic::Server->new;
my $dir = $server->dir;
my $hex = join '', map { sprintf '%x', 1 + $_ % 15 } 0 .. 63;
my $order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
my $public = slurp("$ENV{CIVIC_KEYS}/civic.pub");

sub slurp {
    my $path = shift;
    open my $in, '<', $path or die "$path: $!";
    local $/;
    return <$in> =~ s/\s+\z//r;
}

# ---- files, good and bad ----
# The key pair of CO-ALPHA as a JWK; with x in place of d the numbers do not fit.
sub jwk {
    my $d = shift;
    my $point = slurp("$ENV{CIVIC_KEYS}/CO-ALPHA.pub");
    my %numbers = (
        d => slurp("$ENV{CIVIC_KEYS}/CO-ALPHA.key"),
        x => substr($point, 2, 64),
        y => substr($point, 66)
    );
    $numbers{d} = $numbers{$d};
    return '{"kty":"EC","crv":"P-256",'
        . join(',', map { qq("$_":") . encode_base64url(pack 'H*', $numbers{$_}) . '"' } sort keys %numbers) . '}';
}

my %files = (
    'good.key'     => "$hex\n",
    'blanks.key'   => "\n  $hex\t\r\n\n",
    'upper.key'    => uc $hex,
    'zeros.key'    => "00$hex\n",
    'short.key'    => substr($hex, 2),
    'odd.key'      => substr($hex, 1),
    'long.key'     => "${hex}a",
    'longer.key'   => "11$hex",
    'public.key'   => $public,
    'nothex.key'   => substr($hex, 1) . 'g',
    'two.key'      => "$hex\n$hex\n",
    'empty.key'    => '',
    'blank.key'    => " \n",
    'null.key'     => '0' x 64,
    'order.key'    => $order,
    'large.key'    => 'a' x 70000,
    'garbage.pem'  => "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    'other.jwk'    => '{"kty":"EC","crv":"P-384","x":"AA","y":"AA","d":"AA"}',
    'good.jwk'     => jwk('d'),
    'misfit.jwk'   => jwk('x'),
    'half.jwk'     => '{"kty":"EC","crv":"P-256","x":"AA"}',
    'broken.jwk'   => '{"kty":',
    'good.secret'  => "0123456789abcdef0123456789ABCDEF\n",
    'short.secret' => '0123456789abcdef0123456789abcde',
    'long.secret'  => '0123456789abcdef0123456789abcdef0',
    'nothex.secret' => '0123456789abcdef0123456789abcdeg',
    'good.seal'    => "$hex\n",
    'short.seal'   => substr($hex, 1),
    'nothex.seal'  => substr($hex, 1) . 'x',
    'two.seal'     => "$hex $hex",
    'proxy.secret' => "jane:a:b %41\n",
    'empty.proxy'  => '',
    'nouser.proxy' => ":password\n",
    'nocolon.proxy' => "password\n",
    'two.proxy'    => "a:b\nc:d\n",
    'long.proxy'   => 'a:' . 'b' x 512,
    'good.lang'    => '{"_dir":"rtl","page.again":"x","page.forbidden":"x {account}"}',
    'empty.lang'   => '{}',
    'list.lang'    => '[]',
    'comma.lang'   => qq({\n"page.again":"x",\n}),
    'key.lang'     => '{"page.agaim":"x"}',
    'dir.lang'     => '{"_dir":"down"}',
    'name.lang'    => '{"page.forbidden":"{acount}"}',
    'number.lang'  => '{"page.again":1}',
    'none.lang'    => '{"page.again":""}',
    'long.lang'    => '{"page.again":"' . 'x' x 801 . '"}',
    'bytes.lang'   => qq({"page.again":"\xff"}),
    'large.lang'   => '{}' . ' ' x 131_072,
);
$server->write_file($_, $files{$_}, 0600) for keys %files;
mkdir "$dir/folder";
symlink 'nowhere', "$dir/dangling";
sub openssl {
    my $printed = `cd $dir && openssl @_ 2>&1`;
    die "openssl @_: $printed" if $?;
    return;
}
openssl("ecparam -genkey -noout -name $_ -out $_.pem") for qw(prime256v1 secp256k1 secp384r1);
openssl('ec -in prime256v1.pem -pubout -out public.pem');
openssl('ec -in secp256k1.pem -pubout -out otherpublic.pem');
openssl('ec -in prime256v1.pem -aes128 -passout pass:x -out encrypted.pem');
openssl('genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem');

# ---- how a row becomes a configuration ----
my $keys = "CivicPrivateKeyFile good.key\nCivicSecretFile good.secret\nCivicProxy http://a.example:1\n";

# A section with the keys, some of them replaced, and one more line.
sub section {
    my ($line, $id) = @_;
    my $name = $line =~ /^>?>?(\w+)/ ? $1 : "-";
    my $rest = join '', map {"$_\n"} grep { !/^$name / } split /\n/, $keys;
    return sprintf qq{<CivicApplication "%s">\n%s%s\n</CivicApplication>\n}, $id // 'CO-A', $rest, $line;
}
my $application = section('');
my $dbd = "LoadModule dbd_module \${CIVIC_MODULES}/mod_dbd.so\n";
my %around = (
    application => sub { section(shift) },
    server      => sub {"$application\n$_[0]\n"},
    host        => sub {"$application\nListen 127.0.0.1:1\n<VirtualHost 127.0.0.1:1>\n$_[0]\n</VirtualHost>\n"},
    location    => sub {"$application\n<Location /x>\n$_[0]\n</Location>\n"},
    alone       => sub {"$_[0]\n"},
);

my $file = qr/the file \S+ cannot be read: \S/;
my $interval = qr/must be a number with the unit s \(the default\), min, h or ms, as in 30min/;
my $span = qr/at least one second and at most ten years/;
my $main = qr/belongs to the whole server: move it out of the virtual host/;
my $inside = qr/is allowed only inside <CivicApplication>/;
my $url = qr{must start with https://};
my $loopback = qr/plain http is allowed to loopback \(localhost\) only: use https/;
my $here = qr/not allowed in <Location> context/;
my $integrity = qr/integrity value must be sha256-, sha384- or sha512- and base64/;


# Directive => context, values that are taken, and values that are not with what is said.
# undef is no value at all.
my @cases = (
    [   application => 'CivicPrivateKeyFile',
        [ qw(good.key blanks.key upper.key zeros.key prime256v1.pem good.jwk), "$dir/good.key" ],
        'short.key'     => qr/62 hex digits, but a P-256 private key has 64: leading zeros may have been lost/,
        'odd.key'       => qr/63 hex digits, but a P-256 private key has 64: leading zeros/,
        'long.key'      => qr/65 hex digits, but a P-256 private key has 64/,
        'longer.key'    => qr/66 hex digits, but a P-256 private key has 64/,
        'good.secret'   => qr/32 hex digits, but a P-256 private key has 64: this looks like the application's secret/,
        'public.key'    => qr/130 hex digits, but .*: this looks like a public key/,
        'nothex.key'    => qr/neither hex digits nor PEM nor JWK: a P-256 private key has 64 hex digits/,
        'two.key'       => qr/neither hex digits nor PEM nor JWK/,
        'empty.key'     => qr/it is empty/,
        'blank.key'     => qr/it is empty/,
        'null.key'      => qr/no P-256 private key has this value/,
        'order.key'     => qr/no P-256 private key has this value/,
        'large.key'     => qr/not a file of at most 64 KiB/,
        'folder'        => qr/not a file of at most 64 KiB/,
        'missing.key'   => $file,
        'dangling'      => $file,
        'good.key/x'    => $file,
        'secp256k1.pem' => qr/the key is not of curve P-256/,
        'secp384r1.pem' => qr/the key is not of curve P-256/,
        'rsa.pem'       => qr/the key is not of curve P-256/,
        'encrypted.pem' => qr/no private key that can be read without a passphrase/,
        'public.pem'    => qr/no private key that can be read/,
        'garbage.pem'   => qr/no private key that can be read/,
        'other.jwk'     => qr/not of kty EC and crv P-256/,
        'half.jwk'      => qr/needs x, y and d of 32 bytes each/,
        'misfit.jwk'    => qr/numbers are not a key of curve P-256/,
        'broken.jwk'    => qr/JWK/,
    ],
    [   application => 'CivicSecretFile',
        ['good.secret'],
        'short.secret'  => qr/31 characters, but an application secret has 32 hex digits/,
        'long.secret'   => qr/33 characters, but an application secret has 32 hex digits/,
        'nothex.secret' => qr/not hex: an application secret has 32 hex digits/,
        'empty.key'     => qr/0 characters, but an application secret has 32 hex digits/,
        'two.key'       => qr/more than one word/,
        'missing'       => $file,
        'folder'        => qr/not a file of at most 64 KiB/,
    ],
    [   application => 'CivicEnvironment',
        [qw(prod dev x-1_y)],
        map { ($_ => qr/must be one segment of a path, as prod or dev/) } '""', 'a/b', '..', 'a%2f', 'x' x 33
    ],
    [   application => 'CivicApiUrl',
        [   'https://api.example.net/sip', 'https://api.example.net/sip//', 'http://localhost:8080/sip',
            'http://127.0.0.1/sip',        'http://[::1]:8080/sip'
        ],
        'http://api.example.net/sip'      => $loopback,
        'http://127.evil.example/sip'     => $loopback,
        'ftp://api.example.net'           => $url,
        'api.example.net/sip'             => $url,
        '""'                              => $url,
        'https://'                        => qr/not a URL of the form|has no host/,
        'https://user:pw@api.example.net' => qr/a user is not allowed/,
        'https://api.example.net:99999/'  => qr/not a URL of the form/,
        '"https://api.example.net/a b"'   => qr/character that no URL may have/,
        'https://api.example.net/sip?x'   => qr/no query, no fragment/,
        'https://api.example.net/sip#x'   => qr/no query, no fragment/,
    ],
    [   application => 'CivicPublicKey',
        [ $public, "file:$ENV{CIVIC_KEYS}/civic.pub", 'file:public.pem' ],
        substr($public, 2)     => qr/128 hex digits, but a P-256 public key has 130/,
        substr($public, 1)     => qr/129 hex digits/,
        "${public}0"           => qr/131 hex digits/,
        '02' . substr($public, 2) => qr/not a point of curve P-256 in the form 04/,
        '04' . '1' x 128       => qr/not a point of curve P-256/,
        'file:good.key'        => qr/64 hex digits, but a P-256 public key has 130: this looks like a private key/,
        "$ENV{CIVIC_KEYS}/civic.pub" => qr{neither hex digits nor PEM nor JWK: .*; a file is named as file:/\S+/civic\.pub},
        'nonsense'             => qr/neither hex digits nor PEM nor JWK/,
        '""'                   => qr/it is empty/,
        'file:'                => $file,
        'file:missing'         => $file,
        'file:folder'          => $file,
        'file:empty.key'       => qr/it is empty/,
        'file:otherpublic.pem' => qr/not of curve P-256/,
        'file:garbage.pem'     => qr/no public key/,
        'file:large.key'       => qr/hex digits/,
    ],
    [   application => 'CivicCACertificateFile',
        ["$ENV{CIVIC_KEYS}/ca.pem"],
        'missing'    => $file,
        'folder'     => qr/no certificate in PEM form/,
        'empty.key'  => qr/no certificate in PEM form/,
        'public.pem' => qr/no certificate in PEM form/,
    ],
    [   application => 'CivicProxy',
        [ 'http://proxy.example.net:3128', 'https://proxy.example.net', 'http://127.0.0.1:8080/' ],
        map { ($_ => qr{must be of the form http://host:port}) } 'proxy.example.net:3128', 'socks5://proxy:1',
        'http://', 'http://user:pw@proxy:3128', '"http://a b:1"', 'http://proxy:port', 'http://proxy:99999',
        'http://:3128', 'http://proxy/path', '""'
    ],
    [   application => 'CivicProxySecretFile',
        ['proxy.secret'],
        map({ ("$_.proxy" => qr/must hold one line user:password of at most 512 characters/) } qw(empty nouser nocolon two long)),
        'missing' => $file,
        'folder'  => qr/not a file of at most 64 KiB/,
    ],
    [   application => 'CivicBrowserLibrary',
        [   'https://cdn.example.net/sip.js',
            'https://cdn.example.net/sip.js https://cdn.example.net/sip.css',
            'https://cdn.example.net/sip.js https://cdn.example.net/sip.css sha384-' . 'A' x 64,
            'https://cdn.example.net/sip.js sha256-' . 'A' x 43 . '=',
            'http://localhost:1/sip.js'
        ],
        'https://a.example/a.js https://a.example/a.css sha384-' . 'A' x 64 . ' x' => qr/takes the URL of the script/,
        '""'                                            => $url,
        'sha384-' . 'A' x 64                            => $url,
        'http://cdn.example.net/sip.js'                 => $loopback,
        '/js/sip.js'                                    => $url,
        'https://cdn.example.net/sip.js sip.css'        => $url,
        'https://cdn.example.net/sip.js sha384-AAAA'    => $integrity,
        'https://cdn.example.net/sip.js sha384-' . 'A' x 63 . ';' => $integrity,
        'https://cdn.example.net/sip.js md5-AAAA'       => $url,
        'https://a.example/a.js https://a.example/a.css https://a.example/b.css' => qr/takes the URL of the script/,
    ],
    [   application => 'CivicPayloadHosts',
        [ '*.amazonaws.com', 'localhost a.example b-c.example', '127.0.0.1', '[::1]' ],
        map { ($_ => qr/must be a host's name, or \*\. and a domain; no scheme, no path, no port/) } '*', '*.',
        'https://a.example', 'a.example/x', 'a.example:443', 'a*.example', '*.*.example', '""', 'fine.example *.com/'
    ],
    [ application => 'CivicDocumentImage', [qw(On off)], map { ($_ => qr/must be On or Off/) } qw(maybe 1 "") ],
    [   location => 'CivicUse',
        ['CO-A'],
        'CO-B' => qr/no such application here: add <CivicApplication CO-B> or name one that exists/,
        '""'   => qr/must be the id of a <CivicApplication>/,
    ],
    [   location => 'CivicScope',
        [qw(ANONYMOUS_LOGIN BASIC_SIGNUP PROOF_OF_IDENTITY SOMETHING_NEW_2)],
        map { ($_ => qr/must be the name of a scope request, as ANONYMOUS_LOGIN, BASIC_SIGNUP or PROOF_OF_IDENTITY/) }
            qw(basic_signup BASIC-SIGNUP ""), 'X' x 65
    ],
    [ location => 'CivicDocumentImageTicket', [qw(On off)], map { ($_ => qr/must be On or Off/) } qw(maybe 1 "") ],
    [ location => 'CivicHideIntro', [qw(On off)], map { ($_ => qr/must be On or Off/) } qw(maybe 1 "") ],
    [   location => 'CivicUnauthenticated',
        [qw(auto page 401 pass PASS)],
        map { ($_ => qr/must be auto, page, 401 or pass/) } qw(403 login "")
    ],
    [   location => 'CivicOnLogin',
        [ qw(/ /welcome /welcome?a=b off), 'http://localhost/welcome', 'http://LOCALHOST:80' ],
        map({ ($_ => qr/must be a path of this site with one slash first, as \/welcome, or an URL of this site/) }
            qw(welcome //evil.example/ "" javascript:alert(1) ftp://localhost/), '"/a b"', '/\\\\evil.example', 'http://localhost//evil.example'),
        map({ ($_ => qr/the URL must have a host, and no user/) } qw(https:///x http://jane@localhost/ http://localhost%40evil.example/)),
        map({ ($_ => qr{is not this site, which is http://localhost by its ServerName: name a path, as /x}) }
            qw(https://localhost/x http://localhost:8080/x http://localhost.evil.example/x http://evil.example/x)),
        '/x#top'       => qr/an address with # cannot have the parameter return/,
        '/x?a&return=' => qr/its parameter return is added by the module/,
    ],
    [   location => 'CivicRemoteUser',
        [qw(userId contact.personal.email verifications.levels.CIVIC:IAL1)],
        '""'      => qr/must be userId or the label of a claim, as contact\.personal\.email/,
        '"a b"'   => qr/a label is visible ASCII/,
        "\xc3\xbc" => qr/a label is visible ASCII/,
        'x' x 257 => qr/must be userId or the label/,
    ],
    map({ my $name = $_;
        [   location => $name,
            [qw(1 90 45s 30min 12h 1500ms 87840h)],
            map({ ($_ => $interval) } qw(soon -5 5m 5min30s 0x10 ""), '1.5h', '9999999999'),
            map({ ($_ => $span) } qw(0 999ms 99999h))
        ] } qw(CivicSessionIdle CivicSessionLife)),
    [ location => 'CivicSecondFactor', [qw(Off off)], map { ($_ => qr/must be On or Off/) } qw(maybe 2 "") ],
    [ location => 'CivicEnroll', [qw(self closed CLOSED)], map { ($_ => qr/must be closed or self/) } qw(open On "") ],
    [ location => 'CivicEnrollShared', [qw(On off)], map { ($_ => qr/must be On or Off/) } qw(maybe 1 "") ],
    [   location => 'CivicSecondFactorMaxAge',
        [qw(30 10min 12h 30000ms)],
        map({ ($_ => $interval) } qw(soon -5 5m 5min30s ""), '9999999999'),
        map({ ($_ => qr/must be at least 30 seconds/) } qw(1 29s 29999ms)),
    ],
    [ location => 'CivicRecovery', [qw(1 10 16 0 Off off)], map { ($_ => qr/must be a number of codes, 1 to 16, or Off/) } qw(17 -1 1x 1000 On "") ],
    [   host => 'CivicEnrollmentStore',
        [ 'dbm:enrollments', 'dbm:/var/lib/civic/enrollments' ],
        map({ ($_ => qr{must be dbm:path, as dbm:/var/lib/civic/enrollments, or dbd}) } qw(dbm dbm: file:/x DBM:/x dbd:x shm "")),
        dbd => qr/dbd is the database of mod_dbd, which is not loaded/,
    ],
    [ location => 'CivicSessionActivity', [qw(On Off)], map { ($_ => qr/must be On, Off or expr=/) } qw(auto "") ],

    [ location => 'CivicIdentity', [qw(env headers both none BOTH)], map { ($_ => qr/must be env, headers, both or none/) } qw(header "") ],
    [   location => 'CivicClaims',
        [   qw(all none ALL contact.personal.email contact.personal.email=MAIL), 'contact.personal.email contact.personal.phoneNumber=phone-1_x',
            'verifications.levels.CIVIC:IAL1=IAL1', 'a=b=C'
        ],
        '""'            => qr/takes all, none, or the labels of claims/,
        '=X'            => qr/must be the label of a claim, as contact\.personal\.email, or label=NAME/,
        'x' x 257       => qr/must be the label of a claim/,
        '"a b"'         => qr/a label is visible ASCII/,
        "\xc3\xbc"      => qr/a label is visible ASCII/,
        'documents.genericId.image' => qr/the document's picture is never passed on/,
        'a='            => qr/behind the = stands a name of letters, digits, _ and -, as EMAIL/,
        'a=b.c'         => qr/behind the = stands a name/,
        'a=' . 'x' x 65 => qr/behind the = stands a name/,
        'user.id'       => qr/CIVIC_USER_ID is the module's own/,
        'a=error_code'  => qr/CIVIC_ERROR_CODE is the module's own/,
        'a.b a.b'       => qr/this label is listed twice/,
        'a.b=X a.b=Y'   => qr/this label is listed twice/,
        'a.b A-B'       => qr/a\.b has the name CIVIC_A_B already: give one of them another, as label=NAME/,
        'a.b=x c=X'     => qr/a\.b has the name CIVIC_X already/,
        'all contact.personal.email' => qr/CivicClaims all: all and none stand alone/,
        'a none'        => qr/CivicClaims none: all and none stand alone/,
        'a c=A'         => qr/a has the name CIVIC_A already/,
    ],
    [   host => 'CivicHeaderPrefix',
        [qw(Civic- X-Civic- x9-)],
        map({ ($_ => qr/a header's name has letters, digits and -, a letter first/) } qw("" 9- -x- X_Civic- Sp%c-), '"X -"', 'X:-',
            'x' x 64 . '-'),
        'Civic'   => qr/must end in -, as Civic-/,
        'X-'      => qr/it would take away X-Forwarded-For/,
        'Content-' => qr/it would take away Content-Length/,
        'sec-'    => qr/it would take away Sec-Fetch-Mode/,
        'HOST-'   => qr/it would take away Host/,
        'Cookie-' => qr/it would take away Cookie/,
    ],
    [   host => 'CivicUserHeader',
        [qw(X-Remote-User Remote-User X-Forwarded-User)],
        map({ ($_ => qr/a header's name has letters, digits and -, a letter first/) } qw("" 9x -x X_User), '"X User"', 'x' x 65),
        map { ($_ => qr/it would take away a header that HTTP needs/) } qw(Host content-length Cookie Authorization Transfer-Encoding)
    ],
    [ location => 'CivicAssertion', [qw(On off)], map { ($_ => qr/must be On or Off/) } qw(maybe 1 "") ],
    [   location => 'CivicAssertionAudience',
        [ 'orders', 'https://orders.example.org/', 'x' x 256 ],
        map { ($_ => qr/must be a name or URL that the application expects, of 1 to 256 visible ASCII characters/) } '""', '"a b"',
        'x' x 257, "\xc3\xbc", 'a\\b', "'a\"b'"
    ],
    [   server => 'CivicAssertionKeyFile',
        [ qw(prime256v1.pem good.jwk), 'prime256v1.pem good.jwk' ],
        'secp384r1.pem'           => qr/the key is not of curve P-256/,
        'rsa.pem'                 => qr/the key is not of curve P-256/,
        'encrypted.pem'           => qr/no private key that can be read without a passphrase/,
        'public.pem'              => qr/no private key that can be read/,
        'missing'                 => $file,
        'folder'                  => qr/not a file of at most 64 KiB/,
        'prime256v1.pem missing'  => $file,
        'prime256v1.pem rsa.pem'  => qr/CivicAssertionKeyFile rsa\.pem: the key is not of curve P-256/,
        'good.jwk good.jwk'       => qr/CivicAssertionKeyFile good\.jwk: both files hold the same key/,
        map { ($_ => qr/CivicAssertionKeyFile: this is the private key of <CivicApplication CO-A>: assertions need one of their own/) }
            'good.key', 'good.jwk zeros.key'
    ],
    [   server => 'CivicWebSocketCheck',
        [qw(1 5s 1min)], map({ ($_ => $interval) } qw(soon -1 "")), map { ($_ => $span) } qw(0 500ms)
    ],

    [   location => 'CivicLoginPage', # what may be in it: t/67-login-page.t
        [ Civic::Env::source_dir() . '/conf/login-page.html', 'Off' ], 'missing' => qr/it cannot be read: \S/, 'good.key' => qr/\{\{head\}\} is missing/
    ],
    [   location => 'CivicStyle',
        [ '/own.css', '/own.css /logo.png', 'https://a.example/a.css https://b.example/b.png', 'Off' ],
        'http://a.example/a.css' => qr/use https, or be a path of this site/, '/a.css b.png' => qr/CivicStyle b\.png: it must start with/
    ],
    [   location => 'CivicPagePolicy',
        [ 'add "img-src https://a.example"', 'set "default-src \'self\'"' ],
        'x img-src' => qr/it must be add or set/, 'add "img-scr x"' => qr/img-scr is not a directive that sources can be added to/
    ],
    [   location => 'CivicPreservePost',
        [qw(1 65536 1048576 Off)], map { ($_ => qr/must be a number of bytes, 1 to 1048576, or Off/) } qw(0 1048577 99999999 -1 64k On "")
    ],
    [ location => 'CivicPreflight', [qw(On off)], map { ($_ => qr/must be On or Off/) } qw(maybe 1 "") ],
    [   location => 'CivicLanguage',
        [qw(auto AUTO en DE de-AT pt-BR)],
        it => qr/CivicLanguage it: this language is not there: add it by CivicLanguageFile, or say auto/,
        map { ($_ => qr/must be auto or the tag of a language, as de/) } qw(* de_AT de- ""), '"de at"', 'x' x 9
    ],
    [   host => 'CivicLanguageFile',
        [ 'it good.lang', 'de-CH good.lang', 'DE empty.lang', "en $dir/good.lang" ],
        map({ ("$_ good.lang" => qr/must be the tag of a language, as it or pt-BR/) } qw(* d1 auto it_IT), '"i t"'),
        'it nowhere.lang' => qr/nowhere\.lang: it cannot be read: \S/,
        'it folder'       => qr/folder: it cannot be read: \S/,
        'it list.lang'    => qr/list\.lang: it must be one flat JSON object/,
        'it comma.lang'   => qr/comma\.lang: line 3: /,
        'it bytes.lang'   => qr/bytes\.lang: line 1: /,
        'it key.lang'     => qr/"page\.agaim": there is no such key/,
        'it dir.lang'     => qr/"_dir": it must be ltr or rtl/,
        'it name.lang'    => qr/"page\.forbidden": it has no placeholder \{acount\}/,
        'it number.lang'  => qr/"page\.again": it is not a string/,
        'it none.lang'    => qr/"page\.again": a text has 1 to 800 bytes, this has 0/,
        'it long.lang'    => qr/"page\.again": a text has 1 to 800 bytes, this has 801/,
        'it large.lang'   => qr/it has over 131072 bytes/,
    ],
    [ location => 'CivicStatusActions', [qw(On off)], map { ($_ => qr/must be On or Off/) } qw(maybe 1 "") ],
    [   host => 'CivicSessionsPerUser',
        [qw(0 1 99999)], map { ($_ => qr/must be a number of 1 to 99999, or 0 for any/) } qw(-1 100000 two 1.5)
    ],
    [   server => 'CivicSessionStore',
        [ 'shm', 'shm(262144)', 'shm(68719476736)', 'shm:sessions', 'shm:/tmp/sessions(262144)' ],
        map({ ($_ => qr/there is no such store/) } '""', 'SHM', 'file'),
        map({ ($_ => qr/must be shm, shm\(bytes\) or shm:path\(bytes\), as shm\(33554432\)/) } 'shm()', 'shm(1M)',
            'shm(-1)', 'shm(262144', 'shm(9999999999999)', 'shmem', 'shm(262144)x'),
        'shm:' => qr/the path is missing/,
        'shm:(262144)' => qr/the path is missing/,
        map { ($_ => qr/size must be 262144 to 68719476736 bytes/) } 'shm(262143)', 'shm(0)', 'shm(68719476737)'
    ],
    [   server => 'CivicSealKeyFile',
        [ 'good.seal', 'good.seal two.seal/../good.seal' ],
        'short.seal'           => qr/a seal key has 64 hex digits, this has 63 characters: make one with openssl rand -hex 32/,
        'nothex.seal'          => qr/a seal key has 64 hex digits/,
        'two.seal'             => qr/a seal key has 64 hex digits/,
        'empty.key'            => qr/this has 0 characters/,
        'missing'              => $file,
        'folder'               => qr/not a file of at most 64 KiB/,
        'good.seal missing'    => $file,
        'good.seal short.seal' => qr/CivicSealKeyFile short\.seal: a seal key has 64 hex digits/,
    ],
    [   server => 'CivicCookie',
        [   qw(civic __Host-site __Secure-site), 'site Domain=example.org', 'site Domain=.example.org Path=/x SameSite=None',
            '__Host-site Path=/ SameSite=strict'
        ],
        '""'                        => qr/takes a name of letters, digits, - _ and \. first, as __Host-civic/,
        '"a b"'                     => qr/takes a name/,
        'a;b'                       => qr/takes a name/,
        'x' x 65                    => qr/takes a name/,
        'site Domain=org'           => qr/Domain must be a domain name with a dot in it, as example\.org/,
        'site Domain='              => qr/Domain must be a domain name/,
        'site "Domain=a.b; Path=/"' => qr/Domain must be a domain name/,
        'site Path=x'               => qr/Path must start with a slash and have no ; , or space/,
        'site Path=/a;b'            => qr/Path must start with a slash/,
        'site SameSite=Loose'       => qr/SameSite must be Lax, Strict or None/,
        'site Secure'               => qr/must be Domain=, Path= or SameSite=; Secure and HttpOnly are always set/,
        'site Max-Age=1'            => qr/must be Domain=, Path= or SameSite=/,
        '__Host-site Domain=a.b'    => qr/take __Host- cookies only without Domain and with Path=\/: choose another name/,
        '__Host-site Path=/x'       => qr/take __Host- cookies only without Domain/,
        'site Path=/a Path=/b'      => qr/Path= is given twice/,
    ],
    [   server => 'CivicEndpoint',
        [qw(/civic /a/b-c_d)],
        map { ($_ => qr{must be a path such as /civic: letters, digits, - _ and /, no slash at its end}) } qw(civic / /a/ //a /a//b
            /a.b /a%20 /../x ""), '/' . 'x' x 100
    ],
    [   host => 'CivicExchangeTimeout',
        [qw(5 10s 1min)],
        map({ ($_ => $interval) } qw(soon -1 "")), map { ($_ => $span) } qw(0 500ms)
    ],
    [   host => 'CivicCallbackLimit',
        [qw(1/s 1000/s 300/min 60000/MIN 1/h 3600000/h Off)],
        map { ($_ => qr{must be a number by /s, /min or /h, as 300/min, at most 1000 a second, or Off}) }
            qw(0/s 1001/s 60001/min 3600001/h 99999999999/h 5 5/ 5/d -1/s 1.5/s x/s /s On "")
    ],
    [   server => 'CivicExchangeLimit',
        [qw(1 99999)],
        map { ($_ => qr/must be a number of 1 to 99999/) } qw(0 100000 -1 1x many "")
    ],
);

# Whole configurations: name, text with ">>" before the line that is to blame, what is said.
my $vhost = "<VirtualHost 127.0.0.1:1>\n";
my $two = section('', 'CO-A') . section('', 'CO-B');
my $guarded = "<Location /x>\nAuthType Civic\nAuthName x\nRequire valid-user\n</Location>\n";
my @wholes = (
    [ 'an id that is there already', $application . '>>' . $application,
        qr/<CivicApplication CO-A> is already there, at \S+httpd\.conf:\d+/ ],
    [ 'the same id in a host', "$application$vhost$application</VirtualHost>\n", '' ],
    [ 'twice in a host', "$vhost$application>>$application</VirtualHost>\n", qr/is already there/ ],
    [ 'a section without keys', ">><CivicApplication CO-A>\n</CivicApplication>\n",
        qr/<CivicApplication CO-A> has no CivicPrivateKeyFile: name the file/ ],
    [ 'a section without secret', ">><CivicApplication CO-A>\nCivicPrivateKeyFile good.key\n</CivicApplication>\n",
        qr/<CivicApplication CO-A> has no CivicSecretFile: name the file/ ],
    [ 'a secret for no proxy', ">><CivicApplication CO-A>\nCivicPrivateKeyFile good.key\nCivicSecretFile good.secret\nCivicProxySecretFile proxy.secret\n</CivicApplication>\n",
        qr/<CivicApplication CO-A> has a CivicProxySecretFile, but no CivicProxy/ ],
    (map { [ "the id $_->[0]", ">><CivicApplication $_->[0]>\n$keys</CivicApplication>\n", $_->[1] ] }
        [ '', qr/must have 1 to 128 characters/ ], [ '""', qr/must have 1 to 128 characters/ ], [ 'x' x 129, qr/1 to 128 characters/ ],
        [ 'a/b', qr/letters, digits, - _ and \. only/ ], [ '"a b"', qr/letters, digits/ ], [ 'a b', qr/one id only/ ]),
    [ 'a section that does not end', ">><CivicApplication CO-A>\n$keys", qr/CivicApplication/ ],
    [ 'a section that does not close its name', ">><CivicApplication CO-A\n$keys</CivicApplication>\n", qr/no closing >/ ],
    [ 'a section in a location', "<Location /x>\n>>$application</Location>\n", $here ],
    [ 'a section in a section', "<CivicApplication CO-A>\n$keys>><CivicApplication CO-B>\n$keys</CivicApplication>\n</CivicApplication>\n",
        qr/is not allowed inside <CivicApplication>/ ],
    (map { [ "$_ in a section", "<CivicApplication CO-A>\n$keys>>$_\n</CivicApplication>\n",
        qr/\w+ is not allowed inside <CivicApplication>, only (?:Civic\w+, )*CivicPrivateKeyFile, / ] }
        'CivicScope BASIC_SIGNUP', 'CivicCookie civic', 'ServerName x', 'Require all granted'),
    [ 'AuthType Civic without an application', "<Location /x>\n>>AuthType Civic\n</Location>\n",
        qr/AuthType Civic, but no application is configured here: add a <CivicApplication> with its keys/ ],
    [ 'AuthType Civic in a host without one', "${vhost}<Location /x>\n>>AuthType civic\n</Location>\n</VirtualHost>\n",
        qr/AuthType Civic, but no application is configured here/ ],
    [ 'several applications and no CivicUse', "$two<Location /x>\n>>AuthType Civic\n</Location>\n",
        qr/several applications are configured and no CivicUse says which one guards here/ ],
    [ 'several in a host and no CivicUse', "$vhost$two<Location /x>\n>>AuthType Civic\n</Location>\n</VirtualHost>\n",
        qr/several applications are configured and no CivicUse/ ],
    [ 'several and a CivicUse', "$two<Location />\nCivicUse CO-B\n</Location>\n$guarded", '' ],
    [ 'a host that has only one', "$guarded$vhost$application</VirtualHost>\n", '' ],
    [ 'CivicUse of another host', "$vhost$application</VirtualHost>\n<VirtualHost 127.0.0.1:2>\n<Location /x>\n>>CivicUse CO-A\n</Location>\n</VirtualHost>\n",
        qr/no such application here/ ],
    [ 'CivicUse for all hosts, of one of them', "$vhost$application</VirtualHost>\n<Location /x>\nCivicUse CO-A\n</Location>\n", '' ],
    [ 'CivicLanguage of a file', "CivicLanguageFile it good.lang\n$vhost<Location /x>\nCivicLanguage it-CH\n</Location>\n</VirtualHost>\n", '' ],
    [ 'CivicLanguage of another host\'s file', "${vhost}CivicLanguageFile it good.lang\n</VirtualHost>\n<Location /x>\n>>CivicLanguage it\n</Location>\n",
        qr/CivicLanguage it: this language is not there/ ],
    [ 'a second factor without a store', "$application<Location /x>\n>>CivicSecondFactor On\n</Location>\n",
        qr{CivicSecondFactor: it needs a place for who is who: say CivicEnrollmentStore dbm:/var/lib/civic/enrollments} ],
    [ 'one with a store', "${application}CivicEnrollmentStore dbm:x\n<Location /x>\nCivicSecondFactor On\n</Location>\n", '' ],
    [ 'one with the store of another host', "$vhost${application}CivicEnrollmentStore dbm:x\n</VirtualHost>\n"
        . "<VirtualHost 127.0.0.1:2>\n<Location /x>\n>>CivicSecondFactor On\n</Location>\n</VirtualHost>\n", qr/CivicSecondFactor: it needs a place/ ],
    [ 'one for all hosts, of which one has a store', "$vhost${application}CivicEnrollmentStore dbm:x\n</VirtualHost>\n"
        . "<Location /x>\nCivicSecondFactor On\n</Location>\n", '' ],
    (map { [ "a second factor behind Civic: $_->[0]", "${application}CivicEnrollmentStore dbm:x\n<Location /x>\n$_->[0]\n</Location>\n",
            $_->[1] ? qr/CivicSecondFactor stands behind another login, and AuthType Civic \(\S*httpd\.conf:\d+\) is none: name the first one, as AuthType Basic/ : '' ] }
        [ "AuthType Civic\n>>CivicSecondFactor On", 1 ], [ ">>CivicSecondFactor On\nAuthType \"civic\"", 1 ],
        [ "AuthType Basic\n>>CivicSecondFactor On\nAuthType Civic", 1 ], [ "AuthType Civic\nCivicSecondFactor On\nAuthType Basic", 0 ],
        [ "AuthType Civic\nCivicSecondFactor Off", 0 ]),
    # httpd judges <If> before anybody is logged in: who that is cannot be asked there.
    map({ my ($sections, $word, $where) = @$_;
        map { [ "$_ in " . $sections =~ s/\n/ /gr, "${application}CivicEnrollmentStore dbm:x\n" . $sections =~ s/HERE/>>$_/r,
            qr/\Q@{[ (split)[0] ]}\E cannot depend on \Q$word\E: httpd judges $where> \(\S*httpd\.conf:\d+\) before anybody is logged in/ ] }
            'CivicSecondFactor On', 'CivicSecondFactor Off', 'CivicSecondFactorMaxAge 10min', 'CivicEnroll self', 'CivicEnrollShared On', 'CivicRecovery Off' }
        [ "<Location /x>\n<If \"%{REMOTE_USER} == 'alice'\">\nHERE\n</If>\n</Location>\n", REMOTE_USER => '<If' ],
        [ "<If \"-n %{AUTH_TYPE}\">\nHERE\n</If>\n", AUTH_TYPE => '<If' ],
        [ "$vhost<If \"true\">\n<If \"civic('scope') == ''\">\n<IfModule mod_ssl.c>\nHERE\n</IfModule>\n</If>\n</If>\n</VirtualHost>\n", 'civic(' => '<If' ],
        [ "<Location /x>\n<If \"true\">\n</If>\n<elseif \"%{Civic:scope} == ''\">\nHERE\n</ElseIf>\n</Location>\n", '%{CIVIC:' => '<ElseIf' ],
        [ "<Location /x>\n<If \"reqenv('CIVIC_USER_ID') == ''\">\n</If>\n<ElseIf \"true\">\n</ElseIf>\n<Else>\nHERE\n</Else>\n</Location>\n", CIVIC_ => '<Else' ],
        [ "<If \"reqenv('OIDC_CLAIM_acr') == '2'\">\n</If>\nKeepAlive On\n<ElseIf \"true\">\nHERE\n</ElseIf>\n", OIDC_ => '<ElseIf' ]),
    map({ [ "a second factor in $_" =~ s/\n/ /gr, "${application}CivicEnrollmentStore dbm:x\n<Location /x>\n$_\nCivicSecondFactor On\n</If>\n</Location>\n", '' ] }
        '<If "true">', '<If "%{REQUEST_URI} =~ m#^/civic/remote_users/#">', '<If "%{HTTP_HOST} == \'civic.example\'">',
        "<If \"%{REMOTE_USER} == ''\">\n</If>\n<If \"true\">"),
    [ 'a query without dbd', ">>CivicEnrollmentQuery find \"SELECT 1\"\n", qr/CivicEnrollmentQuery: it has no use without CivicEnrollmentStore dbd/ ],
    [ 'a query for files', "CivicEnrollmentStore dbm:x\n>>CivicEnrollmentQuery find \"SELECT 1\"\n", qr/it has no use without CivicEnrollmentStore dbd/ ],
    [ 'a query that there is not', ">>CivicEnrollmentQuery guess \"SELECT 1\"\n", qr/CivicEnrollmentQuery guess: there is no such query: find, \w+/ ],
    [ 'a query without SQL', ">>CivicEnrollmentQuery find\n", qr/takes two arguments/ ],
    [ 'a query of no SQL', ">>CivicEnrollmentQuery find \"\"\n", qr/takes two arguments|the SQL is missing/ ],
    [ 'a query in a location', "<Location /x>\n>>CivicEnrollmentQuery find \"SELECT 1\"\n</Location>\n", $here ],
    [ 'a database', "$dbd>>CivicEnrollmentStore dbd\nCivicEnrollmentQuery find \"SELECT 1\"\n", '' ],
    [ 'AuthType of somebody else', "<Location /x>\nAuthType Basic\n</Location>\n", '' ],
    [ 'assertions of several nodes', "${application}CivicSessionStore socache:shmcb\nCivicSealKeyFile good.seal\n<Location /x>\n>>CivicAssertion On\n</Location>\n",
        qr/CivicAssertion: with this session store, several nodes may answer: it needs CivicAssertionKeyFile, the same file on every node/ ],
    [ 'assertions of several nodes, with a key', "${application}CivicSessionStore socache:shmcb\nCivicSealKeyFile good.seal\nCivicAssertionKeyFile good.jwk\n<Location /x>\nCivicAssertion On\n</Location>\n", '' ],
    [ 'assertions of a whole host', "$application${vhost}CivicAssertion On\nCivicAssertionAudience x\n</VirtualHost>\n", '' ],
    (map { [ "CivicOnLogin in a host: $_->[0]", "$vhost<Location /x>\n" . ($_->[2] ? '>>' : '') . "CivicOnLogin $_->[1]\n</Location>\n$_->[0]\n</VirtualHost>\n", $_->[2] // '' ] }
        [ 'ServerName https://www.example.org', 'https://www.example.org/welcome' ],
        [ 'ServerName https://www.example.org', 'https://WWW.example.org:443/welcome' ],
        [ 'ServerName https://www.example.org', 'http://www.example.org/welcome', qr{not this site, which is https://www\.example\.org by its ServerName: name a path, as /welcome} ],
        [ 'ServerName https://www.example.org', 'https://example.org/welcome', qr/not this site/ ],
        [ 'ServerName www.example.org:80', 'http://www.example.org/welcome' ],
        [ 'ServerName www.example.org', 'http://www.example.org:1/welcome' ],
        [ "ServerName www.example.org:443\nSSLEngine on", 'https://www.example.org/welcome' ],
        [ "ServerName www.example.org:443\nSSLEngine on", 'http://www.example.org/welcome', qr/not this site, which is https/ ],
        [ "ServerName www.example.org:80\nSSLEngine off", 'https://www.example.org/welcome', qr/not this site, which is http:/ ]),
    [ 'the smallest', $application . $guarded, '' ],
);

# Each directive in places where it has no business.
my %value = (
    CivicPrivateKeyFile => 'good.key', CivicSecretFile => 'good.secret', CivicEnvironment => 'dev',
    CivicApiUrl => 'https://a.example', CivicPublicKey => $public, CivicCACertificateFile => "$ENV{CIVIC_KEYS}/ca.pem",
    CivicProxy => 'http://a.example:1', CivicProxySecretFile => 'proxy.secret', CivicBrowserLibrary => 'https://a.example/a.js', CivicPayloadHosts => 'a.example',
    CivicUse => 'CO-A', CivicScope => 'BASIC_SIGNUP', CivicHideIntro => 'On', CivicUnauthenticated => 'auto',
    CivicRemoteUser => 'userId', CivicSessionIdle => '1h', CivicSessionLife => '1h', CivicSessionActivity => 'On',
    CivicStatusActions => 'On', CivicSessionsPerUser => '3', CivicSessionStore => 'shm', CivicSealKeyFile => 'good.seal', CivicCookie => 'civic', CivicEndpoint => '/civic',
    CivicExchangeTimeout => '10s', CivicExchangeLimit => '10', CivicIdentity => 'env', CivicClaims => 'all',
    CivicHeaderPrefix => 'Civic-', CivicUserHeader => 'X-User', CivicWebSocketCheck => '5s',
    CivicCallbackLimit => '300/min',
    CivicAssertion => 'On', CivicAssertionAudience => 'orders', CivicAssertionKeyFile => 'good.jwk',
    CivicSecondFactor => 'Off', CivicEnroll => 'self', CivicEnrollShared => 'On',
    CivicSecondFactorMaxAge => '10min', CivicRecovery => '10', CivicEnrollmentStore => 'dbm:x',
    CivicLoginPage => 'Off', CivicStyle => '/own.css /logo.png', CivicPagePolicy => 'add "img-src https://a.example"', CivicPreservePost => '100',
    CivicPreflight => 'On',
    CivicLanguage => 'de', CivicLanguageFile => 'it good.lang',
    CivicOnLogin => '/welcome', CivicDocumentImage => 'On', CivicDocumentImageTicket => 'On',
);
my (@places, %context);
for my $case (@cases) {
    my ($context, $name) = @$case;
    $context{$name} = $context;
    my $line = "$name $value{$name}";
    if ($context eq 'application') {
        push @places, map { [ "$line ($_)", $around{$_}->(">>$line"), $_ eq 'location' ? $here : $inside ] }
            qw(alone host location);
        push @places, [ "$line twice", section("$line\n>>$line"), qr/^.*$name is given twice in this section/m ];
    }
    elsif ($context ne 'location') {
        push @places, [ "$line in a location", $around{location}->(">>$line"), $here ];
        my $global = $name =~ /SessionStore|Seal|AssertionKey|ExchangeLimit|WebSocket/;
        push @places, [ "$line in a host", $around{host}->(($global ? '>>' : '') . $line), $global ? $main : '' ];
    }
    my $none = $name =~ /Cookie$|BrowserLibrary|PayloadHosts|Claims|PagePolicy/ ? qr/takes/ : qr/takes (?:one|1-2|one or two|two) argument/;
    $none = qr/must be On or Off|takes one argument/ if $name =~ /HideIntro|Activity|Actions|Assertion$|SecondFactor$|Shared|Preflight|DocumentImage/;
    push @places, [ "$name without a value", $around{$context}->(">>$name"), $none ];
    push @places, [ "$name with one value too many", $around{$context}->(">>$line x"), qr/takes/ ]
        if $name !~ /Cookie$|SealKey|AssertionKey|Assertion$|BrowserLibrary|PayloadHosts|Claims|HideIntro|Activity|Actions|SecondFactor$|Shared|Preflight|DocumentImage/;
}

my @all;
for my $case (@cases) {
    my ($context, $name, $good, @bad) = @$case;
    push @all, map { [ "$name $_", $around{$context}->("$name $_"), '' ] } @$good;
    while (my ($value, $said) = splice @bad, 0, 2) {
        push @all, [ "$name $value", $around{$context}->(">>$name $value"), $said ];
    }
}
push @all, @wholes, @places;
plan tests => @all + 4;

# Every directive of the manual is here.
my $manual = slurp(Civic::Env::source_dir() . '/doc/directives.md');
my @order = $manual =~ /^## `<?(Civic\w+)/mg;
is_deeply([ $manual =~ /^\| \[`<?(Civic\w+)/mg ], \@order, 'the table of doc/directives.md has each, in its order');
is_deeply([ slurp(Civic::Env::source_dir() . '/src/conf.c') =~ /^ +AP_INIT_\w+\(\s*"<?(Civic\w+)"/mg ], \@order, 'and so has the source');
my %manual = map { ($_ => 1) } $manual =~ /^## `(Civic\w+)`/mg;
# Those that only a store of several nodes has are tried beside it.
my %tried = map { ($_ => 1) } keys %context, 'CivicEnrollmentQuery',
    slurp(dirname(__FILE__) . '/64-store-configuration.t') =~ /\b(CivicSessionStore\w+File)\b/g;
is_deeply([ sort keys %tried ], [ sort keys %manual ], 'each directive of doc/directives.md is tried');

for my $row (@all) {
    my ($name, $text, $said) = @$row;
    my $line = $server->write_conf($text);
    # httpd takes "" of most directives for no value at all.
    $said = qr/$said|takes one argument|takes at least one|takes the URL/ if $said && $name =~ /""/;
    my ($status, $printed) = $server->configtest;
    $name = substr $name, 0, 70;
    if (!$said) {
        ok($status == 0, "taken: $name") or diag $printed;
        next;
    }
    my @missing;
    push @missing, 'it is taken' if $status == 0;
    push @missing, "line $line is not named"
        if $printed !~ /on line $line of \S+httpd\.conf|httpd\.conf:$line: / && $name !~ /does not end/;
    push @missing, 'what is wrong is not said' if ($printed =~ s/\s+/ /gr) !~ $said;
    push @missing, 'the directive is not named' if $name =~ /^(Civic\w+)/ && $printed !~ /$1/;
    ok(!@missing, "refused: $name") or diag join "\n", @missing, $printed;
}

# Secrets are named by their files: what is in them never stands in a message.
is(scalar(grep {/\Q$hex\E/} map { $server->write_conf($_->[1]); ($server->configtest)[1] } grep { $_->[0] =~ /two\.(?:key|seal)|longer/ } @all),
    0, 'no message holds a key');
