#!/bin/bash
# Runs all tests of libstorpool; ./test.sh --help says more.
set -uo pipefail
cd "$(dirname "$(realpath "$0")")" || exit 2

usage() {
  cat <<'END'
Usage: ./test.sh [--quick | --all] [--help]

Installs the Debian packages that are missing and runs all tests, in phases:
  lint     the rules of the house over the source tree
  gcc      all tests: unit, simulation, integration
  san      the address and undefined-behaviour sanitizers (clang) over what handles data: chains,
           stores, clients, nodes, the wire, front ends; with --all over all of lib/ and the
           simulator
  tsan     --all only: the folders of lib/ that have threads, under the thread sanitizer (clang)
  fuzz     --all only: every fuzz test for some seconds (clang, libFuzzer)
  canary   each configuration above must find the defect planted for it
Goes on after failures. Prints the last lines of each failed test, and at the end one line
"N passed, N failed"; exit code 1 if anything failed or did not build.

  --quick  lint and gcc only
  --all    every configuration over all of lib/
END
}

quick=
all=
for option in "$@"; do
  case $option in
    --quick) quick=1 ;;
    --all) all=1 ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

groups=(build volume test)
[[ -n $quick ]] || groups+=(sanitize)
tools/install.sh "${groups[@]}" || exit 2
tools/wheels.sh || echo "test.sh: without these packages tests/compat fails" >&2

scratch=$(mktemp -d)
stop() {
  rm -rf "$scratch"
  # In CI nobody needs the server any more; elsewhere it makes the next run start at once.
  [[ ${CI:-} != true ]] || bazel shutdown >/dev/null 2>&1
}
trap stop EXIT

flags=(--keep_going --test_output=summary --test_summary=none)
canary_flags=
if [[ ! -t 1 ]]; then
  flags+=(--curses=no --color=no --show_progress_rate_limit=5 --show_timestamps=false)
  canary_flags="--curses=no --color=no"
fi

passed=0
failed=0
summary=()

# add NAME PASSED FAILED SECONDS: counts the result of a phase.
add() {
  passed=$((passed + $2))
  failed=$((failed + $3))
  summary+=("$(printf '%-8s %5d passed %4d failed %6d s' "$1" "$2" "$3" "$4")")
}

# phase NAME ARGUMENT...: one run of bazel test; the arguments are its options and targets.
phase() {
  local name=$1 start=$SECONDS events="$scratch/$1.json" result status
  shift
  echo
  echo "=== $name: bazel test $*"
  bazel test "${flags[@]}" --build_event_json_file="$events" "$@"
  status=$?
  result=$(tools/bazel_results.py "$events" 60)
  echo "$result"
  local good=0 bad=1
  if [[ ${result##*$'\n'} =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    good=${BASH_REMATCH[1]} bad=${BASH_REMATCH[2]}
  fi
  if ((status != 0 && bad == 0)); then
    echo "FAILED $name: bazel exited with $status"
    bad=1
  fi
  add "$name" "$good" "$bad" $((SECONDS - start))
}

canaries() {
  local start=$SECONDS out
  echo
  echo "=== canary: tests/canary/run.sh"
  CANARY_FLAGS=$canary_flags tests/canary/run.sh 2>&1 | tee "$scratch/canary"
  out=$(<"$scratch/canary")
  local good bad
  good=$(grep -c '^ok ' <<<"$out")
  bad=$(grep -c '^FAIL ' <<<"$out")
  ((good + bad > 0)) || bad=1
  add canary "$good" "$bad" $((SECONDS - start))
}

# The folders of lib/ that lib/LAYERS marks as real-world: they alone have threads.
threaded_targets() {
  sed -n 's|^\([a-z_/]*\)\*:.*|\1|p' lib/LAYERS | while read -r folder; do
    [[ -e lib/$folder/BUILD.bazel ]] && echo "//lib/$folder/..."
  done
}

# Where bytes from the disk and the wire are read, and where they are kept; --all takes more.
sanitized_always=(//lib/base/... //lib/block/... //lib/chain/... //lib/chunkstore/...
  //lib/client/... //lib/env/... //lib/frontends/... //lib/node/... //lib/wire/...)

# Processes that a test of this workspace has left behind; prints their ids.
leftovers() {
  local output pid exe
  output=$(bazel info output_base 2>/dev/null) || return
  for pid in /proc/[0-9]*; do
    exe=$(readlink "$pid/exe" 2>/dev/null) || continue
    if [[ $exe == "$output"/* ]] && grep -qsz '^TEST_TMPDIR=' "$pid/environ"; then
      echo "${pid#/proc/}"
    fi
  done
}

# A process that outlives its test holds ports and files, and makes the next run fail by chance.
check_leftovers() {
  local pid count=0
  for pid in $(leftovers); do
    echo "FAILED a test left process $pid behind: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    kill -KILL "$pid" 2>/dev/null
    count=$((count + 1))
  done
  ((count == 0)) || add leftover 0 "$count" 0
}

for pid in $(leftovers); do
  echo "Ending process $pid, left behind by an earlier run of the tests"
  kill -KILL "$pid" 2>/dev/null
done

phase lint //tests/lint/...
phase gcc -- //... -//tests/lint/...
if [[ -z $quick ]]; then
  sanitized=("${sanitized_always[@]}")
  [[ -z $all ]] || sanitized=(//lib/... //tests/sim/...)
  phase san --config=san --build_tests_only --test_tag_filters=-nosan,-fuzz "${sanitized[@]}"
  if [[ -n $all ]]; then
    mapfile -t threaded < <(threaded_targets)
    phase tsan --config=tsan --build_tests_only --test_tag_filters=-nosan "${threaded[@]}"
    phase fuzz --config=fuzz --build_tests_only --test_tag_filters=fuzz //lib/...
  fi
  canaries
fi
check_leftovers

echo
printf '%s\n' "${summary[@]}"
echo "$passed passed, $failed failed"
((failed == 0))
