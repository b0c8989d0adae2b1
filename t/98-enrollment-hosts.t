# Each host asks its own database: that of the main server where it says none, whatever host stands last, and also when it says
# nothing of Civic. Hosts with the same files have them open once.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Enrollments ();
use Civic::Factor ();
use Civic::Growth ();
use Civic::Server ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
plan tests => 2 * 4 * 3 + 3;

# All of it is the main server's. A host that says nothing of Civic, not even in a location, is the case that matters.
my $location = Civic::Factor::location('/closed', '');
my $main = <<'END' . $location;
Include ${CIVIC_T}/conf/applications.conf
AliasMatch "^/[a-z]+/cgi$" ${CIVIC_T}/cgi-bin/echo.pl
<Location ~ "^/[a-z]+/cgi$">
SetHandler cgi-script
Options +ExecCGI
</Location>
<Location "/members">
CivicUse CO-ALPHA
</Location>
END

sub host {
    my ($name, $more) = @_;
    return Civic::Server::host($name => $more) =~ s/ServerName localhost/"ServerName " . lc "$name.localhost"/er;
}

sub person {
    my ($server, $host, $name) = @_;
    my $client = $server->client($host);
    $client->{agent}->default_header(Authorization => Civic::Factor::basic($name, "$name-secret"));
    return $client;
}

# Whom the host knows, and whom it does not.
sub knows {
    my ($server, $host, $who, $nobody, $what) = @_;
    my $client = person($server, $host, $who);
    my $answer = Civic::Factor::approve($client, '/closed/cgi', 'jane');
    is($answer->code, 200, "$what: $who is linked") or diag $answer->as_string;
    is($client->get('/closed/cgi')->code, 200, "$what: and gets in");
    my $mark = $server->mark;
    refused(person($server, $host, $nobody)->get('/closed/cgi'), 'not-enrolled', $mark, "$what: $nobody is not");
    return;
}

# ---- databases ----
sub database {
    my ($who) = @_;
    my $place = Civic::Enrollments->new;
    my $file = $place->dir . '/civic.db';
    my $store = Civic::Enrollments->new(store => "dbd:sqlite3:$file");
    $store->htcivic(add => 'CO-ALPHA', $who, $JANE);
    chown $place->owner, $file, $place->dir if $> == 0;
    return ($file, $place, $store);
}
my ($first, @first) = database('alice');
my ($second, @second) = database('bob');
for my $order (0, 1) {
    my @hosts = (host(NEAR => ''), host(FAR => "DBDParams \"$second\"\n"), host(MORE => ""));
    my $server = Civic::Factor->server(
        store => 'dbd',
        ports => [qw(NEAR FAR MORE)],
        conf  => "LoadModule dbd_module \${CIVIC_MODULES}/mod_dbd.so\nDBDriver sqlite3\nDBDParams \"$first\"\n$main"
            . join('', $order ? reverse @hosts : @hosts),
        site => $location,
    )->start;
    my $which = $order ? 'its own database first' : 'its own database later';
    knows($server, NEAR => 'alice', 'bob', "$which: the main server's");
    knows($server, FAR => 'bob', 'alice', "$which: one of its own");
    knows($server, MORE => 'alice', 'bob', "$which: the main server's, behind that");
    knows($server, SITE => 'alice', 'bob', "$which: with directives of Civic");
    $server->finish;
}

# ---- files ----
{
    my $store = Civic::Enrollments->new;
    $store->htcivic(add => 'CO-ALPHA', alice => $JANE);
    my $server = Civic::Factor->server(
        store => $store,
        env   => { CIVIC_MPM => 'event' },
        ports => [qw(NEAR FAR)],
        conf  => "StartServers 1\nMaxRequestWorkers 16\n$main" . host(NEAR => '') . host(FAR => ''),
        site  => $location,
    )->start;
    for my $host (qw(NEAR FAR)) {
        my $client = person($server, $host, 'alice');
        Civic::Factor::approve($client, '/closed/cgi', 'jane');
        is($client->get('/closed/cgi')->code, 200, "files: $host");
    }
    my $most = 0;
    for my $child (Civic::Growth::children($server->pid, 'event')) {
        my $open = grep { (readlink($_) // '') =~ /\.pag\b/ } glob "/proc/$child/fd/*";
        $most = $open if $open > $most;
    }
    is($most, 1, 'a child has the files open once');
}
