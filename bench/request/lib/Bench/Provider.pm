# The smallest OpenID provider that mod_auth_openidc logs in at: whoever asks is let in, codes work
# any number of times, tokens are signed by RS256.
package Bench::Provider;

use strict;
use warnings FATAL => 'all';

use IO::Socket::SSL ();
use IPC::Open2 qw(open2);
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);

use Bench::Server ();

my $JSON = JSON::PP->new->utf8->canonical;

sub openssl {
    my ($input, @arguments) = @_;
    my $pid = open2(my $out, my $in, 'openssl', @arguments);
    binmode $_ for $in, $out;
    print $in $input;
    close $in;
    my $answer = do { local $/; <$out> };
    waitpid $pid, 0;
    die "openssl @arguments failed" if $?;
    return $answer;
}

# Makes a key and listens, in a process of its own.
sub start {
    my $class = shift;
    my $self = bless { key => "$ENV{BENCH}/keys/provider.key", owner => $$ }, $class;
    openssl('', 'genrsa', '-out', $self->{key}, 2048);
    my $socket = IO::Socket::SSL->new(
        Listen        => 16,
        LocalAddr     => '127.0.0.1',
        ReuseAddr     => 1,
        SSL_cert_file => "$ENV{BENCH}/keys/server.pem",
        SSL_key_file  => "$ENV{BENCH}/keys/server.key",
    ) or die "the provider does not listen: $! $IO::Socket::SSL::SSL_ERROR";
    $ENV{BENCH_PROVIDER_PORT} = $socket->sockport;
    $self->{issuer} = 'https://localhost:' . $socket->sockport;
    $self->{pid} = fork // die "fork: $!";
    if (!$self->{pid}) {
        $self->{owner} = 0;
        $self->serve($socket);
    }
    return $self;
}

sub serve {
    my ($self, $socket) = @_;
    for (;;) {
        my $client = $socket->accept or next;
        my $head = '';
        while (my $line = <$client>) {
            $head .= $line;
            last if $line =~ /^\r?\n/;
        }
        my ($path, $query) = $head =~ m{^\S+ ([^? ]+)\??(\S*)} or next;
        my ($length) = $head =~ /^Content-Length: *(\d+)/mi;
        my $body = '';
        read $client, $body, $length if $length;
        my %sent = map { s/%(..)/chr hex $1/ger } map { split /=/, $_, 2 } grep { /=/ }
            split /&/, "$query&$body";
        my ($status, $headers, $content) = $self->answer($path, \%sent);
        print $client "HTTP/1.1 $status\r\nConnection: close\r\nContent-Length: ",
            length $content, "\r\n$headers\r\n$content";
        close $client;
    }
    exit 0;
}

# (status line, further header lines, content)
sub answer {
    my ($self, $path, $sent) = @_;
    my $json = "Content-Type: application/json\r\n";
    if ($path eq '/authorize') {
        my $code = encode_base64url($sent->{nonce});
        return ('302 Found', "Location: $sent->{redirect_uri}?code=$code&state=$sent->{state}\r\n",
            '');
    }
    return ('200 OK', $json, $JSON->encode({ keys => [ $self->jwk ] })) if $path eq '/jwks';
    return ('404 Not Found', '', '') unless $path eq '/token';
    my $nonce = MIME::Base64::decode_base64url($sent->{code});
    my $answer = {
        access_token => 'bench',
        token_type   => 'Bearer',
        expires_in   => 3600,
        id_token     => $self->id_token($nonce),
    };
    return ('200 OK', $json, $JSON->encode($answer));
}

sub jwk {
    my $self = shift;
    my ($modulus) = openssl('', 'rsa', '-in', $self->{key}, '-noout', '-modulus') =~ /=(\w+)/;
    return {
        kty => 'RSA',
        alg => 'RS256',
        use => 'sig',
        kid => 'bench',
        n   => encode_base64url(pack 'H*', $modulus),
        e   => encode_base64url("\1\0\1"),
    };
}

# What Civic's BASIC_SIGNUP tells, in OpenID's words.
sub id_token {
    my ($self, $nonce) = @_;
    my $claims = {
        iss          => $self->{issuer},
        aud          => 'bench',
        sub          => 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42',
        iat          => time,
        exp          => time + 3600,
        nonce        => $nonce,
        email        => 'jane@example.com',
        phone_number => '+1 5551234567',
    };
    my $text = join '.', map { encode_base64url($JSON->encode($_)) }
        { alg => 'RS256', kid => 'bench' }, $claims;
    return "$text." . encode_base64url(openssl($text, 'dgst', '-sha256', '-sign', $self->{key}));
}

sub stop {
    my $self = shift;
    my $pid = delete $self->{pid} or return;
    kill KILL => $pid;
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
