# A server whose locations want Civic behind another login, and people who pass both.
package Civic::Factor;

use strict;
use warnings FATAL => 'all';

use MIME::Base64 qw(encode_base64);

use URI ();

use Civic::Client ();
use Civic::Enrollments ();
use Civic::Server ();

# Text of a <Location> with a first login by Basic; `more` are further lines.
sub location {
    my ($path, $more, %how) = @_;
    my $first = $how{first} // <<'END';
AuthType Basic
AuthBasicProvider file
AuthUserFile ${CIVIC_FIRST_USERS}
Require valid-user
END
    return <<"END";
<Location "$path">
AuthName "Admin"
${first}CivicUse CO-ALPHA
CivicSecondFactor On
$more
</Location>
END
}

# A server with these locations on the TLS site.
#   store => a Civic::Enrollments, or the value of CivicEnrollmentStore
#   conf  => text before the site
#   site  => text of the host
sub server {
    my ($class, %how) = @_;
    my $server = Civic::Server->new(
        ports   => [qw(SITE SANDBOX SANDBOX_PLAIN BACKEND), @{ $how{ports} || [] }],
        env     => $how{env} || {},
        defines => $how{defines} || [],
    );
    # As a directory that is blind to case would have it, alice twice.
    my $users = $server->write_file('users', join '', map { "$_:{SHA}" . sha(lc($_) . '-secret') . "\n" } qw(alice ALICE bob carol dave erin));
    $server->{env}{CIVIC_FIRST_USERS} = $users;
    my $store = ref $how{store} ? $how{store}->store : $how{store};
    $server->write_conf(join '', "Include \${CIVIC_T}/conf/sandbox.conf\nInclude \${CIVIC_T}/conf/backend.conf\n",
        $how{conf} || '', "CivicEnrollmentStore $store\n",
        Civic::Server::host(SITE => "Include \${CIVIC_T}/conf/applications.conf\nServerAdmin help\@example.org\n"
            . "<Location \"/members\">\nCivicUse CO-ALPHA\n</Location>\n"
            . "<Location ~ \"^/[a-z]+/cgi\$\">\nSetHandler cgi-script\nOptions +ExecCGI\n</Location>\n"
            . "AliasMatch \"^/[a-z]+/cgi\$\" \${CIVIC_T}/cgi-bin/echo.pl\n"
            . "AliasMatch \"^/[a-z]+/(index.html)?\$\" \${CIVIC_T}/htdocs/members/index.html\n"
            . $how{site}));
    return $server;
}

sub sha { require Digest::SHA; return Digest::SHA::sha1_base64($_[0]) . '=' }

# A browser in which somebody has typed a name and a password, once.
sub person {
    my ($server, $name, %how) = @_;
    my $client = $server->client(SITE => %how);
    $client->{agent}->default_header(Authorization => basic($name, $how{password} // lc($name) . '-secret')) if defined $name;
    return $client;
}

sub basic {
    my ($name, $password) = @_;
    return 'Basic ' . encode_base64("$name:$password", '');
}

# The Civic login of the page at a path; gives the callback's answer.
sub approve {
    my ($client, $path, $person, %how) = @_;
    my ($answer) = $client->login($path, person => $person, %how);
    return $answer;
}

# The same with the data of a page that was opened before.
sub again {
    my ($client, $page, $person) = @_;
    my $token = $client->{sandbox}->token(appId => $page->{'app-id'}, scope => $page->{scope}, person => $person);
    return $client->callback($token, $page->{state});
}

# The form of a page: hidden fields and where it goes, or undef.
sub form {
    my ($answer, $action) = @_;
    my ($target, $inside) = $answer->decoded_content =~ m{<form method="post" action="([^"]*\Q$action\E)"[^>]*>(.*?)</form>}s or return;
    my %field = $inside =~ /<input type="hidden" name="(\w+)" value="([^"]*)"/g;
    s/&quot;/"/g, s/&lt;/</g, s/&gt;/>/g, s/&amp;/&/g for values %field;
    return { action => $target, %field };
}

# Press a button of the page. Gives the answer.
sub submit {
    my ($client, $form, %more) = @_;
    my %field = (%$form, %more);
    my $action = delete $field{action};
    my $uri = URI->new('http:');
    $uri->query_form(%field);
    return $client->post_form($action, $uri->query);
}

# Approve and say yes: gives the answer to the yes.
sub enroll {
    my ($client, $path, $person, %how) = @_;
    approve($client, $path, $person, %how);
    my $form = form($client->get($path), '/link') or die 'no linking page';
    return submit($client, $form, answer => 'yes');
}

1;
