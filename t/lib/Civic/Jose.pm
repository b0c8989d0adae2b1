# The JOSE library `jose` of npm, which is not ours, for programs that a test runs in Node.js: where the
# tests of one build share it.
package Civic::Jose;

use strict;
use warnings FATAL => 'all';

use Fcntl qw(:flock);
use File::Path qw(make_path);

my $VERSION = '5.10.0';    # the last that Node.js 18 can load, too

# The folder with node_modules; installed at the first call.
sub folder {
    my $dir = "$ENV{CIVIC_BUILD}/jose";
    make_path($dir);
    open my $lock, '>', "$dir/lock" or die "$dir/lock: $!";
    flock $lock, LOCK_EX or die "flock: $!";
    if (!-e "$dir/node_modules/jose/package.json") {
        my $printed = `cd '$dir' && npm install --prefix . --no-package-lock --no-audit --no-fund --ignore-scripts jose\@$VERSION 2>&1`;
        die "npm: $printed" if $?;
    }
    return $dir;
}

# A program beside it, so that it finds it; gives its path.
sub program {
    my ($name, $text) = @_;
    my $path = folder() . "/$name";
    open my $out, '>', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
    return $path;
}

1;
