# A store of enrollments in files, in a folder of its own, and the command that minds it.
package Civic::Enrollments;

use strict;
use warnings FATAL => 'all';

use File::Temp ();

use Civic::Env ();

sub new {
    my ($class, %how) = @_;
    my $dir = File::Temp->newdir('civic-enrollments-XXXXXX', TMPDIR => 1);
    chmod 0700, "$dir";
    my $self = bless { dir => $dir, store => "dbm:$dir/enrollments" }, $class;
    $self->htcivic('create');
    $self->give_to_children;
    return $self;
}

# What stands behind CivicEnrollmentStore.
sub store { return $_[0]{store} }
sub dir   { return "$_[0]{dir}" }

# As on a real server: the children's user has it.
sub give_to_children {
    my $self = shift;
    return if $> != 0;
    my ($uid, $gid) = (getpwnam 'www-data')[ 2, 3 ];
    chown $uid, $gid, "$self->{dir}", glob "$self->{dir}/*";
    return;
}

# Runs `htcivic <what> STORE <arguments>`; gives what it printed, dies when it fails.
sub htcivic {
    my ($self, $what, @arguments) = @_;
    my $command = $ENV{CIVIC_HTCIVIC} || "$ENV{CIVIC_BUILD}/htcivic/htcivic";
    my $pid = open my $out, '-|', $command, $what, $self->{store}, @arguments;
    die "htcivic: $!" unless $pid;
    my $text = do { local $/; <$out> };
    close $out or die "htcivic $what: $?";
    $self->give_to_children;
    return $text // '';
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

sub remove { my ($self, $account) = @_; return $self->htcivic(remove => 'CO-ALPHA', $account) }

1;
