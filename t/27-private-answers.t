# What a guarded location answers is nobody else's, and browsers ask for it anew: after a logout no
# page comes out of a cache. Whoever says how an answer may be kept is heard.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();

plan tests => 15;

my $client = Civic::Client->logged_in('/members/');

sub caching { return scalar $_[0]->header('Cache-Control') }

my %guarded = (
    'a file'              => '/members/index.html',
    'a folder'            => '/members/',
    'a program'           => '/members/cgi',
    'a back end'          => '/members/proxy/x',
    'nothing'             => '/members/not-there',
    'a page for everybody with an identity' => '/optional/',
);
for my $what (sort keys %guarded) {
    my $answer = $client->get($guarded{$what});
    is(caching($answer), 'private, no-cache', "$what: " . $answer->code);
}

my $answer = $client->get('/members/index.html');
$answer = $client->get('/members/index.html', 'If-None-Match' => $answer->header('ETag'));
is($answer->code, 304, 'a copy that is still good');
is(caching($answer), 'private, no-cache', 'is to be asked for again the next time, too');
is(caching($client->request('HEAD', '/members/index.html')), 'private, no-cache', 'HEAD');

is(caching($client->get('/caching/by-server/')), 'private, max-age=60', 'the site has its say');
is(caching($client->get('/caching/by-program')), 'private, max-age=30', 'a program has its say');

is(caching($client->get('/open/')), undef, 'nothing is said where nothing is guarded');
is(caching($client->get('/')), undef, 'nor at the root');

my $stranger = Civic::Client->new;
is(caching($stranger->get('/optional/')), 'private, no-cache', 'without identity: not for others');
is(caching($stranger->get('/members/')), 'no-store', 'the login page is not kept at all');
