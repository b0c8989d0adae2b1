# An httpd of the comparison: bench/request/conf/NAME.conf, with a free port.
package Bench::Server;

use strict;
use warnings FATAL => 'all';

use File::Path qw(make_path);
use IO::Socket::INET ();
use Time::HiRes qw(sleep time);

sub free_port {
    my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', ReuseAddr => 1)
        or die "no free port: $!";
    return $socket->sockport;
}

# Ports are known before anybody starts: servers name each other in their configuration.
sub new {
    my ($class, $name) = @_;
    my $self = bless { name => $name, port => free_port(), owner => $$ }, $class;
    $ENV{ 'BENCH_' . uc($name) . '_PORT' } = $self->{port};
    make_path("$ENV{BENCH}/$name");
    return $self;
}

sub url { my ($self, $path) = @_; return "http://localhost:$self->{port}$path" }

sub error_log {
    my $self = shift;
    open my $in, '<', "$ENV{BENCH}/$self->{name}/error_log" or return '';
    local $/;
    return <$in> // '';
}

sub start {
    my $self = shift;
    local $ENV{BENCH_NAME} = $self->{name};
    local $ENV{BENCH_PORT} = $self->{port};
    $self->{pid} = fork // die "fork: $!";
    if (!$self->{pid}) {
        exec $ENV{BENCH_HTTPD}, '-d', $ENV{BENCH}, '-f', "conf/$self->{name}.conf",
            ($> == 0 ? ('-D', 'Root') : ()), '-D', 'FOREGROUND'
            or die "exec: $!";
    }
    my $end = time + 20;
    until (IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}")) {
        die "httpd ($self->{name}) does not listen: " . $self->error_log
            if time > $end || waitpid($self->{pid}, 1) > 0;
        sleep 0.05;
    }
    return $self;
}

# Seconds that the server's processes have had a processor for.
sub cpu {
    my $self = shift;
    my $ns = 0;
    for my $file (map { glob "/proc/$_/task/*/schedstat" } $self->{pid}, $self->children) {
        open my $in, '<', $file or next;
        my ($spent) = split / /, <$in> // '';
        $ns += $spent || 0;
    }
    return $ns / 1e9;
}

sub children {
    my $self = shift;
    my %found;
    for my $file (glob "/proc/$self->{pid}/task/*/children") {
        open my $in, '<', $file or next;
        $found{$_} = 1 for split / /, <$in> // '';
    }
    return keys %found;
}

sub stop {
    my $self = shift;
    my $pid = delete $self->{pid} or return;
    kill TERM => $pid;
    my $end = time + 10;
    while (waitpid($pid, 1) == 0) {
        kill KILL => $pid if time > $end;
        sleep 0.05;
    }
    return;
}

sub DESTROY {
    my $self = shift;
    local ($., $@, $!, $^E, $?);
    $self->stop if $self->{owner} == $$;
    return;
}

1;
