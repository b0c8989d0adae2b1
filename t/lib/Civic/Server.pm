# An httpd of a test's own: for what the shared one cannot show (startup errors, restarts, other
# module orders, other MPMs).
package Civic::Server;

use strict;
use warnings FATAL => 'all';

use File::Path qw(make_path);
use File::Temp ();
use IO::Socket::INET ();
use Time::HiRes qw(sleep time);

use Civic::Env ();

my $count = 0;

# conf     text of the configuration behind modules, ServerRoot, logs
# defines  names for -D
# env      environment variables, as CIVIC_MPM
# ports    names: each gets a free port, in ${CIVIC_PORT_<name>} and in ->port(name)
sub new {
    my ($class, %how) = @_;
    my $dir = File::Temp->newdir("civic-server-XXXXXX", TMPDIR => 1);
    chmod 0755, "$dir";
    my $self = bless { dir => $dir, defines => $how{defines} || [], number => ++$count }, $class;
    make_path("$dir/logs");
    $self->{env} = { %ENV, CIVIC_LOGS => "$dir/logs", %{ $how{env} || {} } };
    for my $name (@{ $how{ports} || [] }) {
        $self->{ports}{$name} = Civic::Env::free_port();
        $self->{env}{"CIVIC_PORT_$name"} = $self->{ports}{$name};
    }
    my $user = $> == 0 ? "User www-data\nGroup www-data\n" : '';
    $self->write_conf(<<"END" . ($how{conf} || ''));
ServerRoot "$dir"
DefaultRuntimeDir "$dir/logs"
PidFile "$dir/logs/httpd.pid"
ErrorLog "$dir/logs/error_log"
ServerName localhost
${user}Include \${CIVIC_T}/conf/modules.conf
Include \${CIVIC_T}/conf/server.conf
END
    return $self;
}

sub dir  { return "$_[0]{dir}" }
sub port { return $_[0]{ports}{ $_[1] } }

sub write_conf {
    my ($self, $text) = @_;
    $self->write_file('httpd.conf', $text);
    return;
}

# A file in the server's folder; gives its path.
sub write_file {
    my ($self, $name, $text, $mode) = @_;
    my $path = "$self->{dir}/$name";
    open my $out, '>', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
    chmod $mode, $path if defined $mode;
    return $path;
}

# Run httpd with further arguments. Gives (exit status, all that it printed).
sub run {
    my ($self, @arguments) = @_;
    local %ENV = %{ $self->{env} };
    my $pid = open my $out, '-|';
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec $ENV{CIVIC_HTTPD}, '-f', "$self->{dir}/httpd.conf", '-d', $self->dir,
            (map { ('-D', $_) } @{ $self->{defines} }), @arguments
            or die "exec: $!";
    }
    my $text = do { local $/; <$out> };
    close $out;
    return ($? >> 8, $text // '');
}

sub configtest { my $self = shift; return $self->run('-t') }

sub start {
    my $self = shift;
    my ($status, $text) = $self->run('-k', 'start');
    die "httpd did not start: $text" . $self->error_log if $status;
    $self->{running} = 1;
    $self->wait_for_ports;
    return $self;
}

sub wait_for_ports {
    my $self = shift;
    my $end = time + 20;
    for my $name (sort keys %{ $self->{ports} || {} }) {
        until (IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{ports}{$name}")) {
            die "httpd does not listen ($name): " . $self->error_log if time > $end;
            sleep 0.05;
        }
    }
    return;
}

sub pid {
    my $self = shift;
    open my $in, '<', "$self->{dir}/logs/httpd.pid" or return;
    chomp(my $pid = <$in> // '');
    return $pid;
}

# How often the parent has said that it runs: one more after each (re)start.
sub generations { my $log = $_[0]->error_log; return scalar(() = $log =~ /resuming normal operations/g) }

# 'graceful' or 'restart'; back when the new generation runs.
sub again {
    my ($self, $how) = @_;
    my $before = $self->generations;
    my ($status, $text) = $self->run('-k', $how);
    die "httpd -k $how: $text" if $status;
    my $end = time + 20;
    until ($self->generations > $before) {
        die "no new generation: " . $self->error_log if time > $end;
        sleep 0.05;
    }
    $self->wait_for_ports;
    return;
}

sub stop {
    my $self = shift;
    my $pid = $self->pid;
    $self->{running} = 0;
    return unless $pid;
    # Gracefully: at SIGTERM the event MPM closes connections under its own threads, and now and then
    # a child dies of it, with or without this module. Tests look for children that die.
    kill WINCH => $pid;
    my $end = time + 20;
    while (kill 0 => $pid) {
        if (time > $end) { kill KILL => $pid; last }
        sleep 0.05;
    }
    return;
}

sub error_log {
    my $self = shift;
    open my $in, '<', "$self->{dir}/logs/error_log" or return '';
    local $/;
    return <$in> // '';
}

sub DESTROY {
    my $self = shift;
    local ($., $@, $!, $^E, $?);
    if ($self->{running}) {
        $self->stop;
        # Kept beside the others, so that a last test can search them all.
        if ($ENV{CIVIC_LOGS} && open my $in, '<', "$self->{dir}/logs/error_log") {
            if (open my $out, '>>', "$ENV{CIVIC_LOGS}/servers_log") {
                print $out $_ while <$in>;
            }
        }
    }
    return;
}

1;
