# A uWSGI of a test's own with a Python application that tells what it sees.
package Civic::Uwsgi;

use strict;
use warnings FATAL => 'all';

use Civic::Process ();

our @ISA = ('Civic::Process');

my $PROGRAM = <<'END';
import json


def text(value):
    return value.encode("latin-1").decode("utf-8")


def application(environ, start_response):
    env = {name: text(value) for name, value in environ.items() if isinstance(value, str)}
    body = environ["wsgi.input"].read().decode("utf-8")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"env": env, "body": body}).encode()]
END

sub start {
    my $class = shift;
    my $self = $class->new;
    open my $out, '>', "$self->{dir}/tell.py" or die $!;
    print $out $PROGRAM;
    close $out or die $!;
    $self->launch('uwsgi', '--plugin', 'python3', '--socket', "127.0.0.1:$self->{port}", '--wsgi-file', "$self->{dir}/tell.py",
        '--need-app', '--die-on-term', '--processes', 1, $> == 0 ? ('--uid', 'www-data', '--gid', 'www-data') : ());
    return $self->wait_for_port;
}


1;
