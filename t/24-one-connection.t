# What a connection remembers of the sessions that came over it never outlives them, and is never taken
# for somebody else's: proxies send many people's requests over one, and one person's go to several hosts.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Net::HTTP ();

use lib 't/lib';
use Civic::Client ();
use Civic::Server ();

my @persons = qw(jane ozdemir smiley minor expired);
plan tests => 8 + 9 + 4 * @persons + 2 * 20 + 22;

my $server = Civic::Server->new(
    ports => [qw(HOSTS SANDBOX SANDBOX_PLAIN)],
    conf  => 'Include ${CIVIC_T}/conf/sandbox.conf' . "\n" . "Listen 127.0.0.1:\${CIVIC_PORT_HOSTS}\nKeepAliveTimeout 60\n"
        . join '', map { host($_) } qw(localhost other.localhost)
)->start;
my $port = $server->port('HOSTS');

sub host {
    my $name = shift;
    return <<"END";
<VirtualHost 127.0.0.1:\${CIVIC_PORT_HOSTS}>
ServerName $name
Include \${CIVIC_T}/conf/application-plain.conf
ScriptAlias /members \${CIVIC_T}/cgi-bin/echo.pl
ScriptAlias /less \${CIVIC_T}/cgi-bin/echo.pl
<LocationMatch "^/(members|less)">
AuthType Civic
AuthName "Members"
Require valid-user
</LocationMatch>
<Location "/less">
CivicClaims contact.personal.email
</Location>
</VirtualHost>
END
}

sub person {
    my $client = Civic::Client->new(
        site    => "http://localhost:$port",
        sandbox => Civic::Sandbox->new(base => 'http://localhost:' . $server->port('SANDBOX_PLAIN'))
    );
    return $client->logged_in('/members', person => $_[0]);
}

sub cookie { return join '=', $_[0]->session_cookie }

sub connection { return Net::HTTP->new(PeerAddr => "127.0.0.1:$port", Host => 'localhost', KeepAlive => 1, Timeout => 20) || die $@ }

# Over an open connection, which must stay open. Gives the status and what the program was told.
sub ask {
    my ($connection, $path, $cookie, $host) = @_;
    $connection->write_request(
        GET  => $path,
        Host => $host || "localhost:$port",
        $cookie ? (Cookie => $cookie) : ()
    );
    my ($code, undef, %headers) = $connection->read_response_headers;
    die 'the connection was closed' if ($headers{Connection} || '') eq 'close';
    my $body = '';
    while ($connection->read_entity_body(my $piece, 65536)) { $body .= $piece }
    my $env = $code == 200 ? $Civic::Client::JSON->decode($body)->{env} : {};
    return ($code, { map { $_ => $env->{$_} } grep {/^CIVIC_(?!PORT|T$|KEYS|LOGS|MODULES|BUILD|MPM|SOURCE|BROWSER)|^REMOTE_USER$/} keys %$env });
}

# What he is told that he does not tell by the time: when the session ends.
sub told { my (undef, $env) = @_; delete $env->{CIVIC_SESSION_ENDS}; return $env }

my %client = map { $_ => person($_) } @persons;
my %cookie = map { $_ => cookie($client{$_}) } @persons;
my %first = map { $_ => told(ask(connection(), '/members', $cookie{$_})) } @persons;

# ---- one person, again and again ----
my $connection = connection();
for (1 .. 5) {
    is_deeply(told(ask($connection, '/members', $cookie{jane})), $first{jane}, "request $_ is told the same");
}
like($first{jane}{CIVIC_CONTACT_PERSONAL_EMAIL}, qr/^jane@/, 'which is hers');
is((ask($connection, '/members'))[0], 401, 'without the cookie nobody is known');
is((ask($connection, '/members', $cookie{jane} =~ s/.$/-/r))[0], 401, 'nor with one that is nearly hers');

# ---- other locations want to know less ----
my $less = { map { $_ => $first{jane}{$_} } qw(CIVIC_APPLICATION CIVIC_CONTACT_PERSONAL_EMAIL CIVIC_SCOPE CIVIC_USER_ID REMOTE_USER) };
for my $paths ([qw(/members /less)], [qw(/less /members)]) {
    my $own = connection();
    for my $path (map {@$paths} 1 .. 3) {
        my $env = told(ask($own, $path, $cookie{jane}));
        is_deeply($env, $path eq '/less' ? $less : $first{jane}, "$path, in turn") if $path eq '/less' || $paths->[0] eq '/less';
    }
}

# ---- many people ----
for my $round (1 .. 4) {
    is_deeply(told(ask($connection, '/members', $cookie{$_})), $first{$_}, "over one connection, round $round: $_ is $_") for @persons;
}
for (1 .. 20) {
    my $who = $persons[ rand @persons ];
    my ($code, $env) = ask($connection, '/members', $cookie{$who});
    is($code, 200, "$who is let in");
    is($env->{CIVIC_USER_ID}, $first{$who}{CIVIC_USER_ID}, 'as himself');
}

# ---- another site ----
$connection = connection();
is((ask($connection, '/members', $cookie{jane}))[0], 200, 'a session') for 1 .. 2;
is((ask($connection, '/members', $cookie{jane}, "other.localhost:$port"))[0], 401, 'opens nothing at another host of the same connection');
is((ask($connection, '/members', $cookie{jane}))[0], 200, 'and its own as before');

# ---- the end of a session ----
is($client{jane}->post_form('/civic/logout', '')->code, 303, 'a logout by another connection');
is((ask($connection, '/members', $cookie{jane}))[0], 401, 'is the end of it here as well') for 1 .. 2;
for my $n (1 .. 10) {
    my $again = person('jane');
    my @codes = map { (ask($connection, '/members', cookie($again)))[0] } 1 .. 3;
    my $id = cookie($again);
    $again->post_form('/civic/logout', '');
    push @codes, (ask($connection, '/members', $id))[0];
    is("@codes", '200 200 200 401', "login and logout $n beside this connection");
}
my $last = person('ozdemir');
my ($name, $id) = $last->session_cookie;
is((ask($connection, '/members', "$name=$id"))[0], 200, 'somebody else') for 1 .. 3;
$last->post_form('/civic/logout', '');
is((ask($connection, '/members', "$name=$id"))[0], 401, 'until he logs out');
is((ask($connection, '/members', $cookie{smiley}))[0], 200, 'and who was there before');
