# People who use a site for a long time while it is restarted, and what they see of it: processes that write
# down what happened, for a test to judge at the end.
package Civic::Soak;

use strict;
use warnings FATAL => 'all';

use Fcntl qw(:flock);
use POSIX ();
use Time::HiRes qw(sleep time);

use Civic::Client ();
use Civic::Env ();
use Civic::Growth ();
use Civic::Metrics ();
use Civic::Sandbox ();

# Seconds that a browser waits: it may be stopped for a while in the middle of a request.
my $PATIENCE = 300;
# Where people log in, at whose application, and which page of theirs says who they are.
my @PLACES = (
    [ '/members/page.shtml', 'CO-ALPHA', '/members/page.shtml' ],
    [ '/proof/',             'CO-ALPHA', '/members/page.shtml' ],
    [ '/anonymous/',         'CO-ALPHA' ],
    [ '/beta/',              'CO-BETA' ],
);

sub new {
    my ($class, $server) = @_;
    my $sources = Civic::Env::source_dir();
    my %id = Civic::Growth::slurp("$sources/sandbox/people.c") =~ /^    \{"(\w+)", "([0-9a-f]{64})"/mg;
    # fault => reasons for which it may turn somebody away, '' for none
    my %faults;
    my ($rows) = Civic::Growth::slurp("$sources/doc/sandbox.md") =~ /^### Faults\n(.*?)^###/ms;
    while ($rows =~ /^\| `([\w:-]+)` \|.* \| (.*?) \|$/mg) {
        my ($fault, $text) = ($1, $2);
        $faults{ $fault =~ s/SECONDS/0.3/r } = { map { ($_ => 1) } $text =~ /`([a-z-]+)`/g, $text =~ /none/ ? '' : () };
    }
    return bless { server => $server, dir => $server->dir, id => \%id, faults => \%faults, pids => [], owner => $$ }, $class;
}

# ---- what happened ----

sub note {
    my ($self, $file, $text) = @_;
    open my $out, '>>', "$self->{dir}/soak.$file" or die $!;
    flock $out, LOCK_EX;
    print $out "$text\n";
    close $out;
    return;
}

sub noted { return split /\n/, Civic::Growth::slurp("$_[0]{dir}/soak.$_[1]") }
sub wrong { my ($self, @what) = @_; return $self->note(wrong => join ' ', map { $_ // 'undef' } @what) }

# ---- a browser whose requests may meet a child that is killed ----

sub client {
    my ($self, $port) = @_;
    my $scheme = $port eq 'PLAIN' ? 'http' : 'https';
    my $client = Civic::Soak::Client->new(
        site       => "$scheme://localhost:" . $self->{server}->port($port),
        sandbox    => Civic::Soak::Sandbox->new(base => "$scheme://localhost:" . $ENV{ $port eq 'PLAIN' ? 'CIVIC_PORT_SANDBOX_PLAIN' : 'CIVIC_PORT_SANDBOX' }),
        keep_alive => 0,
        timeout    => $PATIENCE,
    );
    $client->{soak} = $self;
    return $client;
}

# An answer did not come between then and now: only because a child was killed.
sub lost {
    my ($self, $from, $what, $answer) = @_;
    $self->wrong('no answer to', $what, $answer->message) unless grep { $_ >= $from - 0.5 } $self->noted('killed');
    $self->note(lost => $what);
    return;
}

sub kill_one {
    my ($self, $parent) = @_;
    my @children = Civic::Growth::children($parent, $ENV{CIVIC_MPM}) or return;
    $self->note(killed => time);
    kill KILL => $children[ rand @children ];
    return;
}

sub scrape { my $self = shift; return Civic::Metrics::scrape($self->client('SITE')) }

# ---- those who are logged in all the time ----

sub is_in {
    my ($self, $client, $email) = @_;
    return $self->says_who($client, '/members/page.shtml', 'jane', $email);
}

sub check {
    my ($self, $client, $email) = @_;
    $self->is_in($client, $email) or $self->wrong($email, 'is not in');
    $self->note(check => $email);
    return;
}

# The page is there, and names this person.
sub says_who {
    my ($self, $client, $path, $person, $email) = @_;
    my $answer = $client->get($path);
    my $who = defined $email ? qr/user=$self->{id}{$person} email=\Q$email\E / : qr/user=$self->{id}{$person} /;
    return 1 if $answer->code == 200 && $answer->content =~ $who;
    $self->wrong($path, $person, $answer->code, $answer->content =~ /(user=\S* email=\S*)/);
    return 0;
}

# wrk with their cookies; a connection for each request. A thread has one connection, so an answer is that to its last
# request. Gives a function that waits for the end: (requests, wrong answers, broken connections).
sub wrk {
    my ($self, @people) = @_;
    my $table = join ', ', map { my ($name, $value) = $_->[0]->session_cookie; qq({"$name=$value", "email=$_->[1] "}) } @people;
    my $script = $self->{server}->write_file('soak.lua', <<"END");
local people = { $table }
local n = 0
local threads = {}
wrong = 0
function setup(thread) table.insert(threads, thread) end
function delay() return 5 end
function request()
  n = n + 1
  return wrk.format("GET", "/members/page.shtml",
    { Cookie = people[n % #people + 1][1], Connection = "close" })
end
function response(status, headers, body)
  if status ~= 200 or not string.find(body, people[n % #people + 1][2], 1, true) then wrong = wrong + 1 end
end
function done(summary)
  local all = 0
  for _, thread in ipairs(threads) do all = all + thread:get("wrong") end
  local e = summary.errors
  print("DONE " .. summary.requests .. " " .. all .. " " .. e.connect + e.read + e.write + e.timeout)
end
END
    my $pid = open my $out, '-|', 'wrk', '-t2', '-c2', '-d24h', '--timeout', "${PATIENCE}s", '-s', $script,
        'http://localhost:' . $self->{server}->port('PLAIN') . '/' or die "wrk: $!";
    push @{ $self->{pids} }, $pid;
    return sub {
        kill INT => $pid;
        my $text = join '', <$out>;
        close $out;
        my @numbers = $text =~ /^DONE (\d+) (\d+) (\d+)$/m or die "wrk: $text";
        return @numbers;
    };
}

# What new children hold when the same was asked of them as each time, while all others wait: the most
# bytes of memory and the most descriptors of one.
sub at_rest {
    my ($self, $parent) = @_;
    my @others = (@{ $self->{workers} }, @{ $self->{pids} });
    kill STOP => @others;
    my %old = map { ($_ => 1) } Civic::Growth::children($parent, $ENV{CIVIC_MPM});
    $self->{server}->again('graceful');
    for (1 .. 10) {
        my $client = $self->client('SITE');
        $client->logged_in('/members/page.shtml');
        $self->says_who($client, '/members/page.shtml', 'jane') for 1 .. 3;
        $client->post_form('/civic/logout', '');
    }
    my @new = grep { !$old{$_} } Civic::Growth::children($parent, $ENV{CIVIC_MPM});
    my @held = map { my $of = $_; (sort { $b <=> $a } map { $of->($_) } @new)[0] } \&Civic::Growth::memory, \&Civic::Growth::descriptors;
    kill CONT => @others;
    return @held;
}

# ---- those who come and go ----

# Log in somewhere, perhaps with a fault; use it; log out, here or everywhere; a copy of the cookie is
# worth nothing then.
sub round {
    my ($self, $person) = @_;
    my ($path, $application, $page) = @{ $PLACES[ rand @PLACES ] };
    my $client = $self->client('SITE');
    my @names = sort keys %{ $self->{faults} };
    my $fault = rand() < 0.3 ? $names[ rand @names ] : undef;
    my ($answer) = $client->login($path, person => $person, defined $fault ? (fault => $fault) : ());
    return if lacks_answer($answer);
    return $self->judge_refusal($client, $answer, $fault) if $answer->code != 200;
    $self->wrong('a login in spite of', $fault) if defined $fault && !$self->{faults}{$fault}{''};
    $self->note(defined $fault ? 'fault' : 'login', "$person $path " . ($fault // ''));
    $self->use_session($client, $person, $path, $application, $page);
    return $self->log_out($client, $person, $path, $application) if rand() < 0.9;
    return;
}

sub lacks_answer { return ($_[0]->header('Client-Warning') // '') eq 'Internal response' }

sub judge_refusal {
    my ($self, $client, $answer, $fault) = @_;
    my $reason = eval { $client->json($answer)->{reason} } // 'none';
    my $fits = defined $fault && $self->{faults}{$fault}{$reason};
    $self->wrong('refused:', $answer->code, $reason, 'fault', $fault) unless $fits || $reason eq 'upstream-down';
    $self->wrong('a session for', $fault) if defined $client->session_cookie;
    $self->note($fits ? 'fault' : 'down', "$reason " . ($fault // ''));
    sleep 0.3 if !$fits;
    return;
}

sub use_session {
    my ($self, $client, $person, $path, $application, $page) = @_;
    for (1 .. 3) {
        my $answer = $client->get($path);
        $self->wrong($path, $person, $answer->code) if $answer->code != 200;
        $self->says_who($client, $page, $person) if $page;
        $answer = $client->fetch('/civic/session');
        my @sessions = eval { @{ $client->json($answer)->{sessions} } };
        $self->wrong('sessions of', $person, $answer->code, scalar @sessions)
            unless @sessions == 1 && $sessions[0]{userId} eq $self->{id}{$person} && $sessions[0]{application} eq $application;
    }
    return;
}

sub log_out {
    my ($self, $client, $person, $path, $application) = @_;
    my ($name, $value) = $client->session_cookie;
    my $answer;
    for (1 .. 10) {
        $answer = $client->post_form('/civic/logout', rand() < 0.3 ? "all=1&application=$application" : '');
        last unless lacks_answer($answer);
    }
    $self->wrong('logout', $person, $answer->code) if $answer->code != 303;
    $answer = $self->client('SITE')->get($path, Cookie => "$name=$value");
    $self->wrong('logged out, and in', $person, $answer->code) if $answer->code != 401;
    return $self->note(logout => "$person $path");
}

# Whatever sessions are left, among them those whose cookie never came.
sub log_out_everywhere {
    my ($self, $person) = @_;
    for my $place (@PLACES[ 0, 3 ]) {
        my $client = $self->client('SITE');
        for (1 .. 100) {
            my ($answer) = $client->login($place->[0], person => $person);
            last if $answer->code == 200;
            sleep 0.5;
        }
        my $answer = $client->post_form('/civic/logout', "all=1&application=$place->[1]");
        $self->wrong('logout everywhere', $person, $answer->code) if $answer->code != 303;
        $answer = $client->post_json('/operator/all', { application => $place->[1], userId => $self->{id}{$person} });
        my $left = eval { @{ $client->json($answer)->{sessions} } } // 'unknown';
        $self->wrong('sessions left', $person, $place->[1], $left) if $left ne '0';
    }
    return;
}

# ---- processes ----

# Do something again and again, in a process of its own, until it is enough; and then something else.
sub apart {
    my ($self, $name, $again, $finally) = @_;
    my $pid = fork // die "fork: $!";
    if ($pid) {
        push @{ $self->{workers} }, $pid;
        return;
    }
    srand;
    $SIG{PIPE} = 'IGNORE';
    until (-e "$self->{dir}/soak.stop" || getppid() != $self->{owner}) {
        eval { $again->($name); 1 } or $self->note(failed => "$name: $@" =~ s/\n/ /gr);
        sleep 0.02;
    }
    eval { $finally->($name); 1 } or $self->note(failed => "$name: $@" =~ s/\n/ /gr) if $finally;
    POSIX::_exit(0);
}

sub stop {
    my $self = shift;
    $self->note(stop => 'now');
    for my $pid (@{ $self->{workers} }) {
        waitpid $pid, 0;
        $self->note(failed => "a process ended by $?") if $?;
    }
    $self->{workers} = [];
    return;
}

# How often what happened; and what was wrong.
sub results {
    my $self = shift;
    my %count;
    for my $what (qw(login logout fault down check lost failed)) {
        my @lines = $self->noted($what);
        $count{$what} = @lines;
        print STDERR "# $_\n" for $what eq 'failed' ? @lines : ();
    }
    my @wrong = $self->noted('wrong');
    $count{wrong} = [ splice @wrong, 0, 20 ];
    return \%count;
}

sub DESTROY {
    my $self = shift;
    local ($., $@, $!, $^E, $?);
    return if $self->{owner} != $$;
    for my $signal (qw(TERM CONT)) {
        kill $signal => $_ for @{ $self->{pids} }, @{ $self->{workers} };
    }
    return;
}

package Civic::Soak::Client;
our @ISA = ('Civic::Client');

# What asks only is asked again.
sub request {
    my ($self, $method, @what) = @_;
    for (1 .. 50) {
        my $from = Time::HiRes::time();
        my $answer = $self->SUPER::request($method, @what);
        return $answer unless Civic::Soak::lacks_answer($answer);
        $self->{soak}->lost($from, "$method $what[0]", $answer);
        return $answer if $method ne 'GET';
        Time::HiRes::sleep(0.05);
    }
    die "no answer: $method $what[0]";
}

package Civic::Soak::Sandbox;
our @ISA = ('Civic::Sandbox');

# It is not what is tried out here, and has little patience with who waits in the middle of a request.
sub try {
    my ($self, @what) = @_;
    my $answer;
    for (1 .. 5) {
        $answer = $self->SUPER::try(@what);
        last unless Civic::Soak::lacks_answer($answer);
    }
    return $answer;
}

1;
