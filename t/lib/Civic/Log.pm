# The error log of the shared server, or of another: what a request left there.
package Civic::Log;

use strict;
use warnings FATAL => 'all';

sub path { return "$ENV{CIVIC_LOGS}/error_log" }

# A mark; `since` gives what came after it. Another server's log is named by its path.
sub mark {
    my $path = shift // path();
    return { path => $path, at => -s $path || 0 };
}

sub since {
    my ($mark) = @_;
    open my $in, '<', $mark->{path} or return '';
    seek $in, $mark->{at}, 0;
    local $/;
    return <$in> // '';
}

# The lines of ours since a mark.
sub lines {
    my ($mark) = @_;
    return grep { /auth_civic: / } split /\n/, since($mark);
}

1;
