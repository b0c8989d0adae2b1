# WebSockets (RFC 6455), as far as tests need them: a client over any connection, and a server of its own
# process that tells what it got and then echoes.
package Civic::WebSocket;

use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(sha1_base64);
use IO::Select ();
use IO::Socket::INET ();
use JSON::PP ();
use Time::HiRes qw(sleep time);

use Civic::Process ();
use Civic::Raw ();

our @ISA = ('Civic::Process');

my $KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

sub accept_of { return sha1_base64($_[0] . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11') . '=' }

# ---- frames: text only, at most 64 KiB ----

sub frame {
    my ($text, $masked) = @_;
    my $length = length $text;
    my $bit = $masked ? 0x80 : 0;
    my $head = pack 'C', 0x81;
    $head .= $length < 126 ? pack('C', $bit | $length) : pack('C n', $bit | 126, $length);
    return $head . $text unless $masked;
    my $mask = "\x11\x22\x33\x44";
    return $head . $mask . ($text ^ substr $mask x (1 + $length / 4), 0, $length);
}

# The first whole frame's text, taken out of the buffer; undef when there is none yet.
sub unframe {
    my $length = length $_[0] > 1 ? ord(substr $_[0], 1, 1) : return;
    my ($masked, $at) = ($length & 0x80, 2);
    $length &= 0x7f;
    if ($length == 126) {
        return if length $_[0] < 4;
        $length = unpack 'n', substr $_[0], 2, 2;
        $at = 4;
    }
    my $mask = $masked ? substr $_[0], $at, 4 : '';
    $at += length $mask;
    return if length $_[0] < $at + $length;
    my $text = substr $_[0], $at, $length;
    substr($_[0], 0, $at + $length) = '';
    return $masked ? $text ^ substr $mask x (1 + $length / 4), 0, $length : $text;
}

# ---- the client ----

# Ask for a WebSocket. Gives an object; `answer` is a Civic::Raw of what came, without body when it is a 101.
#   tls, headers => further lines
sub connect {
    my ($class, $port, $path, %how) = @_;
    my $socket = Civic::Raw::connection($port, $how{tls});
    my $self = bless { socket => $socket, buffer => '', gone => 0 }, 'Civic::WebSocket::Client';
    syswrite $socket, "GET $path HTTP/1.1\r\nHost: localhost:$port\r\nUpgrade: websocket\r\n"
        . "Connection: $how{connection}Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: $KEY\r\n"
        . "$how{headers}\r\n";
    do {
        $self->read_some until $self->{gone} || $self->{buffer} =~ /\r\n\r\n/;
    } while $self->{buffer} =~ s/\AHTTP\/1\.1 10[023] .*?\r\n\r\n//s;    # the answer is still to come
    my ($head) = $self->{buffer} =~ /\A(.*?\r\n\r\n)/s;
    if (($head // '') =~ /\AHTTP\/1\.1 101 /) {
        substr($self->{buffer}, 0, length $head) = '';
        $self->{answer} = Civic::Raw->parse($head, 1);
        return $self;
    }
    shutdown $socket, 1 unless $how{tls};
    $self->read_some until $self->{gone};
    $self->{answer} = Civic::Raw->parse($self->{buffer});
    return $self;
}

# ---- the server ----

sub start {
    my ($class, %how) = @_;
    my $self = $class->new(%how);
    $self->launch($^X, "-I$ENV{CIVIC_T}/lib", '-MCivic::WebSocket', '-e', 'Civic::WebSocket::serve(shift)', $self->port);
    return $self->wait_for_port;
}

sub serve {
    my $port = shift;
    local $SIG{CHLD} = 'IGNORE';
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 20, ReuseAddr => 1)
        or die "port $port: $!";
    while (1) {
        my $socket = $listen->accept or next;
        my $pid = fork;
        next if $pid;
        close $listen;
        eval { answer($socket) };
        print STDERR $@ if $@;
        exit 0;
    }
}

# Paths that end in /slow answer in three seconds without becoming a WebSocket; /stubborn is one that
# stays for half a minute although the other side has gone; /hints sends 103 first, in one piece; /pieces sends its answer byte by byte.
sub answer {
    my $socket = shift;
    my ($buffer, %headers) = ('');
    until ($buffer =~ /\r\n\r\n/) { sysread $socket, $buffer, 4096, length $buffer or return }
    $buffer =~ s/\A\S+ (\S+)[^\r\n]*\r\n(.*?)\r\n\r\n//s or return;
    my $path = $1;
    for (split /\r\n/, $2) { $headers{ lc $1 } = $2 if /\A([^:]+): *(.*)\z/ }
    if ($path =~ m{/slow$}) {
        sleep 3;
        syswrite $socket, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwhole";
        return;
    }
    my $head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        . 'Sec-WebSocket-Accept: ' . accept_of($headers{'sec-websocket-key'} // '') . "\r\n\r\n";
    substr($head, 0, 0) = "HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\n\r\n" if $path =~ m{/hints$};
    if ($path =~ m{/pieces$}) { syswrite($socket, $_), sleep 0.01 for split //, $head }
    else { syswrite $socket, $head }
    syswrite $socket, frame(JSON::PP->new->canonical->encode({ path => $path, headers => \%headers }));
    echo($socket, $buffer, $path =~ m{/stubborn$});
    return;
}

sub echo {
    my ($socket, $buffer, $stubborn) = @_;
    while (1) {
        while (defined(my $text = unframe($buffer))) { syswrite $socket, frame("echo $text") }
        next if sysread $socket, $buffer, 4096, length $buffer;
        sleep 30 if $stubborn;
        return;
    }
}

package Civic::WebSocket::Client;

use IO::Select ();
use Time::HiRes qw(time);

sub answer { return $_[0]{answer} }
sub code   { return $_[0]{answer}->code }

# Wait for more, at most so many seconds (20). False when nothing came.
sub read_some {
    my ($self, $seconds) = @_;
    my $socket = $self->{socket};
    my $pending = $socket->can('pending') ? $socket->pending : 0;
    return 0 if !$pending && !IO::Select->new($socket)->can_read($seconds // 20);
    sysread($socket, $self->{buffer}, 4096, length $self->{buffer}) or $self->{gone} = 1;
    return 1;
}

# The next message; undef when the connection ends or nothing comes.
sub receive {
    my ($self, $seconds) = @_;
    my $end = time + ($seconds // 20);
    while (1) {
        my $text = Civic::WebSocket::unframe($self->{buffer});
        return $text if defined $text;
        my $left = $end - time;
        return if $self->{gone} || $left <= 0;
        $self->read_some($left);
    }
}

sub send { my ($self, $text) = @_; return syswrite $self->{socket}, Civic::WebSocket::frame($text, 1) }

# Does it answer?
sub echoes {
    my ($self, $text) = @_;
    local $SIG{PIPE} = 'IGNORE';
    $self->send($text);
    return ($self->receive // '') eq "echo $text";
}

# Has the other side closed it, after at most so many seconds?
sub is_closed_within {
    my ($self, $seconds) = @_;
    my $end = time + $seconds;
    while (!$self->{gone}) {
        my $left = $end - time;
        return 0 if $left <= 0;
        $self->read_some($left);
    }
    return 1;
}

sub close { my $self = shift; close $self->{socket}; return }

1;
