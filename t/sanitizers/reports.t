# The last test of a run with sanitizers: none of them found anything, in any child of any server;
# and something that is lost would have been found.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Server ();

plan tests => 6;

sub slurp { local (@ARGV, $/) = @_; return <> // '' }
sub reports { return join "\n", map { slurp($_) } glob "$_[0]/*" }
sub children { return split ' ', `ps -o pid= --ppid $_[0]` }

# ---- this server's children end when their connections have ----
my $parent = slurp("$ENV{CIVIC_LOGS}/httpd.pid");
my @children = children($parent);
kill USR1 => $parent;
my $end = time + 60;
sleep 0.1 while time < $end && grep { my $pid = $_; grep { $_ == $pid } @children } children($parent);

is(reports($ENV{CIVIC_REPORTS}), '', 'nothing was found');
my $log = join '', map { slurp($_) } grep { -e } glob "$ENV{CIVIC_LOGS}/{error,servers}_log";
cmp_ok(scalar(() = $log =~ / leaks: none$/mg), '>', 10, 'children were judged');
unlike($log, qr/ leaks: found$/m, 'and lost nothing');
unlike($log, qr/runtime error: /, 'nor did anything undefined');

# ---- something that is lost ----
my $dir = File::Temp->newdir('civic-reports-XXXXXX', TMPDIR => 1);
chmod 0777, "$dir";
my $loser = Civic::Server->new(ports => ['SITE'], conf => "Listen 127.0.0.1:\${CIVIC_PORT_SITE}\n",
    env => { CIVIC_LOSE => 1, CIVIC_REPORTS => "$dir" })->start;
$loser->stop;
like($loser->error_log, qr/ leaks: found$/m, 'what a child loses is found');
like(reports("$dir"), qr/LeakSanitizer: detected memory leaks.*Direct leak of 77 byte.*child_init/s, 'and reported');
