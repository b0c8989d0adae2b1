# Processes and threads: under each MPM logins, sessions and logouts work in whichever child they
# meet, and outlive a graceful and a hard restart.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Check qw(logs_in);
use Civic::Parallel ();
use Civic::Server ();

my @mpms = qw(event worker prefork);
my $burst = 20;
plan tests => 21 * @mpms;

sub lines_of {
    my $path = shift;
    open my $in, '<', $path or return;
    chomp(my @lines = <$in>);
    return @lines;
}

sub distinct { my %seen = map { ($_ => 1) } @_; return scalar keys %seen }

for my $mpm (@mpms) {
    # Civic is the shared server's sandbox, so that all workers here are the site's.
    my $server = Civic::Server->new(
        env   => { CIVIC_MPM => $mpm },
        ports => [qw(SITE PLAIN OTHER)],
        conf  => <<'END'
CivicExchangeLimit 40
CustomLog ${CIVIC_LOGS}/processes_log "%P %>s %U"
Include ${CIVIC_T}/conf/site.conf
END
    )->start;
    my $new = sub { return $server->client };
    my $served = sub {
        my ($status, $path) = @_;
        return map {/^(\d+) $status \Q$path\E$/ ? $1 : ()} lines_of($server->dir . '/logs/processes_log');
    };
    my (undef, $modules) = $server->run('-M');
    like($modules, qr/mpm_${mpm}_module/, "$mpm: it is this MPM");

    # ---- one person ----
    my $client = $new->();
    logs_in($client, '/members/', "$mpm: login");
    is($client->json($client->get('/members/cgi'))->{env}{CIVIC_CONTACT_PERSONAL_EMAIL}, 'jane@example.com', "$mpm: identity");
    is($client->post_form('/civic/logout', '')->code, 303, "$mpm: logout");
    is($client->get('/members/')->code, 401, "$mpm: and out");

    # ---- many at once, each held up for a while, so that no child can serve them all ----
    # A child with nobody free closes connections that wait for their next request: none does.
    my @told = Civic::Parallel::run($burst, sub {
        my $browser = $server->client('SITE', keep_alive => 0);
        my ($answer) = $browser->login('/members/', fault => 'slow:0.5');
        return join ' ', $answer->code, $browser->get('/members/')->code, $browser->session_cookie;
    });
    is(scalar(grep {/^200 200 /} @told), $burst, "$mpm: $burst logins at once") or diag join "\n", @told;
    is(distinct(map { (split)[3] // $_ } @told), $burst, "$mpm: each with its own session");
    ok(distinct($served->(200, '/civic/callback')) > 1, "$mpm: by several children");

    # One session, read by many at once: whichever child made it.
    logs_in($client, '/members/', "$mpm: login");
    my ($name, $value) = $client->session_cookie;
    @told = Civic::Parallel::run($burst, sub {
        my $browser = $new->();
        return join ' ', map { $browser->get('/members/file.txt', Cookie => "$name=$value")->code } 1 .. 3;
    });
    is(scalar(grep { $_ eq '200 200 200' } @told), $burst, "$mpm: one session, read by $burst at once");
    ok(distinct($served->(200, '/members/file.txt')) > 1, "$mpm: in several children");

    # ---- restarts ----
    my $open = $new->();
    my $page = Civic::Client::login_page($open->get('/members/?open'));
    my $login = $open->{sandbox}->token(appId => 'CO-ALPHA');
    for my $how (qw(graceful restart)) {
        $server->again($how);
        is($client->get('/members/')->code, 200, "$mpm: $how keeps the session");
        is($client->json($client->fetch('/civic/session'))->{sessions}[0]{claims}[0]{value}, 'jane@example.com',
            "$mpm: and what it holds");
    }
    is($open->callback($login, $page->{state})->code, 200, "$mpm: a page from before the restarts can be finished");
    my $replay = $open->callback($login, $page->{state});
    is($replay->header('Set-Cookie'), undef, "$mpm: its code is still known as used");
    my $second = $new->();
    my $other = Civic::Client::login_page($second->get('/members/'));
    is($second->callback($login, $other->{state})->code, 401, "$mpm: to everybody");
    is($client->post_form('/civic/logout', '')->code, 303, "$mpm: the session can be ended");

    # ---- sessions outlive a stop ----
    $server->stop;
    is(scalar(grep {/exit signal|Segmentation/} lines_of($server->log_path)), 0, "$mpm: no child died");
    $server->start;
    is($open->get('/members/')->code, 200, "$mpm: sessions outlive a stop");
    $server->stop;
}
