# One code, many hands at once: one session, one call to Civic; every other hand is told that the
# code was used.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();
use Civic::Parallel ();
use Civic::Server ();

plan tests => 3 * 3;

# With room for as many exchanges as there are hands: else some would be told to come back.
my $server = Civic::Server->new(
    ports => [qw(SITE PLAIN OTHER)],
    conf  => "CivicExchangeLimit 100\nInclude \${CIVIC_T}/conf/site.conf\n"
)->start;
my $sandbox = $server->client->{sandbox};

# name, how many, whether they are one browser
for my $row ([ 'one browser', 50, 1 ], [ 'many browsers', 50, 0 ], [ 'a slow exchange', 20, 0, 'slow:1' ]) {
    my ($name, $count, $same, $fault) = @$row;
    my @browsers = map { $server->client } 1 .. ($same ? 1 : $count);
    my @states = map { Civic::Client::login_page($_->get('/members/'))->{state} } @browsers;
    my $token = $sandbox->token(appId => 'CO-ALPHA', $fault ? (fault => $fault) : ());
    my $exchanges = $sandbox->exchanges;
    my $mark = $server->mark;
    my @told = Civic::Parallel::run($count, sub {
        my $i = $same ? 0 : shift;
        # Each process needs a connection of its own.
        my $browser = $server->client;
        $browser->{agent}->cookie_jar($browsers[$i]->jar);
        my $answer = $browser->callback($token, $states[$i]);
        my $cookies = grep { !/-login=/ } $answer->header('Set-Cookie');
        return $answer->code . ($cookies ? ' session' : '');
    });
    my %seen;
    $seen{$_}++ for @told;
    is_deeply(\%seen, { '200 session' => 1, '401' => $count - 1 }, "$name: one session");
    is($sandbox->exchanges, $exchanges + 1, "$name: one call");
    is(scalar(grep {/login refused: token-replayed/} Civic::Log::lines($mark)), $count - 1,
        "$name: and a line for each of the others");
}
