# An application's server as the API sees it, independent of the module: it signs with the openssl
# program, sends, and opens the answer. Every part of a request can be made wrong on purpose.
package Civic::Sip;

use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(hmac_sha256);
use File::Temp ();
use HTTP::Request ();
use JSON::PP ();
use LWP::UserAgent ();
use MIME::Base64 qw(decode_base64 decode_base64url encode_base64 encode_base64url);
use Time::HiRes qw(time);

our $JSON = JSON::PP->new->utf8->canonical->allow_nonref;

my $PATH = 'scopeRequest/authCode';
my $count = 0;

sub slurp {
    my $path = shift;
    open my $in, '<', $path or die "$path: $!";
    local $/;
    my $text = <$in>;
    $text =~ s/\s+//g;
    return $text;
}

# The application whose keys are in CIVIC_KEYS. base => of the API, without a slash at its end.
sub new {
    my ($class, $id, %how) = @_;
    return bless {
        id     => $id,
        base   => $how{base} || "https://localhost:$ENV{CIVIC_PORT_SANDBOX}/sip",
        secret => slurp("$ENV{CIVIC_KEYS}/$id.secret"),
        agent  => LWP::UserAgent->new(
            timeout      => $how{timeout} || 20,
            max_redirect => 0,
            ssl_opts     => { verify_hostname => 1, SSL_ca_file => "$ENV{CIVIC_KEYS}/ca.pem" },
        ),
    }, $class;
}

# ---- what the openssl program does for us ----

# A file that holds these bytes for as long as the result lives.
sub file {
    my $file = File::Temp->new;
    binmode $file;
    print $file @_;
    close $file or die "a temporary file: $!";
    return $file;
}

sub pem {
    my ($label, $hex) = @_;
    return file("-----BEGIN $label-----\n", encode_base64(pack 'H*', $hex), "-----END $label-----\n");
}

# What openssl prints; dies when it fails.
sub openssl {
    open my $out, '-|', 'openssl', @_ or die "openssl: $!";
    binmode $out;
    my $output = do { local $/; <$out> };
    close $out or die "openssl $_[0] failed";
    return $output;
}

# A signature in JWS form: r and s in 32 bytes each, from the SEQUENCE of two INTEGERs.
sub es256 {
    my ($input, $id) = @_;
    my $key = pem('EC PRIVATE KEY',
        '30310201010420' . slurp("$ENV{CIVIC_KEYS}/$id.key") . 'a00a06082a8648ce3d030107');
    my $in = file($input);
    my ($r, $s) = unpack 'x3 C/a x C/a', openssl('dgst', '-sha256', '-sign', "$key", "$in");
    return join '', map { substr("\0" x 32 . $_, -32) } $r, $s;
}

# Does such a signature fit the sandbox's key?
sub es256_fits {
    my ($input, $signature) = @_;
    my $key = pem('PUBLIC KEY', '3059301306072a8648ce3d020106082a8648ce3d030107034200'
            . slurp("$ENV{CIVIC_KEYS}/civic.pub"));
    my @numbers = unpack '(a32)2', $signature;
    for (@numbers) {
        s/^\0+//;
        $_ = "\0$_" if $_ eq '' || ord > 0x7f;
    }
    my $der = file(pack 'C C/a', 0x30, join '', map { pack 'C C/a', 2, $_ } @numbers);
    my $in = file($input);
    return eval { openssl('dgst', '-sha256', '-verify', "$key", '-signature', "$der", "$in") };
}

# ---- tokens ----

# The payload of a request token. A member given as undef is left out.
sub claims {
    my ($self, %changes) = @_;
    my $now = int(time * 1000) / 1000;
    my %claims = (
        jti  => sprintf('%d-%d-%.6f', $$, ++$count, time),
        iat  => $now,
        exp  => $now + 180,
        iss  => $self->{id},
        aud  => "$self->{base}/",
        sub  => $self->{id},
        data => { method => 'POST', path => $PATH },
        %changes,
    );
    delete $claims{$_} for grep { !defined $claims{$_} } keys %claims;
    return \%claims;
}

# A signed request token. key => whose key signs, header => JOSE header
sub request_token {
    my ($self, $claims, %how) = @_;
    my $input = join '.', map { encode_base64url($JSON->encode($_)) }
        $how{header} || { alg => 'ES256', typ => 'JWT' }, $claims;
    return $input . '.' . encode_base64url(es256($input, $how{key} || $self->{id}));
}

sub extension {
    my ($self, $over, $secret) = @_;
    return encode_base64(hmac_sha256($over, $secret || $self->{secret}), '');
}

# Token two, as the service makes it: these bytes encrypted with the application's secret and signed with the
# service's key, or another. A member of the payload given as undef is left out.
sub seal {
    my ($self, $clear, %how) = @_;
    my $iv = '0123456789abcdef' x 2;
    my $in = file($clear);
    my $cipher = encode_base64(openssl(qw(enc -aes-128-cbc -K), $self->{secret}, '-iv', $iv, '-in', "$in"), '');
    my $claims = $self->claims(iss => 'civic-sip-hosted-service', data => "$iv$cipher", %{ $how{claims} || {} });
    return $self->request_token($claims, key => $how{key} || 'civic');
}

# ---- the exchange ----

# Exchange an authorization code. Everything else is as it should be, unless it is said:
#   method, env, path   of the address
#   claims   changes to the request token's payload      key, header   of its signature
#   body     text that is sent       signed   text that the HMAC is over
#   secret   of the HMAC             authorization   the whole header; undef: none
# Gives an HTTP::Response.
sub exchange {
    my ($self, $code, %how) = @_;
    my $body = $how{body} // $JSON->encode({ allowS3UploadedPayload => JSON::PP::true, authToken => $code });
    my $token = $how{token} || $self->request_token($self->claims(%{ $how{claims} || {} }), %how);
    my $authorization = exists $how{authorization} ? $how{authorization}
        : "Civic $token." . $self->extension($how{signed} // $body, $how{secret});
    my $url = join '/', $self->{base}, $how{env} // 'dev', $how{path} // $PATH;
    my $request = HTTP::Request->new($how{method} || 'POST', $url);
    $request->header('Content-Type' => 'application/json', 'Accept' => '*/*');
    $request->header('Authorization' => $authorization) if defined $authorization;
    $request->content($body);
    return $self->{agent}->request($request);
}

sub json { return $JSON->decode($_[-1]->content) }

# GET of a payload's URL, without authorization unless headers are given.
sub fetch {
    my ($self, $url, %headers) = @_;
    return $self->{agent}->get($url, %headers);
}

# ---- the answer ----

# Header and payload of a token whose signature fits the sandbox's key; dies when it does not.
sub token_open {
    my $token = pop;
    my ($header, $payload, $signature) = split /\./, $token;
    es256_fits("$header.$payload", decode_base64url($signature))
        or die 'the token is not signed by the sandbox';
    return map { $JSON->decode(decode_base64url($_)) } $header, $payload;
}

# The list of user data in token two, verified and decrypted; dies when that fails.
sub open_data {
    my ($self, $token) = @_;
    my (undef, $payload) = token_open($token);
    my ($iv, $cipher) = $payload->{data} =~ /^([0-9a-f]{32})([A-Za-z0-9+\/]+=*)$/
        or die 'the data is not encrypted as it should be';
    my $in = file(decode_base64($cipher));
    return $JSON->decode(
        openssl(qw(enc -d -aes-128-cbc -K), $self->{secret}, '-iv', $iv, '-in', "$in"));
}

1;
