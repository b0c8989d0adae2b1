# A store of enrollments in files, in a folder of its own, and the command that minds it.
package Civic::Enrollments;

use strict;
use warnings FATAL => 'all';

use File::Temp ();
use POSIX ();

use Civic::Env ();

sub new {
    my ($class, %how) = @_;
    my $dir = File::Temp->newdir('civic-enrollments-XXXXXX', TMPDIR => 1);
    chmod 0700, "$dir";
    my $self = bless { dir => $dir, store => "dbm:$dir/enrollments" }, $class;
    chown $self->owner, "$dir" if $> == 0;
    $self->htcivic('create');
    return $self;
}

# (user, group) of httpd's children, who own it.
sub owner { return (getpwnam 'www-data')[ 2, 3 ] }

# What stands behind CivicEnrollmentStore.
sub store { return $_[0]{store} }
sub dir   { return "$_[0]{dir}" }

# Runs `htcivic <what> STORE <arguments>` as they; gives what it printed, dies when it fails.
sub htcivic {
    my ($self, $what, @arguments) = @_;
    my $command = $ENV{CIVIC_HTCIVIC} || "$ENV{CIVIC_BUILD}/htcivic/htcivic";
    my $pid = open(my $out, '-|') // die "fork: $!";
    if (!$pid) {
        my ($user, $group) = $self->owner;
        if ($> == 0) {
            $) = "$group $group";
            POSIX::setgid($group);
            POSIX::setuid($user);
        }
        exec $command, $what, $self->{store}, @arguments or POSIX::_exit(127);
    }
    my $text = do { local $/; <$out> };
    close $out or die "htcivic $what: $?";
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
