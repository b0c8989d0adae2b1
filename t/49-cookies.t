# Cookies as browsers, proxies and enemies send them: a good one is found wherever it stands, all
# others are nobody's, none is an error or reaches the program behind.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();

my $jane = Civic::Client->logged_in('/members/');
my ($name, $value) = $jane->session_cookie;
my $good = "$name=$value";
(my $bare = $name) =~ s/^__Host-//;

# what, header, status, what the program behind sees (undef: no Cookie)
my @headers = (
    [ 'alone',                     $good, 200 ],
    [ 'first',                     "$good; a=b", 200, 'a=b' ],
    [ 'last',                      "a=b; $good", 200, 'a=b' ],
    [ 'in the middle',             "a=b; $good; c=d", 200, 'a=b; c=d' ],
    [ 'without blanks',            "a=b;$good;c=d", 200, 'a=b;c=d' ],
    [ 'between empty ones',        ";; $good ;;", 200 ],
    [ 'beside odd ones',           "novalue; =noname; $good; x==; y=\"z w\"", 200, 'novalue; =noname; x==; y="z w"' ],
    [ 'behind a thousand',         join('; ', (map {"c$_=v"} 1 .. 500), $good), 200, join('; ', map {"c$_=v"} 1 .. 500) ],
    [ 'behind many of its name',   join('; ', ("$name=" . 'x' x 43) x 10, $good), 200 ],
    [ 'nothing',                   '', 401 ],
    [ 'its name alone',            $name, 401 ],
    [ 'an empty one',              "$name=", 401 ],
    [ 'one too short',             "$name=" . substr($value, 1), 401 ],
    [ 'one too long',              "$good" . 'A', 401 ],
    [ 'one in quotes',             qq($name="$value"), 401 ],
    [ 'one of another alphabet',   "$name=" . '%' x 43, 401 ],
    [ 'one in upper case',         "\U$name\E=$value", 401 ],
    [ 'one with a prefix less',    "$bare=$value", 401 ],
    [ 'one with more',             "x$name=$value", 401 ],
    [ 'one within another',        "a=$name=$value", 401 ],
    [ 'one percent-encoded',       "$name=%" . unpack('H2', $value) . substr($value, 1), 401 ],
    [ 'one with bytes over 127',   "$name=\xff" . substr($value, 1), 401 ],
    [ 'one that is very long',     "$name=" . 'A' x 7000, 401 ],
    [ 'the login cookie\'s value', "$name=" . $jane->cookies->{'__Host-civic-login'}, 401 ],
    [ 'a login cookie of garbage', '__Host-civic-login=' . 'A' x 91, 401 ],
    [ 'a short login cookie',      '__Host-civic-login=A', 401 ],
    [ 'an empty login cookie',     '__Host-civic-login=', 401 ],
    [ 'only separators',           ';' x 2000, 401 ],
);
my @random = map { my $seed = $_; srand $seed; [ "random $seed", join('', map { chr(33 + int rand 94) } 1 .. 400) =~ s/^/$name=/r, 401 ] } 1 .. 20;
plan tests => 2 * @headers + @random + 3;

for my $row (@headers) {
    my ($what, $header, $status, $rest) = @$row;
    my $client = Civic::Client->new;
    my $answer = $client->get('/members/cgi', Cookie => $header);
    is($answer->code, $status, "$what: $status");
    if ($status != 200) {
        $answer = $client->get('/optional/cgi', Cookie => $header);
        is($answer->code, 200, "$what: no error where nobody has to log in");
        next;
    }
    is($client->json($answer)->{env}{HTTP_COOKIE} // '', $rest // '', "$what: the others reach the program");
}
for my $row (@random) {
    my ($what, $header, $status) = @$row;
    is(Civic::Client->new->get('/members/', Cookie => $header)->code, $status, $what);
}

# Several headers of one name are one.
my $request = HTTP::Request->new(GET => "https://localhost:$ENV{CIVIC_PORT_SITE}/members/cgi");
$request->push_header(Cookie => $_) for 'a=b', $good, 'c=d';
my $client = Civic::Client->new;
$client->{agent}->cookie_jar({});
my $answer = $client->{agent}->request($request);
is($answer->code, 200, 'several Cookie headers');
unlike($client->json($answer)->{env}{HTTP_COOKIE}, qr/\Q$value\E/, 'ours is taken out of them');
like($client->json($answer)->{env}{HTTP_COOKIE}, qr/a=b.*c=d/, 'the others stay');
