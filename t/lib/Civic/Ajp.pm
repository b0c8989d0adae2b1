# A back end that speaks AJP/1.3, as Tomcat does: it takes a forwarded request apart, down to the last byte, and
# tells in JSON what there was, under the names that CGI gives. Anything else than a whole request ends it.
package Civic::Ajp;

use strict;
use warnings FATAL => 'all';

use IO::Socket::INET ();
use JSON::PP ();

use Civic::Process ();

our @ISA = ('Civic::Process');

my %HEADER = do {
    my $code = 0xA001;
    map { $code++ => $_ } qw(accept accept-charset accept-encoding accept-language authorization connection content-type
        content-length cookie cookie2 host pragma referer user-agent);
};
my %ATTRIBUTE = (
    1 => 'CONTEXT', 2 => 'SERVLET_PATH', 3 => 'REMOTE_USER', 4 => 'AUTH_TYPE', 5 => 'QUERY_STRING', 6 => 'JVM_ROUTE', 7 => 'SSL_CERT',
    8 => 'SSL_CIPHER', 9 => 'SSL_SESSION', 12 => 'SECRET', 13 => 'STORED_METHOD'
);
my ($FORWARD, $CPING, $CPONG, $BODY, $HEADERS, $END, $SEND_MORE) = (2, 10, 9, 3, 4, 5, 6);

# ---- what comes: each takes its bytes out of the buffer ----

sub bytes {
    my ($buffer, $count) = @_;
    die "the packet ends too early\n" if length $$buffer < $count;
    return substr $$buffer, 0, $count, '';
}
sub byte   { return unpack 'C', bytes($_[0], 1) }
sub number { return unpack 'n', bytes($_[0], 2) }

sub text {
    my ($buffer, $length) = ($_[0], $_[1] // number($_[0]));
    return undef if $length == 0xFFFF;
    my $text = bytes($buffer, $length);
    die "a text has no end\n" if byte($buffer) != 0;
    return $text;
}

sub header {
    my $buffer = shift;
    my $code = number($buffer);
    my $name = $code >> 8 == 0xA0 ? $HEADER{$code} : text($buffer, $code);
    return 'HTTP_' . uc($name // die "there is no header of code $code\n") =~ tr/A-Z0-9/_/cr, text($buffer);
}

sub request {
    my $buffer = shift;
    my (%env, @twice);
    @env{qw(METHOD PROTOCOL URI REMOTE_ADDR REMOTE_HOST SERVER_NAME)} = (byte($buffer), map { text($buffer) } 1 .. 5);
    @env{qw(SERVER_PORT IS_SSL)} = (number($buffer), byte($buffer));
    my $take = sub { my ($name, $value) = @_; push @twice, $name if exists $env{$name}; $env{$name} = $value; return };
    $take->(header($buffer)) for 1 .. number($buffer);
    while ((my $code = byte($buffer)) != 0xFF) {
        if ($code == 10) { $take->(text($buffer), text($buffer)) }
        elsif ($code == 11) { $take->('SSL_KEY_SIZE', number($buffer)) }
        else { $take->($ATTRIBUTE{$code} // die("there is no attribute of code $code\n"), text($buffer)) }
    }
    die "something is behind the request\n" if length $$buffer;
    return { env => \%env, twice => \@twice };
}

# ---- packets ----

sub packet {
    my $socket = shift;
    my $read = sub {
        my ($count, $all) = (shift, '');
        while (length $all < $count) { sysread $socket, $all, $count - length $all, length $all or return }
        return $all;
    };
    my ($magic, $length) = unpack 'nn', $read->(4) // return;
    die "this is no packet\n" if $magic != 0x1234;
    return $read->($length);
}

sub send_packet { my ($socket, $content) = @_; return syswrite $socket, pack 'n n/a*', 0x4142, $content }
sub as_text { return pack 'n/a* x', $_[0] }

# The body: httpd sends what it has of it at once, and more when it is asked.
sub body_of {
    my ($socket, $length) = @_;
    my $body = '';
    while (length $body < $length) {
        send_packet($socket, pack 'C n', $SEND_MORE, 8000) if length $body;
        my $packet = packet($socket) // last;
        last unless length $packet;
        $body .= substr $packet, 2;
    }
    return $body;
}

sub answer {
    my ($socket, $buffer, $secret) = @_;
    my $told = request(\$buffer);
    my $allowed = ($told->{env}{SECRET} // '') eq $secret;
    $told->{body} = body_of($socket, $told->{env}{HTTP_CONTENT_LENGTH} // 0);
    delete $told->{env}{SECRET};
    my $text = JSON::PP->new->latin1->canonical->encode($told);
    send_packet($socket, pack 'C n a* n a* a*', $HEADERS, $allowed ? 200 : 403, as_text('Answered'), 1, as_text('Content-Type'),
        as_text('application/json'));
    for (my $at = 0; $at < length $text; $at += 8000) { send_packet($socket, pack('C', $BODY) . as_text(substr $text, $at, 8000)) }
    send_packet($socket, pack 'C C', $END, 1);
    return;
}

# ---- the server ----

# secret => what the other side has to know
sub start {
    my ($class, %how) = @_;
    my $self = $class->new(%how);
    $self->launch($^X, "-I$ENV{CIVIC_T}/lib", '-MCivic::Ajp', '-e', 'Civic::Ajp::serve(@ARGV)', $self->port, $how{secret});
    return $self->wait_for_port;
}

sub serve {
    my ($port, $secret) = @_;
    local $SIG{CHLD} = 'IGNORE';
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 20, ReuseAddr => 1)
        or die "port $port: $!";
    while (1) {
        my $socket = $listen->accept or next;
        next if fork;
        close $listen;
        while (defined(my $packet = packet($socket))) {
            my $kind = unpack 'C', substr $packet, 0, 1, '';
            if ($kind == $CPING) { send_packet($socket, pack 'C', $CPONG) }
            elsif ($kind == $FORWARD) { answer($socket, $packet, $secret) }
            else { die "there is no packet of kind $kind\n" }
        }
        exit 0;
    }
}

1;
