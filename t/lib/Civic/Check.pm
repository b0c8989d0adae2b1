# What every refusal must look like, from outside: the documented status and, wherever something
# is refused, the same reason and reference in the answer and in exactly one line of the log.
package Civic::Check;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);
use JSON::PP ();
use Test::Builder ();

use Civic::Env ();
use Civic::Log ();

our @EXPORT_OK = qw(refused logs_in reasons challenge);

# Trying the same again in a while may help: these carry Retry-After.
my %LATER = map { ($_ => 1) } qw(
    too-many-attempts exchange-busy upstream-down upstream-throttled upstream-error upstream-timeout upstream-unreachable
    upstream-cut answer-format answer-user-id store-unavailable enrollment-unavailable internal
);

my %documented;

# reason => status, as doc/errors.md promises.
sub reasons {
    if (!%documented) {
        my $path = Civic::Env::source_dir() . '/doc/errors.md';
        open my $in, '<', $path or die "$path: $!";
        while (<$in>) {
            $documented{$1} = $2 if /^\| `([a-z-]+)` \| (\d+) \|/;
        }
    }
    return \%documented;
}

# WWW-Authenticate of a 401 for a path, with what more it says.
sub challenge {
    my ($realm, $path, @more) = @_;
    $path =~ s/([^\w.-])/sprintf '%%%02x', ord $1/ge;
    return join ', ', qq{Civic realm="$realm"}, qq{login="/civic/login?return=$path"}, @more;
}

# (reason, reference) of an answer: problem+json or a page.
sub told {
    my $answer = shift;
    if (($answer->header('Content-Type') // '') eq 'application/problem+json') {
        my $problem = eval { JSON::PP->new->utf8->decode($answer->content) } or return;
        return ($problem->{reason}, $problem->{reference}, $problem);
    }
    my ($reason) = $answer->content =~ /data-reason="([a-z-]+)"/;
    my ($reference) = $answer->content =~ m{Reference: <code>(\w+)</code>};
    return ($reason, $reference);
}

sub problem_faults {
    my ($problem, $reason, $status) = @_;
    my @faults;
    push @faults, "type $problem->{type}" if $problem->{type} ne "urn:civic:reason:$reason";
    push @faults, "status $problem->{status}" if $problem->{status} != $status;
    push @faults, 'no title' if !length $problem->{title};
    push @faults, 'no detail' if !length $problem->{detail};
    my $later = $problem->{retry} eq 'later';
    push @faults, "retry $problem->{retry}" if $later != !!$LATER{$reason};
    return @faults;
}

sub log_faults {
    my ($reason, $reference, $mark) = @_;
    my @lines = grep { /\bref=\Q$reference\E\b/ } Civic::Log::lines($mark);
    return @lines == 1 && $lines[0] =~ / refused: \Q$reason\E \(/
        ? ()
        : ("log lines with the reference: " . join("\n", scalar @lines, @lines));
}

# All that is wrong with a refusal; nothing when it is as it should be.
#   mark: of the log (Civic::Log::mark), from before the request
sub faults {
    my ($answer, $reason, $mark) = @_;
    my $status = reasons()->{$reason} or return "reason $reason is not documented";
    my ($told, $reference, $problem) = told($answer);
    my @faults;
    push @faults, 'status ' . $answer->code . " instead of $status" if $answer->code != $status;
    push @faults, 'reason ' . ($told // 'none') if ($told // '') ne $reason;
    push @faults, 'it may be cached' if ($answer->header('Cache-Control') // '') ne 'no-store';
    push @faults, 'Retry-After' if !!$answer->header('Retry-After') != !!$LATER{$reason};
    push @faults, 'a session cookie'
        if grep { /^[\w-]+-[0-9a-f]{8}=[\w-]/ } $answer->header('Set-Cookie');
    push @faults, problem_faults($problem, $reason, $status) if $problem;
    if (($reference // '') !~ /^[A-HJ-NP-Z2-9]{8}$/) {
        push @faults, 'no reference';
    }
    else {
        push @faults, log_faults($reason, $reference, $mark);
    }
    return @faults;
}

sub verdict {
    my ($answer, $name, @faults) = @_;
    my $test = Test::Builder->new;
    return $test->ok(1, $name) if !@faults;
    $test->ok(0, $name);
    $test->diag(join("\n", @faults, $answer->as_string));
    return 0;
}

# A test: the answer refuses for this reason, as documented.
sub refused {
    my ($answer, $reason, $mark, $name) = @_;
    return verdict($answer, $name // $reason, faults($answer, $reason, $mark));
}

# A test: a fresh login at a path works, and opens it.
sub logs_in {
    my ($client, $path, $name, %how) = @_;
    my ($answer) = $client->login($path, %how);
    return verdict($answer, $name, 'the login failed') if $answer->code != 200;
    $answer = $client->get($path);
    return verdict($answer, $name, $answer->code == 200 ? () : 'the session opens nothing');
}

1;
