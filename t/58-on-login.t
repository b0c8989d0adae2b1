# CivicOnLogin: after each login people go there first, and it is told where they wanted to go. Nothing that
# they ask for takes them off the site or round in a circle.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Path qw(make_path);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();
use Civic::Server ();

plan tests => 43;

my $server = Civic::Server->new(ports => [qw(SITE OTHER SANDBOX SANDBOX_PLAIN)]);
my $root = $server->dir . '/htdocs';
make_path("$root/members/deeper", "$root/htaccess");
$server->write_conf(join '', 'Include ${CIVIC_T}/conf/sandbox.conf', "\n",
    Civic::Server::host(SITE => Civic::Server::application('CO-ALPHA') . Civic::Server::application('CO-BETA') . <<"END"),
DocumentRoot $root
<Location "/">
    AuthType Civic
    AuthName "Site"
    CivicUse CO-ALPHA
    CivicOnLogin /welcome
    Require valid-user
</Location>
<Location "/proof">
    CivicScope PROOF_OF_IDENTITY
</Location>
<Location "/adults">
    Require civic-age 18
</Location>
<Location "/query">
    CivicOnLogin /welcome?from=query
</Location>
<Location "/url">
    CivicOnLogin https://localhost:\${CIVIC_PORT_SITE}/url/welcome
</Location>
<Location "/off">
    CivicOnLogin Off
</Location>
<Location "/beta">
    CivicUse CO-BETA
</Location>
<Location "/beta/back">
    CivicOnLogin /
</Location>
END
    Civic::Server::host(OTHER => Civic::Server::application('CO-ALPHA') . "DocumentRoot $root\n<Directory $root/htaccess>\nAllowOverride AuthConfig\n</Directory>\n"));
$server->write_file('htdocs/htaccess/.htaccess', "AuthType Civic\nAuthName X\nRequire valid-user\nCivicOnLogin /htaccess/hello\n");
$server->start;

# Where a login at a path leads.
sub leads {
    my ($path, %how) = @_;
    my $client = delete $how{client} // $server->client(delete $how{port} // 'SITE');
    my ($answer) = $client->login($path, %how);
    return $answer->code == 200 ? $client->json($answer)->{location} : $answer->code;
}

# ---- there first ----
is(leads('/'), '/welcome?return=/', 'after a login');
is(leads('/members/orders?id=7&x=a%20b'), '/welcome?return=/members/orders%3Fid%3D7%26x%3Da%2520b', 'with the address that was asked for, encoded');
is(leads('/members/?uuid=4d0d9a5e-9e3b-4d3e-8f4c-b1f8f1f7a1d1'), '/welcome?return=/members/', 'but for what Civic\'s app added');
is(leads('/query/'), '/welcome?from=query&return=/query/', 'a page with a query of its own');
is(leads('/url/'), '/url/welcome?return=/url/', 'a page that is named by its URL');
is(leads('/off/'), '/off/', 'none where it is switched off');
is(leads('/htaccess/', port => 'OTHER'), '/htaccess/hello?return=/htaccess/', 'as .htaccess says');
is(leads('/members/', port => 'OTHER'), '/members/', 'none where nobody says one');

# ---- at each login ----
my $client = $server->client->logged_in('/');
is($client->get('/welcome?return=/')->code, 404, 'the page itself is open to who has just logged in (and is not there)');
is(leads('/proof/', client => $client), '/welcome?return=/proof/', 'at one that shows more');
$client = $server->client->logged_in('/');
my $offer = $client->get('/adults/');
is($offer->code, 403, 'a rule that more may meet');
is(leads('/adults/', client => $client, scope => 'PROOF_OF_IDENTITY'), '/welcome?return=/adults/', 'and at the login that it offers');
is(leads('/beta/', client => $client), '/welcome?return=/beta/', 'at one of another application');
$client->post_form('/civic/logout', '');
is(leads('/members/', client => $client), '/welcome?return=/members/', 'at one after a logout');

# A code that was answered already, as when the answer got lost on its way.
$client = $server->client;
my $page = Civic::Client::login_page($client->get('/members/'));
my $token = $client->{sandbox}->token(appId => 'CO-ALPHA');
my @answers = map { $client->callback($token, $page->{state}) } 1, 2;
is($_->code . $client->json($_)->{location}, '200/welcome?return=/members/', 'the same answer, whenever the page asks') for @answers;

# A form goes first (assets/form.js); who takes it back comes by the page.
$client = $server->client;
$page = Civic::Client::login_page($client->post_form('/members/?x=1', 'a=1', 'Content-Type' => 'application/x-www-form-urlencoded'));
ok($page->{state}, 'a form gets the login page');
$token = $client->{sandbox}->token(appId => 'CO-ALPHA');
is($client->json($client->callback($token, $page->{state}))->{location}, '/welcome?return=/members/%3Fx%3D1', 'and the login leads where any other does');

# ---- no circles ----
is(leads('/welcome'), '/welcome', 'who asked for the page itself gets there straight');
is(leads('/welcome?return=/members/&a'), '/welcome?return=/members/&a', 'with its own query');
is(leads('/%77elcome?x'), '/%77elcome?x', 'however it is written');
is(leads('/url/welcome'), '/url/welcome', 'also where it was named by its URL');
is(leads('/beta/back/'), '/?return=/beta/back/', 'a page that another application protects');
is(leads('/?return=/beta/back/'), '/welcome?return=/%3Freturn%3D/beta/back/', 'which may have one in turn');

# ---- never off the site ----
for my $row (
    [ '/?return=https://evil.example/',    '/welcome?return=/%3Freturn%3Dhttps%3A//evil.example/' ],
    [ '/members/?x&return=//evil.example', '/welcome?return=/members/%3Fx%26return%3D//evil.example' ],
    [ '/members/&return=//evil.example',   '/welcome?return=/members/%26return%3D//evil.example' ],
    [ '/members/%0d%0aLocation:x',         '/welcome?return=/members/%250d%250aLocation%3Ax' ],
    [ '/@evil.example',                    '/welcome?return=/%40evil.example' ],
    [ '/welcome/..//evil.example',         '/welcome?return=/welcome/..//evil.example' ],
) {
    is(leads($row->[0]), $row->[1], "asked for: $row->[0]");
}
for my $path ('//evil.example/', '///evil.example') {
    my $answer = $server->client->get($path);
    is($answer->code, 400, "asked for: $path: nothing that can be returned to");
    is($answer->header('Location'), undef, "asked for: $path: nor anywhere else");
}
$client = $server->client;
my $answer = $client->get('/members/', Host => 'evil.example', 'X-Forwarded-Host' => 'evil.example');
$client->set_cookie('__Host-civic-login', $answer->header('Set-Cookie') =~ /^__Host-civic-login=([^;]+)/);
$page = Civic::Client::login_page($answer);
$token = $client->{sandbox}->token(appId => 'CO-ALPHA');
is($client->json($client->callback($token, $page->{state}))->{location}, '/welcome?return=/members/', 'whatever Host says, it is a path');
unlike($page->{state}, qr/welcome/, 'and sealed');

# ---- bounds ----
my $mark = $server->mark;
my $long = '/members/?' . 'x' x 8000;
is(leads($long), "/welcome?return=" . $long =~ s/\?/%3F/r, 'a long address');
is(scalar(grep {/CivicOnLogin/} Civic::Log::lines($mark)), 0, 'nothing to say about it');
$long = '/members/?' . '=' x 5000;
is(leads($long), $long, 'one that would be too long with the other leads straight there');
like((grep {/CivicOnLogin/} Civic::Log::lines($mark))[0] // '', qr/auth_civic:info.*CivicOnLogin is passed over: .* too long ref=\w{8}$/, 'the log says so');
unlike(Civic::Log::since($mark), qr/={100}/, 'but not the address');

# ---- programs ----
is($server->client->fetch('/members/')->code, 401, 'a program gets 401');
is($server->client->fetch('/members/')->header('Location'), undef, 'and is sent nowhere');
