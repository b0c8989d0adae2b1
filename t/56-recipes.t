# The configurations of doc/recipes.md work as they stand there: only addresses, files and keys are replaced by
# those of this test. So do its scripts.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha1_base64);
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Ajp ();
use Civic::Client ();
use Civic::Clock ();
use Civic::Enrollments ();
use Civic::Env ();
use Civic::Factor ();
use Civic::Htcivic ();
use Civic::Jose ();
use Civic::Php ();
use Civic::Process ();
use Civic::Radicale ();
use Civic::Server ();
use Civic::Uwsgi ();
use Civic::WebSocket ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';

# ---- the document: heading => kind => text ----
my (%recipe, @headings);
{
    open my $in, '<', Civic::Env::source_dir() . '/doc/recipes.md' or die $!;
    my ($heading, $kind) = ('');
    while (<$in>) {
        if (/^```(\w*)/) { $kind = $1 || undef }
        elsif (defined $kind) { $recipe{$heading}{$kind} .= $_ }
        elsif (/^## (.*)/) { push @headings, $heading = $1 }
    }
}
my $verifies = 'An application that verifies who it is';
my @tried = ('A static site', 'An application behind a proxy', 'An application that wants a header of its own', 'PHP',
    'Sign-up completion', 'The document\'s picture', 'A single-page application and its API', 'WebSockets', 'uwsgi and AJP', $verifies,
    'Adults, or people of some countries', 'A second factor that the operator links');
plan tests => 91;
is_deeply([ sort @headings ], [ sort @tried ], 'each recipe is tried');

# ---- a server with a host for each ----
my %port_of;
@port_of{@tried} = map {"HOST$_"} 0 .. $#tried;
my ($php, $radicale, $echo) = (Civic::Php->start, Civic::Radicale->start, Civic::WebSocket->start);
my ($uwsgi, $ajp) = (Civic::Uwsgi->start, Civic::Ajp->start(secret => 'between-us'));
my $clock = Civic::Clock->new;
my $server = Civic::Server->new(ports => [ values %port_of, 'BACKEND', 'TOKENS' ], env => { $clock->env });
my %verifier = map { $_ => Civic::Process->new } qw(js python);
my $root = $server->dir . '/htdocs';
make_path(map {"$root/$_"} qw(public members app account bar admin/desk));
my %files = (
    'index.html' => 'START', 'public/index.html' => 'PUBLIC', 'favicon.ico' => 'ICON', 'app/index.html' => 'SHELL',
    'bar/index.html' => 'BAR', 'admin/index.html' => 'ADMIN', 'admin/desk/index.html' => 'DESK',
    'members/index.php' => $recipe{PHP}{php},
    'members/welcome.php' => $recipe{'Sign-up completion'}{php}, 'account/photo.php' => $recipe{'The document\'s picture'}{php},
);
# Where its application stores what it needs, and where the site is.
my $stored = $server->dir . '/stored';
mkdir $stored;
chmod 0777, $stored;
$files{'members/welcome.php'} = replaced($files{'members/welcome.php'}, '/srv/members' => $stored);
$files{'account/photo.php'} = replaced($files{'account/photo.php'},
    'www.example.org' => 'localhost:' . $server->port($port_of{'The document\'s picture'}));
$server->write_file("htdocs/$_", $files{$_}) for keys %files;
my $users = $server->write_file('users', 'tim:{SHA}' . sha1_base64('secret') . "=\n");
my $admins = $server->write_file('admins', join '', map { "$_:{SHA}" . sha1_base64('secret') . "=\n" } qw(alice bob));
my $enrollments = Civic::Enrollments->new;
my $backend = '127.0.0.1:${CIVIC_PORT_BACKEND}';

# What is written there => what it is here. Each must be there, or the document has changed.
my %frame = (
    '*:443'                         => undef,
    'www.example.org'               => 'localhost',
    '/srv/www'                      => $root,
    '/etc/ssl/example.org.pem'      => '${CIVIC_KEYS}/server.pem',
    '/etc/ssl/example.org.key'      => '${CIVIC_KEYS}/server.key',
    'CO-ABCDEFG1230934545'          => 'CO-ALPHA',
    '/etc/apache2/civic/private.key' => '${CIVIC_KEYS}/CO-ALPHA.key',
    '/etc/apache2/civic/secret'     => '${CIVIC_KEYS}/CO-ALPHA.secret',
    '</CivicApplication>' => join("\n", 'CivicApiUrl https://localhost:${CIVIC_PORT_SANDBOX}/sip', 'CivicPublicKey file:${CIVIC_KEYS}/civic.pub',
        'CivicCACertificateFile ${CIVIC_KEYS}/ca.pem', 'CivicPayloadHosts localhost', '</CivicApplication>'),
    '# the recipe' => undef,
);
my %inside = (
    'An application behind a proxy' => { 'http://127.0.0.1:8080' => "http://$backend" },
    'An application that wants a header of its own' =>
        { 'http://127.0.0.1:5232' => 'http://127.0.0.1:' . $radicale->port, '/etc/apache2/calendars.htpasswd' => $users },
    'PHP' => { '/run/php/php-fpm.sock' => $php->socket },
    'Sign-up completion' => { '/run/php/php-fpm.sock' => $php->socket },
    'The document\'s picture' => { '/run/php/php-fpm.sock' => $php->socket },
    'A single-page application and its API' => { 'http://127.0.0.1:8080' => "http://$backend" },
    'WebSockets' => { 'http://127.0.0.1:8080' => 'http://127.0.0.1:' . $echo->port },
    'uwsgi and AJP' => { 'uwsgi://127.0.0.1:3031' => 'uwsgi://127.0.0.1:' . $uwsgi->port, 'ajp://127.0.0.1:8009' => 'ajp://127.0.0.1:' . $ajp->port,
        'secret=...' => 'secret=between-us' },
    $verifies => { 'http://127.0.0.1:8080' => 'http://127.0.0.1:' . $verifier{js}->port },
    $tried[11] => { 'dbm:/var/lib/civic/enrollments' => $enrollments->store, '/etc/apache2/admin.htpasswd' => $admins, '192.0.2.0/24' => '127.0.0.1 192.0.2.0/24' },
);

sub replaced {
    my ($text, %by) = @_;
    for my $old (sort { length $b <=> length $a } keys %by) {
        die "doc/recipes.md has no $old\n" unless $text =~ s/\Q$old\E/$by{$old}/g;
    }
    return $text;
}
my $conf = join '', map {"LoadModule ${_}_module \${CIVIC_MODULES}/mod_$_.so\n"} qw(proxy_fcgi proxy_uwsgi proxy_ajp);
$conf .= "CivicWebSocketCheck 1s\nInclude \${CIVIC_T}/conf/backend.conf\n";
for my $name (@tried) {
    my $address = "127.0.0.1:\${CIVIC_PORT_$port_of{$name}}";
    my $keeps = $name eq 'The document\'s picture' ? "CivicDocumentImage On\n" : '';
    $conf .= "Listen $address\n" . replaced($recipe{''}{apache}, %frame, '*:443' => $address,
        'www.example.org' => "localhost:\${CIVIC_PORT_$port_of{$name}}",
        '</CivicApplication>' => $keeps . $frame{'</CivicApplication>'},
        '# the recipe' => replaced($recipe{$name}{apache}, %{ $inside{$name} || {} }));
}
# The same site once more: the other program, and tokens to be seen.
my $site = "localhost:\${CIVIC_PORT_$port_of{$verifies}}";
$conf .= replaced($recipe{''}{apache}, %frame, '*:443' => '127.0.0.1:${CIVIC_PORT_TOKENS}', 'www.example.org' => $site,
    '# the recipe' => replaced($recipe{$verifies}{apache}, 'http://127.0.0.1:8080' => 'http://127.0.0.1:' . $verifier{python}->port)
        . "ScriptAliasMatch ^/token/ \${CIVIC_T}/cgi-bin/echo.pl\nCivicAssertion On\n<Location /token/>\nAuthType Civic\nAuthName X\nRequire valid-user\n</Location>\n"
        . "<Location /token/orders>\nCivicAssertionAudience orders\n</Location>\n");
$conf .= "Listen 127.0.0.1:\${CIVIC_PORT_TOKENS}\n";
$server->write_conf($conf);
my ($status, $said) = $server->configtest;
is($status, 0, 'httpd takes all of them') or diag $said;
$server->start;

sub browser {
    my ($name, $path, @how) = @_;
    my $client = Civic::Client->new(site => 'https://localhost:' . $server->port($port_of{$name}));
    return $path ? $client->logged_in($path, @how) : $client;
}

sub env { my ($client, $path, %headers) = @_; return $client->json($client->get($path, %headers))->{env} }

# ---- a static site ----
my $name = $tried[0];
my $guest = browser($name);
is($guest->get('/')->code, 401, "$name: the start page is for those who are logged in");
ok(Civic::Client::login_page($guest->get('/')), "$name: others get the login page");
is($guest->get('/public/index.html')->content, 'PUBLIC', "$name: the public part is for all");
is($guest->get('/favicon.ico')->content, 'ICON', "$name: and so is the icon");
is($guest->get('/secret')->code, 401, "$name: what is not there is not told apart");
my $client = browser($name, '/');
is($client->get('/')->content, 'START', "$name: after the login");
is($client->get('/')->header('Cache-Control'), 'private, no-cache', "$name: browsers ask each time");
my ($action, @field) = map { $recipe{$name}{html} =~ $_ } qr/<form method="post" action="([^"]+)"/, qr/name="(\w+)" value="([^"]*)"/;
is($client->post_form($action, join '=', @field)->header('Location'), '/public/', "$name: logout by its form, back to the public part");
is($client->get('/')->code, 401, "$name: and out");

# ---- behind a proxy ----
$name = $tried[1];
is(browser($name)->get('/app/x')->code, 401, "$name: nobody gets through without a session");
$client = browser($name, '/app/x');
my $env = env($client, '/app/x', 'Civic-User-Id' => 'FORGED', 'civic_claim_other' => 'FORGED', 'Connection' => 'Civic-User-Id');
is($env->{HTTP_CIVIC_USER_ID}, $JANE, "$name: it knows who it is");
is($env->{HTTP_CIVIC_CLAIM_CONTACT_PERSONAL_EMAIL}, 'jane@example.com', "$name: and the claim that was chosen");
is($env->{HTTP_CIVIC_CLAIM_CONTACT_PERSONAL_PHONENUMBER}, undef, "$name: but no other");
is(scalar(grep {/FORGED/} values %$env), 0, "$name: and nothing that a client makes up");

# ---- a header of its own ----
$name = $tried[2];
$client = browser($name, '/calendars/');
my @home = ('MKCALENDAR', '/calendars/jane%40example.com/work/');
is($client->request(@home, { 'X-Remote-User' => 'tim' })->code, 201, "$name: she makes a calendar");
is($client->request('MKCALENDAR', '/calendars/tim/work/', { 'X-Remote-User' => 'tim' })->code, 403, "$name: not for somebody else");
my $program = browser($name);
my @tim = (Authorization => 'Basic dGltOnNlY3JldA==');
is($program->request('MKCALENDAR', '/calendars/tim/work/', {@tim})->code, 201, "$name: a program with a password makes one");
is($program->request('PROPFIND', '/calendars/jane%40example.com/work/', { @tim, 'X-Remote-User' => 'jane@example.com' })->code, 403,
    "$name: but sees none of others");
is($program->request('PROPFIND', '/calendars/', { Authorization => 'Basic dGltOndyb25n', 'X-Remote-User' => 'tim' })->code, 401,
    "$name: a wrong one opens nothing");
is($program->request('PROPFIND', '/calendars/', { 'X-Remote-User' => 'tim' })->code, 401, "$name: nor does none");

# ---- PHP ----
$name = $tried[3];
is(browser($name)->get('/members/')->code, 401, "$name: the login comes first");
is(browser($name, '/members/')->get('/members/', CIVIC_USER_ID => 'x')->content, "$JANE jane\@example.com\n", "$name: the script knows who it is");

# ---- sign-up completion ----
$name = $tried[4];
$client = browser($name);
my ($in) = $client->login('/members/index.php?id=7');
my $location = $client->json($in)->{location};
is($location, '/members/welcome.php?return=/members/index.php%3Fid%3D7', "$name: the page comes first");
my $answer = $client->get($location);
is($answer->code . $answer->header('Location'), '303/members/index.php?id=7', "$name: and leads to where she wanted to go");
is($client->get('/members/index.php?id=7')->code, 200, "$name: there she is");
is(join(' ', map { do { local (@ARGV, $/) = $_; <> } } glob "$stored/*"), 'jane@example.com', "$name: her address was stored");
is(browser($name)->get($location)->code, 401, "$name: the page is not for who is not logged in");
is(join(' ', map { $client->get("/members/welcome.php$_")->header('Location') // 'none' } '', '?return=', '?return=//evil.example',
        '?return=https://evil.example/', '?return=/%5Cevil.example', '?return=/a%5C', '?return[]=/a', '?return=/a%0D%0Ab', '?return=%20/a', '?return=evil'),
    join(' ', ('/members/') x 10), "$name: and leads nowhere else");
is($client->get('/members/welcome.php?return=/members/x%23y')->header('Location'), '/members/x#y', "$name: with what stands behind a #");

# ---- the document's picture ----
$name = $tried[5];
$client = browser($name, '/account/photo.php', image => 5000);
like($client->get('/account/photo.php')->content, qr/^(?:5000 bytes of )/, "$name: the application has it");
is(length $client->fetch('/civic/image')->content, 5000, "$name: and so has the browser");
my $person = browser($name, '/account/photo.php');
like($person->get('/account/photo.php')->content, qr{^\d+ bytes of image/png$}, "$name: somebody else's");
my ($bare) = $client->clear && ($client->login('/account/photo.php', data => [ map { { label => $_, value => 'x', isValid => JSON::PP::true, isOwner => JSON::PP::true } } 'documents.genericId.name' ]))[0];
is($bare->code, 200, "$name: somebody who shows none");
is($client->get('/account/photo.php')->content, "No picture is kept.\n", "$name: and the application knows");

# ---- a single-page application ----
$name = $tried[6];
$guest = browser($name);
ok(Civic::Client::login_page($guest->get('/app/orders/7')), "$name: a deep link leads to the login page");
my $refused = $guest->get('/api/orders');
is($refused->code . ' ' . $refused->header('Content-Type'), '401 application/problem+json', "$name: the API's 401 is for programs, always");
$client = browser($name, '/app/orders/7');
is($client->get('/app/orders/7')->content, 'SHELL', "$name: each of its addresses is the page");
is(env($client, '/api/orders')->{HTTP_CIVIC_USER_ID}, $JANE, "$name: the API knows who asks");

# The script, in Node.js, with a session's cookie or without.
sub script {
    my ($cookie, $path) = @_;
    my $file = $server->write_file('api.mjs', $recipe{$name}{js} . <<'END');
const [site, cookie, path] = process.argv.slice(2);
const plain = globalThis.fetch;
globalThis.fetch = (to, options) => plain(site + to, { ...options, headers: { cookie } });
globalThis.location = { reload: () => { console.log('reload'); process.exit(0); } };
const answer = await api(path);
console.log(answer.status, (await answer.text()).includes('SECRET-CONTENT'));
END
    local $ENV{NODE_EXTRA_CA_CERTS} = "$ENV{CIVIC_KEYS}/ca.pem";
    open my $node, '-|', 'node', $file, 'https://localhost:' . $server->port($port_of{$name}), $cookie, $path or die "node: $!";
    return do { local $/; <$node> };
}
is(script(join('=', $client->session_cookie), '/api/orders'), "200 true\n", "$name: its script gets what it asks for");
is(script('none=1', '/api/orders'), "reload\n", "$name: and asks for the page again when the session has ended");
is(script(join('=', $client->session_cookie), '/app/../nowhere'), "404 false\n", "$name: any other answer is the application's");

# ---- WebSockets ----
$name = $tried[7];
my $port = $server->port($port_of{$name});
$client = browser($name, '/chat/');
my $cookie = 'Cookie: ' . join('=', $client->session_cookie) . "\r\n";
my $open = sub { return Civic::WebSocket->connect($port, '/chat/', tls => 1, connection => '', headers => "Origin: $_[0]\r\n$_[1]") };
is($open->("https://localhost:$port", '')->code, 401, "$name: not without a session");
is($open->('https://www.example.net', $cookie)->code, 403, "$name: not from elsewhere");
my $socket = $open->("https://localhost:$port", $cookie);
is($Civic::Client::JSON->decode($socket->receive // '{}')->{headers}{'civic-user-id'}, $JANE, "$name: the back end knows who it is");
$client->post_form('/civic/logout', '');
ok($socket->is_closed_within(5), "$name: closed after the logout");

# ---- uwsgi and AJP ----
$name = $tried[8];
is(browser($name)->get($_)->code, 401, "$name, $_: the login comes first") for '/python/', '/java/';
$client = browser($name, '/python/');
$env = env($client, '/python/', CIVIC_USER_ID => 'FORGED', 'Civic-User-Id' => 'FORGED');
is($env->{REMOTE_USER}, $JANE, "$name: uwsgi knows who it is");
is($env->{CIVIC_CONTACT_PERSONAL_EMAIL} . ' ' . ($env->{HTTP_CIVIC_USER_ID} // '-'), 'jane@example.com -', "$name: by variables");
$env = env($client, '/java/', 'Civic-User-Id' => 'FORGED');
is($env->{REMOTE_USER}, $JANE, "$name: so does AJP");
is($env->{HTTP_CIVIC_USER_ID}, $JANE, "$name: by headers");

# ---- adults, or people of some countries ----
$name = $tried[10];
is(Civic::Client::login_page(browser($name)->get('/bar/'))->{scope}, 'PROOF_OF_IDENTITY', "$name: the login shows the document");
is(browser($name, '/bar/')->get('/bar/')->content, 'BAR', "$name: one login is enough");
is(join(' ', map { browser($name, '/bar/', person => $_)->get('/bar/')->code } qw(minor expired ozdemir)), '403 403 403',
    "$name: not for a minor, without a valid document, or from elsewhere");

# ---- a second factor that the operator links ----
$name = $tried[11];
my $password = sub {
    my $person = browser($name);
    $person->{agent}->default_header(Authorization => Civic::Factor::basic($_[0], 'secret'));
    return $person;
};
my $alice = $password->('alice');
like($alice->get('/admin/')->content, qr/data-reason="not-enrolled"/, "$name: who is not linked does not get in");
my $reader = browser($name);
is(Civic::Client::login_page($reader->get('/civic-id'))->{scope}, 'ANONYMOUS_LOGIN', "$name: a person logs in to read his id");
$reader->logged_in('/civic-id');
$answer = $reader->get('/civic-id');
like($answer->code . $answer->header('Location'), qr{^302https://localhost:\d+/civic/session$}, "$name: and is led");
my $told = $reader->json($reader->get($answer->header('Location') =~ s{^https://[^/]+}{}r))->{sessions};
is(@$told, 1, "$name: to the session");
is($told->[0]{application} . ' ' . $told->[0]{userId}, "CO-ALPHA $JANE", "$name: which has the id");
my ($command) = $recipe{$name}{sh} =~ /^htcivic (.*)/ or die 'no command';
my ($ran, undef, $error) = Civic::Htcivic::htcivic(split ' ', replaced($command, 'dbm:/var/lib/civic/enrollments' => $enrollments->store,
        'CO-ABCDEFG1230934545' => 'CO-ALPHA', $JANE => $told->[0]{userId}));
is($ran, 0, "$name: the command links it") or diag $error;
is(Civic::Client::login_page($alice->get('/admin/'))->{reason}, 'second-factor-required', "$name: now Civic is asked");
is((Civic::Factor::approve($alice, '/admin/', 'jane'))->code, 200, "$name: by that person");
is($alice->get('/admin/')->content, 'ADMIN', "$name: who is in");
my $bob = $password->('bob');
like($bob->get('/admin/')->content, qr/data-reason="not-enrolled"/, "$name: another one");
is(Civic::Factor::enroll($bob, '/admin/desk/', 'smiley')->code, 303, "$name: links himself at the desk");
is($bob->get('/admin/desk/')->content, 'DESK', "$name: is in there");
is($bob->get('/admin/')->content, 'ADMIN', "$name: and at all of it");
is(join(' ', sort keys %{ $enrollments->linked }), 'alice bob', "$name: both are linked");
is(browser($name)->get('/admin/desk/')->code . browser($name)->get('/admin/')->code, '401401', "$name: the password comes first");
is($password->('mallory')->get('/admin/desk/')->code, 401, "$name: for the desk as well");

# ---- an application that verifies: both programs ----
$name = $verifies;
my %as_here = ('https://www.example.org' => 'https://localhost:' . $server->port($port_of{$name}));
my %command = (
    js => [ 'node', Civic::Jose::program("recipe-$$.mjs", replaced($recipe{$name}{js}, %as_here, 8080 => $verifier{js}->port)) ],
    python => [ -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3',
        $server->write_file('verify.py', replaced($recipe{$name}{python}, %as_here, 8080 => $verifier{python}->port)) ],
);
local @ENV{qw(NODE_EXTRA_CA_CERTS SSL_CERT_FILE)} = ("$ENV{CIVIC_KEYS}/ca.pem") x 2;
for (sort keys %command) { $verifier{$_}->launch(@{ $command{$_} }); $verifier{$_}->wait_for_port }
my $tokens = Civic::Client->new(site => 'https://localhost:' . $server->port('TOKENS'))->logged_in('/token/');
my $token = sub { return env($tokens, "/token/$_[0]")->{HTTP_CIVIC_ASSERTION} };
my ($good, $foreign) = map { $token->($_) } 'orders', 'other';
$clock->step(-120);
my $stale = $token->('orders');
$clock->step(0);
my ($header, $payload, $signature) = split /\./, $good;
my %refused = (
    'no token' => undef, 'nonsense' => 'x.y.z', 'one for another application' => $foreign, 'one that is too old' => $stale,
    'one that was changed' => join('.', $header, (split /\./, $stale)[1], $signature), 'one without a signature' => "eyJhbGciOiJub25lIn0.$payload.",
);
for my $kind (sort keys %command) {
    my $browser = $kind eq 'js' ? browser($name, '/orders/') : $tokens;
    is($browser->get('/orders/', 'Civic-Assertion' => 'x')->content, "$JANE jane\@example.com\n", "$name, $kind: by the front door");
    my $direct = Civic::Client->new(site => 'http://127.0.0.1:' . $verifier{$kind}->port);
    my $code = sub { return $direct->get('/', 'Civic-User-Id' => $JANE, 'Civic-Assertion' => $_[0])->code };
    is($code->($good), 200, "$name, $kind: what is signed for it counts wherever it comes from");
    is($code->($refused{$_}), 403, "$name, $kind: but not $_") for sort keys %refused;
    is(browser($name)->get('/orders/')->code, 401, "$name, $kind: nobody gets there without a session");
}
unlink $command{js}[1];
is(() = $server->error_log =~ /exit signal/g, 0, 'no child has died');
