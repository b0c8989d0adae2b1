# Back ends of uwsgi and AJP learn the right user, and never one that a client makes up: variables, headers and
# assertions, for clients of HTTP/1.1 and HTTP/2.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use MIME::Base64 qw(decode_base64url);

use lib 't/lib';
use Civic::Ajp ();
use Civic::Client ();
use Civic::Server ();
use Civic::Uwsgi ();

my $JSON = $Civic::Client::JSON;
my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my @FORGED = ('Civic-User-Id', 'CIVIC_USER_ID', 'Civic.User.Id', 'Civic-Claim-Contact-Personal-Email', 'Civic-Assertion', ':civic_assertion',
    'X-Who', ':X_Who');
my @forged = map { $_ => 'FORGED' } @FORGED;
# Where a variable of CGI would stand, a header does not get.
my @VARIABLES = map { $_ => 'FORGED' } qw(Remote-User Auth-Type AJP_REMOTE_USER);
my %PEOPLE = (jane => 'jane@example.com', ozdemir => 'gulsen.ozdemir@example.org');

plan tests => 2 * 20 + 6 + 2 * 6 + 5 + 4 + 1;

my ($uwsgi, $ajp) = (Civic::Uwsgi->start, Civic::Ajp->start(secret => 'between-us'));
my ($python, $java) = ($uwsgi->port, $ajp->port);
my $server = Civic::Server->new(ports => ['SITE']);
$server->write_conf(<<"END" . Civic::Server::host(SITE => Civic::Server::application('CO-ALPHA') . <<"SITE"));
LoadModule proxy_uwsgi_module \${CIVIC_MODULES}/mod_proxy_uwsgi.so
LoadModule proxy_ajp_module \${CIVIC_MODULES}/mod_proxy_ajp.so
LoadModule http2_module \${CIVIC_MODULES}/mod_http2.so
END
Protocols h2 http/1.1
CivicUserHeader X-Who
ProxyPassMatch ^/(\\w+/python)\$ uwsgi://127.0.0.1:$python/\$1
ProxyPassMatch ^/(\\w+/java)\$ ajp://127.0.0.1:$java/\$1 secret=between-us
# httpd keeps one secret for an address.
ProxyPassMatch ^/(\\w+/stranger)\$ ajp://localhost:$java/\$1 secret=guessed
<Location "/handled/">
SetHandler "proxy:uwsgi://127.0.0.1:$python/"
</Location>
<LocationMatch "^/(?:env|both|none|handled)/">
AuthType Civic
AuthName "Applications"
CivicRemoteUser contact.personal.email
Require valid-user
</LocationMatch>
<Location "/both/">
CivicIdentity both
CivicAssertion On
CivicAssertionAudience back-end
</Location>
<Location "/none/">
CivicIdentity none
</Location>
SITE
$server->start;

sub browser { return $server->client->logged_in('/env/python', @_) }
sub told { my ($client, $path) = @_; return $client->json($client->get($path, @forged, @VARIABLES)) }
sub made_up { my $env = shift; return join ' ', sort grep { ($env->{$_} // '') =~ /FORGED/ } keys %$env }

# What a client says under names that are not ours comes as the headers that it is.
my $THEIRS = 'HTTP_AJP_REMOTE_USER HTTP_AUTH_TYPE HTTP_REMOTE_USER';
my %clients = map { $_ => browser(person => $_) } sort keys %PEOPLE;
for my $person (sort keys %PEOPLE) {
    my ($client, $email) = ($clients{$person}, $PEOPLE{$person});
    for my $kind (qw(python java)) {
        my $env = told($client, "/both/$kind")->{env};
        is($env->{REMOTE_USER}, $email, "$kind, $person: REMOTE_USER");
        is($env->{CIVIC_CONTACT_PERSONAL_EMAIL}, $kind eq 'python' ? $email : undef, "$kind, $person: variables, where they go");
        is($env->{HTTP_CIVIC_CLAIM_CONTACT_PERSONAL_EMAIL}, $email, "$kind, $person: headers");
        is($env->{HTTP_X_WHO}, $email, "$kind, $person: the header of its own");
        my $said = $JSON->decode(decode_base64url((split /\./, $env->{HTTP_CIVIC_ASSERTION} // '..')[1]) || '{}');
        is(($said->{email} // '') . ' ' . ($said->{aud} // ''), "$email back-end", "$kind, $person: an assertion");
        like(made_up($env), qr/\A(?:$THEIRS)?\z/, "$kind, $person: nothing of it is made up");
        $env = told($client, "/none/$kind")->{env};
        is($env->{REMOTE_USER}, $email, "$kind, $person: REMOTE_USER with CivicIdentity none");
        is(join(' ', grep {/CIVIC|X_WHO/} sort keys %$env), '', "$kind, $person: and nothing else");
        $env = told($client, "/env/$kind")->{env};
        is(join(' ', grep {/^HTTP_(?:CIVIC|X_WHO)/} sort keys %$env), 'HTTP_X_WHO', "$kind, $person: no headers with env");
        is($env->{HTTP_COOKIE}, undef, "$kind, $person: no cookie of ours");
    }
}
my $client = $clients{jane};
my $posted = 'x' x 20_000;
for my $kind (qw(python java)) {
    is($client->json($client->request('POST', "/env/$kind", {}, $posted))->{body}, $posted, "$kind: gets what is posted");
    is($server->client->get("/env/$kind", @forged)->code, 401, "$kind: nobody gets there without a session");
}
is($client->get('/env/stranger')->code, 403, 'AJP: with another secret there is no answer');
is_deeply(told($client, '/both/java')->{twice}, [], 'AJP: nothing comes twice');
for my $kind (qw(python java)) {
    for my $who ($client, $server->client) {
        my $env = told($who, "/open/$kind")->{env};
        is($env->{REMOTE_USER}, undef, "$kind where nobody logs in: nobody");
        is(join(' ', grep {/CIVIC|X_WHO/} sort keys %$env), '', "$kind where nobody logs in: nothing of ours");
        like(made_up($env), qr/\A(?:$THEIRS)?\z/, "$kind where nobody logs in: nothing made up");
    }
}

# ---- uWSGI reads 4 KiB ----
sub item { return { label => $_[0], value => $_[1], isValid => JSON::PP::true, isOwner => JSON::PP::true } }
my $large = browser(data => [ item('contact.personal.email', 'large@example.com'), item('large', 'x' x 2000), item('small', 'y' x 100) ]);
for my $path ('/env/python', '/handled/python') {
    my $answer = $large->get($path);
    my $env = $answer->code == 200 ? $client->json($answer)->{env} : {};
    is("$env->{REMOTE_USER} $env->{CIVIC_SMALL}", 'large@example.com ' . 'y' x 100, "$path: there is room for what is needed");
    is($env->{CIVIC_LARGE}, undef, "$path: what is too large for uWSGI is left out");
}
like($server->error_log, qr/identity: too large for the environment, left out: LARGE;/, 'and the log says so');

# ---- HTTP/2 ----
my ($name, $id) = $client->session_cookie;
for my $kind (qw(python java)) {
    open my $curl, '-|', 'curl', '-s', '--http2', '--cacert', "$ENV{CIVIC_KEYS}/ca.pem", '-w', '|%{http_version}', '-H', "Cookie: $name=$id",
        map({ ('-H', (s/^://r) . ': FORGED') } @FORGED), 'https://localhost:' . $server->port('SITE') . "/both/$kind" or die "curl: $!";
    my ($body, $version) = do { local $/; <$curl> } =~ /(.*)\|(\S+)\z/s;
    my $env = $JSON->decode($body)->{env};
    is("$version $env->{REMOTE_USER} $env->{HTTP_CIVIC_USER_ID}", "2 jane\@example.com $JANE", "HTTP/2, $kind: the right user");
    is(made_up($env), '', "HTTP/2, $kind: nothing made up");
}
is(() = $server->error_log =~ /exit signal/g, 0, 'no child has died');
