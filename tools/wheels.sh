#!/bin/bash
# Fetches the Python packages that tests/compat runs unchanged into a folder that is kept between
# runs, each list into one of its own: the tests themselves use no network.
# Usage: tools/wheels.sh      Does nothing, within milliseconds, if they are there.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
lists=$here/../tests/compat
folder=${STORPOOL_WHEELS:-/var/tmp/storpool-wheels}

# fetch LIST FOLDER: the packages that the list names; wheels only, as nothing is to be compiled.
fetch() {
  if cmp -s "$1" "$2/packages.txt"; then return; fi
  mkdir -p "$2"
  /usr/bin/python3 -m pip download --quiet --only-binary :all: --dest "$2" --requirement "$1"
  cp "$1" "$2/packages.txt"
}

fetch "$lists/packages.txt" "$folder"
fetch "$lists/openstack_packages.txt" "$folder/openstack"
