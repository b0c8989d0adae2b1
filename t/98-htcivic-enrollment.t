# htcivic links, unlinks, lists and looks up; import is all or nothing and names the line; export and import lose
# nothing; recovery codes are printed once; statuses and words are fit for scripts and people.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Temp ();
use POSIX ();

use lib 't/lib';
use Civic::Env ();
use Civic::Htcivic qw(htcivic command slurp);

plan tests => 107 + 3 * 8 + 3;

my $dir = File::Temp->newdir('civic-enrollment-XXXXXX', TMPDIR => 1);
chmod 0700, "$dir";
my $store = "dbm:$dir/enrollments";

# "status output error" of a command.
sub said { return join ' ', htcivic(@_) }

sub file {
    my ($name, $text) = @_;
    open my $out, '>', "$dir/$name" or die $!;
    print $out $text;
    close $out;
    return "$dir/$name";
}

# account => user id
sub linked {
    my %linked = map { (split /\t/)[ 1, 2 ] } split /\n/, (htcivic(list => @_ ? @_ : $store))[1];
    return \%linked;
}

# ---- a store is made once ----
like(said(add => $store, qw(CO-ALPHA alice id-1)), qr/^1  htcivic: \S+ is not there: make it with htcivic create dbm:/, 'no store');
is(said(create => $store), '0  ', 'create');
like(said(create => $store), qr/^1  htcivic: \S+enrollments is there already\n$/, 'not twice');
is(said(list => $store), '0  ', 'it is empty');

# ---- who is who ----
is(said(add => $store, qw(CO-ALPHA alice id-1)), '0  ', 'add');
is(said(add => $store, qw(CO-ALPHA alice id-1)), '0  ', 'the same once more');
is(said(add => $store, qw(CO-ALPHA alice id-2)), "3  htcivic: alice is linked to another identity\n", 'another identity');
is(said(add => $store, qw(CO-ALPHA bob id-1)), "3  htcivic: id-1 is the identity of another account (--shared would allow it)\n", 'another account');
is(said(qw(add --shared), $store, qw(CO-ALPHA bob id-1)), '0  ', '--shared');
is(said(add => $store, qw(CO-BETA alice id-1)), '0  ', 'another application');
is(said(add => $store, 'CO-ALPHA', "  Anna\tMARIA  Lind ", 'id-3'), "6  htcivic: the account has control characters\n", 'a tab in a name');
is(said(add => $store, 'CO-ALPHA', '  Anna MARIA  Lind ', 'id-3'), '0  ', 'a name as somebody writes it');
is(said(add => $store, 'CO-ALPHA', "J\xc3\xb6rg", 'id-4'), '0  ', 'a name in UTF-8');
is_deeply(linked($store, 'CO-ALPHA'), { alice => 'id-1', bob => 'id-1', 'anna maria lind' => 'id-3', "j\xc3\xb6rg" => 'id-4' }, 'list of an application, names folded');
is_deeply(linked($store, 'CO-BETA'), { alice => 'id-1' }, 'of another');
my ($status, $text) = htcivic(list => $store);
like($text, qr/^CO-ALPHA\talice\tid-1\t20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\t0\n/, 'its columns');
is(scalar(() = $text =~ /\n/g), 5, 'list of all');
is_deeply([ map { join ' ', (split /\t/)[ 0, 1 ] } split /\n/, $text ],
    [ 'CO-ALPHA alice', 'CO-ALPHA anna maria lind', 'CO-ALPHA bob', "CO-ALPHA j\xc3\xb6rg", 'CO-BETA alice' ], 'sorted');

is(said(verify => $store, qw(CO-ALPHA ALICE id-1)), '0  ', 'verify: so it is');
is(said(verify => $store, qw(CO-ALPHA alice id-2)), "3  htcivic: alice is linked to another identity\n", 'verify: another');
is(said(verify => $store, qw(CO-ALPHA zoe id-1)), "3  htcivic: zoe is not linked in CO-ALPHA\n", 'verify: nobody');
is(said(verify => $store), '0  ', 'verify: the whole store');

is(said(remove => $store, qw(CO-ALPHA bob)), '0  ', 'remove');
is(said(remove => $store, qw(CO-ALPHA bob)), "3  htcivic: bob is not linked in CO-ALPHA\n", 'it is gone');
is(said(remove => $store, qw(CO-BETA Alice)), '0  ', 'remove of another application');
is_deeply(linked(), { alice => 'id-1', 'anna maria lind' => 'id-3', "j\xc3\xb6rg" => 'id-4' }, 'and nobody else');

# ---- recovery codes ----
my $code = qr/[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}\n/;
($status, $text) = htcivic(recovery => $store, qw(CO-ALPHA alice));
like("$status $text", qr/^0 (?:$code){10}$/, 'ten codes');
my @codes = split /\n/, $text;
my ($hashes) = (htcivic(export => $store))[1] =~ /^CO-ALPHA\talice\tid-1\t\S+\t(\S+)$/m;
is(scalar(split /,/, $hashes), 10, 'ten hashes are stored');
my $any = join '|', @codes, map { s/-//gr } @codes;
unlike(slurp($_), qr/$any/, 'no code is in a file') for glob "$dir/enrollments.*.pag";
($status, $text) = htcivic(qw(recovery --count 3), $store, qw(CO-ALPHA alice));
like("$status $text", qr/^0 (?:$code){3}$/, 'three new ones');
my ($new) = (htcivic(export => $store))[1] =~ /^CO-ALPHA\talice\tid-1\t\S+\t(\S+)$/m;
is(scalar(split /,/, $new), 3, 'instead of the old ones');
is(scalar(grep { index($hashes, $_) >= 0 } split /,/, $new), 0, 'none is an old one');
is(said(recovery => $store, qw(CO-ALPHA zoe)), "3  htcivic: zoe is not linked in CO-ALPHA\n", 'for nobody: none');
($status, $text) = htcivic(qw(add -r -n 2), $store, qw(CO-ALPHA zoe id-5));
like("$status $text", qr/^0 (?:$code){2}$/, 'linked with codes');
like((htcivic(list => $store))[1], qr/^CO-ALPHA\tzoe\tid-5\t\S+\t2$/m, 'list counts them');

# ---- output that nobody gets ----
my %nowhere = (
    'a full disk'             => sub { open STDOUT, '>', '/dev/full' },
    'a closed output'         => sub { POSIX::close($_) for 0, 1 },
    'a pipe that nobody reads' => sub { pipe my $read, my $write; open STDOUT, '>&', $write; close $_ for $read, $write; $SIG{PIPE} = 'DEFAULT' },
);

# "status error" of a command whose output goes there.
sub into {
    my ($nowhere, @arguments) = @_;
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        open STDERR, '>', "$dir/error";
        $nowhere{$nowhere}->();
        exec command(), @arguments or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return ($? & 127 ? 'killed' : $? >> 8) . ' ' . slurp("$dir/error");
}
my $kept = (htcivic(export => $store))[1];
for my $nowhere (sort keys %nowhere) {
    is(into($nowhere, recovery => $store, qw(CO-ALPHA alice)), "1 htcivic: recovery codes cannot be printed, so alice has no new ones\n", "recovery to $nowhere");
    is(into($nowhere, qw(add -r), $store, qw(CO-ALPHA zoe id-5)), "1 htcivic: recovery codes cannot be printed, so zoe has no new ones\n", "add --recovery to $nowhere");
    is(into($nowhere, @$_), "1 htcivic: the output cannot be written\n", "@$_[0] to $nowhere")
        for [ list => $store ], [ export => $store ], ['--help'], ['--version'], [qw(list --help)], [ qw(check -f), file('check.conf', "<CivicApplication CO-ALPHA>\nCivicPrivateKeyFile $ENV{CIVIC_KEYS}/CO-ALPHA.key\nCivicSecretFile $ENV{CIVIC_KEYS}/CO-ALPHA.secret\n</CivicApplication>\n"), '--offline' ];
}
is((htcivic(export => $store))[1], $kept, 'the codes of before are all there');
is(said(verify => $store), '0  ', 'and nothing was printed into the store');
like(said(recovery => "dbm:$dir/none", qw(CO-ALPHA alice)), qr/^1  htcivic: \S+none is not there: make it/, 'no store: no code is shown');

# ---- export and import ----
my ($export) = (htcivic(export => $store))[1];
like($export, qr/\A# application\taccount\tuserId\tlinked\trecovery\n(?:CO-ALPHA\t.*\n){4}# end\n\z/, 'export begins with the names of the columns, and ends');
my $copy = "dbm:$dir/copy";
htcivic(create => $copy);
is(said(import => $copy, \$export), "0 4 accounts imported\n ", 'import of standard input');
is((htcivic(export => $copy))[1], $export, 'nothing is lost');
is(said(import => $copy, \$export), "0 4 accounts imported\n ", 'once more changes nothing');
is((htcivic(export => $copy))[1], $export, 'nothing at all');
is(said(import => $copy, file('good', "# a remark\r\n\r\nCO-ALPHA\tFred\tid-6\r\nCO-ALPHA\tgina\tid-7\t2026-01-02T03:04:05Z")), "0 2 accounts imported\n ", 'import of a file, with the ends of lines of another system');
like((htcivic(list => $copy))[1], qr/^CO-ALPHA\tfred\tid-6\t20\S+Z\t0\n/m, 'fred is linked now');
like((htcivic(list => $copy))[1], qr/^CO-ALPHA\tgina\tid-7\t2026-01-02T03:04:05Z\t0\n/m, 'gina since then');

my $before = (htcivic(export => $copy))[1];
my $hash = 'A' x 22;
my %refused = (
    "CO-ALPHA\thugo\tid-8\nCO-ALPHA:ida:id-9\n"                  => qr/^7  htcivic: line 2: it must be application, account, userId/,
    "CO-ALPHA\thugo\tid-8\n\nCO-ALPHA\tida\n"                    => qr/^7  htcivic: line 3: it must be/,
    "CO-ALPHA\thugo\tid-8\nCO-ALPHA\ta\tb\t\t\tc\n"              => qr/^7  htcivic: line 2: it must be/,
    "CO-ALPHA\thugo\tid-8\nCO-ALPHA\t  \tid-9\n"                 => qr/^7  htcivic: line 2: the account must have 1 to 255 bytes/,
    "CO-ALPHA\thugo\tid-8\nCO-ALPHA\tida\t\n"                    => qr/^7  htcivic: line 2: the user id must have/,
    "\thugo\tid-8\n"                                             => qr/^7  htcivic: line 1: the application must have/,
    "CO-ALPHA\thugo\tid-8\nCO-ALPHA\tida\tid-9\tyesterday\n"     => qr/^7  htcivic: line 2: its time must be like/,
    "CO-ALPHA\thugo\tid-8\t2026-02-30T00:00:00Z\n"               => qr/^7  htcivic: line 1: its time must be like/,
    "CO-ALPHA\thugo\tid-8\t1969-12-31T23:59:59Z\n"               => qr/^7  htcivic: line 1: its time must be like/,
    "CO-ALPHA\thugo\tid-8\t\t$hash,$hash\n"                      => qr/^7  htcivic: line 1: it has the same recovery code twice/,
    "CO-ALPHA\thugo\tid-8\t\t${hash}A\n"                         => qr/^7  htcivic: line 1: a recovery code's hash must be/,
    "CO-ALPHA\thugo\tid-8\t\t" . join(',', map { "h$_" } 1 .. 17) . "\n" => qr/^7  htcivic: line 1: it has more than 16 recovery codes/,
    "CO-ALPHA\thugo\tid-8\t\th1,,h2\n"                           => qr/^7  htcivic: line 1: a recovery code's hash must be/,
    ''                                                           => qr/^7  htcivic: line 1: there is nothing: no export, and no enrollment; nothing was imported\n$/,
    "# a remark\n\n"                                              => qr/^7  htcivic: line 3: there is nothing/,
    $export =~ s/^# end\n//mr                                    => qr/^7  htcivic: line 6: the export was cut off: its last line is "# end"/,
    substr($export, 0, -3)                                       => qr/^7  htcivic: line 7: the export was cut off/,
    $export =~ s/\n.*//sr                                        => qr/^7  htcivic: line 2: the export was cut off/,
    "CO-ALPHA\thu\0go\tid-8\n"                                   => qr/^7  htcivic: line 1: it is no text/,
    "CO-ALPHA\thugo\tid-8\n" . 'x' x 9000                        => qr/^7  htcivic: line 2: it is no text/,
    "CO-ALPHA\thugo\tid-8\n#\nCO-ALPHA\tida\tid-1\n"             => qr/^3  htcivic: nothing was imported: line 3: id-1 is the identity of another account/,
    "CO-ALPHA\thugo\tid-8\n#\nCO-ALPHA\tida\tid-8\n"             => qr/^3  htcivic: nothing was imported: line 3: id-8 is the identity of another account/,
    "CO-ALPHA\thugo\tid-8\nCO-ALPHA\tALICE\tid-9\n"              => qr/^3  htcivic: nothing was imported: line 2: alice is linked to another identity/,
    "CO-ALPHA\thugo\tid-8\nCO-ALPHA\tHugo\tid-9\n"               => qr/^3  htcivic: nothing was imported: line 2: hugo is linked to another identity/,
);
like(said(import => $copy, \(my $lines = $_)), $refused{$_}, substr $_ =~ s/[\t\n\r\0]/ /gr, 0, 60) for sort keys %refused;
is((htcivic(export => $copy))[1], $before, 'nothing of them was imported');
is(said(import => $copy, \($export =~ s/^CO.*\n//gmr)), "0 0 accounts imported\n ", 'the export of an empty store');
is(said(import => $copy, \"CO-ALPHA\tfred\tid-6\n$export$export"), "0 9 accounts imported\n ", 'two exports behind each other, and a line of ours');
is(said(qw(import -s), $copy, \"CO-ALPHA\thugo\tid-8\nCO-ALPHA\tida\tid-8\n"), "0 2 accounts imported\n ", 'import --shared');
like(said(import => $copy, "$dir/gone"), qr/^1  htcivic: \S+gone cannot be read: /, 'no such file');

# ---- the command line ----
my $usage = qr/^2  .*usage:.*htcivic create STORE.*htcivic import/s;
like(said(@$_), $usage, "usage: @$_")
    for [qw(add)], [ 'add', $store ], [ 'add', $store, qw(CO-ALPHA alice) ], [ 'add', $store, qw(a b c d) ], [ 'create', $store, 'x' ],
    [ 'remove', $store, 'CO-ALPHA' ], [ 'list', '--shared', $store ], [ 'verify', $store, qw(a b) ], [ 'recovery', '-n', 17, $store, qw(a b) ],
    (map { [ 'recovery', '-n', $_, $store, qw(a b) ] } '1x', '0', '', ' 3', '+3', '-3', '003', 4294967298), [ 'add', '-n', 3, $store, qw(a b c) ], [ 'list', '--what', $store ], [ 'list', '-d', '/', $store ];
like(said('list', '--help'), qr/^0 usage:.*htcivic export/s, '--help');
like(said('--help'), qr/^0 usage: htcivic check.*htcivic export STORE/s, '--help of all');
like(said(list => $_), qr/^2  htcivic: \Q$_\E: a store is dbm:PATH, dbd:DRIVER:PARAMS or/, "a store: $_") for 'dbm:', 'redis:x', 'dbd:sqlite3';
is(said(add => $store, 'CO-ALPHA', 'a' x 256, 'id'), "5  htcivic: the account has more than 255 bytes\n", 'too long');
is(said(add => $store, 'CO-ALPHA', "a\nb", 'id'), "6  htcivic: the account has control characters\n", 'control characters');
is(said(add => $store, '#CO-ALPHA', 'alice', 'id'), "6  htcivic: the application begins with #\n", 'an application that a comment would be');
is(said(add => $store, 'CO-ALPHA', '', 'id'), "6  htcivic: the account is empty\n", 'no name');

# ---- the store of a configuration ----
my $conf = file('site.conf', <<"END");
ServerRoot "$dir"
Define file enrollments
<VirtualHost *:443>
    CivicEnrollmentStore dbm:\${file}
</VirtualHost>
END
is_deeply(linked('-f', $conf), linked(), '-f: the store that a configuration names');
is_deeply(linked('-f', file('main.conf', "ServerRoot $dir\nIncludeOptional si*.conf\n")), linked(), 'or a file that it includes');
like(said('list', '-f', $conf, '-d', '/nonexistent'), qr{^1  htcivic: /nonexistent cannot be examined}, '-d: where its path begins');
like(said('list', '-f', file('empty.conf', '')), qr/^2  htcivic: \S+ neither it nor a file that it includes has CivicEnrollmentStore/, 'a configuration without');
like(said('list', '-f', file('two.conf', "CivicEnrollmentStore dbm:a\nCivicEnrollmentStore dbm:b\n")), qr/^2  htcivic: \S+ it names several stores/, 'with two');
like(said('list', '-f', file('dbd.conf', "CivicEnrollmentStore dbd\n")), qr/^2  htcivic: \S+ neither it nor a file that it includes has DBDriver and DBDParams/, 'without a database');
