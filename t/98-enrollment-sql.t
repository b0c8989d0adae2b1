# Enrollments in an SQL database, by mod_dbd: SQLite, and a PostgreSQL and a MariaDB that are stopped and started, killed,
# and away when httpd starts. While it is away nobody gets in and nobody loses anything.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(refused);
use Civic::Client ();
use Civic::Enrollments ();
use Civic::Factor ();
use Civic::Log ();
use Civic::Mysql ();
use Civic::Parallel ();
use Civic::Postgresql ();

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
plan tests => 3 * 18 + 2 * 15;

# A server whose enrollments are in a database of this driver.
sub server {
    my ($driver, $params) = @_;
    return Civic::Factor->server(
        store => 'dbd',
        conf  => "LoadModule dbd_module \${CIVIC_MODULES}/mod_dbd.so\nDBDriver $driver\nDBDParams \"$params\"\n",
        site  => Civic::Factor::location('/self', "CivicEnroll self\nCivicRecovery 2\n") . Civic::Factor::location('/closed', ''),
    )->start;
}

sub page { return Civic::Client::login_page($_[0]) }

# What must work whatever the database.
sub all_of_it {
    my ($name, $server, $store) = @_;
    my $person = sub { Civic::Factor::person($server, @_) };
    my $is_refused = sub {
        my ($reason, $what, $code) = @_;
        my $mark = $server->mark;
        return refused($code->(), $reason, $mark, "$name: $what");
    };
    my $alice = $person->('alice');
    $is_refused->('not-enrolled', 'nobody is linked', sub { $alice->get('/closed/cgi') });
    my $answer = Civic::Factor::enroll($alice, '/self/cgi', 'jane');
    is($answer->code, 200, "$name: a yes links") or diag $answer->as_string;
    my @codes = $answer->content =~ m{<li><code>([^<]+)</code></li>}g;
    is(scalar(@codes), 2, "$name: with codes");
    is($alice->get('/closed/cgi')->code, 200, "$name: and opens");
    is_deeply($store->linked, { alice => $JANE }, "$name: htcivic sees it");
    $is_refused->('second-factor-foreign', 'somebody else', sub { Civic::Factor::approve($person->('alice'), '/self/cgi', 'ozdemir') });
    $is_refused->('identity-taken', 'the same identity again', sub { Civic::Factor::enroll($person->('bob'), '/self/cgi', 'jane') });
    my $lost = $person->('alice');
    my $form = Civic::Factor::form(Civic::Factor::submit($lost, Civic::Factor::form($lost->get('/self/cgi'), '/recover')), '/recover');
    is(Civic::Factor::submit($lost, $form, code => $codes[0])->code, 303, "$name: a recovery code");
    $is_refused->('recovery-refused', 'once', sub { Civic::Factor::submit($lost, $form, code => $codes[0]) });
    is($lost->get('/self/cgi')->code, 200, "$name: it opens");
    my @browsers = map { $person->('erin', keep_alive => 0) } 1 .. 4;
    my @forms = map {
        Civic::Factor::approve($browsers[$_], '/self/cgi', $_ % 2 ? 'minor' : 'expired');
        Civic::Factor::form($browsers[$_]->get('/self/cgi'), '/link')
    } 0 .. 3;
    my @answers = Civic::Parallel::run(4, sub { Civic::Factor::submit($browsers[ $_[0] ], $forms[ $_[0] ], answer => 'yes')->code });
    is(scalar(grep { $_ == 403 } @answers), 2, "$name: from several browsers at once, one identity wins") or diag "@answers";
    is(scalar(grep { $_ < 400 } @answers), 2, "$name: and no yes to it fails") or diag "@answers";
    is(scalar(keys %{ $store->linked }), 2, "$name: it is linked once");
    $store->remove('alice');
    $is_refused->('not-enrolled', 'removed: at once', sub { $alice->get('/closed/cgi') });
    is(Civic::Factor::enroll($person->('alice'), '/self/cgi', 'smiley')->code, 200, "$name: and linked anew");
    my $many = $person->('alice', keep_alive => 0);
    Civic::Factor::approve($many, '/self/cgi', 'smiley');
    my @opened = Civic::Parallel::run(8, sub { scalar grep { $many->get('/closed/cgi')->code == 200 } 1 .. 25 });
    is("@opened", '25 25 25 25 25 25 25 25', "$name: threads that use connections by turns do not disturb each other");
    my @held = map { $person->('alice') } 1 .. 40;
    is(scalar(grep { $_->get('/self/cgi')->code != 403 } @held), 0, "$name: many at once have a connection each time");
    is(scalar(grep {/exit signal|Segmentation/} split /\n/, $server->error_log), 0, "$name: no child died of it");
    return;
}

# ---- SQLite ----
{
    my $place = Civic::Enrollments->new;
    my $file = $place->dir . '/civic.db';
    my $store = Civic::Enrollments->new(store => "dbd:sqlite3:$file");
    chmod 0777, $place->dir;
    chown $place->owner, $file if $> == 0;
    my $server = server(sqlite3 => $file);
    all_of_it(SQLite => $server, $store);
    $server->finish;
}

# ---- databases that are stopped ----
sub is_down {
    my ($server, $client, $what) = @_;
    my $mark = $server->mark;
    my $answer = $client->get('/self/cgi');
    refused($answer, 'enrollment-unavailable', $mark, "$what: 503") or diag $answer->as_string;
    return is($answer->header('Retry-After'), 10, "$what: later");
}

for my $kind ([ PostgreSQL => pgsql => 'Civic::Postgresql' ], [ MariaDB => mysql => 'Civic::Mysql' ]) {
    my ($name, $driver, $class) = @$kind;
    my $database = $class->new;
    my $params = $database->params;
    my $store = Civic::Enrollments->new(store => "dbd:$driver:$params");
    my $server = server($driver => $params);
    all_of_it($name => $server, $store);

    my $alice = Civic::Factor::person($server, 'alice');
    Civic::Factor::approve($alice, '/self/cgi', 'smiley');
    is($alice->get('/self/cgi')->code, 200, "$name: somebody is in");
    for my $how (qw(fast immediate)) {
        $database->stop($how);
        is_down($server, $alice, "$name: stopped ($how)");
        $database->start;
        is($alice->get('/self/cgi')->code, 200, "$name, $how: started again, at once, and nobody was logged out");
        is(Civic::Factor::enroll(Civic::Factor::person($server, $how eq 'fast' ? 'carol' : 'dave'), '/self/cgi',
            $how eq 'fast' ? 'ozdemir' : 'stale')->code, 200, "$name, $how: it is written to as before");
    }
    my $waiting = Civic::Factor::person($server, 'bob');
    my $form = Civic::Client::login_page($waiting->get('/self/cgi'));
    $database->stop('fast');
    my $mark = $server->mark;
    refused(Civic::Factor::again($waiting, $form, 'minor'), 'enrollment-unavailable', $mark, "$name: stopped in the middle of a login");
    $server->again('restart');
    is_down($server, $alice, "$name: httpd starts while it is away");
    $database->start;
    is($alice->get('/self/cgi')->code, 200, "$name: and goes on when it is back");
    is(scalar(grep { index($_, $params) >= 0 } Civic::Log::lines({ path => $server->log_path, at => 0 })), 0, "$name: no line of ours has its parameters");
    is(scalar(grep {/exit signal|Segmentation/} split /\n/, $server->error_log), 0, "$name: no child died of it");
    $server->finish;
}
