# One node of a site that has several: an httpd with the site of t/conf/node.conf, whose sandbox
# is the shared server's.
package Civic::Node;

use strict;
use warnings FATAL => 'all';

our @ISA = ('Civic::Server');
use Civic::Server ();

# 64 hex digits of one letter: a seal key.
sub seal_key { return $_[0] x 64 }

# store   CivicSessionStore's argument
# secret  text of CivicSessionStoreSecretFile
# seal    letters of the seal keys: the current one, the previous one (default: a)
# modules further LoadModule lines
# conf    further lines
sub prepare {
    my ($class, %how) = @_;
    my $self = $class->new(ports => ['SITE'], env => $how{env});
    my @keys = map { $self->write_file("seal-$_", seal_key($_), 0600) } split //, $how{seal} // 'a';
    my $secret =
        defined $how{secret} ? $self->write_file('secret', $how{secret}, 0600) : undef;
    $self->{text} = do { local (@ARGV, $/) = $self->dir . '/httpd.conf'; <> };
    $self->configure(
        join "\n",
        $how{modules} // '',
        "CivicSessionStore $how{store}",
        (defined $secret ? "CivicSessionStoreSecretFile $secret" : ()),
        (@keys ? "CivicSealKeyFile @keys" : ()),
        $how{conf} // '', 'Include ${CIVIC_T}/conf/node.conf', ''
    );
    return $self;
}

sub configure { my ($self, $conf) = @_; return $self->write_conf($self->{text} . $conf) }

sub boot { my ($class, %how) = @_; return $class->prepare(%how)->start }

sub site { return 'https://localhost:' . $_[0]->port('SITE') }

# The browser goes on at this node.
sub visit {
    my ($self, $client, $path) = @_;
    $client->{site} = $self->site;
    return $client->get($path || '/members/index.html');
}

# Somebody who has just logged in here.
sub person {
    my ($self, %how) = @_;
    return Civic::Client->new(site => $self->site)->logged_in('/members/index.html', %how);
}

# Wait until the answer has this status; gives the last one.
sub visit_until {
    my ($self, $client, $status, $path) = @_;
    my $answer;
    for (1 .. 300) {
        $answer = $self->visit($client, $path);
        last if $answer->code == $status;
        select undef, undef, undef, 0.1;
    }
    return $answer;
}

# Lines of the log that match.
sub logged { my ($self, $like) = @_; return grep { /$like/ } split /\n/, $self->error_log }

1;
