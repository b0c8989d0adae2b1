# Where a site's own login button leads afterwards is an address of the site: who may write attributes into
# a page, as markup that was cleaned allows, gets no script run by them. And it leads there when the window that
# it has opened says so, at no other word. See t/snippets/button.mjs.
use strict;
use warnings FATAL => 'all';

use Apache::Test qw(-withtestmore);

use lib 't/lib';
use Civic::Env ();

plan tests => 22;

my $source = Civic::Env::source_dir();
open my $node, '-|', 'node', "$source/t/snippets/button.mjs", "$source/src/assets/button.js" or die "node: $!";
while (my $line = <$node>) {
    my ($not, $name) = $line =~ /^(not )?ok - (.*)/ or next;
    ok(!$not, $name);
}
ok(close $node, 'node ran to the end');
