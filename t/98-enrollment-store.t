# The store of enrollments from outside: whose its files are, many commands at once, commands that are killed or run
# out of room, damage; the same in SQLite, and in PostgreSQL and MariaDB, which are stopped and started; moved from one to another
# without loss.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Fcntl qw(:flock SEEK_SET);
use File::Spec ();
use File::Temp ();
use POSIX ();
use Time::HiRes ();

use lib 't/lib';
use Civic::Env ();
use Civic::Htcivic qw(htcivic command slurp);
use Civic::Mysql ();
use Civic::Postgresql ();

plan tests => 81;

my @temporary;

# A folder; in memory where that can be, since no disk need be waited for.
sub folder {
    my $dir = File::Temp->newdir('civic-enrollment-XXXXXX', DIR => -w '/dev/shm' ? '/dev/shm' : File::Spec->tmpdir);
    push @temporary, $dir;
    chmod 0700, "$dir";
    return "$dir";
}

sub said { return join ' ', htcivic(@_) }

sub store_new {
    my $dir = folder();
    my $store = "dbm:$dir/enrollments";
    is(said(create => $store), '0  ', 'create');
    return ($store, $dir);
}

sub linked { return { map { (split /\t/)[ 1, 2 ] } split /\n/, (htcivic(list => $_[0]))[1] } }

# owner, group, mode
sub whose { my @info = stat $_[0] or die "$_[0]: $!"; return sprintf '%d %d %04o', @info[ 4, 5 ], $info[2] & 07777 }

# Starts a command whose output goes nowhere; gives its process.
sub start {
    my @arguments = @_;
    my $pid = fork() // die "fork: $!";
    return $pid if $pid;
    open STDIN,  '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    exec command(), @arguments or POSIX::_exit(127);
}

# Runs code as another user, and gives what it returns as a number.
sub as {
    my ($user, $code) = @_;
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        my ($uid, $gid) = (getpwnam $user)[ 2, 3 ];
        $) = "$gid $gid";
        POSIX::setgid($gid);
        POSIX::setuid($uid);
        POSIX::_exit($code->());
    }
    waitpid $pid, 0;
    return $? >> 8;
}

# ---- whose the files are ----
my $is_root = $> == 0;
my ($www, $www_group) = $is_root ? (getpwnam 'www-data')[ 2, 3 ] : ($>, $) + 0);
{
    my $dir = folder();
    my $store = "dbm:$dir/enrollments";
    chown $www, $www_group, $dir;
    is(said(create => $store), '0  ', 'create in a folder of another user');
    is(said(add => $store, qw(CO-ALPHA alice id-1)), '0  ', 'add there');
    is_deeply([ sort map { whose($_) } glob "$dir/*" ], [ ("$www $www_group 0600") x 4 ], 'all files are his, and nobody else reads them');
    my $treasure = folder() . '/treasure';
    open my $out, '>', $treasure or die $!;
    print $out 'gold';
    close $out;
    chmod 0600, $treasure;
    for my $kind (qw(.lock .new .dir .pag)) {
        my ($next) = map { $_ + 1 } slurp("$dir/enrollments") =~ /^\S+ 1 (\d+) /;
        my $name = 'enrollments' . ($kind =~ /dir|pag/ ? ".$next$kind" : $kind);
        unlink "$dir/$name";
        symlink $treasure, "$dir/$name" or die $!;
        htcivic(add => $store, 'CO-ALPHA', "bob$name", $name);
        unlink "$dir/$name" if -l "$dir/$name";
    }
    is(slurp($treasure) . whose($treasure), 'gold' . whose($treasure) =~ s/ \d+$/ 0600/r, 'a link that he plants leads nowhere');
    chmod 0770, $dir;
    like(said(list => $store), qr/^1  htcivic: \S+ can be written by others than its owner/, 'a folder that others may write to');
    chmod 0700, $dir;
    is(said(verify => $store), '0  ', 'it is whole');
}
{
    # Children of httpd read what root writes. (Whoever runs the tests without being root is both.)
    my ($store, $dir) = store_new();
    chown $>, $www_group, $dir;
    chmod 0750, $dir;
    is(said(add => $store, qw(CO-ALPHA alice id-1)), '0  ', 'add');
    is_deeply([ sort map { whose($_) } grep { !/lock/ } glob "$dir/*" ], [ ("$> $www_group 0640") x 3 ], 'the group of the folder may read');
    my $reads = sub { (htcivic(verify => $store, qw(CO-ALPHA alice id-1)))[0] };
    my $writes = sub { (htcivic(add => $store, qw(CO-ALPHA mallory id-2)))[0] };
    is($is_root ? as('www-data', $reads) : $reads->(), 0, 'and reads');
    is($is_root ? as('www-data', $writes) : 1, 1, 'and does not write');
    is_deeply(linked($store), { alice => 'id-1' }, 'nothing was written');
}

# ---- many at once, on files and in databases ----
sub one_wins {
    my ($store, $what) = @_;
    my @pids = map { start(add => $store, 'CO-ALPHA', 'alice', "id-$_") } 1 .. 8;
    is(join('', sort map { waitpid $_, 0; $? >> 8 } @pids), '03333333', "$what: of eight that link an account one does");
    @pids = map { start(add => $store, 'CO-ALPHA', "account-$_", 'id') } 1 .. 8;
    is(join('', sort map { waitpid $_, 0; $? >> 8 } @pids), '03333333', "$what: of eight accounts for an identity one gets it");
    @pids = map { start(add => $store, 'CO-ALPHA', "other-$_", "other-$_") } 1 .. 8;
    is(join('', map { waitpid $_, 0; $? >> 8 } @pids), '0' x 8, "$what: eight others are all linked");
    is(scalar(keys %{ linked($store) }), 10, "$what: and there");
    is(said(verify => $store), '0  ', "$what: whole");
}
my ($files, $files_dir) = store_new();
one_wins($files, 'files');

# ---- a writer that does not go on ----
{
    open my $lock, '+<', "$files_dir/enrollments.lock" or die $!;
    flock $lock, LOCK_EX or die $!;
    is(said(verify => $files, qw(CO-ALPHA other-1 other-1)), '0  ', 'readers do not wait for a writer');
    like(said(add => $files, qw(CO-ALPHA late late)), qr/^1  htcivic: \S+\.lock has been locked for 10 seconds by another process/, 'writers wait, but not for ever');
    close $lock;
    is(said(add => $files, qw(CO-ALPHA late late)), '0  ', 'then they go on');
}

# ---- kill -9 ----
{
    my ($store) = store_new();
    my ($killed, $whole) = (0, 0);
    my %linked;
    srand 1;
    for my $round (1 .. 120) {
        my $pid = start(add => $store, 'CO-ALPHA', "account-$round", "id-$round");
        Time::HiRes::sleep(rand 0.012);
        kill KILL => $pid;
        waitpid $pid, 0;
        $killed++ if $? & 127;
        $linked{"account-$round"} = "id-$round" if !$?;
        $whole++ if said(verify => $store) eq '0  ';
    }
    is($whole, 120, "whole after each of 120 commands of which $killed were killed");
    my $found = linked($store);
    is_deeply({ map { $_ => $found->{$_} } keys %linked }, \%linked, 'whoever was confirmed is there: ' . keys %linked);
    is(said(add => $store, qw(CO-ALPHA after id-after)), '0  ', 'and it goes on');
}

# ---- no room ----
{
    my $export = (htcivic(export => $files))[1];
    my $large = join '', map { "CO-ALPHA\tlarge-$_\tlarge-$_\n" } 1 .. 500;
    open my $out, '>', "$files_dir/large" or die $!;
    print $out $large;
    close $out;
    my $status = system 'sh', '-c', "trap '' XFSZ; ulimit -f 8; exec \"\$0\" import \"\$1\" \"\$2\" 2>/dev/null", command(), $files, "$files_dir/large";
    is($status >> 8, 1, 'files that may not become large enough');
    is((htcivic(export => $files))[1], $export, 'nothing has changed');
    is(said(import => $files, "$files_dir/large"), '0  ', 'with room it is imported');
    is(scalar(keys %{ linked($files) }), 511, 'all of it');
}

# ---- damage ----
{
    my ($store, $dir) = store_new();
    htcivic(add => $store, qw(CO-ALPHA alice id-1));
    my ($pag) = glob "$dir/enrollments.*.pag";
    my $was = slurp($pag);
    open my $file, '+<', $pag or die $!;
    seek $file, index($was, 'id-1'), SEEK_SET;
    print $file 'id-2';
    close $file;
    like(said(@$_), qr/^1  htcivic: \S+enrollments\.2\.\* are damaged: they are not what \S+enrollments says/, "damaged: $_->[0]")
        for [ list => $store ], [ verify => $store ], [ verify => $store, qw(CO-ALPHA alice id-2) ], [ add => $store, qw(CO-ALPHA bob id-3) ];
    open $file, '>', $pag or die $!;
    print $file $was;
    close $file;
    is(said(verify => $store, qw(CO-ALPHA alice id-1)), '0  ', 'put back, it is as it was');
}

# ---- SQLite ----
sub sqlite { my ($db, $sql) = @_; open my $in, '-|', 'sqlite3', $db, $sql or die $!; local $/; return scalar <$in> // '' }
{
    my $dir = folder();
    my $store = "dbd:sqlite3:$dir/sql";
    like(said(add => $store, qw(CO-ALPHA alice id-1)), qr/^1  htcivic: the database of enrollments: find: no such table/, 'SQLite: tables are missing');
    is(said(create => $store), '0  ', 'SQLite: create');
    one_wins($store, 'SQLite');
    is(sqlite("$dir/sql", "SELECT count(*) FROM civic_enrollments WHERE account LIKE 'other-%'"), "8\n", 'SQLite: rows as documented');
    my $export = (htcivic(export => $files))[1];
    my $empty = "dbd:sqlite3:$dir/moved";
    htcivic(create => $empty);
    is(said(import => $empty, \$export), '0  ', 'files to SQLite');
    is((htcivic(export => $empty))[1], $export, 'without loss');
}

# ---- PostgreSQL and MariaDB ----
sub served {
    my ($name, $driver, $database) = @_;
    my $dir = folder();
    open my $out, '>', "$dir/params" or die $!;
    print $out $database->params, "\n";
    close $out;
    my $store = "dbd:$driver:\@$dir/params";
    is(said(create => $store), '0  ', "$name: create");
    one_wins($store, $name);
    like(said(qw(recovery -n 2), $store, qw(CO-ALPHA other-1)), qr/^0 \S{19}\n\S{19}\n $/, "$name: recovery codes");
    is($database->sql("SELECT count(*) FROM civic_recovery WHERE account = 'other-1'"), "2\n", "$name: are rows");
    my $export = (htcivic(export => $store))[1];
    is(scalar(() = $export =~ /^CO-ALPHA\t/gm), 10, "$name: export has all of them");
    $database->stop;
    like(said(list => $store), qr/^1  htcivic: the database of enrollments cannot be opened: /, "$name: stopped");
    like(said(remove => $store, qw(CO-ALPHA other-1)), qr/^1  htcivic: the database of enrollments cannot be opened: /, "$name: nothing is removed");
    $database->start;
    is((htcivic(export => $store))[1], $export, "$name: started");
    my ($copy) = store_new();
    is(said(import => $copy, \$export), '0  ', "$name to files");
    is((htcivic(export => $copy))[1], $export, "$name: without loss");
    is(said(remove => $store, qw(CO-ALPHA other-1)), '0  ', "$name: remove");
    is($database->sql('SELECT count(*) FROM civic_recovery'), "0\n", "$name: with the codes");
    return $dir;
}
served(MariaDB => mysql => Civic::Mysql->new);
{
    my $postgresql = Civic::Postgresql->new;
    my $dir = served(PostgreSQL => pgsql => $postgresql);

    # What httpd's configuration says, with queries of the administrator's own.
    $postgresql->sql('CREATE TABLE people (name TEXT PRIMARY KEY, civic TEXT UNIQUE)');
    $postgresql->sql("INSERT INTO people VALUES ('alice', 'id-1')");
    open my $conf, '>', "$dir/site.conf" or die $!;
    print $conf 'DBDriver pgsql', "\n", 'DBDParams "', $postgresql->params, "\"\n", <<'END';
CivicEnrollmentStore dbd
CivicEnrollmentQuery find "SELECT civic, 0, '', name FROM people WHERE %s = 'CO-ALPHA' AND name = %s"
END
    close $conf;
    is(said('verify', '-f', "$dir/site.conf", qw(CO-ALPHA alice id-1)), '0  ', 'the queries of a configuration');
    is((htcivic('verify', '-f', "$dir/site.conf", qw(CO-BETA alice id-1)))[0], 3, 'all their parameters');
}
