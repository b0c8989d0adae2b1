# Prometheus text as a scraper reads it: taken apart, and judged.
package Civic::Metrics;

use strict;
use warnings FATAL => 'all';

use Civic::Client ();

my $NAME = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $LABEL = qr/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"/;
my $NUMBER = qr/[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf|NaN)/;

# What a client gets of civic-status at a path: 'name{labels}' => value. Dies when there is none.
sub scrape {
    my ($client, $path) = @_;
    my $answer = $client->fetch(($path || '/operator/numbers') . '?format=prometheus');
    die 'no metrics: ' . $answer->as_string unless $answer->code == 200;
    return samples($answer->content);
}

sub samples {
    my %samples = $_[0] =~ /^($NAME(?:\{.*\})?) ($NUMBER)$/mg;
    return \%samples;
}

# Which counters are more than before, without the prefix: name => by how much. How long exchanges
# took is left out: only their count says how many there were.
sub moved {
    my ($before, $after) = @_;
    my %moved;
    for my $name (keys %$after) {
        next unless $name =~ /_total|_count/;
        my $by = $after->{$name} - ($before->{$name} // 0);
        $moved{ $name =~ s/^auth_civic_//r } = $by if $by;
    }
    return \%moved;
}

# Counters that are less than before.
sub fell {
    my ($before, $after) = @_;
    return [ grep { /_total|_count|_bucket|_sum/ && ($after->{$_} // -1) < $before->{$_} } sort keys %$before ];
}

# A family's samples, in the order in which they stand in the text.
sub histogram_faults {
    my ($name, @samples) = @_;
    my (@faults, %value, @buckets);
    for (@samples) {
        my ($suffix, $le, $value) = m/^\Q$name\E_(bucket|sum|count)(?:\{le="([^"]+)"\})? (.*)$/
            or return "$name: $_ is no part of a histogram";
        if ($suffix eq 'bucket') { push @buckets, [ $le, $value ] }
        else                     { $value{$suffix} = $value }
    }
    my ($le, $count) = ('-Inf', 0);
    for (@buckets) {
        push @faults, "$name: buckets are not in order" unless $_->[0] eq '+Inf' || $le eq '-Inf' || $_->[0] > $le;
        push @faults, "$name: buckets are not cumulative" if $_->[1] < $count;
        ($le, $count) = @$_;
    }
    push @faults, "$name: the last bucket is not +Inf" unless $le eq '+Inf';
    push @faults, "$name: no count, or not that of +Inf" unless ($value{count} // -1) == $count;
    push @faults, "$name: no sum" unless defined $value{sum};
    return @faults;
}

sub family_faults {
    my ($name, $type, @samples) = @_;
    return histogram_faults($name, @samples) if $type eq 'histogram';
    my @faults;
    push @faults, "$name: a counter does not end in _total" if $type eq 'counter' && $name !~ /_total$/;
    push @faults, "$name: $type ends as if it were a counter" if $type ne 'counter' && $name =~ /_(?:total|count|sum|bucket)$/;
    push @faults, "$name: no samples" unless @samples;
    push @faults, grep { !/^\Q$name\E[{ ]/ } @samples;
    return @faults;
}

# All that is wrong with a text; nothing when it is fine.
sub faults {
    my $text = shift;
    my (@faults, %seen, %families, $family, $help, $type, @samples);
    my $close = sub {
        push @faults, family_faults($family, $type, @samples) if defined $family;
        @samples = ();
    };
    push @faults, 'the last line does not end' unless $text =~ /\n\z/;
    for my $line (split /\n/, $text) {
        if ($line =~ /^# HELP ($NAME) (\S.*\.)$/) {
            $close->();
            push @faults, "$1: described twice" if $families{$1}++;
            ($family, $help, $type) = ($1, $2, '');
        }
        elsif ($line =~ /^# TYPE ($NAME) (counter|gauge|histogram)$/) {
            push @faults, "$1: TYPE without HELP" unless defined $family && $family eq $1 && !$type && !@samples;
            $type = $2;
        }
        elsif ($line =~ /^(($NAME)(?:\{$LABEL(?:,$LABEL)*\})?) $NUMBER$/) {
            push @faults, "$1: twice" if $seen{$1}++;
            push @faults, "$1: before HELP and TYPE" unless defined $family && $type && index($2, $family) == 0;
            push @samples, $line;
        }
        else {
            push @faults, "not understood: $line";
        }
    }
    $close->();
    return @faults;
}

1;
