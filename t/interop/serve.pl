#!/usr/bin/perl
# Site and sandbox of t/conf in an httpd of their own. Prints one line of JSON: where they are and
# where the keys are. Stays until its standard input ends.
use strict;
use warnings FATAL => 'all';

use FindBin ();
use JSON::PP ();

use lib "$FindBin::Bin/../lib";
use Civic::Env ();
use Civic::Server ();

Civic::Env->prepare;
my $server = Civic::Server->new(
    ports => [qw(SITE PLAIN OTHER SANDBOX SANDBOX_PLAIN BACKEND)],
    conf  => join '', map { "Include \${CIVIC_T}/conf/$_.conf\n" } qw(sandbox backend site),
)->start;
$| = 1;
print JSON::PP->new->canonical->encode({
    site    => 'https://localhost:' . $server->port('SITE'),
    sandbox => 'https://localhost:' . $server->port('SANDBOX'),
    keys    => $ENV{CIVIC_KEYS},
}), "\n";
1 while <STDIN>;
$server->stop;
