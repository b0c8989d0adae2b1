# A browser as far as HTTP goes: cookies, navigation headers, the login page's state, and the
# callback that the page's script would make.
package Civic::Client;

use strict;
use warnings FATAL => 'all';

use HTTP::Cookies ();
use HTTP::Request ();
use JSON::PP ();
use LWP::UserAgent ();

use Civic::Sandbox ();

our $JSON = JSON::PP->new->utf8->canonical->allow_nonref;

my %NAVIGATE = (
    'Accept'         => 'text/html,application/xhtml+xml',
    'Sec-Fetch-Mode' => 'navigate',
    'Sec-Fetch-Dest' => 'document',
    'Sec-Fetch-Site' => 'none',
);

# site => base URL (default: the TLS site), sandbox => a Civic::Sandbox, keep_alive => how many connections.
sub new {
    my ($class, %how) = @_;
    my $self = bless {
        site    => $how{site} || "https://localhost:$ENV{CIVIC_PORT_SITE}",
        sandbox => $how{sandbox} || Civic::Sandbox->new,
        agent   => LWP::UserAgent->new(
            agent        => 'civic-test',
            timeout      => $how{timeout} || 30,
            max_redirect => 0,
            keep_alive   => $how{keep_alive} // 4,
            ssl_opts     => { verify_hostname => 1, SSL_ca_file => "$ENV{CIVIC_KEYS}/ca.pem" },
        ),
    }, $class;
    $self->{agent}->cookie_jar(HTTP::Cookies->new(hide_cookie2 => 1));
    return $self;
}

sub jar { return $_[0]{agent}->cookie_jar }

# Forget all cookies.
sub clear { return $_[0]->jar->clear }

# name => value of the cookies that the jar holds.
sub cookies {
    my $self = shift;
    my %found;
    $self->jar->scan(sub { $found{ $_[1] } = $_[2] });
    return \%found;
}

# (name, value) of the session cookie, of the application whose suffix is given if any.
sub session_cookie {
    my ($self, $suffix) = @_;
    my $cookies = $self->cookies;
    for my $name (sort keys %$cookies) {
        next if $name =~ /-login$/;
        return ($name, $cookies->{$name}) if !defined $suffix || $name =~ /-\Q$suffix\E$/;
    }
    return;
}

sub set_cookie {
    my ($self, $name, $value) = @_;
    $self->jar->set_cookie(0, $name, $value, '/', 'localhost.local', undef, 0, 1, 3600, 0);
    return;
}

# Any request. A header whose value is undef is not sent. Gives an HTTP::Response.
sub request {
    my ($self, $method, $path, $headers, $content) = @_;
    my $url = $path =~ m{^https?://} ? $path : "$self->{site}$path";
    my $request = HTTP::Request->new($method, $url);
    my %headers = %{ $headers || {} };
    while (my ($name, $value) = each %headers) {
        $request->header($name => $value) if defined $value;
    }
    if (defined $content) {
        $request->content($content);
        $request->header('Content-Length' => length $content);
    }
    return $self->{agent}->request($request);
}

# What a person's click or address line asks for.
sub get {
    my ($self, $path, %headers) = @_;
    return $self->request('GET', $path, { %NAVIGATE, %headers });
}

# What a script asks for.
sub fetch {
    my ($self, $path, %headers) = @_;
    return $self->request(
        'GET', $path,
        {   'Accept'         => '*/*',
            'Sec-Fetch-Mode' => 'cors',
            'Sec-Fetch-Dest' => 'empty',
            'Sec-Fetch-Site' => 'same-origin',
            %headers,
        }
    );
}

sub post_json {
    my ($self, $path, $data, %headers) = @_;
    return $self->request(
        'POST', $path,
        {   'Content-Type'   => 'application/json',
            'Accept'         => 'application/json',
            'Origin'         => $self->{site},
            'Sec-Fetch-Site' => 'same-origin',
            'Sec-Fetch-Mode' => 'cors',
            'Sec-Fetch-Dest' => 'empty',
            %headers,
        },
        ref $data ? $JSON->encode($data) : $data
    );
}

sub post_form {
    my ($self, $path, $form, %headers) = @_;
    return $self->request(
        'POST', $path,
        {   %NAVIGATE,
            'Content-Type'   => 'application/x-www-form-urlencoded',
            'Origin'         => $self->{site},
            'Sec-Fetch-Site' => 'same-origin',
            %headers,
        },
        $form
    );
}

sub json { my $response = pop; return $JSON->decode($response->content) }

# data-... attributes of a login page, or undef when it is none.
sub login_page {
    my $response = pop;
    my ($tag) = $response->decoded_content =~ /<main id="civic-login"(.*?)>/s or return;
    my %data = $tag =~ /data-([a-z-]+)="([^"]*)"/g;
    s/&quot;/"/g, s/&lt;/</g, s/&gt;/>/g, s/&amp;/&/g for values %data;
    return \%data;
}

sub callback {
    my ($self, $token, $state, %headers) = @_;
    return $self->post_json('/civic/callback', { token => $token, state => $state }, %headers);
}

# The whole login at a path: its page, an approval at the sandbox, the callback.
#   person, scope (default: what the page asks for), fault, claims, header, signWith: see
#   Civic::Sandbox::token.
# Gives (response of the callback, data of the page). Dies when there is no login page.
sub login {
    my ($self, $path, %how) = @_;
    my $response = $self->get($path);
    my $page = login_page($response) or die "no login page at $path: " . $response->as_string;
    my $token = $self->{sandbox}->token(
        appId => $page->{'app-id'},
        scope => $page->{scope},
        %how
    );
    return ($self->callback($token, $page->{state}), $page);
}

# A client that is logged in at a path already; dies when that fails.
sub logged_in {
    my ($class, $path, %how) = @_;
    my $self = ref $class ? $class : $class->new;
    my ($response) = $self->login($path, %how);
    die 'login failed: ' . $response->as_string unless $response->code == 200;
    return $self;
}

1;
