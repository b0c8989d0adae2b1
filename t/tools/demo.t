# tools/demo serves a site that asks for a login, over http and over https; says so when a port is
# taken or an option is wrong; stops on Ctrl-C and leaves nothing running.
use strict;
use warnings FATAL => 'all';

use File::Basename qw(dirname);
use File::Spec ();
use IO::Select ();
use IO::Socket::INET ();
use LWP::UserAgent ();
use Test::More tests => 24;

my $demo = File::Spec->rel2abs(dirname(__FILE__) . '/../../tools/demo');

# Two ports side by side, apart from those that outgoing connections take.
sub free_pair {
    for (1 .. 500) {
        my $port = 10_000 + int rand 20_000;
        my @free = grep {
            IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $_, ReuseAddr => 1)
        } $port, $port + 1;
        return $port if @free == 2;
    }
    die 'no two free ports side by side';
}

# Start it in a process group of its own, as a terminal would. Gives (pid, what it prints).
sub start {
    my @arguments = @_;
    my $pid = open my $out, '-|';
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        setpgrp;
        open STDERR, '>&', \*STDOUT;
        exec $demo, @arguments or die "exec: $!";
    }
    return ($pid, $out);
}

# All that it prints until a text comes, or it ends.
sub read_until {
    my ($out, $wanted) = @_;
    my $text = '';
    my $select = IO::Select->new($out);
    while ($select->can_read(300)) {
        sysread $out, my $more, 4096 or last;
        $text .= $more;
        last if defined $wanted && $text =~ $wanted;
    }
    return $text;
}

sub refused {
    my ($name, $expected, @arguments) = @_;
    my ($pid, $out) = start(@arguments);
    my $text = read_until($out);
    close $out;
    isnt($?, 0, "$name: it fails");
    like($text, $expected, "$name: it says why");
    return;
}

refused('an unknown option', qr/^usage: tools\/demo/, '--prot', '9000');
refused('no number', qr/^usage: tools\/demo/, '--port', 'many');
refused('a port that only root may have', qr/^usage: tools\/demo/, '--port', '80');
refused('a port without a number', qr/^usage: tools\/demo/, '--port');

my $taken = free_pair();
my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $taken);
refused('a taken port', qr/port $taken is taken .* --port N/, '--port', $taken);
undef $listener;
$listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $taken + 1);
refused("the sandbox's port taken", qr/port ${\($taken + 1)} is taken/, '--port', $taken);
undef $listener;

for my $scheme ('http', 'https') {
    my $port = free_pair();
    my ($pid, $out) = start('--port', $port, $scheme eq 'https' ? '--tls' : ());
    my $text = read_until($out, qr/Ctrl-C stops/);
    like($text, qr{$scheme://localhost:$port/members/}, "$scheme: it says where to click");
    my $agent = LWP::UserAgent->new(ssl_opts => { verify_hostname => 0, SSL_verify_mode => 0 });
    is($agent->get("$scheme://localhost:$port/")->code, 200, "$scheme: the public page");
    my $page = $agent->get("$scheme://localhost:$port/members/", Accept => 'text/html');
    is($page->code, 401, "$scheme: the protected page asks for a login");
    my ($library) = $page->content =~ /data-library="([^"]+)"/;
    is($agent->get($library)->code, 200, "$scheme: the sandbox has the library");
    kill INT => -$pid;
    like(read_until($out), qr/Stopped\./, "$scheme: Ctrl-C stops it");
    close $out;
    is(IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port"), undef, "$scheme: nobody listens any more");
}
