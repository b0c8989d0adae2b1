# A redis-server, a redis-sentinel, or a fake that gives every command one answer.
package Civic::Redis;

use strict;
use warnings FATAL => 'all';

use File::Temp ();
use IO::Socket::INET ();
use POSIX ();
use Time::HiRes qw(sleep time);

our @ISA = ('Civic::Process');
use Civic::Process ();

# The least that a user of doc/deployment.md may do.
our $RIGHTS = '~civic:* resetchannels -@all +eval +role +select +set +get +del +hset +hget +hmget '
    . '+pexpireat +zadd +zrem +zrange +zscore +zremrangebyscore';

# conf => further lines; port; sentinel => 1; password: for `command`
sub start {
    my ($class, %how) = @_;
    my $self = $class->new(%how);
    my $dir = $self->dir;
    $self->{password} = $how{password};
    open my $out, '>', "$dir/redis.conf" or die $!;
    print $out "bind 127.0.0.1\nport $self->{port}\ndir $dir\ndaemonize no\n";
    print $out "save \"\"\nappendonly yes\nappendfsync always\n" unless $how{sentinel};
    print $out $how{conf} || '';
    close $out or die $!;
    $self->{command} = [$how{sentinel} ? 'redis-sentinel' : 'redis-server', "$dir/redis.conf"];
    return $self->again;
}

# Once more, on the same port with the same data.
sub again {
    my $self = shift;
    $self->launch(@{ $self->{command} });
    $self->wait_for_port;
    return $self if $self->{command}[0] eq 'redis-sentinel';
    my $end = time + 60;
    until (eval { $self->command('PING') eq 'PONG' }) {
        die 'redis does not answer: ' . $self->output if time > $end;
        sleep 0.05;
    }
    return $self;
}

# ---- a client ----

sub connection {
    my $self = shift;
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}", Timeout => 5)
        or die "redis at $self->{port}: $!";
    return $socket;
}

sub answer {
    my $socket = shift;
    my $line = <$socket>;
    die "redis closed the connection\n" unless defined $line;
    $line =~ s/\r\n\z//;
    my $type = substr $line, 0, 1, '';
    return $line if $type eq '+' || $type eq ':';
    die "redis: $line\n" if $type eq '-';
    return undef if $line < 0;
    return [map { answer($socket) } 1 .. $line] if $type eq '*';
    my $bytes = '';
    while (length $bytes < $line + 2) {
        read $socket, $bytes, $line + 2 - length $bytes, length $bytes or die "redis: cut\n";
    }
    return substr $bytes, 0, $line;
}

# Dies with what Redis says when it is an error.
sub command {
    my ($self, @words) = @_;
    my $socket = $self->connection;
    my $send = sub {
        print $socket join '', '*' . @_ . "\r\n", map { '$' . length($_) . "\r\n$_\r\n" } @_;
        $socket->flush;
        return answer($socket);
    };
    $send->('AUTH', $self->{password}) if defined $self->{password};
    return $send->(@words);
}

# Names of keys with a prefix.
sub keys { my ($self, $prefix) = @_; return sort @{ $self->command('KEYS', "$prefix*") } }

# How often a command was called.
sub calls {
    my ($self, $name) = @_;
    return $self->command('INFO', 'commandstats') =~ /^cmdstat_\Q$name\E:calls=(\d+)/m ? $1 : 0;
}

# ---- a server that answers the same to everything ----

sub fake {
    my ($class, $answer, %how) = @_;
    my $self = $class->new(%how);
    my $listen = IO::Socket::INET->new(
        LocalAddr => "127.0.0.1:$self->{port}", Listen => 16, ReuseAddr => 1
    ) or die $!;
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        $SIG{CHLD} = 'IGNORE';
        while (my $client = $listen->accept) {
            next if fork;
            while (sysread $client, my $chunk, 65536) {
                syswrite $client, $answer for $chunk =~ /^\*\d+\r$/mg;
            }
            POSIX::_exit(0);
        }
        POSIX::_exit(0);
    }
    $self->{pid} = $pid;
    return $self;
}

1;
