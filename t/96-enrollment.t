# Accounts of another login are linked to Civic identities: by their people (CivicEnroll self), who are
# shown what is linked and say yes, or by the operator alone (closed). One identity for an account, one
# account for an identity, unless shared; whatever is taken away takes effect at once.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Enrollments ();
use Civic::Factor ();
use Civic::Log ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';

my $store = Civic::Enrollments->new;
my $server = Civic::Factor->server(
    store => $store,
    site  => Civic::Factor::location('/self', "CivicEnroll self\n")
        . Civic::Factor::location('/contact', "CivicEnroll self\nCivicScope BASIC_SIGNUP\n")
        . Civic::Factor::location('/closed', '')
        . Civic::Factor::location('/shared', "CivicEnroll self\nCivicEnrollShared On\n")
);
$server->start;

plan tests => 9;

# ---- the linking page ----
my $alice = Civic::Factor::person($server, 'alice');
my $answer = $alice->get('/self/cgi?a=1');
is($answer->code, 403, 'behind the first login: 403, at which the browser keeps the password');
unlike($answer->content, qr/SECRET-CONTENT/, 'nothing of what is protected');
my $page = Civic::Client::login_page($answer);
is($page->{scope}, 'ANONYMOUS_LOGIN', 'the login page, which asks for no more than an approval');
$answer = Civic::Factor::approve($alice, '/self/cgi?a=1', 'jane');
is($answer->code, 200, 'an approval is taken') or diag $answer->as_string;
is_deeply($store->linked, {}, 'and links nothing');
$answer = $alice->get('/self/cgi?a=1');
is($answer->code, 403, 'it opens nothing either');
my $form = Civic::Factor::form($answer, '/link');
diag $answer->as_string unless $form;
$answer = Civic::Factor::submit($alice, $form, answer => 'yes');
is($answer->code, 303, 'the yes') or diag $answer->as_string;
is_deeply($store->linked, { alice => $JANE }, 'links');
$answer = $alice->get('/self/cgi?a=1');
is($answer->code, 200, 'and opens') or diag $answer->as_string;
diag $answer->content;
