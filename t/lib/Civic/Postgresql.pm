# A PostgreSQL of a test's own, in a folder of its own, reached by a socket there. It may not be started by root: nobody is.
package Civic::Postgresql;

use strict;
use warnings FATAL => 'all';

use File::Temp ();
use POSIX ();

sub new {
    my $class = shift;
    my $dir = File::Temp->newdir('civic-postgresql-XXXXXX', TMPDIR => 1);
    my ($bin) = reverse sort glob '/usr/lib/postgresql/*/bin';
    my $self = bless { dir => $dir, bin => $bin ? "$bin/" : '', pid => $$ }, $class;
    # Whoever is httpd's user connects, too: the socket's folder is open, its data are not.
    chmod 0755, "$dir";
    chown +(getpwnam 'nobody')[ 2, 3 ], "$dir" if $> == 0;
    $self->run('initdb', '-D', "$dir/data", qw(-U civic -A trust -E UTF8 --no-sync));
    $self->start;
    return $self;
}

# What stands behind dbd:pgsql: and in DBDParams.
sub params { return "host=$_[0]{dir} user=civic dbname=postgres connect_timeout=5 tcp_user_timeout=5000 options='-c statement_timeout=30000'" }

sub start {
    my $self = shift;
    my $dir = $self->{dir};
    $self->run('pg_ctl', '-D', "$dir/data", '-l', "$dir/server.log", qw(-w -t 120 -o),
        "-c fsync=off -c listen_addresses='' -c unix_socket_directories=$dir", 'start');
    $self->{up} = 1;
}

# How: fast, or immediate, which is as good as a crash.
sub stop {
    my ($self, $how) = @_;
    $self->run('pg_ctl', '-D', "$self->{dir}/data", qw(-w -t 120 -m), $how // 'fast', 'stop');
    $self->{up} = 0;
}

# All its processes stop in the middle of what they do, and go on. The kernel still takes connections and what is sent.
sub hang  { my $self = shift; $self->{hung} = [ $self->processes ]; kill STOP => @{ $self->{hung} }; return }
sub go_on { my $self = shift; kill CONT => @{ delete $self->{hung} }; return }

# The server's process, and its children.
sub processes {
    my $self = shift;
    open my $in, '<', "$self->{dir}/data/postmaster.pid" or die "postmaster.pid: $!";
    my ($postmaster) = <$in> =~ /(\d+)/;
    open my $ps, '-|', qw(ps -o pid= --ppid), $postmaster or die "ps: $!";
    return ($postmaster, map {/(\d+)/} <$ps>);
}

# What psql prints.
sub sql {
    my ($self, $statement) = @_;
    return $self->run('psql', '-h', "$self->{dir}", qw(-U civic -d postgres -At -v ON_ERROR_STOP=1 -c), $statement);
}

sub run {
    my ($self, $program, @arguments) = @_;
    my @as = $> == 0 ? qw(setpriv --reuid=nobody --regid=nogroup --clear-groups) : ();
    my $log = File::Temp->new(TEMPLATE => 'civic-postgresql-XXXXXX', TMPDIR => 1);
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        chdir "$self->{dir}";
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', $log->filename;
        open STDERR, '>&', \*STDOUT;
        exec @as, "$self->{bin}$program", @arguments or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my $status = $?;
    my $text = do { local (@ARGV, $/) = $log->filename; <> } // '';
    die "$program: $text" if $status;
    return $text;
}

sub DESTROY {
    my $self = shift;
    return if $self->{pid} != $$ || !$self->{up};
    local $?;
    $self->go_on if $self->{hung};
    eval { $self->stop('immediate') };
}

1;
