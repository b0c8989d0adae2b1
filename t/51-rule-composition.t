# Our rules among others: <RequireAny>, <RequireAll>, <RequireNone>, not, ip, <Limit>, AuthMerging, .htaccess,
# Satisfy, another AuthType, none. Nobody is let in because it is not known who he is, and nobody has to
# log in where he may come in without.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);
use File::Path qw(make_path);
use MIME::Base64 qw(encode_base64);

use lib 't/lib';
use Civic::Server ();

# path => rules, then what each gets: adult (documents, 18 and more, USA), kid (documents, 10 years, CAN), basic
# (no documents), nobody. 200, 401 (may log in), 403; "200 -": let in without a name.
my $here = 'Require ip 127.0.0.1 ::1';
my $there = 'Require ip 192.0.2.1';
my $not = sub { my ($all, @not) = @_; return "<RequireAll>\n$all\n" . join('', map {"Require not $_\n"} @not) . '</RequireAll>' };
my $any = sub { return "<RequireAny>\n" . join('', map {"$_\n"} @_) . '</RequireAny>' };
my $all = sub { return "<RequireAll>\n" . join('', map {"$_\n"} @_) . '</RequireAll>' };
my $none = sub { return "<RequireNone>\n" . join('', map {"$_\n"} @_) . '</RequireNone>' };
my ($age, $usa, $valid) = ('Require civic-age 18', 'Require civic-country USA', 'Require valid-user');
my @rules = (
    # alternatives
    [ any_here        => $any->($age, $here),                       '200 -', '200 -', '200 -', '200 -' ],
    [ here_any        => $any->($here, $age),                       '200 -', '200 -', '200 -', '200 -' ],
    [ any_there       => $any->($age, $there),                      200, 403, 403, 401 ],
    [ any_two         => "$age\nRequire civic-country CAN",         200, 200, 403, 401 ],
    [ any_user        => $any->($age, 'Require user nobody'),       200, 403, 403, 401 ],
    # all of them
    [ all_here        => $all->($here, $age),                       200, 403, 403, 401 ],
    [ all_there       => $all->($age, $there),                      403, 403, 403, 403 ],
    [ all_two         => $all->($age, 'Require civic-country CAN'), 403, 403, 403, 401 ],
    [ all_granted     => $all->('Require all granted', $age),       200, 403, 403, 401 ],
    [ all_in_any      => $any->($all->($age, $usa), $there),        200, 403, 403, 401 ],
    [ any_in_all      => $all->($any->($age, 'Require civic-country CAN'), $valid), 200, 200, 403, 401 ],
    # negated: what is not known keeps out
    [ not_usa         => $not->($valid, 'civic-country USA'),       403, 200, 403, 401 ],
    [ not_usa_first   => "<RequireAll>\nRequire not civic-country USA\nRequire valid-user\n</RequireAll>", 403, 200, 403, 401 ],
    [ not_adult       => $not->($valid, 'civic-age 18'),            403, 200, 403, 401 ],
    [ not_two         => $not->($valid, 'civic-age 18', 'civic-country CAN'), 403, 403, 403, 401 ],
    [ not_granted     => $not->('Require all granted', 'civic-country USA'), 403, 200, 403, 401 ],
    [ not_here        => $not->($here, 'civic-country USA'),        403, 200, 403, 401 ],
    [ not_only_here   => $any->($not->($valid, 'civic-country USA'), $here), '200 -', '200 -', '200 -', '200 -' ],
    [ not_granted_or_here => $any->($not->('Require all granted', 'civic-country USA'), $here), '200 -', '200 -', '200 -', '200 -' ],
    [ here_or_not     => $any->($here, $not->('Require all granted', 'civic-country USA')), '200 -', '200 -', '200 -', '200 -' ],
    [ not_or_there    => $any->($not->('Require all granted', 'civic-country USA'), $there), 403, 200, 403, 401 ],
    [ none            => $all->($valid, $none->($age, $usa)),       403, 200, 403, 401 ],
    [ none_other      => $all->($valid, $none->('Require civic-country CAN', 'Require civic-country GBR')), 200, 403, 403, 401 ],
    [ none_granted    => $all->('Require all granted', $none->($usa)), 403, 200, 403, 401 ],
    [ none_all        => $all->($valid, $none->($all->($usa, 'Require civic-age 150'))), 200, 200, 403, 401 ],
    [ twice_negated   => $all->($valid, $none->($all->($age, 'Require not civic-country CAN'))), 403, 200, 403, 401 ],
    # others
    [ limited         => "<Limit POST>\n$age\n</Limit>\n<LimitExcept POST>\n$valid\n</LimitExcept>", 200, 200, 200, 401 ],
    [ 'merged/and'    => "AuthMerging And\nRequire civic-country CAN", 403, 403, 403, 401 ],
    [ 'merged/off'    => 'Require civic-country CAN',               403, 200, 403, 401 ],
    [ merged          => $age,                                      200, 403, 403, 401 ],
    [ pass            => "CivicUnauthenticated pass\n$age",         200, 403, 403, 401 ],
    [ pass_any        => "CivicUnauthenticated pass\n" . $any->($age, $here), 200, 200, 200, '200 -' ],
    [ pass_not        => "CivicUnauthenticated pass\n" . $not->('Require all granted', 'civic-country USA'), 403, 200, 403, 401 ],
    [ satisfy_any     => "Satisfy Any\nOrder Deny,Allow\nDeny from all\n$age", 200, 403, 403, 401 ],
    [ satisfied       => "Satisfy Any\nOrder Allow,Deny\nAllow from all\n$age", '200 -', '200 -', '200 -', '200 -' ],
    # a session, but nobody who asks for it
    [ 'basic/is'      => "AuthType Basic\nAuthBasicProvider file\nAuthUserFile \${CIVIC_T}/conf/users\n$age", 401, 401, 401, 401 ],
    [ 'basic/not'     => "AuthType Basic\nAuthUserFile \${CIVIC_T}/conf/users\n" . $not->('Require all granted', 'civic-country USA'), 403, 403, 403, 403 ],
    [ 'untyped/not'   => "AuthType None\n" . $not->('Require all granted', 'civic-country USA'), 403, 403, 403, 403 ],
    [ 'untyped/or'    => "AuthType None\n" . $any->($age, $here),   '200 -', '200 -', '200 -', '200 -' ],
);
my @files = (
    [ is              => $age,                                      200, 403, 403, 401 ],
    [ not             => $not->($valid, 'civic-country USA'),       403, 200, 403, 401 ],
    [ none            => $all->('Require all granted', $none->($usa)), 403, 200, 403, 401 ],
    [ any             => "$age\nRequire civic-country CAN",         200, 200, 403, 401 ],
);
plan tests => @rules + @files + 12;

my $server = Civic::Server->site(conf => "LoadModule access_compat_module \${CIVIC_MODULES}/mod_access_compat.so\n"
    . "ScriptAliasMatch ^/r/ \${CIVIC_T}/cgi-bin/echo.pl\nAlias /h \"\${CIVIC_LOGS}/../h\"\n"
    . "<LocationMatch ^/[rh]/>\nAuthType Civic\nAuthName Rules\nCivicUse CO-ALPHA\n</LocationMatch>\n"
    . join '', (map {"<Location \"/r/$_->[0]\">\n$_->[1]\n</Location>\n"} sort { length $a->[0] <=> length $b->[0] } @rules));
my $dir = $server->dir;
for my $file (@files) {
    my ($name, $rules) = @$file;
    make_path("$dir/h/$name");
    $server->write_file("h/$name/.htaccess", "$rules\n");
    $server->write_file("h/$name/index.html", 'SECRET-CONTENT');
}
make_path(map {"$dir/h/$_"} qw(listed wrong));
$server->write_file('h/listed/.htaccess', "Options +Indexes\nRequire valid-user\n<Files secret.txt>\n$age\n</Files>\n");
$server->write_file("h/listed/$_.txt", 'SECRET-CONTENT') for qw(secret plain);
$server->write_file('h/wrong/.htaccess', "Require civic-age soon\n");
$server->write_file('h/wrong/index.html', 'SECRET-CONTENT');
open my $out, '>>', "$dir/httpd.conf" or die $!;
print $out "<Directory \"$dir/h\">\nAllowOverride AuthConfig Options=Indexes\n</Directory>\n";
close $out or die $!;
$server->start;

my $document = sub {
    my %says = @_;
    return [ map { { label => "documents.genericId.$_", value => $says{$_}, isValid => JSON::PP::true, isOwner => JSON::PP::true } } sort keys %says ];
};
my @people = (
    $server->client->logged_in('/proof/', data => $document->(dateOfBirth => '1980-01-30', country => 'USA')),
    $server->client->logged_in('/proof/', data => $document->(dateOfBirth => ((gmtime)[5] + 1890) . '-01-01', country => 'CAN')),
    $server->client->logged_in('/members/'),
    $server->client,
);

# What each of them gets at a path.
sub told {
    my ($path, $expected, $name) = @_;
    my @got;
    for my $client (@people) {
        my $answer = $client->get($path);
        my $code = $answer->code;
        my ($user) = $answer->content =~ /"REMOTE_USER":"(\w+)"/;
        $code .= ' -' if $code eq '200' && $path =~ m{^/r/} && !$user;
        $code .= ' no login page' if $code eq '401' && !Civic::Client::login_page($answer) && $path !~ /basic/;
        $code .= ' SECRET' if $code ge 400 && $answer->content =~ /SECRET/;
        push @got, $code;
    }
    return is("@got", join(' ', @$expected), $name);
}

for my $row (@rules) {
    my ($path, $rules, @expected) = @$row;
    told("/r/$path", \@expected, $rules =~ s/\s+/ /gr);
}
for my $row (@files) {
    my ($path, $rules, @expected) = @$row;
    told("/h/$path/", \@expected, '.htaccess: ' . $rules =~ s/\s+/ /gr);
}

# ---- what does not show above ----
my ($adult, $kid, $basic, $nobody) = @people;
is($kid->request('POST', '/r/limited', {})->code, 403, '<Limit POST>: the rule is for POST');
is($adult->request('POST', '/r/limited', {})->code, 200, 'which it lets in');
my $mark = $server->mark;
is($adult->get('/h/wrong/')->code, 500, 'an .htaccess with a rule that is no good opens nothing');
like(Civic::Log::since($mark), qr/Require civic-age soon: it must be one number of years/, 'and the log says why');
is($adult->get('/r/basic/is', Authorization => 'Basic ' . encode_base64('alice:wonderland', ''))->code, 401,
    'a session of ours does not count where people log in otherwise');
# An index leaves out what its reader may not see, by requests inside the server.
like($adult->get('/h/listed/')->content, qr/plain\.txt.*secret\.txt/s, 'adults see it in an index');
my $index = $kid->get('/h/listed/')->content;
ok($index =~ /plain\.txt/ && $index !~ /secret/, 'others do not');
# Somebody who may come in without a name is not asked for one, and gets none.
is($nobody->get('/r/not_only_here')->header('Set-Cookie'), undef, 'nobody is asked to log in who need not');
my $env = $adult->json($adult->get('/r/not_granted_or_here'))->{env};
is($env->{CIVIC_USER_ID}, undef, 'nor known where httpd lets everybody in');
# The other way round: a rule that lets in makes known.
$env = $kid->json($kid->get('/r/not_granted'))->{env};
like("$env->{REMOTE_USER} $env->{AUTH_TYPE}", qr/^c6d5795f\w+ Civic$/, 'whoever is let in by a negated rule is known');
$mark = $server->mark;
$kid->get('/r/merged/off') for 1 .. 3;
is(scalar(grep {/\[auth_civic:(?:warn|error|info)\]/} Civic::Log::lines($mark)), 0, 'nobody is refused on the way in');
is(scalar(() = $server->error_log =~ /exit signal/g), 0, 'no child has died');
