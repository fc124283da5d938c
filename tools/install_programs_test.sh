#!/bin/bash
# An installation works from where it was put, and a removal leaves no file. Argument: the script.
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
fail() {
  echo "FAILED: $*"
  failed=1
}

"$1" --destdir="$folder" --prefix=/opt/sp >/dev/null || fail "it ends with $?"
at=$folder/opt/sp
cd / || exit 1
for program in storpoolctl storpool; do
  "$at/bin/$program" --help >/dev/null || fail "$program --help ends with $?"
done
for program in storpool_metadata storpool_node storpool_client; do
  "$at/bin/$program" --version >/dev/null || fail "$program --version ends with $?"
done
"$at/bin/storpool_confget" >/dev/null || fail "storpool_confget ends with $?"
[[ $("$at/bin/storpool" --complete volu) == volume* ]] || fail "storpool completes nothing"
for page in storpoolctl storpool storpool_metadata storpool_node storpool_client; do
  grep -q '^\.TH ' "$at/share/man/man8/$page.8" || fail "no manual page $page"
done
grep -q '^complete .* storpool$' "$at/share/bash-completion/completions/storpool" ||
  fail "no completion for bash"
grep -q '^#compdef storpoolctl storpool$' "$at/share/zsh/site-functions/_storpoolctl" ||
  fail "no completion for zsh"
cd - >/dev/null || exit 1

"$1" --destdir="$folder" --prefix=/opt/sp --remove >/dev/null || fail "--remove ends with $?"
left=$(find "$folder" -not -type d)
[[ -z $left ]] || fail "--remove leaves $left"

"$1" --prefix=relative >/dev/null 2>&1
(($? == 2)) || fail "a relative prefix is taken"
exit $failed
