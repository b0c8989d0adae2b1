# %{label}^CV in a site's LogFormat is what civic('label') is: verified claims of the session that opens the
# location, escaped, whatever CivicIdentity says; and the store is asked only where a format asks.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use IO::Socket::INET ();
use Time::HiRes qw(sleep);

use lib 't/lib';
use Civic::Metrics ();
use Civic::Redis ();
use Civic::Server ();

plan tests => 20;

my $JANE = 'c6d5795f8a059e25ad29a33a60f8b402a172c3e0bbe50fd230ae8e0303609b42';
my $redis = Civic::Redis->start;
my $module = "LoadModule log_config_module \${CIVIC_MODULES}/mod_log_config.so\n" x !!-e "$ENV{CIVIC_MODULES}/mod_log_config.so";
my $server = Civic::Server->new(ports => [qw(SITE SILENT SANDBOX SANDBOX_PLAIN)]);
my $log = $server->dir . '/logs/claims_log';
my $seal = $server->write_file('seal.key', 'a' x 64, 0600);
$server->write_conf(join '', $module, 'Include ${CIVIC_T}/conf/sandbox.conf', "\nCivicSessionStore redis://127.0.0.1:" . $redis->port . "\nCivicSealKeyFile $seal\n",
    qq{LogFormat "%{X-Mark}i %U|%>s|%{userId}^CV|%{scope}^CV|%{odd}^CV|%{contact.personal.email}^CV|%{no.such}^CV|%^CV|%{CIVIC_SCOPE}e" claims\n},
    Civic::Server::host(SITE => Civic::Server::application('CO-ALPHA') . <<"END"),
CustomLog $log claims
<Location "/members/none">
    CivicIdentity none
</Location>
<Location "/members/proof">
    CivicScope PROOF_OF_IDENTITY
</Location>
<Location "/guarded">
    AuthType Civic
    AuthName "Guarded"
    Require civic-user nobody
    ErrorDocument 403 /index.html
</Location>
END
    Civic::Server::host(SILENT => Civic::Server::application('CO-ALPHA') . 'CustomLog ' . $server->dir . qq{/logs/other_log "%U"\n}));
$server->start;

# The line that a request has left in the log: it is written when the answer has gone.
sub logged {
    my ($pattern) = @_;
    for (1 .. 1000) {
        open my $in, '<', $log or die "$log: $!";
        my ($line) = grep {/$pattern.*\n\z/} <$in>;
        return $line =~ s/\n\z//r if $line;
        sleep 0.02;
    }
    return 'nothing';
}

sub item { return { label => $_[0], value => $_[1], isValid => $_[2] // JSON::PP::true, isOwner => JSON::PP::true } }
sub odd { return data => [ item('contact.personal.email', 'jane@example.com'), @_ ] }

sub person { return $server->client->logged_in('/members/', @_) }

# Ask, and see its line.
my $mark = 0;
sub line {
    my ($client, $path) = @_;
    $mark++;
    $client->get($path, 'X-Mark' => $mark);
    return logged(qr/^$mark /) =~ s/^\d+ //r;
}

my $jane = person(odd(item('odd', "a \"b\" \x{e9}")));
is(line($jane, '/members/index.html'), "/members/index.html|200|$JANE|BASIC_SIGNUP|a \\\"b\\\" \\xc3\\xa9|jane\@example.com|-|-|BASIC_SIGNUP", 'who is logged in, escaped');
is(line($jane, '/members/none'), "/members/none|404|$JANE|BASIC_SIGNUP|a \\\"b\\\" \\xc3\\xa9|jane\@example.com|-|-|-", 'where nothing else is told');
is(line($jane, '/index.html'), "/index.html|200|$JANE|BASIC_SIGNUP|a \\\"b\\\" \\xc3\\xa9|jane\@example.com|-|-|-", 'at a public address');
is(line($jane, '/members/proof'), '/members/proof|401|-|-|-|-|-|-|-', 'not where the session does not do');
like(line($jane, '/guarded'), qr/\|403\|$JANE\|/, 'through an ErrorDocument');
is(line($jane, '/civic/session'), "/civic/session|200|$JANE|BASIC_SIGNUP|a \\\"b\\\" \\xc3\\xa9|jane\@example.com|-|-|-", 'at the module\'s addresses');
is(line($server->client, '/members/'), '/members/|401|-|-|-|-|-|-|-', 'nobody');
is(line(person(odd(item('odd', 'x', JSON::PP::false))), '/members/') =~ s/.*SIGNUP\|(.*?)\|.*/$1/r, '-', 'what is not verified');
is(line(person(odd(item('odd', 'x'), item('odd', 'y'))), '/members/') =~ s/.*?SIGNUP\|(.*?)\|.*/$1/r, '-', 'two that differ');
is(line(person(odd(item('odd', "x\nforged|200"))), '/members/') =~ s/.*?SIGNUP\|(.*?)\|.*/$1/r, '-', 'a line break');

# A request that httpd itself turns away, before anybody has looked at it.
my $socket = IO::Socket::INET->new('127.0.0.1:' . $server->port('SITE')) or die $!;
print {$socket} "GET / HTTP/1.1\r\nHost: a b\r\n\r\n";
my $said = do { local $/; <$socket> };
like(logged(qr/\|400\|/), qr/\|400\|-\|-\|-\|-\|-\|-\|-$/, 'a request that is none');
$jane->post_form('/civic/logout', '');
like(logged(qr{^- /civic/logout\|}), qr{\|303\|$JANE}, 'a logout is hers');
is(line($jane, '/index.html'), '/index.html|200|-|-|-|-|-|-|-', 'after it she is nobody');

# ---- the store is asked once, and not at all where no format asks ----
$jane = person();
line($jane, '/index.html');    # by now what came before is logged, too
for my $case ([ '/members/', 1, 'protected' ], [ '/index.html', 1, 'public' ]) {
    my ($path, $count, $name) = @$case;
    my $before = $redis->calls('eval');
    line($jane, $path);
    is($redis->calls('eval') - $before, $count, "$name: the store is asked once");
}
my ($cookie, $value) = $jane->session_cookie;
my $silent = $server->client('SILENT');
$silent->set_cookie($cookie, $value);
my $before = $redis->calls('eval');
is($silent->get('/index.html')->code, 200, 'a log of another format');
is($redis->calls('eval') - $before, 0, 'asks nobody');
is($silent->get('/members/')->code, 200, 'though the session is there');

# ---- for good ----
$server->again('graceful');
is(line($jane, '/members/') =~ s/^[^|]*\|(\d+)\|(.*?)\|.*/$1 $2/r, "200 $JANE", 'after a restart');
unlike($server->error_log, qr/jane\@example\.com/, 'and the error log holds none of it');
