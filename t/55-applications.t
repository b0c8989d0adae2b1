# Real applications learn the right user, and never one that a client makes up: PHP by FastCGI, a calendar server
# that believes a header, pages of SSI and CGI, back ends of HTTP; for clients of HTTP/1.1 and of HTTP/2, whose
# WebSockets end with their session as well.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Path qw(make_path);
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Client ();
use Civic::Env ();
use Civic::Log ();
use Civic::Php ();
use Civic::Radicale ();
use Civic::Server ();
use Civic::WebSocket ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $GULSEN = 'gulsen.ozdemir@example.org';
my @FORGED = ('Civic-User-Id', 'CIVIC_USER_ID', 'Civic.User.Id', 'Civic-Claim-Contact-Personal-Email', 'X-Remote-User',
    ':X_Remote_User', ':X.REMOTE.USER', ':Civic_User_Id');

plan tests => 68;

my ($php, $radicale, $echo) = (Civic::Php->start, Civic::Radicale->start, Civic::WebSocket->start);
my $server = Civic::Server->new(ports => [qw(SITE BACKEND)]);
my $root = $server->dir . '/htdocs';
make_path(map {"$root/$_"} qw(env both open));
$server->write_file("htdocs/$_/index.php", $Civic::Php::PAGE) for qw(env both open);
$server->write_file("htdocs/$_/page.shtml", '<!--#echo var="REMOTE_USER" -->|<!--#echo var="CIVIC_CONTACT_PERSONAL_EMAIL" -->')
    for qw(env open);
$server->write_file('htdocs/env/file.txt', 'SECRET-CONTENT');
my ($socket, $calendars, $chat) = ($php->socket, $radicale->port, $echo->port);
$server->write_conf(<<"END" . Civic::Server::host(SITE => Civic::Server::application('CO-ALPHA') . <<"SITE"));
LoadModule proxy_fcgi_module \${CIVIC_MODULES}/mod_proxy_fcgi.so
LoadModule http2_module \${CIVIC_MODULES}/mod_http2.so
Include \${CIVIC_T}/conf/backend.conf
CivicWebSocketCheck 1s
END
Protocols h2 http/1.1
H2WebSockets On
MergeTrailers On
CustomLog \${CIVIC_LOGS}/told_log "%m %{Civic-User-Id}i %{X-Remote-User}i %{X-Trailer}i"
DocumentRoot "$root"
CivicUserHeader X-Remote-User
DirectoryIndex index.php
AddOutputFilter INCLUDES .shtml
<Directory "$root">
Options +Includes
</Directory>
<FilesMatch "\\.php\$">
SetHandler "proxy:unix:$socket|fcgi://localhost/"
</FilesMatch>
ScriptAliasMatch ^/(?:env|open)/cgi\$ \${CIVIC_T}/cgi-bin/echo.pl
ProxyPassMatch ^/((?:env|both|open)/proxy/.*)\$ http://127.0.0.1:\${CIVIC_PORT_BACKEND}/\$1
ProxyPass /calendars/ http://127.0.0.1:$calendars/
ProxyPass /chat/ http://127.0.0.1:$chat/ upgrade=websocket
<LocationMatch "^/(?:env|both|calendars|chat)/">
AuthType Civic
AuthName "Applications"
CivicRemoteUser contact.personal.email
Require valid-user
</LocationMatch>
<Location "/both/">
CivicIdentity both
</Location>
<Location "/chat/">
CivicIdentity headers
</Location>
<Location "/calendars/">
RequestHeader set X-Script-Name /calendars
</Location>
<Location "/open/">
Require all granted
</Location>
SITE
$server->start;
my $port = $server->port('SITE');

sub browser { return Civic::Client->new(site => "https://localhost:$port")->logged_in('/env/file.txt', @_) }

my %people = ('jane@example.com' => browser(), $GULSEN => browser(person => 'ozdemir'));
my @forged = map { $_ => 'FORGED' } @FORGED;

# Names of what a client made up, in what an application sees.
sub made_up { my $env = shift; return join ' ', sort grep { ($env->{$_} // '') =~ /FORGED/ } keys %$env }

# ---- PHP ----
for my $email (sort keys %people) {
    my $client = $people{$email};
    for my $path ('/env/index.php', '/env/', '/both/index.php', '/both/') {
        my $env = $client->json($client->get($path, @forged))->{env};
        is($env->{REMOTE_USER}, $email, "PHP at $path: REMOTE_USER");
        is($env->{CIVIC_CONTACT_PERSONAL_EMAIL}, $email, "PHP at $path: a variable");
        is($env->{HTTP_CIVIC_CLAIM_CONTACT_PERSONAL_EMAIL}, $path =~ /both/ ? $email : undef, "PHP at $path: a header, where it is asked for");
        is(made_up($env), '', "PHP at $path: nothing that the client made up");
    }
}
my $client = $people{'jane@example.com'};
is($client->json($client->post_form('/env/index.php', 'a=1'))->{body}, 'a=1', 'PHP gets what is posted');
my $env = $client->json($client->get('/open/index.php', @forged))->{env};
is(join(' ', grep {/CIVIC|REMOTE_USER/} keys %$env), '', 'PHP where nobody logs in: knows nobody');

# ---- a calendar server ----
sub calendars {
    my ($who, $method, $path, %headers) = @_;
    return $people{$who}->request($method, "/calendars$path", { Depth => 0, @forged, %headers },
        $method eq 'PROPFIND' ? '<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>' : undef);
}
for my $email (sort keys %people) {
    my $home = '/' . $email =~ s/\@/%40/r . '/';
    like(calendars($email, 'PROPFIND', '/')->content, qr{<current-user-principal><href>/calendars\Q$home\E<}, "Radicale knows $email");
    is(calendars($email, 'MKCALENDAR', "${home}work/")->code, 201, 'who makes a calendar');
    is(calendars($email, 'PROPFIND', "${home}work/")->code, 207, 'and sees it');
}
is(calendars($GULSEN, 'PROPFIND', '/jane%40example.com/work/')->code, 403, 'but not that of others');
is(calendars($GULSEN, 'PROPFIND', '/jane%40example.com/work/', 'X-Remote-User' => 'jane@example.com', ':X_Remote_User' => 'jane@example.com')->code,
    403, 'whatever she says of herself');
is(Civic::Client->new(site => "https://localhost:$port")->request('PROPFIND', '/calendars/', { @forged })->code, 401, 'nobody gets through without a session');

# ---- pages ----
is($client->get('/env/file.txt')->content, 'SECRET-CONTENT', 'a file');
is($client->get('/env/page.shtml', @forged)->content, 'jane@example.com|jane@example.com', 'SSI');
is($client->get('/open/page.shtml', @forged)->content, '(none)|(none)', 'SSI where nobody logs in');

# ---- HTTP/2 ----
my ($name, $id) = $client->session_cookie;

sub h2 {
    my ($path, @options) = @_;
    open my $curl, '-|', 'curl', '-s', '--http2', '--cacert', "$ENV{CIVIC_KEYS}/ca.pem", '-w', '|%{http_version} %{http_code}', @options,
        map({ ('-H', (s/^://r) . ': FORGED') } @FORGED), "https://localhost:$port$path" or die "curl: $!";
    my ($body, $version, $code) = do { local $/; <$curl> } =~ /(.*)\|(\S+) (\d+)\z/s;
    return ($version, $code, $body);
}
sub told { local (@ARGV, $/) = $server->dir . '/logs/told_log'; return <> }

for my $path ('/both/index.php', '/both/proxy/x', '/env/cgi') {
    my ($version, $code, $body) = h2($path, '-H', "Cookie: $name=$id; other=1");
    is("$version $code", '2 200', "HTTP/2, $path: answered");
    my $seen = $Civic::Client::JSON->decode($body)->{env};
    is($seen->{HTTP_X_REMOTE_USER}, 'jane@example.com', "HTTP/2, $path: the right user");
    is(made_up($seen), '', "HTTP/2, $path: nothing made up");
    is($seen->{HTTP_COOKIE}, 'other=1', "HTTP/2, $path: no cookie of ours");
}
is(join(' ', (h2('/both/proxy/x'))[0, 1]), '2 401', 'HTTP/2 without a session');
my ($version, $code, $body) = h2('/open/proxy/x');
is(made_up($Civic::Client::JSON->decode($body)->{env}), '', 'HTTP/2 where nobody logs in: nothing made up');

# With its length or without: httpd makes headers of trailers in both cases, if it still reads them.
for my $length (3, '') {
    my $before = () = told() =~ /^POST /mg;
    open my $node, '-|', 'node', Civic::Env::source_dir() . '/t/snippets/trailers-h2.mjs', "https://localhost:$port", '/both/proxy/x', "$name=$id",
        "$ENV{CIVIC_KEYS}/ca.pem", $length, 'civic-user-id', 'x-remote-user', 'x_remote_user', 'x-trailer' or die "node: $!";
    is(join('', <$node>), "200\n", 'HTTP/2: trailers' . ($length && ' behind a body of known length'));
    my @lines;
    for (1 .. 100) { last if (@lines = told() =~ /^(POST .*\n)/mg) > $before; sleep 0.05 }
    like($lines[$before], $length ? qr/^POST $JANE jane\@example\.com \S+\n/ : qr/^POST $JANE jane\@example\.com FORGED\n/, 'do not pass for ours');
}

# ---- a WebSocket over HTTP/2 ----
my $browser = browser();
($name, $id) = $browser->session_cookie;
my $pid = open my $node, '-|', 'node', Civic::Env::source_dir() . '/t/snippets/websocket-h2.mjs', "https://localhost:$port", '/chat/', "$name=$id",
    "$ENV{CIVIC_KEYS}/ca.pem" or die "node: $!";
is(join('', map { scalar <$node> // '' } 1, 2), "status 200\nechoed\n", 'a WebSocket over HTTP/2 is opened');
my $mark = $server->mark;
$browser->post_form('/civic/logout', '');
my $rest = do { local $/; <$node> };
like($rest // '', qr/connection closed/, 'and closed after the logout');
is(scalar(grep {/websocket closed: its session has ended/} Civic::Log::lines($mark)), 1, 'the log says so');
is(() = $server->error_log =~ /exit signal/g, 0, 'no child has died');
