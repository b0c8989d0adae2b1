# Whatever stands in Cookie headers: ours are found and taken out, all others come to the
# application byte for byte, nothing dies and nothing opens that should not.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Client ();
use Civic::Log ();
use Civic::Raw ();

my $port = $ENV{CIVIC_PORT_SITE};
my $client = Civic::Client->new->logged_in('/members/');
my ($name, $id) = $client->session_cookie;
my $login = $client->cookies->{'__Host-civic-login'};
my $OURS = "$name=$id";
my $LOGIN = "__Host-civic-login=$login";

# [what, Cookie lines, what the program sees (undef: no header), is there a session]
my @PASSING = (
    ['ours alone',             ["$OURS"],                                undef,               1],
    ['both of ours',           ["$LOGIN; $OURS"],                        undef,               1],
    ['first',                  ["$OURS; a=1; b=2"],                      'a=1; b=2',          1],
    ['in the middle',          ["a=1; $OURS; b=2"],                      'a=1; b=2',          1],
    ['last',                   ["a=1; b=2; $OURS"],                      'a=1; b=2',          1],
    ['between each other',     ["$LOGIN; a=1; $OURS; b=2; $LOGIN"],      'a=1; b=2',          1],
    ['twice',                  ["$OURS; a=1; $OURS"],                    'a=1',               1],
    ['without spaces',         ["a=1;$OURS;b=2"],                        'a=1;b=2',           1],
    ['with tabs and spaces',   ["a=1;\t $OURS \t; b=2"],                 'a=1; b=2',          1],
    ['values of all kinds',    ["a=\"x, y\"; $OURS; b=c=d==; c=%20&\@/:?"], 'a="x, y"; b=c=d==; c=%20&@/:?', 1],
    ['commas in a value',      ["a=1,2,,3; $OURS; b=,"],                 'a=1,2,,3; b=,',     1],
    ['empty pairs within',     ["a=1;; ;b=2; $OURS"],                    'a=1;; ;b=2',        1],
    ['no equals sign',         ["a; b=; =c; =; $OURS"],                  'a; b=; =c; =',      1],
    ['several headers',        ["a=1", "$OURS", "b=2"],                  'a=1; b=2',          1],
    ['several headers, mixed', ["a=1; $OURS", "b=2; c=3"],               'a=1; b=2; c=3',     1],
    ['in front of another',    ["$OURS", 'a=1; b=2'],                    'a=1; b=2',          1],
    ['several without ours',   ['a=1', 'b=2; c=3'],                      'a=1, b=2; c=3',     0],
    ['none of ours',           ['a=1; b=2, c'],                          'a=1; b=2, c',       0],
    ['names that look alike',  ["x$name=$id; ${name}x=$id; civic=1; civic-=2; civic-logins=3; Civic-login=4; civic-0123456g=5"],
        "x$name=$id; ${name}x=$id; civic=1; civic-=2; civic-logins=3; Civic-login=4; civic-0123456g=5", 0],
    ['names of other cases',   ["__host-civic-login=1; a=" . uc $name],   "__host-civic-login=1; a=" . uc $name, 0],
    ['ours as a value',        ["a=$name; b=civic-login"],               "a=$name; b=civic-login", 0],
    ['bytes over 127',         ["a=\xc3\xa4\xff; $OURS"],                "a=\xc3\xa4\xff",    1],
    ['planted without prefix', ["civic-login=1; civic-00000000=2; __Secure-civic-login=3; a=1"], 'a=1', 0],
    ['ours without a value',   ["__Host-civic-login; $name; a=1"],       'a=1',               0],
    ['1000 pairs',             [join('; ', map { "$_=" } 1 .. 1000) . "; $OURS"], join('; ', map { "$_=" } 1 .. 1000), 1],
    ['500 of ours',            [$OURS, join '; ', map { "civic-login=$_" } 1 .. 400], undef,           1],
);

# What must not open anything, each under the session's name.
my @VALUES = (
    '', ' ', '=', $id . 'x', substr($id, 0, 42), substr($id, 1), ' ' x 43, "\t$id" . 'x', '%' . substr($id, 1), lc $id,
    uc $id, "\"$id\"", "'$id'", "$id=", "=$id", "$id\xff", "\xff" x 43, '../' x 14 . 'x', '-' x 43, '_' x 43, '0' x 43, "$id.$id",
    '99999999', '-1', '4294967296', '%00', "%s%n%s%n", 'a' x 8000, $login, '{}', '[]', '<script>', "${id}\x01", $id =~ s/./*/r,
    'null', 'undefined', "$id $id", "$id%3b", '$Version=1',
);

plan tests => 2 * @PASSING + @VALUES + 7;

my $deaths = () = Civic::Log::since({ at => 0 }) =~ /exit signal/g;

sub ask {
    my ($path, @cookies) = @_;
    return Civic::Raw::request($port, 'GET', $path, join('', map { "Cookie: $_\r\n" } @cookies), undef, tls => 1);
}

for my $case (@PASSING) {
    my ($what, $cookies, $expected, $is_open) = @$case;
    my $answer = ask('/open/cgi', @$cookies);
    my ($seen) = $answer->body =~ /"HTTP_COOKIE":"((?:[^"\\]|\\.)*)"/;
    $seen =~ s/\\u([0-9a-f]{4})/chr hex $1/ge, $seen =~ s/\\(.)/$1/g if defined $seen;
    # Perl's JSON takes the bytes of the environment for characters.
    utf8::decode($seen) if defined $seen;
    is($seen, $expected, "what a program sees: $what");
    is(ask('/members/', @$cookies)->code, $is_open ? 200 : 401, "the session: $what");
}

for my $value (@VALUES) {
    my $answer = ask('/members/', "$name=$value");
    my $shown = substr $value =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger, 0, 30;
    ok(($answer->code == 401 || $answer->code == 400) && $answer->raw !~ /SECRET-CONTENT/, "opens nothing: $shown")
        or diag $answer->code;
}

# The good one among many bad ones of its name: any that fits will do, within reason.
is(ask('/members/', join '; ', (map { "$name=" . ($_ x 43) } 'A' .. 'J'), $OURS)->code, 200, 'ten bad ones before it');
is(ask('/members/', join '; ', (map { "__Host-civic-login=$_" } 1 .. 10), $OURS)->code, 200, 'ten bad login cookies');
is(ask('/members/proxy/x', "a=1; $OURS; b=2")->body =~ /"HTTP_COOKIE":"a=1; b=2"/ ? 1 : 0, 1, 'a back end sees the others');

# A login cookie of rubbish is replaced by a good one, never believed.
my @bad = map {
    my $answer = Civic::Raw::request($port, 'GET', '/members/', "Cookie: __Host-civic-login=$_\r\n$Civic::Raw::NAVIGATE",
        undef, tls => 1);
    ($answer->header('Set-Cookie') // '') =~ /^__Host-civic-login=[\w-]{91};/ && $answer->code == 401 ? () : $_
} '', 'x', 'A' x 91, 'A' x 90, 'A' x 92, $login . 'A', substr($login, 1), "\xff" x 91, '=' x 91, '-' x 91;
is("@bad", '', 'a login cookie of rubbish is replaced');

# Many commas and blanks cost no more than their bytes.
is(ask('/members/', 'civic-' . (', ' x 3500) . (';' x 1000))->code, 401, 'commas and blanks without end');
is(ask('/members/', ('civic-login,' x 600) . $OURS)->code, 200, 'names without end');
is(scalar(() = Civic::Log::since({ at => 0 }) =~ /exit signal/g), $deaths, 'no child has died');
