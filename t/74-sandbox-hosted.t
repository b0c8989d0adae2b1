# What a browser and a telephone meet at the sandbox, by HTTP: the library, the frame for sites of the
# white list alone (judged by the Referer), its QR code, the telephone's page, polling until somebody
# has approved or denied, and the way of a mobile browser, which comes back to its page with a uuid.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use HTTP::Request::Common qw(GET POST);
use LWP::UserAgent ();
use URI::Escape qw(uri_escape);

use lib 't/lib';
use Civic::Sandbox ();
use Civic::Sip ();

plan tests => 103;

my $sandbox = Civic::Sandbox->plain;
my $base = $sandbox->{base};
my $app = Civic::Sip->new('CO-PLAIN', base => "$base/sip");
my $agent = LWP::UserAgent->new(max_redirect => 0, timeout => 20);
my $site = "http://localhost:$ENV{CIVIC_PORT_PLAIN}";

# A GET with the Referer that a browser would send; undef: none.
sub get {
    my ($path, $referer) = @_;
    return $agent->request(GET("$base$path", $referer ? (Referer => $referer) : ()));
}

sub query {
    my %values = (appId => 'CO-PLAIN', scope => 'BASIC_SIGNUP', @_);
    return '?' . join '&', map { "$_=" . uri_escape($values{$_}) }
        grep { defined $values{$_} } sort keys %values;
}

# data-... of the frame
sub frame {
    my ($tag) = $_[0]->content =~ /<main id="hosted"(.*?)>/s or return {};
    return { $tag =~ /data-([a-z-]+)="([^"]*)"/g };
}

sub start { return frame(get('/hosted/frame' . query(@_), "$site/"))->{id} }
sub poll { return $app->json(get("/hosted/poll/$_[0]")) }

sub decide {
    my ($id, %form) = @_;
    return $agent->request(POST("$base/phone/$id", \%form));
}

# ---- files ----
for (['/js/civic.sip.min.js', 'text/javascript'], ['/css/civic-modal.min.css', 'text/css'],
    ['/assets/hosted.js', 'text/javascript'], ['/assets/pages.css', 'text/css']) {
    my ($path, $type) = @$_;
    my $answer = get($path);
    is($answer->code, 200, $path);
    like($answer->header('Content-Type'), qr/^\Q$type\E; charset=utf-8$/, "$path: its type");
    is($agent->request(POST("$base$path"))->code, 405, "$path: GET only");
    is(get("$path/x")->code, 404, "$path: nothing below it");
}
is(get($_)->code, 404, "$_: not there") for '/', '/index.html', '/hosted', '/hosted/x', '/jsx';

# ---- the white list ----
my $answer = get('/hosted/frame' . query(), "$site/members/?a=b");
is($answer->code, 200, 'a frame');
my $frame = frame($answer);
like($frame->{id}, qr/^[0-9a-f-]{36}$/, 'for a site of the white list');
is($frame->{origin}, $site, 'its messages go to that site alone');
like($answer->header('Content-Security-Policy'), qr/frame-ancestors \Q$site\E$/, 'and only there it shows');
ok(!$frame->{error}, 'no error');
for (
    [ 'another port', 'http://localhost:1/' ], [ 'another scheme', $site =~ s/^http/https/r . '/' ],
    [ 'another host', 'http://evil.example/' ], [ 'a longer name', "$site.evil.example/" ],
    [ 'a user before it', $site =~ s{//}{//x\@}r . '/' ], [ 'a site in the path', "http://evil.example/$site/" ],
    [ 'no Referer', undef ], [ 'a Referer that is none', 'about:blank' ],
) {
    my ($what, $referer) = @$_;
    my $refused = get('/hosted/frame' . query(), $referer);
    $frame = frame($refused);
    is($frame->{id}, '', "$what: no QR code");
    is($frame->{'error-type'}, 'unauthorized-domain', "$what: an error for the library");
    like($refused->content, qr/role="alert">the domain [^<]* is not on the white list of CO-PLAIN</,
        "$what: which the person can read");
}
unlike(get('/hosted/frame' . query(), 'http://"><script>alert(1)</script>/')->content, qr/<script>alert/,
    'a Referer is not markup');
$frame = frame(get('/hosted/frame' . query(appId => 'CO-NOBODY'), "$site/"));
like($frame->{error}, qr/application id is not known/, 'an unknown application');
$frame = frame(get('/hosted/frame' . query(scope => undef), "$site/"));
like($frame->{error}, qr/scope request is missing/, 'no scope request');
my $tls = Civic::Sip->new('CO-ALPHA');
my $any = $tls->fetch("https://localhost:$ENV{CIVIC_PORT_SANDBOX}/hosted/frame" . query(appId => 'CO-ALPHA'),
    Referer => 'https://any.example/');
like(frame($any)->{id}, qr/^[0-9a-f-]{36}$/, '* on the white list stands for any site');

# ---- the introduction ----
for (['PROOF_OF_IDENTITY', 'false', 'true'], ['PROOF_OF_IDENTITY', 'true', 'false'],
    ['BASIC_SIGNUP', 'false', 'false']) {
    my ($scope, $hide, $intro) = @$_;
    $frame = frame(get('/hosted/frame' . query(scope => $scope, hideIntro => $hide), "$site/"));
    is($frame->{intro}, $intro, "$scope, hideIntro $hide: introduction $intro");
}

# ---- the QR code: an SVG, one for each request. That it can be read is shown in t/interop. ----
my $id = start();
my $qr = get("/hosted/qr/$id");
is($qr->header('Content-Type'), 'image/svg+xml', 'the QR code is an SVG');
my ($size) = $qr->content =~ /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="-4 -4 (\d+) \1" /;
ok($size >= 21 + 8 && ($size - 8) % 4 == 1, 'of a size that QR codes have, with its margin');
isnt(get('/hosted/qr/' . start())->content, $qr->content, 'each request has its own');
is(get('/hosted/qr/nobody')->code, 404, 'others have none');

# ---- approve ----
is(poll($id)->{status}, 'waiting', 'nobody has scanned');
my $phone = get("/phone/$id");
is($phone->code, 200, 'the telephone shows the request');
like($phone->content, qr/Share with \Q$site\E\?.*CO-PLAIN.*BASIC_SIGNUP.*your email address and telephone/s,
    'who asks for what');
my @people = $phone->content =~ /name="person" value="(\w+)"/g;
is_deeply(\@people, [qw(jane ozdemir smiley minor expired stale)], 'and the people to choose from');
unlike($phone->content, qr/\{\{/, 'each with a name');
is(poll($id)->{status}, 'read', 'which the frame is told');
is(decide($id, decision => 'approve')->code, 400, 'approving as nobody');
is(decide($id, decision => 'approve', person => 'nobody')->code, 400, 'or as somebody unknown');
my $text = POST("$base/phone/$id", 'Content-Type' => 'text/plain', Content => 'decision=approve&person=jane');
is($agent->request($text)->code, 400, 'or by something that is no form');
is(poll($id)->{status}, 'read', 'decides nothing');
my $approved = decide($id, decision => 'approve', person => 'ozdemir');
is($approved->code, 200, 'approved');
like($approved->content, qr/Go on in your browser/, 'the telephone says so');
my $polled = poll($id);
is($polled->{status}, 'approved', 'and the frame is told');
my ($header, $code) = Civic::Sip::token_open($polled->{token});
is_deeply($header, { alg => 'ES256', typ => 'JWT' }, 'with a code');
is($code->{iss}, 'civic-sip-hosted-service', 'of this service');
is($code->{sub}, 'CO-PLAIN', 'for this application');
is($code->{aud}, "$base/sip/", 'for this API');
like($code->{jti}, qr/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'with an id');
is($code->{exp} - $code->{iat}, 1800, 'for thirty minutes');
isnt($code->{data}{codeToken}, $id, 'the code is not what the QR code shows');
is(get("/phone/$id")->code, 409, 'decided is decided');
is(decide($id, decision => 'deny')->code, 409, 'for good');
my $exchanged = $app->exchange($polled->{token});
is($app->open_data($app->json($exchanged)->{data})->[0]{value}, 'gulsen.ozdemir@example.org',
    'the code yields what the chosen person shows');

# ---- deny, cancel, not yet ----
$id = start();
is(get("/hosted/cancel/$id")->code, 405, 'looking at it does not cancel');
is(decide($id, decision => 'deny')->code, 200, 'denied');
is_deeply(poll($id), { status => 'denied' }, 'no code');
$id = start();
is($agent->request(POST("$base/hosted/cancel/$id"))->code, 200, 'cancelled in the browser');
is(get("/phone/$id")->code, 409, 'the telephone cannot approve any more');
is_deeply(poll('nobody'), { status => 'expired' }, 'an unknown request');
is(get('/phone/nobody')->code, 404, 'is unknown on the telephone, too');

# ---- a mobile browser ----
my $page = "$site/members/?q=1#part";
my $app_link = get('/hosted/app' . query(page => $page), $page);
is($app_link->code, 303, 'a mobile browser goes to the app');
($id) = $app_link->header('Location') =~ m{^\Q$base\E/phone/([0-9a-f-]{36})$};
ok($id, 'by its address');
like(get("/phone/$id")->content, qr/<form method="post" target="_blank">/, 'which will open a new tab');
my $back = decide($id, decision => 'approve', person => 'jane');
is($back->code, 303, 'approved: back');
is($back->header('Location'), "$site/members/?q=1&uuid=$id#part", 'to the page, with the uuid');
$frame = frame(get("/hosted/frame?uuid=$id", "$site/"));
is($frame->{id}, $id, 'the frame that the page then opens knows the request');
is(poll($frame->{id})->{status}, 'approved', 'and gets the code');
is(frame(get("/hosted/frame?uuid=$id", 'http://evil.example/'))->{'error-type'}, 'unknown-request',
    'a page of another site does not');
is(frame(get('/hosted/frame?uuid=nobody', "$site/"))->{'error-type'}, 'unknown-request',
    'nor one with an unknown uuid');
is(frame(get('/hosted/app' . query(), 'http://evil.example/'))->{'error-type'}, 'unauthorized-domain',
    'the white list holds here, too');
for (['http://evil.example/', "another site's page"], ["$site.evil.example/", 'one whose name begins alike']) {
    my ($where, $what) = @$_;
    my $asked = get('/hosted/app' . query(page => $where), "$site/");
    ($id) = $asked->header('Location') =~ m{([^/]+)$};
    is(decide($id, decision => 'approve', person => 'jane')->header('Location'), "$site/?uuid=$id",
        "$what is not where it goes back to");
}
