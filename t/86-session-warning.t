# The snippet that warns people before their session ends (conf/session-warning.js) does so, by what
# the real session endpoint answers: see t/snippets/session-warning.mjs.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use HTTP::Date ();

use lib 't/lib';
use Civic::Client ();
use Civic::Env ();

plan tests => 15;

my $client = Civic::Client->logged_in('/members/');
my $answer = $client->fetch('/civic/session');
my $real = $Civic::Client::JSON->encode({
    date     => HTTP::Date::str2time($answer->header('Date')),
    sessions => $client->json($answer)->{sessions},
});
my $source = Civic::Env::source_dir();
open my $node, '-|', 'node', "$source/t/snippets/session-warning.mjs", "$source/conf/session-warning.js", $real
    or die "node: $!";
while (my $line = <$node>) {
    my ($not, $name) = $line =~ /^(not )?ok - (.*)/ or next;
    ok(!$not, $name);
}
ok(close $node, 'node ran to the end');
