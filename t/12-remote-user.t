# CivicRemoteUser: a person goes by a verified claim, or does not get in and is told why.
use strict;
use warnings FATAL => 'all';
use utf8;

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Log ();

my $email = 'contact.personal.email';

sub item {
    my ($value, %how) = @_;
    return { label => $email, value => $value, isValid => JSON::PP::true, isOwner => JSON::PP::true, %how };
}

my $phone = item('+1 5551234567', label => 'contact.personal.phoneNumber');

# name, how the login goes, REMOTE_USER (undef: refused)
my @logins = (
    [ 'jane',                  {}, 'jane@example.com' ],
    [ 'a name in UTF-8',       { data => [ item('gülşen@örnek.tr') ] }, 'gülşen@örnek.tr' ],
    [ 'twice the same',        { data => [ item('a@b.c'), item('a@b.c') ] }, 'a@b.c' ],
    [ 'two of them',           { data => [ item('a@b.c'), item('x@y.z') ] } ],
    [ 'an unverified one',     { person => 'stale' } ],
    [ 'one of somebody else',  { data => [ item('a@b.c', isOwner => JSON::PP::false) ] } ],
    [ 'none',                  { data => [$phone] } ],
    [ 'an empty one',          { data => [ item('') ] } ],
    [ 'a control character',   { data => [ item("a\@b.c\n") ] } ],
    [ 'another case of label', { data => [ $phone, item('a@b.c', label => uc $email) ] } ],
);
plan tests => 3 * @logins + 6;

for my $row (@logins) {
    my ($name, $how, $user) = @$row;
    my $client = Civic::Client->logged_in('/email/', %$how);
    my $mark = Civic::Log::mark();
    my $answer = $client->get('/email/cgi');
    if ($user) {
        is($answer->code, 200, "$name: lets in");
        is($client->json($answer)->{env}{REMOTE_USER}, $user, "$name: is REMOTE_USER");
        is($client->get('/members/')->code, 200, "$name: and the userId elsewhere");
        next;
    }
    refused($answer, 'remote-user-missing', $mark, "$name: is refused");
    $mark = Civic::Log::mark();
    refused($client->fetch('/email/cgi'), 'remote-user-missing', $mark, "$name: a script is told so");
    is($client->get('/members/')->code, 200, "$name: where the userId counts, all is well");
}

# The line names what is missing, and no value.
my $mark = Civic::Log::mark();
my $client = Civic::Client->logged_in('/email/', person => 'stale');
$client->get('/email/');
my ($line) = grep {/remote-user-missing/} Civic::Log::lines($mark);
like($line, qr/\(CivicRemoteUser contact\.personal\.email\)/, 'the log names the label');
unlike(Civic::Log::since($mark), qr/stale\@example/, 'and no value');

# ---- Require goes by it, too ----
is(Civic::Client->logged_in('/jane-only/')->get('/jane-only/')->code, 200, 'Require user: the one');
$client = Civic::Client->logged_in('/jane-only/', person => 'ozdemir');
my $answer = $client->get('/jane-only/');
is($answer->code, 403, 'Require user: another');
like($answer->content, qr/logged in as gulsen\.ozdemir\@example\.org/, 'who is told who he is');
is(scalar(() = $answer->content =~ m{</html>}g), 1, 'by one page');
