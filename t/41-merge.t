# What holds where: main server < virtual host < directory < deeper directory < .htaccess. Every
# combination of who says something is asked, by what a request sees.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use Digest::SHA qw(sha1_base64);
use File::Path qw(make_path);
use File::Temp ();
use MIME::Base64 qw(decode_base64url encode_base64);

use lib 't/lib';
use Civic::Client ();
use Civic::Enrollments ();
use Civic::Log ();
use Civic::Server ();

my @levels = qw(main host directory deeper htaccess);
# What each level says, and what is so when nobody says anything.
my %says = (
    CivicUse             => [qw(CO-ALPHA CO-BETA CO-ALPHA CO-BETA CO-ALPHA)],
    CivicScope           => [qw(SCOPE_MAIN SCOPE_HOST SCOPE_DIRECTORY SCOPE_DEEPER SCOPE_HTACCESS)],
    CivicHideIntro       => [qw(On Off On Off On)],
    CivicUnauthenticated => [qw(page auto page auto page)],
    CivicPreservePost    => [qw(1001 1002 Off 1004 1005)],
    CivicPreflight       => [qw(On Off On Off On)],
    CivicLanguage        => [qw(de fr es pt ja)],
);
my %default = (CivicPreservePost => 65536, CivicPreflight => 'Off', CivicScope => 'BASIC_SIGNUP', CivicHideIntro => 'Off', CivicUnauthenticated => 'auto', CivicLanguage => 'en');
my @directives = sort keys %says;
my @htaccess = (
    [ 'CivicScope wrong',                 500, qr/CivicScope wrong: it must be the name/ ],
    [ 'CivicSessionIdle soon',            500, qr/CivicSessionIdle soon: it must be a number/ ],
    [ 'CivicLanguage it',                 500, qr/CivicLanguage it: this language is not there/ ],
    [ 'CivicLanguage fr',                 401, qr/request refused: login-required/ ],
    [ 'CivicLanguageFile de x',           500, qr/CivicLanguageFile not allowed here/ ],
    [ 'CivicPrivateKeyFile x',            500, qr/CivicPrivateKeyFile not allowed here/ ],
    [ 'CivicSessionStore shm',            500, qr/CivicSessionStore not allowed here/ ],
    [ 'CivicHeaderPrefix X-Y-',           500, qr/CivicHeaderPrefix not allowed here/ ],
    [ 'CivicUserHeader X-User',           500, qr/CivicUserHeader not allowed here/ ],
    [ 'CivicWebSocketCheck 5s',           500, qr/CivicWebSocketCheck not allowed here/ ],
    [ 'CivicIdentity all',                500, qr/CivicIdentity all: it must be env, headers, both or none/ ],
    [ 'CivicClaims a.b A_B',              500, qr/CivicClaims A_B: a\.b has the name CIVIC_A_B already/ ],
    [ 'CivicAssertion On',                500, qr/CivicAssertion not allowed here/ ],
    [ 'CivicAssertionAudience x',         500, qr/CivicAssertionAudience not allowed here/ ],
    [ 'CivicAssertionKeyFile x',          500, qr/CivicAssertionKeyFile not allowed here/ ],
    [ 'CivicEnroll open',                 500, qr/CivicEnroll open: it must be closed or self/ ],
    [ 'CivicRecovery many',               500, qr/CivicRecovery many: it must be a number/ ],
    [ 'CivicSecondFactorMaxAge 5s',       500, qr/CivicSecondFactorMaxAge 5s: it must be at least 30/ ],
    [ 'CivicEnrollmentStore dbm:x',       500, qr/CivicEnrollmentStore not allowed here/ ],
    [ 'CivicEnrollmentQuery find x',      500, qr/CivicEnrollmentQuery not allowed here/ ],
    [ 'CivicLoginPage Off',               500, qr/CivicLoginPage not allowed here/ ],
    [ 'CivicStyle Off',                   500, qr/CivicStyle not allowed here/ ],
    [ 'CivicPagePolicy add "img-src x"',  500, qr/CivicPagePolicy not allowed here/ ],
    [ 'CivicPreservePost much',           500, qr/CivicPreservePost much: it must be a number of bytes/ ],
    [ 'CivicOnLogin //evil',              500, qr/CivicOnLogin \/\/evil: it must be a path of this site/ ],
    [ 'CivicOnLogin https://localhost/',  500, qr/CivicOnLogin https:\/\/localhost\/: in \.htaccess it must be a path/ ],
    [ 'CivicCookie civic',                500, qr/CivicCookie not allowed here/ ],
    [ "<CivicApplication X>\n</CivicApplication>", 500, qr/<CivicApplication not allowed here/ ],
    [ 'CivicUse CO-GONE',                 500, qr/request refused: not-configured/ ],
    [ 'CivicScope PROOF_OF_IDENTITY',     401, qr/request refused: login-required/ ],
    [ "AuthType None\nRequire all granted", 403, undef ], # open, but there is no list of it
);
plan tests => 8 * 32 + 4 * 4 + 3 * @htaccess + 21 + 14;

# What a level says, as lines. One that is silent about all that is looked at says something else,
# since httpd merges only where there is something to merge.
sub lines {
    my ($level, $speaks) = @_;
    return "CivicSessionActivity On\n" . ($speaks ? join '', map {"$_ $says{$_}[$level]\n"} @directives : '');
}

# A server or host says it of its root.
sub root { return "<Directory />\n" . lines(@_) . "</Directory>\n" }

# Folders 0 to 7, each with a deeper one: bits tell which of directory, deeper, .htaccess speak.
sub folders {
    my $server = shift;
    my ($dir, $text) = ($server->dir . '/htdocs', '');
    for my $bits (0 .. 7) {
        make_path("$dir/$bits/deeper");
        my ($directory, $deeper, $htaccess) = map { lines(2 + $_, $bits >> $_ & 1) } 0 .. 2;
        $server->write_file("htdocs/$bits/deeper/.htaccess", $htaccess);
        $text .= "<Directory $dir/$bits>\n$directory</Directory>\n"
            . "<Directory $dir/$bits/deeper>\n$deeper</Directory>\n";
    }
    return $text;
}

# Two hosts, one that says nothing and one that says all; the main server says all or nothing.
sub start {
    my $main = shift;
    my $server = Civic::Server->new(ports => [qw(SILENT SAYS SANDBOX SANDBOX_PLAIN)]);
    my $dir = $server->dir;
    my $site = "DocumentRoot $dir/htdocs\n";
    my $own = "CivicCookie %s\nCivicEndpoint /%s\nCivicExchangeTimeout %s\n";
    $server->write_conf(join '', 'Include ${CIVIC_T}/conf/sandbox.conf', "\n",
        map({ Civic::Server::application($_) } qw(CO-ALPHA CO-BETA)),
        root(0, $main), $main ? (sprintf $own, 'main', 'main', '1s') : (),
        "<Directory $dir/htdocs>\nAllowOverride AuthConfig\n",
        "AuthType Civic\nAuthName X\nRequire valid-user\n</Directory>\n",
        folders($server),
        Civic::Server::host('SILENT', $site . root(1, 0)),
        Civic::Server::host('SAYS', $site . root(1, 1) . sprintf $own, 'host', 'host', '20s'));
    return $server->start;
}

sub holding {
    my ($directive, @speak) = @_;
    return @speak ? $says{$directive}[ $speak[-1] ] : $default{$directive};
}

# Is a form of just that size kept, and one of a byte more not?
sub kept {
    my ($client, $path, $limit) = @_;
    my $most = $limit eq 'Off' ? 0 : $limit;
    my ($fits, $over) = map { $client->post_form($path, 'a=' . 'x' x ($_ - 2)) } $most || 2, $most + 3;
    return $fits->code if $fits->code != 401;
    return ($fits->content =~ /id="civic-form"/) == !!$most && $over->content !~ /id="civic-form"/ ? 'as said' : "not at $limit";
}

my $server;
for my $main (0, 1) {
    $server = start($main);
    for my $host (0, 1) {
        my $client = $server->client($host ? 'SAYS' : 'SILENT');
        for my $bits (0 .. 7) {
            my @speak = ($main ? 0 : (), $host ? 1 : (), map { $bits >> $_ & 1 ? 2 + $_ : () } 0 .. 2);
            my $name = join ' < ', map { $levels[$_] } @speak;
            my $answer = $client->get("/$bits/deeper/");
            my $page = Civic::Client::login_page($answer) || {};
            $page->{language} = $answer->header('Content-Language') if %$page;
            is($answer->code, @speak ? 401 : 500, $name || 'nobody says which application');
            is($page->{'app-id'}, @speak ? holding('CivicUse', @speak) : undef, "$name: CivicUse");
            is($page->{scope}, @speak ? holding('CivicScope', @speak) : undef, "$name: CivicScope");
            is($page->{'hide-intro'},
                @speak ? (holding('CivicHideIntro', @speak) eq 'On' ? 'true' : 'false') : undef, "$name: CivicHideIntro");
            is($page->{language}, @speak ? holding('CivicLanguage', @speak) : undef, "$name: CivicLanguage");
            my $for_script = Civic::Client::login_page($client->fetch("/$bits/deeper/"));
            is(!!$for_script, holding('CivicUnauthenticated', @speak) eq 'page', "$name: CivicUnauthenticated");
            is(kept($client, "/$bits/deeper/", holding('CivicPreservePost', @speak)), @speak ? 'as said' : 500, "$name: CivicPreservePost");
            is($server->client($host ? 'SAYS' : 'SILENT')->request('OPTIONS', "/$bits/deeper/", { Origin => 'https://app.example', 'Access-Control-Request-Method' => 'PUT' })->code,
                @speak ? (holding('CivicPreflight', @speak) eq 'On' ? 200 : 401) : 500, "$name: CivicPreflight");
        }
        # ---- what belongs to a host ----
        my $own = $host ? 'host' : $main ? 'main' : undef;
        my $answer = $client->get('/1/deeper/');
        like($answer->header('Set-Cookie'), $own ? qr/^$own-login=/ : qr/^__Host-civic-login=/, 'CivicCookie');
        my $endpoint = '/' . ($own // 'civic');
        is(Civic::Client::login_page($answer)->{callback}, "$endpoint/callback", 'CivicEndpoint');
        my $token = $client->{sandbox}->token(appId => 'CO-ALPHA', fault => 'slow:2');
        my $page = Civic::Client::login_page($answer);
        is($client->post_json("$endpoint/callback", { token => $token, state => $page->{state} })->code,
            $main && !$host ? 504 : 200, 'CivicExchangeTimeout');
        is($client->get('/civic/callback')->code, $own ? 401 : 405, 'the default address is no other one');
    }
}

# ---- .htaccess says no: an error of the server for that folder alone, and a line ----
my $client = $server->client('SILENT');
for my $row (@htaccess) {
    my ($text, $status, $line) = @$row;
    $server->write_file('htdocs/0/deeper/.htaccess', "$text\n");
    my $mark = $server->mark;
    is($client->get('/0/deeper/')->code, $status, '.htaccess: ' . $text =~ s/\n.*//sr);
    $line ? like(Civic::Log::since($mark), $line, 'the log says why') : pass('nothing to say');
    is($client->get('/1/deeper/')->code, 401, 'other folders are as they were');
}
# ---- limits: shown by the session endpoint, whose own locations count there ----
my $limits = Civic::Server->new(
    ports => [qw(SITE SANDBOX SANDBOX_PLAIN)],
    conf  => join '', 'Include ${CIVIC_T}/conf/sandbox.conf', "\n", Civic::Server::application('CO-ALPHA'),
    Civic::Server::host(SITE => <<'END')
<Location "/civic">
CivicSessionIdle 100s
CivicSessionLife 1000s
</Location>
<Location "/civic/session">
CivicScope ANONYMOUS_LOGIN
</Location>
<Location "/members">
CivicSessionLife 2000s
</Location>
<Location "/civic/session">
CivicSessionLife 500s
</Location>
END
)->start;
$client = $limits->client->logged_in('/members/');
my ($session) = @{ $client->json($client->fetch('/civic/session'))->{sessions} };
is($session->{idleEnds} - $session->{lastUsed}, 100, 'CivicSessionIdle of the location above');
is($session->{ends} - $session->{created}, 500, 'CivicSessionLife of the last section');

# ---- who somebody is: seen by who is logged in ----
my $dir = File::Temp->newdir('civic-merge-XXXXXX', TMPDIR => 1);
chmod 0755, "$dir";
my $open = "AuthType Civic\nAuthName X\nRequire valid-user\n";
make_path(map {"$dir/$_"} qw(silent says/deeper says/none says/htaccess says/off));
my $told = Civic::Server->new(
    ports => [qw(SITE OTHER SANDBOX SANDBOX_PLAIN)],
    conf  => join '', 'Include ${CIVIC_T}/conf/sandbox.conf', "\n", Civic::Server::application('CO-ALPHA', CivicDocumentImage => 'On'),
    "CivicHeaderPrefix X-Main-\nCivicUserHeader X-Main-Name\n<Directory $dir>\nAllowOverride AuthConfig\nOptions +ExecCGI\nSetHandler cgi-script\n",
    "CivicIdentity headers\nCivicClaims contact.personal.email=MAIN\n$open</Directory>\n",
    "<Directory $dir/says>\nCivicIdentity both\nCivicAssertion On\nCivicAssertionAudience says\nCivicDocumentImageTicket On\n</Directory>\n",
    "<Directory $dir/says/off>\nCivicAssertion Off\n</Directory>\n<Location /says/none>\nCivicAssertionAudience none\n</Location>\n",
    "<Directory $dir/says/deeper>\nCivicClaims contact.personal.email=DEEPER contact.personal.phoneNumber=PHONE\n</Directory>\n",
    "<Directory $dir/says/none>\nCivicIdentity none\nCivicClaims all\n</Directory>\n",
    Civic::Server::host(SITE => "DocumentRoot $dir\n"),
    Civic::Server::host(OTHER => "DocumentRoot $dir\nCivicHeaderPrefix X-Host-\nCivicUserHeader X-Host-Name\n")
);
for my $folder (qw(silent says says/deeper says/none says/htaccess says/off)) {
    symlink "$ENV{CIVIC_T}/cgi-bin/echo.pl", "$dir/$folder/cgi" or die $!;
}
open my $htaccess, '>', "$dir/says/htaccess/.htaccess" or die $!;
print $htaccess "CivicIdentity headers\nCivicClaims none\nCivicDocumentImageTicket Off\n";
close $htaccess or die $!;
$told->start;
for my $host (qw(Main Host)) {
    my $prefix = uc "X_${host}_";
    my $member = $told->client($host eq 'Main' ? 'SITE' : 'OTHER')->logged_in('/silent/cgi', image => 10);
    my $tickets = sub { join ' ', map { scalar grep {/IMAGE_TICKET$/} keys %{ $member->json($member->get("/$_/cgi"))->{env} } } @_ };
    my $seen = sub {
        my $env = $member->json($member->get("/$_[0]/cgi"))->{env};
        return join ' ', sort map { /^HTTP_${prefix}(CLAIM_\w+|NAME)$/ ? $1 : /^CIVIC_(MAIN|DEEPER|PHONE|CONTACT\w+)$/ ? $1 : () } keys %$env;
    };
    is($tickets->('silent', 'says', 'says/deeper', 'says/htaccess'), '0 2 2 0', "$host: CivicDocumentImageTicket");
    is($seen->('silent'), 'CLAIM_MAIN NAME', "$host: CivicIdentity and CivicClaims of the folder above");
    is($seen->('says'), 'CLAIM_MAIN MAIN NAME', "$host: its own CivicIdentity, the other as above");
    is($seen->('says/deeper'), 'CLAIM_DEEPER CLAIM_PHONE DEEPER NAME PHONE', "$host: CivicClaims replaces the list above");
    is($seen->('says/none'), '', "$host: nothing where it says none");
    is($seen->('says/htaccess'), 'NAME', "$host: .htaccess says less");
    my $audience = sub {
        my $token = $member->json($member->get("/$_[0]/cgi"))->{env}{"HTTP_${prefix}ASSERTION"} // return;
        return $Civic::Client::JSON->decode(decode_base64url((split /\./, $token)[1]))->{aud};
    };
    is(join(' ', map { $audience->($_) // '-' } qw(silent says says/off)), '- says -', "$host: CivicAssertion of the folder, of the folder below");
    is($audience->('says/deeper'), 'says', "$host: and as above");
    is($audience->('says/none'), 'none', "$host: CivicAssertionAudience of the location");
}

# Without AllowOverride, what is in .htaccess does not count.
my $other = Civic::Server->new(ports => [qw(SITE SANDBOX SANDBOX_PLAIN)]);
make_path($other->dir . '/htdocs');
$other->write_file('htdocs/.htaccess', "AuthType None\nRequire all granted\n");
$other->write_conf(join '', 'Include ${CIVIC_T}/conf/sandbox.conf', "\n", Civic::Server::application('CO-ALPHA'),
    Civic::Server::host('SITE', 'DocumentRoot ' . $other->dir . "/htdocs\nAlias /members " . $other->dir . "/htdocs\n"));
$other->start;
is($other->client->get('/members/')->code, 401, 'AllowOverride None: .htaccess opens nothing');

# ---- Civic behind another login: seen by who has linked an account ----
my $accounts = Civic::Enrollments->new;
$accounts->htcivic(add => 'CO-ALPHA', alice => 'a' x 64);
my $root = File::Temp->newdir('civic-merge-XXXXXX', TMPDIR => 1);
chmod 0755, "$root";
make_path(map {"$root/$_"} qw(silent off self self/closed self/htaccess codes codes/none));
my $factors = Civic::Server->new(
    ports => [qw(SITE OTHER SANDBOX SANDBOX_PLAIN)],
    conf  => join '', 'Include ${CIVIC_T}/conf/sandbox.conf', "\n", Civic::Server::application('CO-ALPHA'),
    'CivicEnrollmentStore ', $accounts->store, "\n",
    "<Directory $root>\nAllowOverride AuthConfig\nDirectoryIndex index.html\nAuthType Basic\nAuthName X\nAuthUserFile users\nRequire valid-user\n",
    "CivicSecondFactor On\n</Directory>\n",
    "<Directory $root/off>\nCivicSecondFactor Off\n</Directory>\n",
    "<Directory $root/self>\nCivicEnroll self\n</Directory>\n",
    "<Directory $root/self/closed>\nCivicEnroll closed\n</Directory>\n",
    "<Directory $root/codes>\nCivicRecovery 3\nCivicSecondFactorMaxAge 60s\nCivicEnrollShared On\n</Directory>\n",
    "<Directory $root/codes/none>\nCivicRecovery Off\n</Directory>\n",
    Civic::Server::host(SITE => "DocumentRoot $root\n"),
    Civic::Server::host(OTHER => "DocumentRoot $root\nCivicEnrollmentStore dbm:" . $accounts->dir . "/other\n")
);
for my $folder (qw(silent off self self/closed self/htaccess codes codes/none)) {
    open my $out, '>', "$root/$folder/index.html" or die $!;
    print $out 'SHOWN';
    close $out or die $!;
}
open $htaccess, '>', "$root/self/htaccess/.htaccess" or die $!;
print $htaccess "CivicEnroll closed\nCivicRecovery 2\n";
close $htaccess or die $!;
$factors->write_file('users', join '', map { "$_:{SHA}" . sha1_base64('secret') . "=\n" } qw(alice bob));
$factors->start;
my $sees = sub {
    my ($path, $name, $port) = @_;
    my $asker = $factors->client($port // 'SITE');
    my $shown = $asker->get("/$path/", Authorization => 'Basic ' . encode_base64("$name:secret", ''));
    return 'shown' if $shown->content eq 'SHOWN';
    return join ' ', $shown->content =~ /data-reason="([a-z-]+)"/, $shown->content =~ /(recovery|Protect)/;
};
is($sees->('silent', 'alice'), 'second-factor-required', 'CivicSecondFactor of the folder above');
is($sees->('silent', 'bob'), 'not-enrolled', 'CivicEnroll is closed');
is($sees->('off', 'alice'), 'shown', 'CivicSecondFactor Off below');
is($sees->('self', 'bob'), 'second-factor-required Protect', 'CivicEnroll self');
is($sees->('self/closed', 'bob'), 'not-enrolled', 'closed below');
is($sees->('self/htaccess', 'bob'), 'not-enrolled', 'closed by .htaccess');
is($sees->('self/htaccess', 'alice'), 'second-factor-required recovery', 'which grants recovery');
is($sees->('self', 'alice'), 'second-factor-required', 'as nobody did above');
is($sees->('codes', 'alice'), 'second-factor-required recovery', 'CivicRecovery');
is($sees->('codes/none', 'alice'), 'second-factor-required', 'Off below');
is($sees->('codes', 'bob'), 'not-enrolled', 'CivicEnrollShared and CivicSecondFactorMaxAge change no other');
is($sees->('off', 'bob'), 'shown', 'nor anybody where it is Off');
is($sees->('silent', 'alice', 'OTHER'), 'enrollment-unavailable', 'a host has its own CivicEnrollmentStore');
is($sees->('off', 'alice', 'OTHER'), 'shown', 'which counts where it is asked');
