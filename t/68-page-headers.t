# The headers of the module's pages and of what they load: the same for GET and HEAD, whatever the site
# sets, unsets or compresses; who keeps a page or an asset, and for how long.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use IO::Uncompress::Gunzip qw(gunzip);

use lib 't/lib';
use Civic::Client ();
use Civic::Env ();
use Civic::Raw ();
use Civic::Server ();

# What a site may do to all of its answers.
my %WAYS = (
    NOTHING => '',
    UNSET   => join("\n", map { ("Header unset $_", "Header always unset $_") } qw(Content-Security-Policy Cache-Control Referrer-Policy
        Cross-Origin-Opener-Policy Permissions-Policy X-Content-Type-Options)),
    SET     => join("\n", map { ("Header set $_", "Header always set $_") } 'Cross-Origin-Opener-Policy unsafe-none',
        'Cross-Origin-Embedder-Policy require-corp', 'Cross-Origin-Embedder-Policy-Report-Only require-corp',
        'Permissions-Policy "camera=*"', 'Expires "Thu, 01 Jan 2099 00:00:00 GMT"',
        'Cross-Origin-Opener-Policy-Report-Only same-origin', 'Content-Security-Policy "default-src https:"'),
    ERRORS  => "ErrorDocument 401 /members/error.html\nErrorDocument 404 /members/error.html\n"
        . "Header always set Content-Security-Policy \"default-src https:\"",
    DEFLATE => 'AddOutputFilterByType DEFLATE text/html text/css text/javascript',
);
my %OWN = (
    'Content-Security-Policy'    => qr/^default-src 'none'; /,
    'Cache-Control'              => qr/^no-store$/,
    'Referrer-Policy'            => qr/^strict-origin-when-cross-origin$/,
    'X-Content-Type-Options'     => qr/^nosniff$/,
    'Cross-Origin-Opener-Policy' => qr/^same-origin-allow-popups$/,
    'Permissions-Policy'         => qr/(?:^|, )camera=\(\), .*geolocation=\(\), .*microphone=\(\)/,
);
my @NONE = qw(Cross-Origin-Embedder-Policy Cross-Origin-Embedder-Policy-Report-Only Content-Security-Policy-Report-Only
    Cross-Origin-Opener-Policy-Report-Only Expires ETag Last-Modified);

plan tests => 4 * keys(%WAYS) + 29;

my $server = Civic::Server->new(ports => [sort keys %WAYS]);
$server->write_conf("LoadModule deflate_module \${CIVIC_MODULES}/mod_deflate.so\n" . join '',
    map { Civic::Server::host($_, "Include \${CIVIC_T}/conf/application-plain.conf\n$WAYS{$_}", plain => 1) } sort keys %WAYS);
$server->start;

my $nav = $Civic::Raw::NAVIGATE;
sub ask { my ($port, $method, $path, $lines) = @_; return Civic::Raw::request($server->port($port), $method, $path, $lines // $nav) }

# Each of ours once and as it must be, and none that gets in the way.
sub faults_of {
    my $answer = shift;
    my @faults = $answer->faults;
    for my $name (sort keys %OWN) {
        my @values = $answer->header($name);
        push @faults, "$name: " . join ' | ', @values unless @values == 1 && $values[0] =~ $OWN{$name};
    }
    push @faults, map { "$_ is there" } grep { defined $answer->header($_) } @NONE;
    return join "\n", @faults;
}

for my $way (sort keys %WAYS) {
    my $page = ask($way, 'GET', '/members/');
    my $head = ask($way, 'HEAD', '/members/');
    is($page->code . faults_of($page), 401, "$way: the login page");
    is($head->code . faults_of($head), 401, "$way: to HEAD the same");
    is($head->header('Content-Length'), $page->header('Content-Length'), "$way: and the same length");
    is(join('', map { faults_of(ask($way, 'GET', $_)) } '/civic/logout', '/civic/callback'), '', "$way: the other pages");
}

# What an ErrorDocument that is protected itself leads to.
my $lost = ask('ERRORS', 'GET', '/nowhere');
is($lost->code, 404, 'an ErrorDocument that nobody may see leaves the status alone');
unlike($lost->body, qr/civic-login/, 'and is no login page');
is(scalar(my @policies = $lost->header('Content-Security-Policy')), 1, 'with the policy of the site');

# In a frame, the page around may ask for an embedder policy: what the site says stays.
my $frame = ask('SET', 'GET', '/members/', $nav =~ s/document/iframe/r);
is($frame->header('Cross-Origin-Embedder-Policy'), 'require-corp', 'what stands in a frame keeps the embedder policy of the site');
like($frame->header('Content-Security-Policy'), qr/^default-src 'none'; .*frame-ancestors 'self'$/, 'beside its own');
is(ask('NOTHING', 'GET', '/members/', $nav =~ s/document/iframe/r)->header('Cross-Origin-Embedder-Policy'), undef, 'and has none of its own');

# ---- compressed ----
my %gzip = (lines => "${nav}Accept-Encoding: gzip\r\n");
my $plain = ask('NOTHING', 'GET', '/members/');
my $small = ask('DEFLATE', 'GET', '/members/', $gzip{lines});
is($small->header('Content-Encoding'), 'gzip', 'a page is compressed for who takes that');
gunzip(\($small->body), \my $text);
like($text, qr{<main id="civic-login".*</html>\s*$}s, 'whole');
cmp_ok(length $small->body, '<', length($text) * 2 / 3, 'and a good deal smaller');
is(faults_of($small), '', 'with the same headers');
like($small->header('Vary'), qr/Accept-Encoding/, 'and caches know of it');
my $head = ask('DEFLATE', 'HEAD', '/members/', $gzip{lines});
is($head->code . faults_of($head), 401, 'to HEAD as well');
ok(!defined $head->header('Content-Length') || $head->header('Content-Length') == length $small->body,
    'with the right length or none');
is($plain->header('Content-Encoding'), undef, 'for others it is not');
$small = ask('DEFLATE', 'GET', '/civic/login.js', $gzip{lines});
is($small->header('Content-Encoding'), 'gzip', 'an asset is, too');

# ---- assets ----
my ($version) = $plain->body =~ m{/civic/login\.js\?v=(\w+)"};
my $files = Civic::Env::source_dir();
my $names = join ' ', map { /^ASSET(?:S|_PARTS) = (.*)/ } do { open my $in, '<', "$files/Makefile.am" or die $!; my $all = join '', <$in>; $all =~ s/\\\n//g; split /\n/, $all };
my ($sum) = split ' ', `cd $files/src/assets && cat $names ../../tools/slim | cksum`;
is($version, $sum, 'the address of an asset has the checksum of what it is made of');
my @urls = $plain->body =~ m{(?:src|href)="(/civic/[^"]+)"}g;
is(scalar(grep {/\?v=$version$/} @urls), scalar @urls, 'each');
my $first = ask('NOTHING', 'GET', "/civic/login.js?v=$version");
is($first->header('Cache-Control'), 'public, max-age=31536000, immutable', 'which caches keep for ever');
for my $other ('', '?v=', '?v=1', "?v=${version}0", "?v=$version&x", "?x&v=$version") {
    is(ask('NOTHING', 'GET', "/civic/login.js$other")->header('Cache-Control'), 'public, max-age=300',
        "any other not: login.js$other");
}
my $etag = $first->header('ETag');
my $again = ask('NOTHING', 'GET', '/civic/login.js', "If-None-Match: $etag\r\n");
is($again->code, 304, 'who has it is told so');
is($again->header('ETag') . ' ' . $again->header('Cache-Control'), "$etag public, max-age=300", 'with its tag');
is(ask('NOTHING', 'GET', '/civic/login.js', "If-None-Match: W/\"other\"\r\n")->code, 200, 'who has another gets it');
$small = ask('DEFLATE', 'GET', '/civic/login.js', $gzip{lines});
is(ask('DEFLATE', 'GET', '/civic/login.js', "$gzip{lines}If-None-Match: " . $small->header('ETag') . "\r\n")->code, 304,
    'compressed, too');
is(scalar(() = $server->error_log =~ /exit signal/g), 0, 'no child has died');
