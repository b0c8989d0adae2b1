# A name server that a test lets hang, for the processes of a server of its own (t/resolver/hang.c).
package Civic::Resolver;

use strict;
use warnings FATAL => 'all';

use File::Temp ();

use Civic::Env ();

sub new {
    my $class = shift;
    my $dir = File::Temp->newdir(TMPDIR => 1);
    chmod 0755, "$dir";
    my $source = Civic::Env::source_dir() . '/t/resolver/hang.c';
    system('cc', '-O', '-shared', '-fPIC', '-o', "$dir/hang.so", $source, '-ldl') == 0 or die 'cc failed';
    my $self = bless { dir => $dir, path => "$dir/resolver" }, $class;
    open my $out, '>', $self->{path} or die "$self->{path}: $!";
    print $out pack 'l3', 0, 0, 0;
    close $out;
    chmod 0666, $self->{path};
    return $self;
}

# For Civic::Server's `env`.
sub env {
    my $self = shift;
    return (LD_PRELOAD => "$self->{dir}/hang.so", CIVIC_RESOLVER => $self->{path});
}

# From now on, at once in all processes.
sub hangs { my ($self, $how) = @_; return $self->set($how ? 1 : 0) }

sub set {
    my ($self, $word) = @_;
    open my $out, '+<', $self->{path} or die "$self->{path}: $!";
    syswrite $out, pack 'l', $word;
    close $out;
    return;
}

sub words {
    my $self = shift;
    open my $in, '<', $self->{path} or die "$self->{path}: $!";
    sysread $in, my $bytes, 12;
    close $in;
    return unpack 'l3', $bytes;
}

# How often it was asked for civic.test, and how often somebody got the answer.
sub asked    { return ($_[0]->words)[1] }
sub answered { return ($_[0]->words)[2] }

1;
