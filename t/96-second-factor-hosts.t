# What one host's first login has shown counts at no other host, even where both have one application: the same name may be
# somebody else's there. Neither a login nor a recovery code goes by its page.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Enrollments ();
use Civic::Factor ();
use Civic::Server ();

plan tests => 11;

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $store = Civic::Enrollments->new;
my ($code, @more) = split /\n/, $store->htcivic(add => '--recovery', 'CO-ALPHA', alice => $JANE);
my $location = Civic::Factor::location('/codes', "CivicRecovery 4\n");
my $server = Civic::Factor->server(
    store => $store,
    ports => ['OTHER'],
    conf  => Civic::Server::host(OTHER => "ServerName other.localhost\nInclude \${CIVIC_T}/conf/applications.conf\n"
            . "<Location \"/members\">\nCivicUse CO-ALPHA\n</Location>\n" . $location),
    site => $location
)->start;

# Somebody at one host, and his browser at the other one.
my $here = Civic::Factor::person($server, 'alice');
my $page = Civic::Client::login_page($here->get('/codes/cgi'));
my $form = Civic::Factor::form($here->get('/codes/cgi'), '/recover');
my $there = $server->client('OTHER');
$there->set_cookie(%{ $here->cookies });
is(scalar(keys %{ $there->cookies }), 1, 'a login cookie goes with him');

for my $try (
    [ 'a login' => sub { Civic::Factor::again($there, $page, 'jane') } ],
    [ 'a form for a recovery code' => sub { Civic::Factor::submit($there, $form) } ],
    [ 'a recovery code' => sub { Civic::Factor::submit($there, $form, code => $code) } ]
) {
    my ($what, $do) = @$try;
    my $mark = $server->mark;
    my $answer = $do->();
    refused($answer, 'state-invalid', $mark, $what);
    is(scalar(grep { !/-login$/ } keys %{ $there->cookies }), 0, "$what: no session");
}
is(Civic::Factor::submit($here, $form)->code, 200, 'where it was made, the form is good');
is(Civic::Factor::submit($here, $form, code => $code)->code, 303, 'and so is the code, which was not used up');
is($here->get('/codes/cgi')->code, 200, 'and opens');
is(Civic::Factor::approve(Civic::Factor::person($server, 'alice'), '/codes/cgi', 'jane')->code, 200, 'as is a login');
