#!/bin/bash
# Fetches the Python packages that tests/compat runs unchanged (tests/compat/packages.txt) into a
# folder that is kept between runs: the tests themselves use no network.
# Usage: tools/wheels.sh      Does nothing, within milliseconds, if they are there.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
packages=$here/../tests/compat/packages.txt
folder=${STORPOOL_WHEELS:-/var/tmp/storpool-wheels}

if cmp -s "$packages" "$folder/packages.txt"; then exit 0; fi
mkdir -p "$folder"
/usr/bin/python3 -m pip download --quiet --dest "$folder" --requirement "$packages"
cp "$packages" "$folder/packages.txt"
