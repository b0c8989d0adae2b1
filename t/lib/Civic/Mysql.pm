# A MariaDB of a test's own, in a folder of its own, reached by a socket there. It does not run as root: it runs as nobody.
package Civic::Mysql;

use strict;
use warnings FATAL => 'all';

use File::Temp ();
use IO::Socket::UNIX ();
use POSIX ();
use Time::HiRes ();

# What is committed outlives a killed process, though not a machine that loses power: no test needs that.
my @little = qw(--innodb-log-file-size=8M --innodb-buffer-pool-size=16M --innodb-flush-log-at-trx-commit=2
    --innodb-flush-method=nosync --innodb-use-native-aio=0);

sub new {
    my $class = shift;
    my $dir = File::Temp->newdir('civic-mysql-XXXXXX', TMPDIR => 1);
    my $self = bless { dir => $dir, owner => $$ }, $class;
    # Whoever is httpd's user connects, too: the socket's folder is open, its data are not.
    chmod 0755, "$dir";
    chown +(getpwnam 'nobody')[ 2, 3 ], "$dir" if $> == 0;
    $self->run('mariadb-install-db', "--datadir=$dir/data", @little, qw(--auth-root-authentication-method=normal --skip-test-db));
    $self->start;
    # Text is compared as MySQL does where nothing else is said: blind to case.
    $self->run('mariadb', "--socket=$dir/socket", qw(--user=root -e), 'CREATE DATABASE civic CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci');
    return $self;
}

# What stands behind dbd:mysql: and in DBDParams.
sub params { return "sock=$_[0]{dir}/socket user=root dbname=civic" }

sub start {
    my $self = shift;
    my $dir = $self->{dir};
    $self->{pid} = $self->launch('mariadbd', "--datadir=$dir/data", @little, qw(--skip-networking), "--socket=$dir/socket", "--pid-file=$dir/pid");
    until (IO::Socket::UNIX->new(Peer => "$dir/socket")) {
        die 'mariadbd: ' . $self->log if waitpid $self->{pid}, POSIX::WNOHANG();
        Time::HiRes::sleep(0.02);
    }
    return;
}

# How: fast, or immediate, which is a crash.
sub stop {
    my ($self, $how) = @_;
    kill +($how // 'fast') eq 'fast' ? 'TERM' : 'KILL', $self->{pid};
    waitpid delete $self->{pid}, 0;
    return;
}

# What mariadb prints.
sub sql {
    my ($self, $statement) = @_;
    return $self->run('mariadb', "--socket=$self->{dir}/socket", qw(--user=root --batch --skip-column-names civic -e), $statement);
}

sub log { open my $in, '<', "$_[0]{dir}/log" or return ''; local $/; return <$in> // '' }

# Starts a program of MariaDB's; its output is in a file.
sub launch {
    my ($self, $program, @arguments) = @_;
    # It does not outlive the test, however that ends.
    my @as = (qw(setpriv --pdeathsig=KILL), $> == 0 ? qw(--reuid=nobody --regid=nogroup --clear-groups) : ());
    unlink "$self->{dir}/log";
    my $pid = fork() // die "fork: $!";
    return $pid if $pid;
    chdir "$self->{dir}";
    $ENV{PATH} .= ':/usr/sbin';
    open STDIN,  '<', '/dev/null';
    open STDOUT, '>', 'log';
    open STDERR, '>&', \*STDOUT;
    exec @as, $program, '--no-defaults', @arguments or POSIX::_exit(127);
}

sub run {
    my ($self, $program, @arguments) = @_;
    waitpid $self->launch($program, @arguments), 0;
    die "$program: " . $self->log if $?;
    return $self->log;
}

sub DESTROY {
    my $self = shift;
    return if $self->{owner} != $$ || !$self->{pid};
    local $?;
    $self->stop('immediate');
    return;
}

1;
