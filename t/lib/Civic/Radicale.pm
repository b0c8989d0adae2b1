# A calendar server of a test's own that believes the header X-Remote-User.
package Civic::Radicale;

use strict;
use warnings FATAL => 'all';

use Civic::Process ();

our @ISA = ('Civic::Process');

sub start {
    my $class = shift;
    my $self = $class->new;
    open my $out, '>', "$self->{dir}/config" or die $!;
    print $out <<"END";
[server]
hosts = 127.0.0.1:$self->{port}
[auth]
type = http_x_remote_user
[rights]
type = owner_only
[storage]
filesystem_folder = $self->{dir}/collections
[web]
type = none
END
    close $out or die $!;
    $self->launch('radicale', '--config', "$self->{dir}/config");
    return $self->wait_for_port;
}

1;
