# A server that answers as it is told to, over TLS or not, in Civic's place or a proxy's: a process
# that serves each connection in one of its own and writes down what it got.
package Civic::Liar;

use strict;
use warnings FATAL => 'all';

use Fcntl qw(:flock);
use File::Temp ();
use IO::Socket::INET ();
use IO::Socket::SSL ();
use POSIX ();

use Civic::Env ();

# lies  name => function of (socket, text of the request, number of the request on its connection);
#       the connection goes on where it returns true
# tls   a folder's name as `certificate` gives it; none: plain
sub new {
    my ($class, %how) = @_;
    my $self = bless { dir => File::Temp->newdir('civic-liar-XXXXXX', TMPDIR => 1), owner => $$, %how }, $class;
    my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die $!;
    $self->{port} = $listener->sockport;
    $self->{pid} = fork // die "fork: $!";
    if (!$self->{pid}) {
        $SIG{CHLD} = 'IGNORE';
        $SIG{PIPE} = 'IGNORE';
        while (my $socket = $listener->accept) {
            my $pid = fork // POSIX::_exit(1);
            next if $pid;
            close $listener;
            alarm 60;
            $self->note('connections', 'one');
            eval { $self->serve($socket) };
            POSIX::_exit(0);
        }
        POSIX::_exit(0);
    }
    return $self;
}

sub port { return $_[0]{port} }

# Which lie it tells from now on.
sub tell {
    my ($self, $name) = @_;
    die "no lie $name" unless $self->{lies}{$name};
    open my $out, '>', "$self->{dir}/lie.new" or die $!;
    print $out $name;
    close $out;
    rename "$self->{dir}/lie.new", "$self->{dir}/lie" or die $!;
    return;
}

# What was sent to it so far, and how many connections were made.
sub requests { return $_[0]->noted('requests') }
sub connections { return scalar $_[0]->noted('connections') }

sub slurp {
    open my $in, '<', $_[0] or return '';
    local $/;
    return <$in> // '';
}

my $END = "\n\0\n";
sub noted { my ($self, $file) = @_; return split /\Q$END\E/, slurp("$self->{dir}/$file") }

sub note {
    my ($self, $file, $text) = @_;
    open my $out, '>>', "$self->{dir}/$file" or die $!;
    flock $out, LOCK_EX;
    print $out $text, $END;
    close $out;
    return;
}

sub serve {
    my ($self, $socket) = @_;
    if ($self->{tls}) {
        IO::Socket::SSL->start_SSL($socket, SSL_server => 1,
            SSL_cert_file => "$self->{tls}.pem", SSL_key_file => "$self->{tls}.key") or return;
    }
    for (my $number = 1; defined(my $request = read_request($socket)); $number++) {
        $self->note('requests', $request);
        my $lie = $self->{lies}{ slurp("$self->{dir}/lie") } or last;
        last if !$lie->($socket, $request, $number);
    }
    close $socket;
    return;
}

sub read_request {
    my $socket = shift;
    my $text = '';
    while ($text !~ /\r\n\r\n/ || length($text) - $+[0] < (($text =~ /^Content-Length: (\d+)/mi)[0] // 0)) {
        $socket->sysread($text, 65536, length $text) or return;
    }
    return $text;
}

# All of it, or as much as the other side takes.
sub say {
    my ($socket, $text) = @_;
    my $at = 0;
    while ($at < length $text) {
        my $n = $socket->syswrite($text, 16384, $at) or return 0;
        $at += $n;
    }
    return 1;
}

# A certificate in a folder: its path without .pem, .key.
#   names     subjectAltName        days   how long it is good; negative: it has expired
#   self      signed by itself instead of the tests' authority
sub certificate {
    my ($dir, $name, %how) = @_;
    my $path = "$dir/$name";
    my $keys = $ENV{CIVIC_KEYS};
    open my $out, '>', "$path.ext" or die $!;
    print $out "subjectAltName=$how{names}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n";
    close $out;
    my $days = $how{days} || 2;
    my $signer = $how{self} ? "-signkey $path.key" : "-CA $keys/ca.pem -CAkey $keys/ca.key -set_serial $$";
    my $printed = `( openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$name -keyout $path.key -out $path.csr && openssl x509 -req -in $path.csr $signer -days $days -extfile $path.ext -out $path.pem ) 2>&1`;
    die "openssl: $printed" if $?;
    return $path;
}

sub stop {
    my $self = shift;
    my $pid = delete $self->{pid} or return;
    kill TERM => $pid;
    waitpid $pid, 0;
    return;
}

sub DESTROY {
    my $self = shift;
    local ($., $@, $!, $^E, $?);
    $self->stop if $self->{owner} == $$;
    return;
}

1;
