# Ages and dates of expiry by the system's clock: on the day, neither before nor after, and by UTC. Which
# day counts on which is tested with the dates themselves in t/unit/test_dates.c.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Time::Local qw(timegm);

use lib 't/lib';
use Civic::Clock ();
use Civic::Server ();

# day and time of day in UTC, the child of 1 March 2014 and the one of 29 February: of 18 years?
# Is a document valid until 1 March 2032?
my @DAYS = (
    [ '2032-02-28', '12:00:00', 403, 403, 200 ],
    [ '2032-02-29', '23:59:00', 403, 403, 200 ],    # 2032 has one, but she is sixteen
    [ '2032-03-01', '00:01:00', 200, 403, 200 ],
    [ '2032-03-01', '23:59:00', 200, 403, 200 ],
    [ '2032-03-02', '00:01:00', 200, 403, 403 ],
    [ '2034-02-28', '23:59:00', 200, 403, 403 ],
    [ '2034-03-01', '00:01:00', 200, 200, 403 ],
    [ '2031-12-31', '23:59:00', 403, 403, 200 ],
);
my @ZONES = ('UTC', 'Pacific/Kiritimati', 'Pacific/Pago_Pago');    # the day before, the day after
plan tests => @ZONES * 3 * @DAYS;

my $clock = Civic::Clock->new;
my %rules = (age => 'Require civic-age 18', document => 'Require civic-document-valid');
# A file: programs have time limits of their own, by the clock that is set.
my $conf = "AliasMatch ^/r/ \"\${CIVIC_T}/htdocs/members/file.txt\"\n" . join '',
    map {"<Location /r/$_>\nAuthType Civic\nAuthName Rules\nCivicUse CO-PLAIN\nCivicScope PROOF_OF_IDENTITY\n$rules{$_}\n</Location>\n"} sort keys %rules;

sub born {
    return map { { label => "documents.genericId.$_->[0]", value => $_->[1], isValid => JSON::PP::true, isOwner => JSON::PP::true } }
        [ dateOfBirth => shift ], [ dateOfExpiry => '2032-3-1' ];
}
for my $zone (@ZONES) {
    $clock->step(0);
    # Plain http to the sandbox: certificates have their own times.
    my $server = Civic::Server->site(env => { TZ => $zone, $clock->env }, conf => $conf)->start;
    my ($march, $leap) = map {
        my $client = $server->client('PLAIN');
        $client->{agent}->conn_cache(undef);    # for httpd, a connection that is kept times out by the step
        my $page = Civic::Client::login_page($client->get('/r/age'));
        my $token = $client->{sandbox}->token(appId => 'CO-PLAIN', scope => 'PROOF_OF_IDENTITY', data => [ born($_) ]);
        die 'login failed' if $client->callback($token, $page->{state})->code != 200;
        $client;
    } '2014-03-01', '2016-02-29';
    for my $row (@DAYS) {
        my ($day, $time, @expected) = @$row;
        my ($y, $m, $d) = split /-/, $day;
        my ($hour, $minute) = split /:/, $time;
        $clock->step(timegm(0, $minute, $hour, $d, $m - 1, $y) - time);
        my $name = "$day, $time, a server in $zone";
        is($march->get('/r/age')->code, $expected[0], "$name: born on 1 March 2014");
        is($leap->get('/r/age')->code, $expected[1], "$name: born on 29 February 2016");
        is($march->get('/r/document')->code, $expected[2], "$name: valid until 1 March 2032");
    }
}
