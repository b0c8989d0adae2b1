# Seals what login pages and login cookies carry, as src/state.c does, for a server whose
# CivicSealKeyFile the test has written: so a test can make them as old as it likes.
package Civic::Seal;

use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(sha256);
use IPC::Open2 qw(open2);
use MIME::Base64 qw(encode_base64url);

# 64 hex digits.
sub new_key {
    open my $in, '<:raw', '/dev/urandom' or die $!;
    read $in, my $bytes, 32;
    return unpack 'H*', $bytes;
}

# What AES-256-CTR adds to `clear`, beginning with the block `counter`.
sub ctr {
    my ($key, $counter, $clear) = @_;
    my $pid = open2(my $out, my $in, qw(openssl enc -aes-256-ctr -K), $key, '-iv', unpack 'H*', $counter);
    binmode $_ for $in, $out;
    print {$in} $clear;
    close $in;
    my $text = do { local $/; <$out> };
    waitpid $pid, 0;
    die 'openssl enc' if $?;
    return $text;
}

# GHASH of SP 800-38D, bit by bit; blocks are strings of 128 binary digits.
sub ghash {
    my ($h, $data) = @_;
    my $v0 = unpack 'B128', $h;
    my $y = "\0" x 16;
    for my $block (unpack '(a16)*', $data) {
        my $x = unpack 'B128', $y ^ $block;
        my ($z, $v) = ("\0" x 16, $v0);
        for my $bit (split //, $x) {
            $z ^= pack 'B128', $v if $bit;
            my $odd = substr $v, 127;
            $v = '0' . substr $v, 0, 127;
            $v = unpack 'B128', pack('B128', $v) ^ ("\xe1" . "\0" x 15) if $odd;
        }
        $y = $z;
    }
    return $y;
}

sub padded { my $data = shift; return $data . "\0" x (-length($data) % 16) }

# AES-256-GCM: nonce, ciphertext, tag; in base64url.
sub seal {
    my ($key, $purpose, $clear) = @_;
    my $nonce = substr pack('H*', new_key()), 0, 12;
    my $text = ctr($key, $nonce . "\0\0\0\1", "\0" x 16 . $clear);
    my $mask = substr $text, 0, 16, '';
    my $h = ctr($key, "\0" x 16, "\0" x 16);
    my $lengths = pack 'Q>Q>', 8 * length $purpose, 8 * length $text;
    my $tag = $mask ^ ghash($h, padded($purpose) . padded($text) . $lengths);
    return encode_base64url($nonce . $text . $tag);
}

sub micro { return pack 'q<', int(shift() * 1_000_000) }

# What a login page carries.
#   key, browser (16 bytes), and if not as usual: application, scope, path, age (seconds), version
sub state {
    my %how = (application => 'CO-ALPHA', scope => 'BASIC_SIGNUP', path => '/members/', age => 0,
        version => 1, @_);
    my $clear = pack('C', $how{version}) . micro(time - $how{age}) . substr(sha256($how{browser}), 0, 16)
        . pack('v/a C/a', $how{application}, $how{scope}) . $how{path};
    return seal($how{key}, 'civic state 1', $clear);
}

# The value of a login cookie.
#   key, browser; completed (seconds ago), application of the last login
sub cookie {
    my %how = (application => 'CO-ALPHA', @_);
    my $completed = defined $how{completed} ? micro(time - $how{completed}) : "\0" x 8;
    my $clear = "\1" . $how{browser} . $completed . substr(sha256($how{application}), 0, 8);
    return seal($how{key}, 'civic login cookie 1', $clear . "\0" x (40 - length $clear));
}

1;
