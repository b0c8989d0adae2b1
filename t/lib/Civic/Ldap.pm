# A slapd of a test's own, with people whose password is their name and -secret.
package Civic::Ldap;

use strict;
use warnings FATAL => 'all';

use File::Path qw(make_path);

our @ISA = ('Civic::Process');
use Civic::Process ();

sub write_file {
    my ($self, $name, $text) = @_;
    my $path = $self->dir . "/$name";
    open my $out, '>', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
    return $path;
}

sub start {
    my ($class, @people) = @_;
    my $self = $class->new;
    my $dir = $self->dir;
    make_path("$dir/data");
    my $conf = $self->write_file('slapd.conf', <<"END");
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $dir/slapd.pid
database mdb
maxsize 10485760
suffix "dc=example,dc=org"
directory $dir/data
END
    my $ldif = $self->write_file('people.ldif', join "\n",
        "dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n",
        map {"dn: uid=$_,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: $_\ncn: $_\nsn: $_\nuserPassword: $_-secret\n"} @people);
    system("/usr/sbin/slapadd -f $conf -l $ldif >$dir/slapadd.log 2>&1") == 0 or die 'slapadd failed';
    $self->launch('/usr/sbin/slapd', '-f', $conf, '-h', "ldap://127.0.0.1:$self->{port}/", '-d', '0');
    return $self->wait_for_port;
}

1;
