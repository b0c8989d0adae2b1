# A memcached of a test's own.
package Civic::Memcached;

use strict;
use warnings FATAL => 'all';

use IO::Socket::INET ();

our @ISA = ('Civic::Process');
use Civic::Process ();

sub start {
    my ($class, %how) = @_;
    return $class->new(%how)->again;
}

# Empty, on the same port.
sub again {
    my $self = shift;
    $self->launch('memcached', '-u', 'nobody', '-l', '127.0.0.1', '-p', $self->{port}, '-U', 0, '-m', 64, '-t', 2);
    return $self->wait_for_port;
}

# One command; gives the lines of its answer up to the one that ends it.
sub command {
    my ($self, $command) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}", Timeout => 5) or die $!;
    print $socket "$command\r\n";
    $socket->flush;
    my @lines;
    while (my $line = <$socket>) {
        $line =~ s/\r\n\z//;
        push @lines, $line;
        last if $line =~ /^(END|OK|STORED|NOT_STORED|DELETED|NOT_FOUND|ERROR|CLIENT_ERROR.*|SERVER_ERROR.*|EXISTS)$/;
    }
    return @lines;
}

# (flags, value) of a key; nothing when it is not there.
sub get {
    my ($self, $key) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}", Timeout => 5) or die $!;
    print $socket "get $key\r\n";
    $socket->flush;
    my ($flags, $length) = <$socket> =~ /^VALUE \S+ (\d+) (\d+)/ or return;
    my $value;
    read $socket, $value, $length;
    return ($flags, $value);
}

sub set {
    my ($self, $key, $value) = @_;
    return ($self->command("set $key 0 3600 " . length($value) . "\r\n$value"))[0];
}

1;
