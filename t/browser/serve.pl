#!/usr/bin/perl
# Starts an httpd with module and sandbox for the browser, says in one line of JSON where everything
# is, and stays until its standard input ends. Wants the environment that tools/test gives.
use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(sha1_base64);
use File::Basename qw(dirname);
use File::Spec ();
use JSON::PP ();

BEGIN { unshift @INC, "$ENV{CIVIC_T}/lib" }
use Civic::Enrollments ();
use Civic::Env ();
use Civic::Server ();

my $here = File::Spec->rel2abs(dirname(__FILE__));
my @own = qw(POLICY IMPATIENT FORGETFUL UNLISTED FACTOR OWN);
my $enrollments = Civic::Enrollments->new;

Civic::Env->prepare;
$ENV{CIVIC_SOURCE} = Civic::Env::source_dir();
my $server = Civic::Server->new(
    conf  => "CivicSealKeyFile seal.key\nInclude $here/httpd.conf\n",
    ports => \@own,
    env   => { CIVIC_ENROLLMENT_STORE => $enrollments->store },
);
my $seal_key = unpack 'H*', join '', map { chr int rand 256 } 1 .. 32;
$server->write_file('seal.key', "$seal_key\n", 0600);
$server->write_file('users', 'alice:{SHA}' . sha1_base64('secret') . "=\n");
$server->start;

my %ports = map { lc $_ => $server->port($_) } @own;
$ports{ lc $_ } = $ENV{"CIVIC_PORT_$_"} + 0 for qw(SITE PLAIN SANDBOX SANDBOX_PLAIN);
$| = 1;
print JSON::PP->new->canonical->encode(
    {   ports       => \%ports,
        log         => $server->dir . '/logs/error_log',
        certificate => "$ENV{CIVIC_KEYS}/server.pem",
        sealKey     => $seal_key,
    }
), "\n";
1 while <STDIN>;
$server->stop;
