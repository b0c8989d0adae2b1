# Where things are: paths, ports and keys of a test run, as environment variables that the
# configuration files of t/conf and the tests both use.
package Civic::Env;

use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Spec ();
use IO::Socket::INET ();

my @PORTS = qw(SITE PLAIN OTHER SANDBOX SANDBOX_PLAIN BACKEND);

# Where the system takes the ports of outgoing connections from: one of them may be in use by the
# time a server wants it.
sub first_ephemeral_port {
    open my $in, '<', '/proc/sys/net/ipv4/ip_local_port_range' or return 32_768;
    my ($first) = split ' ', <$in>;
    return $first > 16_000 ? $first : 32_768;
}

# A port that nobody listens at now; another one at each call, and in each lane (1..3: test runs side by
# side).
my %given;

sub free_port {
    my $first = first_ephemeral_port();
    while (1) {
        my $port = 10_000 + int rand($first - 10_000);
        next if $port % 4 != ($ENV{CIVIC_LANE} // 0) || $given{$port}++;
        my $socket = IO::Socket::INET->new(
            Listen    => 1,
            LocalAddr => '127.0.0.1',
            LocalPort => $port,
            ReuseAddr => 1
        );
        return $port if $socket;
    }
}

sub ask_apxs {
    my $what = shift;
    my ($apxs) = grep { -x } '/usr/bin/apxs', '/usr/bin/apxs2', '/usr/local/apache2/bin/apxs';
    $apxs = $ENV{APXS} if $ENV{APXS};
    chomp(my $answer = `$apxs -q $what 2>/dev/null`);
    return $answer;
}

# The folder of the sources, as configure noted it.
sub source_dir {
    open my $in, '<', "$ENV{CIVIC_BUILD}/Makefile" or die "$ENV{CIVIC_BUILD}/Makefile: $!";
    my ($dir) = map { /^abs_top_srcdir = (.*)/ } <$in>;
    return $dir // die 'no abs_top_srcdir';
}

# Fill in what the caller did not say. Keys and certificates are made by tools/test.
sub prepare {
    my $t = File::Spec->rel2abs(dirname(__FILE__) . '/../..');
    $ENV{CIVIC_T} //= $t;
    $ENV{CIVIC_KEYS} //= "$t/keys";
    $ENV{CIVIC_LOGS} //= "$t/logs";
    $ENV{CIVIC_MPM} //= 'event';
    $ENV{CIVIC_HTTPD} //= (grep { -x } '/usr/sbin/apache2', '/usr/sbin/httpd',
        '/usr/local/apache2/bin/httpd')[0];
    $ENV{CIVIC_MODULES} //= ask_apxs('LIBEXECDIR');
    die "CIVIC_BUILD must name the folder with the built modules\n" unless $ENV{CIVIC_BUILD};
    $ENV{"CIVIC_PORT_$_"} ||= free_port() for @PORTS;
    # The port that Apache::Test asks whether its server is up: nobody else's.
    $ENV{APACHE_TEST_PORT} //= free_port();
    make_path($ENV{CIVIC_LOGS});
    return;
}

1;
