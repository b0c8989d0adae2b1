# Runs htcivic from outside.
package Civic::Htcivic;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Temp ();
use POSIX ();

use Civic::Env ();

our @EXPORT_OK = qw(htcivic command slurp);

sub command { return "$ENV{CIVIC_BUILD}/htcivic/htcivic" }

sub slurp { open my $in, '<', $_[0] or die "$_[0]: $!"; local $/; return scalar <$in> // '' }

# (exit status, standard output, standard error). A reference among the arguments is the standard input.
sub htcivic {
    my ($input) = map { $$_ } grep { ref } @_;
    my @arguments = grep { !ref } @_;
    my %file = map { $_ => File::Temp->new(TEMPLATE => 'civic-htcivic-XXXXXX', TMPDIR => 1) } qw(in out err);
    print { $file{in} } $input // '';
    close $file{in};
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        open STDIN,  '<', $file{in}->filename;
        open STDOUT, '>', $file{out}->filename;
        open STDERR, '>', $file{err}->filename;
        exec command(), @arguments or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return ($? & 127 ? -($? & 127) : $? >> 8, slurp($file{out}->filename), slurp($file{err}->filename));
}

1;
