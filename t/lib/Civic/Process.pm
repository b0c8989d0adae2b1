# A server of a test's own that is not httpd: started in a folder of its own, stopped with the
# test, however that ends.
package Civic::Process;

use strict;
use warnings FATAL => 'all';

use File::Temp ();
use IO::Socket::INET ();
use POSIX ();
use Time::HiRes qw(sleep time);

use Civic::Env ();

# port => of 127.0.0.1 (default: a free one)
sub new {
    my ($class, %how) = @_;
    my $dir = File::Temp->newdir('civic-process-XXXXXX', TMPDIR => 1);
    chmod 0755, "$dir";
    return bless { dir => $dir, port => $how{port} || Civic::Env::free_port(), owner => $$ }, $class;
}

sub dir  { return "$_[0]{dir}" }
sub port { return $_[0]{port} }

# What it printed.
sub output {
    my $self = shift;
    open my $in, '<', "$self->{dir}/output" or return '';
    local $/;
    return <$in> // '';
}

sub launch {
    my ($self, @command) = @_;
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', "$self->{dir}/output";
        open STDERR, '>&', \*STDOUT;
        chdir "$self->{dir}";
        exec @command or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    return;
}

# Back when it listens.
sub wait_for_port {
    my $self = shift;
    my $end = time + 60;
    until (IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}")) {
        die ref($self) . ' does not listen: ' . $self->output if time > $end;
        sleep 0.05;
    }
    return $self;
}

# As if the machine hung; and on again.
sub pause  { kill STOP => $_[0]{pid}; return }
sub resume { kill CONT => $_[0]{pid}; return }

sub stop {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return;
    kill CONT => $pid;
    kill $signal || 'TERM', $pid;
    waitpid $pid, 0;
    return;
}

sub DESTROY {
    my $self = shift;
    local ($., $@, $!, $^E, $?);
    $self->stop('KILL') if $self->{owner} == $$;
    return;
}

1;
