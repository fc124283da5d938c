#!/bin/bash
# A real cluster on this machine, from a fresh clone: installs what is missing, builds, starts one
# metadata daemon, three nodes with two file disks each and one client on loopback, and shows that
# a volume outlives the kill of a node. ./quickstart.sh --help says more.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")"

case ${1:-} in
  -h | --help) exec python3 -B tools/quickstart.py --help ;;
esac

echo "== 1. Packages"
tools/install.sh build volume

echo "== 2. Build (the first one takes some minutes on a small machine)"
flags=()
[[ -t 1 ]] || flags+=(--curses=no --color=no --show_progress_rate_limit=5)
targets=(//daemons/metadata:storpool_metadata //daemons/node:storpool_node
  //daemons/client:storpool_client //cli:storpoolctl)
bazel build "${flags[@]}" "${targets[@]}"
bin=$(bazel info "${flags[@]}" bazel-bin 2>/dev/null)

exec /usr/bin/python3 -B tools/quickstart.py --programs="$bin" "$@"
