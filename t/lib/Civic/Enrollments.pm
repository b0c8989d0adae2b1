# A store of enrollments in files, in a folder of its own, and the command that minds it.
package Civic::Enrollments;

use strict;
use warnings FATAL => 'all';

use File::Spec ();
use File::Temp ();

use Civic::Htcivic ();

# In memory where that can be: no disk is waited for.
# store => of another kind, as htcivic names it
sub new {
    my ($class, %how) = @_;
    my $dir = File::Temp->newdir('civic-enrollments-XXXXXX', DIR => -w '/dev/shm' ? '/dev/shm' : File::Spec->tmpdir);
    chmod 0700, "$dir";
    my $self = bless { dir => $dir, store => $how{store} // "dbm:$dir/enrollments" }, $class;
    chown $self->owner, "$dir" if $> == 0;
    $self->htcivic('create');
    return $self;
}

# (user, group) of httpd's children, who own it.
sub owner { return (getpwnam 'www-data')[ 2, 3 ] }

# What stands behind CivicEnrollmentStore, where that is files.
sub store { return $_[0]{store} }
sub dir   { return "$_[0]{dir}" }

# Runs `htcivic <what> STORE <arguments>`, which becomes the folder's owner; gives what it printed, dies when it fails.
sub htcivic {
    my ($self, $what, @arguments) = @_;
    my ($status, $text, $error) = Civic::Htcivic::htcivic($what, $self->{store}, @arguments);
    die "htcivic $what: $error" if $status;
    return $text;
}

# account => userId
sub linked {
    my $self = shift;
    my %linked;
    for (split /\n/, $self->htcivic('list')) {
        my (undef, $account, $user) = split /\t/;
        $linked{$account} = $user;
    }
    return \%linked;
}

# How many recovery codes an account has left.
sub codes {
    my ($self, $account) = @_;
    my ($line) = grep { (split /\t/)[1] eq $account } split /\n/, $self->htcivic('list');
    return defined $line ? (split /\t/, $line)[4] : undef;
}

sub remove { my ($self, $account) = @_; return $self->htcivic(remove => 'CO-ALPHA', $account) }

1;
