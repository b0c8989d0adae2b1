# An httpd of a test's own: for what the shared one cannot show (startup errors, restarts, other
# module orders, other MPMs).
package Civic::Server;

use strict;
use warnings FATAL => 'all';

use File::Path qw(make_path);
use File::Temp ();
use IO::Socket::INET ();
use Scalar::Util qw(weaken);
use Time::HiRes qw(sleep time);

use Civic::Client ();
use Civic::Env ();
use Civic::Log ();

my $count = 0;
my %started;    # number => server, weakly

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
    $self->{preamble} = <<"END";
ServerRoot "$dir"
DefaultRuntimeDir "$dir/logs"
PidFile "$dir/logs/httpd.pid"
ErrorLog "$dir/logs/error_log"
ServerName localhost
${user}Include \${CIVIC_T}/conf/modules.conf
Include \${CIVIC_T}/conf/server.conf
END
    $self->write_conf($how{conf} || '');
    return $self;
}

# An httpd with the whole site of t/conf and a sandbox of its own. `conf` comes before it.
sub site {
    my ($class, %how) = @_;
    my $includes = join '', map { "Include \${CIVIC_T}/conf/$_.conf\n" } qw(sandbox backend site);
    return $class->new(
        %how,
        conf  => ($how{conf} || '') . $includes,
        ports => [qw(SITE PLAIN OTHER SANDBOX SANDBOX_PLAIN BACKEND), @{ $how{ports} || [] }]
    );
}

# Text of a <CivicApplication> at the server's sandbox; a directive whose value is undef is left
# out, others are added.
sub application {
    my ($id, %directives) = @_;
    my $keys = '${CIVIC_KEYS}';
    my $base = 'https://localhost:${CIVIC_PORT_SANDBOX}';
    my %all = (
        CivicPrivateKeyFile    => "$keys/$id.key",
        CivicSecretFile        => "$keys/$id.secret",
        CivicApiUrl            => "$base/sip",
        CivicPublicKey         => "file:$keys/civic.pub",
        CivicCACertificateFile => "$keys/ca.pem",
        CivicPayloadHosts      => 'localhost',
        CivicBrowserLibrary    => "$base/js/civic.sip.min.js",
        %directives,
    );
    return join '', qq{<CivicApplication "$id">\n},
        (map { defined $all{$_} ? "$_ $all{$_}\n" : () } sort keys %all), "</CivicApplication>\n";
}

# Text of a virtual host over TLS at the port of that name, with /members for people who are
# logged in and what `text` adds.
sub host {
    my ($port, $text, %how) = @_;
    my $address = "127.0.0.1:\${CIVIC_PORT_$port}";
    my $tls = $how{plain} ? '' : join "\n", 'SSLEngine on',
        'SSLCertificateFile ${CIVIC_KEYS}/server.pem', 'SSLCertificateKeyFile ${CIVIC_KEYS}/server.key';
    return <<"END";
Listen $address
<VirtualHost $address>
ServerName localhost
DocumentRoot \${CIVIC_T}/htdocs
$tls
$text
<Location "/members">
AuthType Civic
AuthName "Members"
Require valid-user
</Location>
</VirtualHost>
END
}

# A client of this server, at the port of that name; `how` as Civic::Client takes it.
sub client {
    my ($self, $port, %how) = @_;
    my $scheme = ($port || '') eq 'PLAIN' ? 'http' : 'https';
    my $sandbox = $scheme eq 'http' ? 'SANDBOX_PLAIN' : 'SANDBOX';
    return Civic::Client->new(
        site    => "$scheme://localhost:" . $self->port($port || 'SITE'),
        sandbox => Civic::Sandbox->new(base => "$scheme://localhost:" . $self->port($sandbox)),
        %how
    );
}

sub log_path { return "$_[0]{dir}/logs/error_log" }

# A mark in this server's log, for Civic::Log.
sub mark { return Civic::Log::mark($_[0]->log_path) }

sub dir  { return "$_[0]{dir}" }
sub port { return $_[0]{env}{"CIVIC_PORT_$_[1]"} }

# Gives the number of the line whose text begins with the mark ">>", which is taken away.
sub write_conf {
    my ($self, $text) = @_;
    $text = $self->{preamble} . $text;
    my $line = $text =~ /\A(.*?)^\s*>>/ms ? 1 + ($1 =~ tr/\n//) : undef;
    $text =~ s/^\s*>>//m;
    $self->write_file('httpd.conf', $text);
    return $line;
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

# An authority that vouches for nobody: its certificate, in the server's folder.
sub authority {
    my ($self, $name) = @_;
    local %ENV = %{ $self->{env} };
    my $path = "$self->{dir}/$name.pem";
    my $printed = `openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$name -keyout $path.key -out $path 2>&1`;
    die "openssl: $printed" if $?;
    chmod 0644, $path;
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
    $self->{starter} = $$;
    weaken($started{ $self->{number} } = $self);
    $self->wait_for_generation($self->{before} || 0);
    return $self;
}

# Until the parent says that it runs, once more than so often, and listens. (The ports are open
# before that.)
sub wait_for_generation {
    my ($self, $before) = @_;
    my $end = time + 60;
    until (($self->{before} = $self->generations) > $before) {
        die "no new generation: " . $self->error_log if time > $end;
        sleep 0.05;
    }
    $self->wait_for_ports;
    return;
}

sub wait_for_ports {
    my $self = shift;
    my $end = time + 60;
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
    $self->wait_for_generation($before);
    return;
}

sub stop {
    my $self = shift;
    my $pid = $self->pid;
    $self->{running} = 0;
    $self->{before} = $self->generations;
    return unless $pid;
    # Gracefully: at SIGTERM the event MPM closes connections under its own threads, and now and then
    # a child dies of it, with or without this module. Tests look for children that die.
    kill WINCH => $pid;
    my $end = time + 30;
    while (kill 0 => $pid) {
        if (time > $end) { kill -KILL => $pid; last }    # its whole group
        sleep 0.05;
    }
    $self->keep_reports if $ENV{CIVIC_REPORTS};
    return;
}

# What UndefinedBehaviorSanitizer finds stands in the log: kept with what other sanitizers find.
sub keep_reports {
    my $self = shift;
    my @found = $self->error_log =~ /^.*runtime error: .*$/mg or return;
    open my $out, '>>', "$self->{env}{CIVIC_REPORTS}/log.$$.$self->{number}" or die $!;
    print $out map {"$_\n"} @found;
    return;
}

sub error_log {
    my $self = shift;
    open my $in, '<', $self->log_path or return '';
    local $/;
    return <$in> // '';
}

# Stop, and keep the log beside the others, so that a last test can search them all.
sub finish {
    my $self = shift;
    return if !$self->{running} || $self->{starter} != $$;
    $self->stop;
    my $log = $self->error_log;
    if ($ENV{CIVIC_LOGS} && open my $out, '>>', "$ENV{CIVIC_LOGS}/servers_log") {
        print $out $log;
    }
    return;
}

sub DESTROY {
    my $self = shift;
    local ($., $@, $!, $^E, $?);
    $self->finish if ${^GLOBAL_PHASE} ne 'DESTRUCT';
    return;
}

# Those that live until the end go before their folders do.
END {
    local $?;
    $_->finish for grep {defined} values %started;
}

1;
