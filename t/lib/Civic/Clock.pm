# A system clock that a test sets, for the processes of a server of its own (t/clock/step.c).
package Civic::Clock;

use strict;
use warnings FATAL => 'all';

use File::Temp ();

use Civic::Env ();

sub new {
    my $class = shift;
    my $dir = File::Temp->newdir(TMPDIR => 1);
    chmod 0755, "$dir";
    my $source = Civic::Env::source_dir() . '/t/clock/step.c';
    system('cc', '-O', '-shared', '-fPIC', '-o', "$dir/step.so", $source) == 0 or die 'cc failed';
    my $self = bless { dir => $dir }, $class;
    $self->step(0);
    return $self;
}

# For Civic::Server's `env`.
sub env {
    my $self = shift;
    return (LD_PRELOAD => "$self->{dir}/step.so", CIVIC_CLOCK_STEP => "$self->{dir}/step");
}

# Set it to so many seconds off, at once.
sub step {
    my ($self, $seconds) = @_;
    my $path = "$self->{dir}/step";
    open my $out, '+>>', $path or die "$path: $!";
    close $out;
    open $out, '+<', $path or die "$path: $!";
    syswrite $out, pack 'q', $seconds;
    close $out;
    return;
}

1;
