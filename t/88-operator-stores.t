# civic-status over stores that are another machine: people's sessions are listed and ended on every
# node where the store can list them; where it cannot, it says so, and all of a person's can be
# ended all the same. A store that is down is told from one that is empty, in every format.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Memcached ();
use Civic::Metrics ();
use Civic::Node ();
use Civic::Redis ();

plan tests => 39;

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $locations = <<'END';
<Location "/operator">
    CivicStatusActions On
    SetHandler civic-status
    Require local
</Location>
<Location "/operator/httpd">
    SetHandler server-status
</Location>
END

sub client { my $node = shift; return Civic::Client->new(site => $node->site) }

# (HTTP status, what JSON answers)
sub ask {
    my ($node, %data) = @_;
    my $client = client($node);
    my $answer = $client->post_json('/operator', { application => 'CO-ALPHA', userId => $JANE, %data });
    return ($answer->code, $client->json($answer));
}

sub page {
    my ($node, $form) = @_;
    return client($node)->post_form('/operator', "application=CO-ALPHA&userId=$JANE$form");
}

sub sees { my ($node, $client) = @_; return $node->visit($client)->code }

# ---- Redis: a list, on every node ----
my $redis = Civic::Redis->start;
my @nodes = map {
    Civic::Node->boot(store => 'redis://127.0.0.1:' . $redis->port, conf => $locations)
} 1, 2;
my ($one, $two) = @nodes;
my $laptop = $one->person;
my $phone = $two->person;
my ($status, $all) = ask($one);
is($status, 200, 'Redis: a list');
is(scalar @{ $all->{sessions} }, 2, 'of the sessions that began at either node');
my $reference = $all->{sessions}[0]{reference};
(undef, $all) = ask($two);
is($all->{sessions}[0]{reference}, $reference, 'under the same names at the other node');
(undef, $all) = ask($two, end => $reference);
is($all->{ended}, 1, 'one is ended at the other node');
is(sees($one, $laptop), 401, 'that browser is logged out everywhere');
is(sees($one, $phone), 200, 'the other is not');
(undef, $all) = ask($one, end => 'all');
is($all->{ended}, 1, 'all of them');
is_deeply($all->{sessions}, [], 'none is left');
is(sees($two, $phone), 401, 'and none is let in');

my $text = client($one)->fetch('/operator?format=prometheus')->content;
is_deeply([ Civic::Metrics::faults($text) ], [], 'metrics: nothing wrong');
unlike($text, qr/^auth_civic_sessions /m, 'a store that does not count sessions has no number for them');
like($text, qr/^auth_civic_info\{.*store="redis"\} 1$/m, 'its kind');
my $json = client($one)->json(client($one)->fetch('/operator?format=json'));
is($json->{store}{sessions}, undef, 'nor has JSON');
like(client($one)->get('/operator')->content, qr{<dt>Sessions in it</dt><dd>it does not count them</dd>}, 'nor the page');
unlike(client($one)->get('/operator/httpd?auto')->content, qr/CivicSessions/, 'nor httpd\'s');

# ---- down ----
my $jane = $one->person;
my $before = Civic::Metrics::scrape(client($one), '/operator');
is($before->{auth_civic_store_up}, 1, 'the store is up');
$redis->stop('KILL');
is(sees($one, $jane), 503, 'it is down: 503');
my $down = client($one)->fetch('/operator?format=prometheus')->content;
is_deeply([ Civic::Metrics::faults($down) ], [], 'metrics: nothing wrong');
my $after = Civic::Metrics::samples($down);
is_deeply(Civic::Metrics::moved($before, $after),
    { 'requests_total{session="unavailable"}' => 1, 'refusals_total{reason="store-unavailable"}' => 1 },
    'the request counts as one while the store did not answer');
is($after->{auth_civic_store_up}, 0, 'store_up 0');
is((grep {/store_(?:used|evictions)/} keys %$after), 0, 'and no numbers of it');
is(client($one)->json(client($one)->fetch('/operator?format=json'))->{store}{up}, JSON::PP::false, 'JSON says so');
like(client($one)->get('/operator')->content, qr{redis: it does not answer}, 'so does the page');
is(client($one)->post_json('/operator', { application => 'CO-ALPHA', userId => $JANE, end => 'all' })->code, 503, 'to end sessions: 503');
is(page($one, '')->code, 503, 'by the form as well');
$redis->again;
is($one->visit_until($jane, 200)->code, 200, 'back again: still logged in');
# Another child may not have noticed yet.
my $up;
for (1 .. 100) {
    last if $up = Civic::Metrics::scrape(client($one), '/operator')->{auth_civic_store_up};
    select undef, undef, undef, 0.1;
}
is($up, 1, 'store_up 1');

# ---- memcached: no list, but an end ----
my $memcached = Civic::Memcached->start;
my $node = Civic::Node->boot(
    store   => 'socache:memcache:127.0.0.1:' . $memcached->port,
    modules => 'LoadModule socache_memcache_module ${CIVIC_MODULES}/mod_socache_memcache.so',
    conf    => $locations
);
my @browsers = map { $node->person } 1, 2;
($status, $all) = ask($node);
is($status, 501, 'memcached: no list');
like($all->{notice}, qr/cannot list/, 'it says so');
is($all->{sessions}, undef, 'which is not an empty list');
is((ask($node, end => $reference))[0], 501, 'nor an end for one');
my $answer = page($node, '');
like($answer->decoded_content, qr/cannot list.*<button[^>]*name="end" value="all"/s, 'the page offers to end all');
is(sees($node, $browsers[0]), 200, 'nothing has ended so far');
($status, $all) = ask($node, end => 'all');
is($status, 200, 'end all: 200');
is($all->{ended}, undef, 'it is not known how many');
is(join(' ', map { sees($node, $_) } @browsers), '401 401', 'but all have ended');
is(sees($node, $node->person), 200, 'a new login is good');
like(page($node, '&end=all')->decoded_content, qr/All sessions of this person are ended\./, 'by the form as well');
my @lines = $node->logged('operator: sessions of person [0-9a-f]{8} at application CO-ALPHA: all ended');
is(scalar @lines, 2, 'the log has both');
