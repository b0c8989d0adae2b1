# What locations are told of a second factor where no user of a login is theirs: an ErrorDocument at a place
# that lets anybody pass.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Enrollments ();
use Civic::Factor ();

plan tests => 7;

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $store = Civic::Enrollments->new;
$store->htcivic(add => 'CO-ALPHA', alice => $JANE);
my $server = Civic::Factor->server(
    store => $store,
    conf  => "CivicUserHeader X-Who\n",
    site  => Civic::Factor::location('/admin', "ErrorDocument 404 /pass/cgi\n") . <<'END'
<Location "/pass">
AuthType Civic
AuthName "Pass"
CivicUse CO-ALPHA
CivicIdentity both
CivicUnauthenticated pass
Require all granted
</Location>
END
)->start;
my $alice = Civic::Factor::person($server, 'alice');
is(Civic::Factor::approve($alice, '/admin/cgi', 'jane')->code, 200, 'both factors');
my $env = $alice->json($alice->get('/admin/cgi', 'X-Who' => 'FORGED'))->{env};
is($env->{REMOTE_USER}, 'alice', 'the location itself has the user of the first');
is($env->{HTTP_X_WHO}, 'alice', 'and the header says so');
my $answer = $alice->get('/admin/missing', 'X-Who' => 'FORGED');
$env = $alice->json($answer)->{env};
is($env->{REDIRECT_STATUS}, 404, 'what is missing has its page');
is($env->{REMOTE_USER}, undef, 'which has no user of its own');
is($env->{HTTP_X_WHO}, undef, 'nor a header that says one');
is(() = $server->error_log =~ /exit signal/g, 0, 'no child has died');
