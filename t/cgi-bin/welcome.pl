#!/usr/bin/perl
# Stands for an application's sign-up page: sets a cookie and goes to `return`, where that is a local path.
use strict;
use warnings;

my ($back) = ($ENV{QUERY_STRING} // '') =~ /(?:^|&)return=([^&]*)/;
$back =~ s/%([0-9A-Fa-f]{2})/chr hex $1/eg if defined $back;
$back = '/' unless defined $back && $back =~ m{\A/(?!/)[!-\[\]-~]*\z};
print "Status: 303 See Other\r\nLocation: $back\r\nSet-Cookie: welcomed=yes; Path=/; Secure\r\n\r\n";
