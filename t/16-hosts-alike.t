# Hosts that say nothing of Civic themselves and have all from the main server: what one of them gives
# out opens none of the others, and which stands last in the configuration does not matter.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Server ();

my @HOSTS = qw(ONE TWO THREE);

plan tests => 2 * @HOSTS + @HOSTS * (@HOSTS - 1) + @HOSTS + 1;

sub host { my $name = shift; return Civic::Server::host($name, '') =~ s/ServerName localhost/"ServerName " . lc "$name.example"/er }

# The sandbox stands first: its host is one more that inherits.
sub conf {
    my $sandbox = 'Include ${CIVIC_T}/conf/sandbox.conf';
    return join "\n", Civic::Server::application('CO-ALPHA'), $sandbox, map { host($_) } @_;
}

my $server = Civic::Server->new(ports => [ @HOSTS, qw(SANDBOX SANDBOX_PLAIN) ], conf => conf(@HOSTS))->start;
my %clients = map { $_ => $server->client($_)->logged_in('/members/') } @HOSTS;

for my $host (@HOSTS) {
    my ($name, $id) = $clients{$host}->session_cookie;
    is($clients{$host}->get('/members/')->code, 200, "$host: a login opens it");
    is($server->client($_)->get('/members/', Cookie => "$name=$id")->code, 401, "$host: its cookie does not open $_")
        for grep { $_ ne $host } @HOSTS;
    my $page = Civic::Client::login_page($server->client($host)->get('/members/'));
    my ($other) = grep { $_ ne $host } @HOSTS;
    my $elsewhere = $server->client($other);
    my $token = $elsewhere->{sandbox}->token(appId => $page->{'app-id'}, scope => $page->{scope});
    $elsewhere->get('/members/');
    is($elsewhere->callback($token, $page->{state})->code, 403, "$host: nor is a login that began there finished at $other");
}

$server->write_conf(conf(reverse @HOSTS));
$server->again('graceful');
is($clients{$_}->get('/members/')->code, 200, "$_: another order of hosts logs nobody out") for @HOSTS;
is(() = $server->error_log =~ /exit signal/g, 0, 'no child has died');
