# htcivic check says in words what is wrong with keys, addresses and clock, with a status for scripts; it
# prints public keys and never a secret.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Temp ();
use POSIX qw(mkfifo);

use lib 't/lib';
use Civic::Env ();
use Civic::Liar ();

my $keys = $ENV{CIVIC_KEYS};
my $dir = File::Temp->newdir('civic-check-XXXXXX', TMPDIR => 1);
my $api = "https://localhost:$ENV{CIVIC_PORT_SANDBOX}/sip";
my $nobody = Civic::Env::free_port();

sub slurp { open my $in, '<', $_[0] or die "$_[0]: $!"; local $/; return <$in> }

sub file {
    my ($name, $text, $mode) = @_;
    open my $out, '>', "$dir/$name" or die $!;
    print $out $text;
    close $out;
    chmod $mode // 0600, "$dir/$name";
    return "$dir/$name";
}

# (exit status, what it printed)
sub htcivic {
    my @arguments = @_;
    my $pid = open(my $out, '-|') // die $!;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        chdir "$dir";
        exec "$ENV{CIVIC_BUILD}/htcivic/htcivic", @arguments or POSIX::_exit(127);
    }
    my $text = do { local $/; <$out> };
    close $out;
    return ($? >> 8, $text // '');
}

my %good = (
    id => 'CO-ALPHA', 'private-key' => "$keys/CO-ALPHA.key", secret => "$keys/CO-ALPHA.secret", api => $api,
    environment => 'dev', ca => "$keys/ca.pem", 'public-key' => "file:$keys/civic.pub"
);

# The options of a good application, some of them replaced, undef left out.
sub options {
    my %how = (%good, @_);
    return ('check', map { defined $how{$_} ? ("--$_", $how{$_}) : () } sort keys %how);
}

# A service that is ten minutes behind.
my $behind = Civic::Liar->new(
    tls  => Civic::Liar::certificate($dir, 'behind', names => 'DNS:localhost'),
    lies => { late => sub {
        my @t = gmtime(time - 600);
        my $date = sprintf '%s, %02d %s %d %02d:%02d:%02d GMT', (qw(Sun Mon Tue Wed Thu Fri Sat))[ $t[6] ], $t[3],
            (qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec))[ $t[4] ], 1900 + $t[5], @t[ 2, 1, 0 ];
        Civic::Liar::say($_[0], "HTTP/1.1 405 No\r\nDate: $date\r\nContent-Length: 0\r\n\r\n");
        return;
    } }
);
$behind->tell('late');

# One whose words are no text, and too many; and one that tells us what we have sent.
sub words { my $body = shift; return "HTTP/1.1 401 No\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body" }
my $odd = Civic::Liar->new(
    tls  => Civic::Liar::certificate($dir, 'odd', names => 'DNS:localhost'),
    lies => {
        garbled => sub { Civic::Liar::say($_[0], words('{"message":"\u001b[2J\n\u00ff' . 'x' x 1000 . '"}')); return },
        echo    => sub { Civic::Liar::say($_[0], words('{"error":"Civic eyJhbGciOiJFUzI1NiJ9.x.y"} Civic eyJhbGciOiJFUzI1NiJ9.x.y')); return },
    }
);

# what is different, what is said of it
my @faults = (
    [ { 'private-key' => file('short.key', '1' x 62) }, qr/private key: \S+short\.key: 62 hex digits.*leading zeros/ ],
    [ { 'private-key' => "$dir/missing" },              qr/private key: the file \S+missing cannot be read/ ],
    [ { 'private-key' => file('open.key', slurp("$keys/CO-ALPHA.key"), 0644) }, qr/private key: others than its owner may read \S+open\.key: chmod 600 it/ ],
    [ { secret => file('long.secret', 'a' x 33) },      qr/secret: \S+long\.secret: 33 characters/ ],
    [ { 'public-key' => '04abc' },                      qr/Civic's key: 5 hex digits/ ],
    [ { api => 'http://api.example.net' },              qr/API: http:\S+: plain http is allowed to loopback/ ],
    [ { api => "https://localhost:$nobody/sip" },       qr/API: \S+: upstream-unreachable \(/ ],
    [ { ca => undef },                                  qr/API: \S+: upstream-untrusted \(.*certificate/ ],
    [ { api => "https://localhost:$ENV{CIVIC_PORT_SANDBOX}/nothing" }, qr/API: it does not know this address \(404\): check URL and environment/ ],
    [ { proxy => "http://localhost:$nobody" },          qr/API: \S+: upstream-unreachable/ ],
    [ { proxy => 'socks5://x' },                        qr{proxy: .* http://host:port} ],
    [ { api => 'https://localhost:' . $behind->port },  qr/clock: this machine's is (?:599|60[01]) seconds ahead of the API's: set it right \(NTP\)/ ],
);
# a wrong key looks fine until the API is asked
my @refused = ({ 'private-key' => "$keys/CO-BETA.key" }, { secret => "$keys/CO-BETA.secret" }, { id => 'CO-NOBODY' });
plan tests => 5 + 2 * @faults + 2 * @refused + 44;

# ---- all is well ----
my ($status, $text) = htcivic(options(), '--try');
is($status, 0, 'nothing is wrong') or diag $text;
my ($own, $civics) = map { slurp($_) =~ s/\s+//gr } "$keys/CO-ALPHA.pub", "$keys/civic.pub";
like($text, qr/public key +\Q$own\E\n/, 'its public key is shown, to be compared');
like($text, qr/Civic's key\n +public key +\Q$civics\E\n/, 'and Civic\'s');
like($text, qr/clock: no more than a minute apart/, 'the clocks agree');
like($text, qr/takes our signature \(status 400 to a code that is none\)\n +it says: \S.*\nno faults\n\z/, 'and with --try, so do the keys; the last line says that all is well');

for my $row (@faults) {
    my ($how, $said) = @$row;
    ($status, $text) = htcivic(options(%$how));
    my ($what) = keys %$how;
    is($status, 1, "$what: exit status 1");
    like($text, qr/FAULT  $said.*\n(?:.*\n)*1 fault$/, 'it is said in words, as the only fault') or diag $text;
}
for my $how (@refused) {
    ($status) = htcivic(options(%$how));
    is($status, 0, join(' ', %$how) . ': looks fine');
    ($status, $text) = htcivic(options(%$how), '--try');
    like("$status $text", qr/^1 .*FAULT  API: it does not accept this private key, secret, id or environment \(401\)\n +it says: \S.*\n1 fault\n\z/s, 'until it is tried, with the API\'s own words');
}

for my $row ([ garbled => qr/\?\[2J\?\?\?x{113}/, 'what is no text' ], [ echo => qr/no message/, 'nor what else it answers' ]) {
    my ($lie, $said, $name) = @$row;
    $odd->tell($lie);
    ($status, $text) = htcivic(options(api => 'https://localhost:' . $odd->port), '--try');
    like($text, qr/\n +it says: $said\n1 fault\n\z/, "$name comes to no terminal") or diag $text;
}

# ---- a configuration ----
mkdir "$dir/conf";
file("conf/$_", slurp("$keys/$_")) for qw(CO-ALPHA.key CO-ALPHA.secret);
my $conf = file('site.conf', <<"END");
ServerRoot "$dir"
Define where conf
Define here \${where}
# <CivicApplication "CO-COMMENT">
<VirtualHost *:443>
  <CivicApplication "CO-ALPHA">
    CivicPrivateKeyFile \\
        \${here}/CO-ALPHA.key
    civicsecretfile     "\${here}/CO-ALPHA.secret"
    CivicEnvironment    dev
    CivicApiUrl         https://localhost:\${CIVIC_PORT_SANDBOX}/sip/
    CivicPublicKey      file:\${CIVIC_KEYS}/civic.pub
    CivicCACertificateFile \${CIVIC_KEYS}/ca.pem
    CivicPayloadHosts   localhost
  </CivicApplication>
  CivicSecretFile elsewhere
</VirtualHost>
<CivicApplication CO-OTHER>
    CivicSecretFile missing
</CivicApplication>
END
($status, $text) = htcivic('check', '-f', $conf, '--try');
is($status, 1, 'a configuration with two applications, one of them wrong');
my ($alpha, $other) = $text =~ /^application CO-ALPHA\n(.*)^application CO-OTHER\n(.*)/ms;
unlike($alpha, qr/FAULT/, 'the first is fine') or diag $text;
like($alpha, qr/takes our signature/, 'and was tried');
like($other, qr/FAULT  private key: none is named\n  FAULT  secret: the file \S+missing cannot be read/, 'the second is not');
($status, $text) = htcivic('check', '-f', $conf, '-d', '/nonexistent', '--offline');
like($text, qr{FAULT  private key: the file /nonexistent/conf/CO-ALPHA\.key cannot be read}, '-d: where paths begin');
unlike($text, qr/API:/, '--offline: nobody is asked');
($status, $text) = htcivic('check', '-f', file('empty.conf', "# <CivicApplication X>\n"));
like("$status $text", qr/^2 htcivic: \S+empty\.conf has no <CivicApplication>, nor have the files that it includes/, 'a file without a section');
like(join(' ', htcivic('check', '-f', "$dir/gone.conf")), qr/^2 htcivic: \S+gone\.conf cannot be read/, 'a file that is not there');

# ---- what a configuration includes ----
my $sections = join '', slurp($conf) =~ /^( *<CivicApplication "CO-ALPHA">.*?<\/CivicApplication>\n)/ms;
mkdir "$dir/$_" for qw(mods sites sites/more);
file('mods/civic.load', "Define here conf\nDefine folder sites\n");
file('sites/20-shop.conf', $sections);
file('sites/more/deep.conf', $sections =~ s/CO-ALPHA">/CO-DEEP">/r);
file('sites/.hidden.conf', '<CivicApplication CO-HIDDEN>');
file('sites/old.conf~', '<CivicApplication CO-OLD>');
my $includes = sub {
    my ($code, $said) = htcivic(qw(check --offline -f), file('main.conf', "ServerRoot $dir\nInclude mods/*.load\n$_[0]\n"));
    return join ' ', $code, $said =~ /^application (\S+)$/mg, $said =~ /^htcivic: (.*)$/mg;
};
is($includes->('IncludeOptional ${folder}/*.conf'), '0 CO-ALPHA', 'IncludeOptional, a wildcard, a name that an included file defines');
is($includes->("Include $dir/sites/20-shop.conf"), '0 CO-ALPHA', 'Include of a file');
is($includes->('Include "s*s/m*"'), '0 CO-DEEP', 'of a folder, wildcards in all parts');
is($includes->("IncludeOptional none/*.conf\nInclude sites/*.conf"), '0 CO-ALPHA', 'what is optional need not be there');
is($includes->("Include none/*.conf\nInclude sites/*.conf"), "0 CO-ALPHA $dir/main.conf: Include none/*.conf is not followed: $dir/none/*.conf is not there", 'else it is said');
is($includes->("Include \${NOBODY}/x\nInclude sites/*.conf"), "0 CO-ALPHA $dir/main.conf: Include \${NOBODY}/x is not followed: this name is not known here", 'a name that nobody defined');
like($includes->("Include main.conf\nInclude sites/*.conf"), qr/^0 CO-ALPHA .*\/main\.conf: Include main\.conf is not followed: too many files include each other/, 'a file that includes itself');
file('loop/' . ('a' .. 'z')[$_] . '.conf', "Include loop/*.conf\n") for map { mkdir "$dir/loop"; $_ } 0 .. 9;
like($includes->("Include loop/*.conf\nInclude sites/*.conf"), qr/^2 .*there are too many files/, 'ten that include each other');
mkfifo("$dir/sites/pipe.conf", 0600) or die $!;
is($includes->("Include sites/*.conf"), "0 CO-ALPHA $dir/main.conf: Include sites/*.conf is not followed: $dir/sites/pipe.conf is no file", 'a pipe is not waited for');

# ---- who may replace a file ----
mkdir "$dir/open";
mkdir "$dir/open/keys";
my $exposed = file('open/keys/CO-ALPHA.key', slurp("$keys/CO-ALPHA.key"));
is((htcivic(options('private-key' => $exposed), '--offline'))[0], 0, 'a folder of our own');
chmod 0777, "$dir/open";
($status, $text) = htcivic(options('private-key' => $exposed), '--offline');
like("$status $text", qr/^1 .*FAULT  private key: everybody may put another file in its place: chmod o-w \S+\/open\n/s, 'a folder above that everybody may write to');
symlink $exposed, "$dir/linked.key" or die $!;
like((htcivic(options('private-key' => "$dir/linked.key"), '--offline'))[1], qr/FAULT  private key: everybody may put/, 'a link to it');
chmod 01777, "$dir/open";
is((htcivic(options('private-key' => $exposed), '--offline'))[0], 0, 'unless files there are their owners\'');
like((htcivic(options(ca => file('open.pem', slurp("$keys/ca.pem"), 0666)), '--offline'))[1], qr/FAULT  CA certificate: everybody may write to \S+open\.pem: chmod o-w it/, 'a certificate that everybody may write to');

# ---- the store of enrollments ----
my $is_root = $> == 0;
my ($www, $group) = $is_root ? (getpwnam 'www-data')[ 2, 3 ] : ($>, $) + 0);
mkdir "$dir/store", 0700;
chown $www, $group, "$dir/store";
chmod 0755, "$dir" if $is_root;
system "$ENV{CIVIC_BUILD}/htcivic/htcivic", @$_ for [ create => "dbm:$dir/store/enrollments" ], [ add => "dbm:$dir/store/enrollments", qw(CO-ALPHA alice id-1) ];
my $store = sub {
    my ($line, @options) = @_;
    my ($code, $said) = htcivic('check', '-f', file('store.conf', "ServerRoot $dir\nDefine here conf\n${sections}CivicEnrollmentStore $line\n"), @options ? @options : '--offline');
    return $code . ' ' . ($said =~ /^enrollments (.*?)(?:^(?:no|\d+) faults?\n)?\z/ms)[0];
};
my ($user, $us) = (scalar getpwuid $www, scalar getpwuid $>);
is($store->('dbm:store/enrollments'), "0 dbm:store/enrollments\n         $user alone changes it, and nobody else reads it\n  ok     it opens, and is whole: 1 account\n", 'a store');
like($store->("dbm:store/enrollments\nUser nobody"), qr/^1 .*\n  FAULT  httpd runs as nobody, who cannot use it: give folder and files to him\n/s, 'not that of httpd\'s user');
chmod 0770, "$dir/store";
like($store->('dbm:store/enrollments'), qr/^1 .*  FAULT  \S+store can be written by others than its owner\n/s, 'others may write to it');
chmod 0700, "$dir/store";
like($store->('dbm:gone/enrollments'), qr/^1 dbm:gone\/enrollments\n  FAULT  \S+gone cannot be examined/, 'one that is not there');
mkdir "$dir/readable";
chmod 0750, "$dir/readable";
chown $>, $group, "$dir/readable";
system "$ENV{CIVIC_BUILD}/htcivic/htcivic", create => "dbm:$dir/readable/enrollments";
SKIP: {
    skip 'for root', 1 if !$is_root;
    is($store->("dbm:readable/enrollments\nUser www-data"), "0 dbm:readable/enrollments\n         root alone changes it, and group www-data reads it\n         httpd (user www-data) reads it: people cannot link themselves or use recovery codes\n  ok     it opens, and is whole: 0 accounts\n", 'one for httpd to read');
}
like($store->("dbd"), qr/^1 dbd\n  FAULT  DBDriver and DBDParams are not said\n/, 'a database that is not said');
is($store->("dbd\nDBDriver pgsql\nDBDParams host=/nonexistent"), "0 dbd pgsql\n         not asked\n", '--offline: no database is asked');
like($store->("dbd\nDBDriver pgsql\nDBDParams host=/nonexistent", '--try'), qr/^1 dbd pgsql\n  FAULT  the database of enrollments cannot be opened: /, 'else it is');

# ---- keys of assertions ----
for my $name (qw(one two)) {
    system("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $dir/$name.pem 2>/dev/null") == 0 or die 'openssl';
    chmod 0600, "$dir/$name.pem";
}
my $assertions = sub {
    my ($code, $said) = htcivic('check', '--offline', '-f', file('keys.conf', "ServerRoot \"$dir\"\nCivicAssertionKeyFile $_[0]\n" . slurp($conf)));
    return $said =~ /^assertions\n(.*?)^\d+ faults?/ms ? $1 : '';
};
my $kid = qr/[\w-]{43}/;
like($assertions->('one.pem "two.pem"'), qr/\A  ok     key: one\.pem\n +kid $kid\n  ok     key: two\.pem\n +kid $kid\n\z/, 'keys of assertions, with their names');
like($assertions->('one.pem one.pem'), qr/FAULT  keys: both files hold the same key/, 'twice the same');
like($assertions->('one.pem ' . file('short.pem', '1' x 62)), qr/ok     key: one\.pem\n.*FAULT  key: \S+short\.pem: 62 hex digits/s, 'one that is none');
like($assertions->('gone.pem'), qr/FAULT  key: the file \S+gone\.pem cannot be read/, 'one that is not there');

# ---- the command line ----
for my $arguments ([], ['chekc'], [qw(check)], [qw(check --id X)], [ 'check', '-f', $conf, '--id', 'X' ], [qw(check --what)]) {
    my ($code, $said) = htcivic(@$arguments);
    like("$code $said", qr/^2 .*usage: htcivic check/s, "usage: @$arguments");
}
like(join(' ', htcivic('--version')), qr/^0 htcivic \d+\.\d+\.\d+\n$/, '--version');

# ---- no secret is printed ----
my @secrets = map { slurp("$keys/$_") =~ s/\s+//gr } qw(CO-ALPHA.key CO-ALPHA.secret);
my $all = join '', map { (htcivic(options(@$_), '--try'))[1] } [], [ id => 'CO-NOBODY' ], [ ca => undef ];
unlike($all, qr/@{[ join '|', @secrets ]}/, 'no secret is printed');
