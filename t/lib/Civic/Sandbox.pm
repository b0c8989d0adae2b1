# The sandbox's short cuts for tests: see doc/sandbox.md.
package Civic::Sandbox;

use strict;
use warnings FATAL => 'all';

use JSON::PP ();
use LWP::UserAgent ();

my $JSON = JSON::PP->new->utf8->canonical;

sub new {
    my ($class, %how) = @_;
    return bless {
        base  => $how{base} || "https://localhost:$ENV{CIVIC_PORT_SANDBOX}",
        agent => LWP::UserAgent->new(
            timeout  => 30,
            ssl_opts => { verify_hostname => 1, SSL_ca_file => "$ENV{CIVIC_KEYS}/ca.pem" },
        ),
    }, $class;
}

# The sandbox of CO-PLAIN.
sub plain {
    return shift->new(base => "http://localhost:$ENV{CIVIC_PORT_SANDBOX_PLAIN}");
}

# Gives the response, whatever it is.
sub try {
    my ($self, $path, %body) = @_;
    return $self->{agent}->post(
        "$self->{base}$path",
        'Content-Type' => 'application/json',
        Content        => $JSON->encode(\%body)
    );
}

# Gives the answer; dies when it is a refusal.
sub post {
    my ($self, $path, %body) = @_;
    my $response = $self->try($path, %body);
    die "sandbox$path: " . $response->as_string unless $response->is_success;
    return $JSON->decode($response->content);
}

# An authorization code that somebody approved.
#   appId, scope, person (default jane)
#   fault     plays when this code is exchanged
#   data      list of items shown in place of the person's
#   image     bytes of the picture shown in place of the person's
#   claims    members of the token's payload to replace; undef takes one away
#   header    replaces the JOSE header
#   signWith  "other": signed with a key that is nobody's
sub token { my ($self, %how) = @_; return $self->post('/sandbox/token', %how)->{token} }

# So many of them, at most 256.
sub tokens { my ($self, $count, %how) = @_; return @{ $self->post('/sandbox/token', %how, count => $count)->{tokens} } }

# Let a fault play at the next exchanges, whoever makes them.
sub fault {
    my ($self, $fault, $count) = @_;
    return $self->post('/sandbox/fault', fault => $fault, count => $count || 1);
}

# { exchanges, payloads, last => { status, error } }
sub log {
    my $self = shift;
    my $response = $self->{agent}->get("$self->{base}/sandbox/log");
    die $response->as_string unless $response->is_success;
    return $JSON->decode($response->content);
}

sub exchanges { return $_[0]->log->{exchanges} }

sub reset { return $_[0]->post('/sandbox/reset') }

1;
