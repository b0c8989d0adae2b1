# A name server that hangs holds nobody for longer than CivicExchangeTimeout: the login is told, and its place is
# free for the next, while the resolver still hangs. Once it answers, the same browser logs in; and child
# processes end in peace, also in the middle of it.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Time::HiRes qw(sleep time);

use lib 't/lib';
use Civic::Check qw(refused logs_in);
use Civic::Liar ();
use Civic::Log ();
use Civic::Metrics ();
use Civic::Resolver ();
use Civic::Server ();
use Civic::Sip ();

plan tests => 20;

# A Civic at a name that is not localhost, which libcurl knows by itself.
my $data = Civic::Sip->new('CO-ALPHA')->seal('[{"label":"contact.personal.email","value":"u@example.com","isValid":true,"isOwner":true}]');
my $body = qq({"data":"$data","userId":"u","encrypted":true});
my $answer = join "\r\n", 'HTTP/1.1 200 OK', 'Content-Length: ' . length $body, '', $body;
my $dir = File::Temp->newdir('civic-resolver-XXXXXX', TMPDIR => 1);
my $civic = Civic::Liar->new(
    lies => { truth => sub { Civic::Liar::say($_[0], $answer); return } },
    tls  => Civic::Liar::certificate($dir, 'named', names => 'DNS:civic.test')
);
$civic->tell('truth');
my $resolver = Civic::Resolver->new;
my $server = Civic::Server->site(
    env   => { $resolver->env },
    ports => ['NAMED'],
    conf  => "CivicExchangeTimeout 2s\nCivicExchangeLimit 1\n"
        . Civic::Server::host(NAMED => Civic::Server::application('CO-ALPHA', CivicApiUrl => 'https://civic.test:' . $civic->port . '/sip'))
)->start;

sub under_way { return Civic::Metrics::scrape($server->client)->{auth_civic_exchanges_in_progress} }

sub login_that_hangs {
    my ($client, $name) = @_;
    my ($asked, $mark) = ($resolver->asked, $server->mark);
    refused(($client->login('/members/'))[0], 'upstream-timeout', $mark, $name);
    is($resolver->asked, $asked + 1, 'the resolver was asked');
    my ($line) = grep {/login refused: /} Civic::Log::lines($mark);
    like($line, qr/Timeout was reached: Resolving timed out/, 'as the line says');
    is(under_way(), 0, 'nothing is under way');
    return;
}

$resolver->hangs(1);
my $client = $server->client('NAMED');
login_that_hangs($client, 'its time is over');
is($resolver->answered, 0, 'though the resolver still hangs');
login_that_hangs($server->client('NAMED'), 'the place is free for the next');
is($resolver->answered, 0, 'though it hangs twice');
is($civic->connections, 0, 'nobody has got through');

# ---- it answers ----
$resolver->hangs(0);
my $end = time + 30;
sleep 0.05 while $resolver->answered < 2 && time < $end;
is($resolver->answered, 2, 'it answers those who have gone');
logs_in($client, '/members/', 'the same browser logs in');
logs_in($server->client('NAMED'), '/members/', 'as others do');

# ---- children that end while it hangs ----
$server->again('graceful');
$resolver->hangs(1);
login_that_hangs($server->client('NAMED'), 'children of another generation');
my $answered = $resolver->answered;
$server->stop;
is($resolver->answered, $answered, 'they end while the resolver hangs');
is(scalar(grep {/exit signal|did not exit|Segmentation/} split /\n/, $server->error_log), 0, 'and none dies of it');
