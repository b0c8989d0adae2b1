# Runs a function in many processes at once.
package Civic::Parallel;

use strict;
use warnings FATAL => 'all';

use POSIX ();

# Calls `what` with 0 .. count-1, each in a process of its own; all begin together. Gives what
# they returned, one line each.
sub run {
    my ($count, $what) = @_;
    pipe my $wait, my $go or die $!;
    my @ends;
    for my $i (0 .. $count - 1) {
        pipe my $read, my $write or die $!;
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            close $go;
            sysread $wait, my $byte, 1;    # until the parent closes its end
            my $text = eval { $what->($i) } // "died: $@";
            syswrite $write, $text;
            POSIX::_exit(0);
        }
        close $write;
        push @ends, [ $pid, $read ];
    }
    close $go;
    return map {
        my ($pid, $read) = @$_;
        local $/;
        my $text = <$read> // '';
        waitpid $pid, 0;
        $text;
    } @ends;
}

1;
