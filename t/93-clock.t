# A 401 from Civic explains itself: a clock that is off has a reason of its own, with both times; else
# the line names the application, the fingerprint of the key that signed, and the files.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha256_hex);
use HTTP::Date ();

use lib 't/lib';
use Civic::Check qw(refused logs_in);
use Civic::Client ();
use Civic::Liar ();
use Civic::Log ();
use Civic::Server ();

plan tests => 27;

sub login {
    my ($client, $mark, @how) = @_;
    my ($answer) = $client->login('/members/', @how);
    my ($line) = grep {/login refused: /} Civic::Log::lines($mark);
    return ($answer, $line);
}

sub fingerprint {
    open my $in, '<', "$ENV{CIVIC_KEYS}/$_[0].pub" or die $!;
    chomp(my $hex = <$in>);
    return substr sha256_hex(pack 'H*', $hex), 0, 16;
}

# ---- Civic's clock is ten minutes ahead of ours ----
my $client = Civic::Client->new;
my $mark = Civic::Log::mark();
my ($answer, $line) = login($client, $mark, fault => '401-skewed');
refused($answer, 'clock-skew', $mark, 'a clock that is off');
my $time = qr/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/;
like($line, qr/Civic's clock says $time, ours $time: (?:599|60[01]) seconds apart.*check NTP/, 'both times, and how far they are apart');
unlike($line, qr/private key|\.key|\.secret/, 'nothing is said of keys that are fine');
unlike($answer->content, qr/GMT|seconds/, 'the person hears nothing of it');
logs_in($client, '/members/', 'once it is right, the same browser logs in');

# ---- the clocks agree: which key is it? ----
$mark = Civic::Log::mark();
($answer, $line) = login(Civic::Client->new, $mark, fault => '401');
refused($answer, 'upstream-refused', $mark, 'credentials that are wrong');
my $print = fingerprint('CO-ALPHA');
like($line, qr/application CO-ALPHA; the public key that belongs to \S+CO-ALPHA\.key is $print \(SHA-256\), the secret is in \S+CO-ALPHA\.secret/,
    'application, fingerprint and files');
like($line, qr/the clocks agree/, 'the clock is ruled out');

# ---- Civic's clock on either side of the minute that is tolerated; the exact second is a unit test's ----
sub says {
    my $by = shift;
    return sub { Civic::Liar::say($_[0], join "\r\n", 'HTTP/1.1 401 No', 'Date: ' . HTTP::Date::time2str(time + $by), 'Content-Length: 0', '', ''); return };
}
my @apart = (-86400, -600, -75, -45, 45, 75, 86400);
my $dir = File::Temp->newdir('civic-clock-XXXXXX', TMPDIR => 1);
my $civic = Civic::Liar->new(lies => { map { ($_ => says($_)) } @apart }, tls => Civic::Liar::certificate($dir, 'clock', names => 'DNS:localhost'));
my $skewed = Civic::Server->site(
    ports => ['SKEWED'],
    conf  => Civic::Server::host(SKEWED => Civic::Server::application('CO-ALPHA', CivicApiUrl => 'https://localhost:' . $civic->port . '/sip'))
)->start;
for my $by (@apart) {
    $civic->tell($by);
    my ($reason, $said) = abs $by > 60 ? ('clock-skew', qr/: (\d+) seconds apart/) : ('upstream-refused', qr/the clocks agree/);
    $mark = $skewed->mark;
    ($answer, $line) = login($skewed->client('SKEWED'), $mark);
    refused($answer, $reason, $mark, "Civic's clock is $by s from ours");
    like($line, $said, 'and the line says so');
}
like($line, qr/: 86(?:39\d|40[01]) seconds apart/, 'and how far');

# ---- a key of another application: the fingerprint is that of the key in use ----
my $server = Civic::Server->site(
    ports => ['WRONG'],
    conf  => Civic::Server::host(
        WRONG => Civic::Server::application('CO-ALPHA', CivicPrivateKeyFile => '${CIVIC_KEYS}/CO-BETA.key')
    )
)->start;
$mark = $server->mark;
($answer, $line) = login($server->client('WRONG'), $mark);
refused($answer, 'upstream-refused', $mark, 'the key of somebody else');
$print = fingerprint('CO-BETA');
like($line, qr/application CO-ALPHA; .*CO-BETA\.key is $print /, 'its own fingerprint is shown');
unlike($line, qr/@{[ fingerprint('CO-ALPHA') ]}/, 'not that of the key which would be right');

# ---- no secret of either is in the log ----
my $secrets = join '|', map { open my $in, '<', "$ENV{CIVIC_KEYS}/$_" or die $!; <$in> =~ /(\w+)/ }
    qw(CO-ALPHA.key CO-ALPHA.secret CO-BETA.key CO-BETA.secret);
unlike(Civic::Log::since({ path => Civic::Log::path(), at => 0 }) . $server->error_log, qr/$secrets/, 'no key, no secret');
