#!/usr/bin/perl
# Says how long it may be kept.
use strict;
use warnings;

print "Content-Type: text/plain\r\nCache-Control: private, max-age=30\r\n\r\nSECRET-CONTENT cached\n";
