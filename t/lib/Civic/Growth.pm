# What the processes of an httpd hold, and whether that grows.
package Civic::Growth;

use strict;
use warnings FATAL => 'all';

sub slurp { open my $in, '<', $_[0] or return ''; local $/; return <$in> // '' }

# Fields of /proc/PID/stat from the third on.
sub stat_of { my ($fields) = slurp("/proc/$_[0]/stat") =~ /.*\) (.*)/s or return; return split ' ', $fields }

# Child processes that serve requests. (The daemon of mod_cgid, which is loaded where there are threads, has none.)
sub children {
    my ($parent, $mpm) = @_;
    return grep { $mpm eq 'prefork' || slurp("/proc/$_/status") =~ /^Threads:\s+(?!1$)/m }
        grep { ((stat_of($_))[1] // 0) == $parent } map {m{/(\d+)$}} glob '/proc/[0-9]*';
}

# When it was started, in the kernel's ticks; 0 when it is gone.
sub started { return (stat_of($_[0]))[19] // 0 }

# Bytes of memory of its own. What is shared with others, as the session store, fills up in the course of
# time and has its size from the start.
sub memory { my ($kib) = slurp("/proc/$_[0]/status") =~ /^RssAnon:\s+(\d+) kB/m; return 1024 * ($kib // 0) }

sub descriptors { return scalar(() = glob "/proc/$_[0]/fd/*") }

# Shared memory that a process has mapped, without a file's name or with one that is gone.
sub mappings { return scalar grep {m{/dev/zero|/SYSV|/dev/shm|\(deleted\)}} split /\n/, slurp("/proc/$_[0]/maps") }

# Segments and semaphores that outlive who made them: of this process, as far as the system knows whose they are.
sub segments {
    my $pid = shift;
    my (undef, @segments) = map { [split] } split /\n/, slurp('/proc/sysvipc/shm');
    my (undef, @semaphores) = map { [split] } split /\n/, slurp('/proc/sysvipc/sem');
    return glob('/dev/shm/ShM.*'), (map {"segment $_->[1]"} grep { $_->[4] == $pid } @segments),
        map {"semaphores $_->[1]"} @semaphores;
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[ @sorted / 2 ] }

# Medians of the second and of the last fifth of samples, in the order in which they were taken.
sub fifths {
    return @_[ 0, 0 ] if @_ == 1;
    my $n = int(@_ / 5) || 1;
    return (median(@_[ $n .. 2 * $n - 1 ]), median(@_[ -$n .. -1 ]));
}

1;
