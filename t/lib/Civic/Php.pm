# A PHP-FPM of a test's own, at a socket in its folder; and a page that tells what PHP sees.
package Civic::Php;

use strict;
use warnings FATAL => 'all';

use Time::HiRes qw(sleep time);

use Civic::Process ();

our @ISA = ('Civic::Process');

# Tells in JSON what there is to see.
our $PAGE = <<'END';
<?php
header('Content-Type: application/json');
echo json_encode(['env' => array_map('strval', array_filter($_SERVER, 'is_scalar')), 'body' => file_get_contents('php://input')]);
END

sub socket { return "$_[0]{dir}/php.sock" }

sub start {
    my $class = shift;
    my $self = $class->new;
    my ($program) = grep { -x } reverse sort glob '/usr/sbin/php-fpm*' or die "no php-fpm\n";
    my $user = $> == 0 ? "user = www-data\ngroup = www-data\n" : '';
    open my $out, '>', "$self->{dir}/fpm.conf" or die $!;
    print $out <<"END";
[global]
error_log = $self->{dir}/error_log
daemonize = no
[site]
${user}listen = $self->{dir}/php.sock
listen.mode = 0666
pm = static
pm.max_children = 2
clear_env = yes
php_admin_value[openssl.cafile] = $ENV{CIVIC_KEYS}/ca.pem
END
    close $out or die $!;
    $self->launch($program, '-n', '-F', '-O', '-y', "$self->{dir}/fpm.conf");
    my $end = time + 60;
    until (-S $self->socket) {
        die 'php-fpm does not start: ' . $self->output if time > $end;
        sleep 0.05;
    }
    return $self;
}

# Its processes go with their parent only when that is asked to.
sub stop { return $_[0]->SUPER::stop('TERM') }

1;
