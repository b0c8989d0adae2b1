# CivicSessionsPerUser ends a person's oldest sessions beyond so many, and nobody else's; logging
# out everywhere ends them all.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Server ();

plan tests => 13;

my $server = Civic::Server->site(conf => "CivicSessionsPerUser 2\n");
$server->start;

sub login {
    my $person = shift;
    return $server->client('PLAIN')->logged_in('/members/index.html', person => $person);
}

sub opens { return $_[0]->get('/members/index.html')->code == 200 }

my $other = login('ozdemir');
my @jane = map { login('jane') } 1 .. 3;
ok(!opens($jane[0]), 'the oldest of three is ended');
ok(opens($jane[1]), 'the second is there');
ok(opens($jane[2]), 'the third is there');
ok(opens($other), "somebody else's is there");
like($server->error_log, qr/CivicSessionsPerUser 2: 1 older ended/, 'the log says so');

push @jane, login('jane');
ok(!opens($jane[1]), 'a fourth ends the second');
ok(opens($jane[2]) && opens($jane[3]), 'the last two stay');

is($jane[2]->post_form('/civic/logout', 'all=1')->code, 303, 'logged out everywhere');
ok(!opens($jane[2]), 'here');
ok(!opens($jane[3]), 'and there');
ok(opens($other), "somebody else's is still there");

for my $wrong ('-1', 'two') {
    $server->write_conf("Include \${CIVIC_T}/conf/modules.conf\nCivicSessionsPerUser $wrong\n");
    my ($status, $text) = $server->configtest;
    like($text, qr/CivicSessionsPerUser $wrong: it must be a number of 1 to 99999, or 0/,
        "'$wrong' is no number of sessions");
}
$server->stop;
