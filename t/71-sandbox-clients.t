# The sandbox takes what the service has taken from clients in other languages: a body with authToken
# alone, whole seconds, an audience without the slash at its end, JSON in any order with the HMAC over
# what was sent or over the sorted form.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Sandbox ();
use Civic::Sip ();

plan tests => 39;

my $sandbox = Civic::Sandbox->new;
my $app = Civic::Sip->new('CO-ALPHA');

sub taken {
    my ($what, $scope, $form) = @_;
    my $code = $sandbox->token(appId => 'CO-ALPHA', scope => $scope);
    my $answer = $app->exchange($code, $form->($code));
    is($answer->code, 200, "$what: taken") or diag $answer->as_string;
    my $json = $app->json($answer);
    ok($json->{encrypted}, "$what: encrypted");
    is(ref $app->open_data($json->{data}), 'ARRAY', "$what: user data") unless $json->{processed};
    return $json;
}

my $true = '"allowS3UploadedPayload":true';
my $now = time;
taken('authToken alone', 'BASIC_SIGNUP', sub { (body => qq({"authToken":"$_[0]"})) });
taken('whole seconds', 'BASIC_SIGNUP', sub { (claims => { iat => $now, exp => $now + 180 }) });
taken('no slash behind the audience', 'BASIC_SIGNUP', sub { (claims => { aud => $app->{base} }) });
taken('all of these', 'ANONYMOUS_LOGIN', sub {
    (   body   => qq({"authToken":"$_[0]"}),
        claims => { iat => $now, exp => $now + 180, aud => $app->{base} }
    );
});
taken('unsorted, the HMAC over what is sent', 'BASIC_SIGNUP',
    sub { (body => qq({"authToken":"$_[0]",$true})) });
taken('unsorted, the HMAC over the sorted form', 'BASIC_SIGNUP', sub {
    (body => qq({"authToken":"$_[0]",$true}), signed => qq({$true,"authToken":"$_[0]"}));
});
taken('with spaces and lines, the HMAC over what is sent', 'BASIC_SIGNUP',
    sub { (body => qq({ "authToken": "$_[0]",\r\n  $true }\n)) });
taken('with spaces and lines, the HMAC over the sorted form', 'BASIC_SIGNUP', sub {
    (body => qq({ "authToken": "$_[0]",\r\n  $true }\n), signed => qq({$true,"authToken":"$_[0]"}));
});
taken('further members', 'BASIC_SIGNUP',
    sub { (body => qq({"authToken":"$_[0]","sdk":{"name":"x","version":[1,2]}})) });
taken('the scheme in lower case', 'BASIC_SIGNUP', sub {
    my $body = qq({"authToken":"$_[0]"});
    my $token = $app->request_token($app->claims);
    (body => $body, authorization => "civic $token." . $app->extension($body));
});

# A large answer goes by URL only to those who say that they can fetch it.
my $json = taken('authToken alone, a large answer', 'PROOF_OF_IDENTITY',
    sub { (body => qq({"authToken":"$_[0]"})) });
is($json->{processed}, undef, 'it comes inline');
is(scalar @{ $app->open_data($json->{data}) }, 12, 'whole');
$json = taken('payload by URL not wanted', 'PROOF_OF_IDENTITY',
    sub { (body => qq({"allowS3UploadedPayload":false,"authToken":"$_[0]"})) });
is($json->{processed}, undef, 'it comes inline as well');
