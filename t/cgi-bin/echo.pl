#!/usr/bin/perl
# Tells in JSON what a CGI program sees. "SECRET-CONTENT" marks it as what must be protected.
use strict;
use warnings;
use JSON::PP ();

my $body = '';
read STDIN, $body, $ENV{CONTENT_LENGTH} if $ENV{CONTENT_LENGTH};
print "Content-Type: application/json\r\n\r\n";
print JSON::PP->new->canonical->encode({ marker => 'SECRET-CONTENT', env => {%ENV}, body => $body });
