# doc/sandbox.md is true: it names every directive and every fault of the source and nothing else, the
# configuration that it shows starts and logs in, its examples run, and each fault ends a login for the
# reason that stands beside it.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Sandbox ();
use Civic::Server ();

# The sources that the tested module was built from.
sub slurp {
    my $path = shift;
    open my $in, '<', $path or die "$path: $!";
    local $/;
    return <$in>;
}
my ($top) = slurp("$ENV{CIVIC_BUILD}/Makefile") =~ /^abs_top_srcdir = (.*)$/m or die 'no abs_top_srcdir';
my $doc = slurp("$top/doc/sandbox.md");

# ---- what the source has ----
my @directives = slurp("$top/sandbox/mod_civic_sandbox.c") =~ /AP_INIT_\w+\("(\w+)"/g;
my ($table) = slurp("$top/sandbox/control.c") =~ /faults\[\] = \{(.*?)\};/s;
my @faults = $table =~ /"([\w-]+)"/g;
my ($people) = slurp("$top/sandbox/people.c") =~ /sandbox_people\[\] = \{(.*?)\{NULL/s;
my @people = $people =~ /\{"(\w+)"/g;
my ($orders) = slurp("$top/sandbox/control.c") =~ /^(static const char \*ask_make.*?)^static int fault_next/ms;
my %members = map { $_ => 1 } $orders =~ /\(body, "(\w+)"\)/g;

# ---- what the document has ----
my @examples = map { split /\n/ } $doc =~ /```sh\n(.*?)```/sg;
my ($conf) = $doc =~ /```apache\n(.*?)```/s;
# First and last column of the table in a section.
sub rows {
    my ($section) = $doc =~ /^##+ $_[0]\n(.*?)^##/ms;
    return $section =~ /^\| `([\w:-]+)` \|.* \| (.*?) \|$/mg;
}
my %reason = rows('Faults');
my %oddity = rows('People');

plan tests => 9 + 2 * @directives + @examples + @faults + 1;

ok(@directives >= 4 && @faults >= 25 && @people >= 6 && @examples >= 9 && keys %members >= 7,
    'there is something to compare');
is(join(' ', $doc =~ /^### `(CivicSandbox\w*)`$/mg), join(' ', @directives), 'every directive has its section');
for my $name (@directives) {
    my ($section) = $doc =~ /^### `$name`\n(.*?)^##/ms;
    like($section, qr/\A\n    $name .*?\n\n/s, "$name: syntax");
    like($section, qr/^Default: .*\. Context: server, virtual host/m, "$name: default and context");
}
is(join(' ', sort keys %reason), join(' ', sort @faults, 'slow:SECONDS'), 'every fault has its line');
is(join(' ', sort keys %oddity), join(' ', sort @people), 'every person, too');
my ($tokens) = $doc =~ /^### An approved code\n(.*?)^##/ms;
is(join(' ', sort $tokens =~ /^\| `(\w+)` \|/mg), join(' ', sort keys %members), 'and every member of an order');

# ---- its configuration, in a folder of its own ----
my $server = Civic::Server->new(ports => [qw(EXAMPLE_SITE EXAMPLE_SANDBOX)]);
my ($site, $port) = map { $server->port("EXAMPLE_$_") } qw(SITE SANDBOX);
system("$top/tools/keys", $server->dir . '/conf/civic', 'CO-MINE') == 0 or die 'tools/keys failed';
$conf =~ s/^LoadModule.*\n//mg;
$conf =~ s/\b8080\b/$site/g;
$conf =~ s/\b8081\b/$port/g;
open my $more, '>>', $server->dir . '/httpd.conf' or die $!;
print $more "CivicExchangeTimeout 1s\n", $conf;
close $more or die $!;
$server->start;

my $sandbox = Civic::Sandbox->new(base => "http://localhost:$port");
sub login {
    my $client = Civic::Client->new(site => "http://localhost:$site", sandbox => $sandbox);
    my ($answer) = $client->login('/members/', @_);
    return ($client, $answer);
}
my ($client, $answer) = login();
is($answer->code, 200, 'somebody logs in');
unlike($client->get('/members/')->content, qr/civic-login/, 'and is let in');

# ---- its examples ----
for my $line (@examples) {
    my $printed = do {
        local $ENV{SANDBOX} = $sandbox->{base};
        `$line 2>&1`;
    };
    (my $what = $line) =~ s/^curl -fsS (?:-X POST )?\$SANDBOX//;
    ok($? == 0 && $printed =~ /^\{.*\}$/, $what) or diag $printed;
}

# ---- its reasons ----
for my $fault (sort keys %reason) {
    my ($reason) = $reason{$fault} =~ /^`([\w-]+)`$/;
    my ($who, $got) = login(fault => $fault eq 'slow:SECONDS' ? 'slow:0.1' : $fault);
    is($got->code == 200 ? 'none' : $who->json($got)->{reason}, $reason // 'none', "$fault: reason");
    next unless $reason{$fault} =~ /no claim is verified/;
    my $claims = $who->json($who->fetch('/civic/session'))->{sessions}[0]{claims};
    is(scalar(grep { $_->{verified} } @$claims), 0, "$fault: no claim is verified");
}
