# Nothing that a client or the configuration says becomes markup or script in a page of ours, and
# every page has a policy under which it would not run.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Raw ();
use Civic::Server ();

my @POLYGLOTS = (
    q{<script>EVIL()</script>}, q{"><script>EVIL()</script>}, q{'><script>EVIL()</script>},
    q{"onmouseover="EVIL()}, q{' onload='EVIL()}, q{</title><script>EVIL()</script>}, q{--><svg/onload=EVIL()>},
    q{</script><script>EVIL()</script>}, q{javascript:EVIL()//"><img src=x onerror=EVIL()>},
    q{`-EVIL()-`}, q{${EVIL()}}, q[{{EVIL}}], q[{{?style}}EVIL{{/}}], q{&lt;script&gt;EVIL()}, q{&#60;script>EVIL()},
    q{<!--#exec cmd="EVIL" -->}, q{<EVIL/onclick=1>}, q{%3Cscript%3EEVIL()%3C/script%3E}, q{%22%3E%3CEVIL%3E}, q{\\"-EVIL()//},
);

plan tests => 4 * @POLYGLOTS + 42;

my $client = Civic::Client->new;
my $port = $ENV{CIVIC_PORT_SITE};

# Bytes as they may stand in a request target.
sub target { return $_[0] =~ s/([\x00-\x20"<>\\^`{|}\x7f-\xff#?])/sprintf '%%%02X', ord $1/ger }
sub encoded { return $_[0] =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger }

# What a page is made of, taken apart as a browser would: anything that is not one of our own
# elements and attributes was let in.
my %ELEMENTS = map { $_ => 1 } qw(!doctype html head meta title link script body main p h1 button span noscript a code form input div ul li);
my %ATTRIBUTES = map { $_ => 1 } qw(lang dir charset name content rel href src defer id class role aria-live type hidden disabled
    method action value data-app-id data-scope data-hide-intro data-state data-reason data-method data-callback data-session data-issued
    data-library data-integrity data-step data-renew data-report data-reference data-style data-words tabindex aria-labelledby);

sub strangers {
    my $html = shift;
    my @found;
    while ($html =~ /<(\/?)([^\s>]*)([^>]*)>/g) {
        my ($name, $rest) = (lc $2, $3);
        push @found, "<$name>" unless $ELEMENTS{$name};
        next if $name eq '!doctype';
        $rest =~ s/\s+([a-z-]+)(?:="([^"<>]*)")?/push @found, "$name $1" unless $ATTRIBUTES{$1}; ''/gei;
        push @found, "$name: $rest" if $rest =~ /\S/;
    }
    push @found, 'a loose <' if $html =~ s/<[^<>]*>//gr =~ /[<>]/;
    push @found, 'inline script' if $html =~ /<script[^>]*>[^<]/;
    push @found, 'an address of script' if $html =~ /(?:href|src|action)="\s*(?:javascript|data|vbscript):/i;
    return @found;
}

sub faults_of {
    my $answer = shift;
    my @faults = strangers($answer->body);
    my @policies = $answer->header('Content-Security-Policy');
    push @faults, scalar(@policies) . ' policies' unless @policies == 1;
    push @faults, 'policy: ' . ($policies[0] // '')
        unless ($policies[0] // '') =~ /^default-src 'none';/ && $policies[0] =~ /frame-ancestors 'none'/
        && $policies[0] !~ /script-src[^;]*(?:unsafe|\*|data:)/;
    push @faults, 'sniffed' unless ($answer->header('X-Content-Type-Options') // '') eq 'nosniff';
    push @faults, 'type' unless ($answer->header('Content-Type') // '') eq 'text/html; charset=utf-8';
    return @faults;
}

sub get {
    my ($target, $lines, $method, $body) = @_;
    return Civic::Raw::request($port, $method // 'GET', $target, ($lines // '') . $Civic::Raw::NAVIGATE, $body, tls => 1);
}

for my $evil (@POLYGLOTS) {
    my $answer = get('/members/' . target($evil) . '?a=' . target($evil) . '&' . target($evil) . '=1&uuid=' . target($evil),
        'Referer: https://localhost/' . $evil . "\r\nUser-Agent: $evil\r\n");
    # Some of them httpd refuses by itself, as %2F or %22 in a path; those pages are not ours.
    ok($answer->code != 401 || !faults_of($answer), "login page, path and query: $evil") or diag join "\n", faults_of($answer), $answer->raw;
    $answer = get('/members/?a=' . target($evil));
    is(join("\n", $answer->code, faults_of($answer)), 401, "login page, query: $evil");
    $answer = get('/civic/logout?return=' . encoded("/$evil"));
    is(join("\n", $answer->code, faults_of($answer)), 200, "logout page: $evil");
    $answer = get('/civic/logout', "Content-Type: application/x-www-form-urlencoded\r\n",
        'POST', 'return=' . encoded("x$evil"));
    is(join("\n", $answer->code, faults_of($answer)), 403, "a page of refusal: $evil");
}

# ---- problem+json: text that no browser takes for a page ----
for my $evil (@POLYGLOTS[0 .. 3]) {
    my $answer = $client->post_json('/civic/callback', { token => $evil, state => $evil });
    is($answer->header('Content-Type'), 'application/problem+json', 'a problem is JSON');
    unlike($answer->content, qr/EVIL/, 'and repeats nothing');
}

# ---- all other pages ----
is(join("\n", faults_of(get('/civic/callback'))), '', 'the callback, opened by hand');
is(join("\n", faults_of(get('//members/'))), '', 'a return path that is none');
my $jane = Civic::Client->new->logged_in('/members/', person => 'ozdemir');
my ($name, $id) = $jane->session_cookie;
my $answer = get('/jane-only/', "Cookie: $name=$id\r\n");
is(join("\n", $answer->code, faults_of($answer)), 403, 'somebody else\'s page');
$answer = Civic::Raw::request($ENV{CIVIC_PORT_PLAIN}, 'GET', '/members/', $Civic::Raw::NAVIGATE, undef, host => 'www.example.org');
is(join("\n", $answer->code, faults_of($answer)), 403, 'plain http');

# ---- names of the configuration ----
my $CHALLENGE = qr{^Civic realm="(?:[^"\\]|\\.)*"(?:, login="[\w/?=%.-]+")?$};
my $server = Civic::Server->new(ports => ['SELF'], conf => <<'END');
Listen 127.0.0.1:${CIVIC_PORT_SELF}
<VirtualHost 127.0.0.1:${CIVIC_PORT_SELF}>
    ServerName localhost
    <CivicApplication "CO-PLAIN">
        CivicPrivateKeyFile ${CIVIC_KEYS}/CO-PLAIN.key
        CivicSecretFile     ${CIVIC_KEYS}/CO-PLAIN.secret
    </CivicApplication>
    <LocationMatch "^/.">
        AuthType Civic
        Require valid-user
    </LocationMatch>
    <Location "/a">
        AuthName "</title><script>EVIL()</script>"
    </Location>
    <Location "/b">
        AuthName "\"><img src=x onerror=EVIL()>"
    </Location>
    <Location "/c">
        AuthName "it's \\\"quoted\\\" & {{state}} {{/}} ü"
    </Location>
    <Location "/e">
        AuthName "%{HTTP:X-Name}"
    </Location>
    <Location "/civic/logout">
        AuthName "</h1><script>EVIL()</script>"
    </Location>
</VirtualHost>
END
$server->start;
$port = $server->port('SELF');
for my $path ('/a', '/b', '/c', '/d', '/civic/logout') {
    $answer = Civic::Raw::request($port, 'GET', $path, $Civic::Raw::NAVIGATE);
    is(join("\n", faults_of($answer)), '', "AuthName of $path");
    my $realm = $answer->header('WWW-Authenticate');
    ok(!defined $realm || $realm =~ $CHALLENGE, "its header is one challenge: $path") or diag $realm;
}
# A name that is an expression, and holds what a request does.
for my $row ([ 'x", error="y', 'x\\", error=\\"y' ], [ 'x\\', 'x\\\\' ], [ 'a\\"b\\\\c', undef ], [ "t\tb", 't b' ], [ 'x' x 5000, 'x' x 256 ], [ '"' x 5000, '\\"' x 256 ]) {
    my ($name, $shown) = @$row;
    my $realm = Civic::Raw::request($port, 'GET', '/e', "${Civic::Raw::NAVIGATE}X-Name: $name\r\n")->header('WWW-Authenticate');
    my $what = substr $name, 0, 20;
    like($realm, $CHALLENGE, "a name from a request: $what");
    ok(!defined $shown || $realm =~ /^Civic realm="\Q$shown\E", login=/, 'is quoted, and bounded') or diag $realm;
}
$answer = Civic::Raw::request($port, 'GET', '/c', $Civic::Raw::NAVIGATE);
like($answer->body, qr/<p class="civic-site">it(?:'|&#39;)s [^<]*&quot;quoted[^<]*&quot; &amp; \{\{state\}\} \{\{\/\}\} \xc3\xbc<\/p>/,
    'a name is shown as it is');
for my $host (map { "x$_" } @POLYGLOTS[0 .. 3]) {
    $answer = Civic::Raw::request($port, 'GET', '/d', $Civic::Raw::NAVIGATE, undef, host => $host);
    unlike($answer->body, qr/<script>EVIL|"onmouseover/, "Host: $host");
}

# An id that could break out is no id.
for my $bad ('<script>', '"x', 'a b') {
    my $broken = Civic::Server->new(conf => "<CivicApplication '$bad'>\n</CivicApplication>\n");
    my ($status, $text) = $broken->configtest;
    ok($status && $text =~ /CivicApplication/, "an application is not called $bad");
}
