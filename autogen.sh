#!/bin/sh
# Makes ./configure. Needs autoconf, automake, libtool and pkg-config.
set -e
cd "$(dirname "$0")"
for tool in autoreconf:autoconf automake:automake libtoolize:libtool pkg-config:pkg-config; do
    command -v "${tool%%:*}" >/dev/null 2>&1 || {
        echo "autogen.sh: ${tool%%:*} was not found (Debian: ${tool##*:})" >&2
        exit 1
    }
done
mkdir -p build-aux
exec autoreconf --force --install
