# What httpd itself answers in place of one of ours, as 416 to a range that is not there or 412 to a condition,
# says its own length and type, and the next answer over the connection is whole: over a proxy's connection,
# it is somebody else's.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Net::HTTP ();

use lib 't/lib';
use Civic::Client ();

my @paths = qw(/civic/page.css /civic/form.js /civic/done.js /civic/logout /civic/jwks.json /civic/session);
my @conditions = ([416, Range => 'bytes=99999999-'], [412, 'If-Match' => '"another"']);
my @cases = ((map { [$_, @{ $conditions[0] }] } @paths), (map { [$_, @{ $conditions[1] }] } @paths[0 .. 2]));
plan tests => 5 * @cases;

sub connection {
    return Net::HTTP->new(PeerAddr => "127.0.0.1:$ENV{CIVIC_PORT_PLAIN}", Host => 'localhost', KeepAlive => 1, Timeout => 5) || die $@;
}

sub ask {
    my ($connection, $path, %headers) = @_;
    $connection->write_request(GET => $path, Host => "localhost:$ENV{CIVIC_PORT_PLAIN}", %headers);
    my ($code, undef, %got) = $connection->read_response_headers;
    my $body = '';
    while ($connection->read_entity_body(my $piece, 65536)) { $body .= $piece }
    return ($code, $body, \%got);
}

for my $case (@cases) {
    my ($path, $status, @header) = @$case;
    my $connection = connection();
    my ($code, $body, $headers) = eval { ask($connection, $path, @header) };
    is($code, $status, "$path: $status") or diag $@;
    is(length $body, $headers->{'Content-Length'} // length $body, 'as long as it says');
    like($headers->{'Content-Type'}, qr{^text/html}, 'of the type that it is');
    my ($next, $text) = eval { ask($connection, '/civic/page.css') };
    is($next, 200, 'the next answer');
    like($text // '', qr/^[^<]*civic-card/, 'is whole');
}
