# Bytes to a server and every byte that comes back: for requests that no client library sends,
# and for answers that must be taken apart to the last byte.
package Civic::Raw;

use strict;
use warnings FATAL => 'all';

use IO::Socket::INET ();
use IO::Socket::SSL ();

# What a browser's navigation brings, as header lines.
our $NAVIGATE = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
    . "Sec-Fetch-Site: none\r\n";

sub connection {
    my ($port, $tls) = @_;
    my %peer = (PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 20);
    my $socket = $tls
        ? IO::Socket::SSL->new(%peer, SSL_ca_file => "$ENV{CIVIC_KEYS}/ca.pem",
            SSL_hostname => 'localhost', SSL_verifycn_name => 'localhost')
        : IO::Socket::INET->new(%peer);
    die "cannot connect to port $port: $!" unless $socket;
    return $socket;
}

# Send bytes and read until the server closes.
#   tls   over TLS
#   shut  the client says that no more is coming (plain only)
#   head  the answer is one to HEAD: it has no body
sub ask {
    my ($port, $bytes, %how) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $socket = connection($port, $how{tls});
    my ($at, $raw) = (0, '');
    while ($at < length $bytes) {
        my $n = syswrite $socket, $bytes, 65536, $at or last;
        $at += $n;
    }
    shutdown $socket, 1 if $how{shut};
    while (sysread $socket, my $piece, 65536) { $raw .= $piece }
    close $socket;
    return __PACKAGE__->parse($raw, $how{head} || $bytes =~ /\AHEAD /);
}

# One request: method, target, further header lines (each with \r\n), body. It closes behind itself.
#   host   another name than localhost
#   after  bytes behind the header, in place of a body with its length
sub request {
    my ($port, $method, $target, $lines, $body, %how) = @_;
    my $host = $how{host} // "localhost:$port";
    $lines //= '';
    $lines .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;
    return ask($port,
        "$method $target HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n$lines\r\n"
            . ($body // $how{after} // ''),
        %how);
}

sub dechunk {
    my $bytes = shift;
    my $text = '';
    while ($bytes =~ s/\A([0-9a-fA-F]+)[^\r\n]*\r\n//) {
        my $n = hex $1;
        if (!$n) {
            $bytes =~ s/\A(?:[^\r\n]+\r\n)*\r\n//;
            return ($text, $bytes);
        }
        $text .= substr $bytes, 0, $n, '';
        $bytes =~ s/\A\r\n//;
    }
    return ($text, "no last chunk: $bytes");
}

# raw: all bytes; code: 0 when there is no status line; body: as framed; rest: what follows it
# and must not be there.
sub parse {
    my ($class, $raw, $is_head) = @_;
    my $self = bless { raw => $raw, code => 0, headers => [], body => '', rest => '' }, $class;
    my $text = $raw;
    $text =~ s/\AHTTP\/1\.1 100 [^\r\n]*\r\n\r\n//;
    return $self unless $text =~ s/\AHTTP\/1\.[01] (\d{3})[^\r\n]*\r\n(.*?)\r\n\r\n//s;
    $self->{code} = $1;
    $self->{headers} = [map { /\A([^:]+):[ \t]*(.*)\z/s ? [$1, $2] : [$_, ''] } split /\r\n/, $2];
    my $length = $self->header('Content-Length');
    if ($is_head || $self->{code} == 204 || $self->{code} == 304) { $self->{rest} = $text }
    elsif (($self->header('Transfer-Encoding') // '') eq 'chunked') {
        @$self{qw(body rest)} = dechunk($text);
    }
    elsif (defined $length) {
        $self->{rest} = length $text < $length ? 'cut short' : substr $text, $length;
        $self->{body} = substr $text, 0, $length;
    }
    else { $self->{body} = $text }
    return $self;
}

sub code { return $_[0]{code} }
sub body { return $_[0]{body} }
sub raw  { return $_[0]{raw} }

# All values in list context, the first in scalar context.
sub header {
    my ($self, $name) = @_;
    my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $self->{headers} };
    return wantarray ? @values : $values[0];
}

# What is wrong with the answer as such: exactly one, whole, nothing behind it.
sub faults {
    my $self = shift;
    my @faults;
    push @faults, 'no answer' unless $self->{code};
    push @faults, 'bytes that do not belong to the body: ' . substr $self->{rest}, 0, 60
        if $self->{rest} ne '';
    push @faults, 'several lengths' if (my @lengths = $self->header('Content-Length')) > 1;
    my $documents = () = $self->{body} =~ /<!DOCTYPE/gi;
    push @faults, "$documents documents in one body" if $documents > 1;
    return @faults;
}

1;
