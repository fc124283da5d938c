#!/bin/sh
# storpool_confget over files: sections, order, quoting, the environment.
set -u
confget=$(pwd)/$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/c.d"
printf 'SP_A=1\nSP_B=it'"'"'s\n[h1]\nSP_OURID=7\n' > "$folder/c"
printf 'SP_A=2\n' > "$folder/c.d/x.conf"
failed=0

# expect CODE WANTED WORDS...
expect() {
  code=$1 wanted=$2
  shift 2
  said=$(env -i SP_B="$SP_B" "$confget" -f "$folder/c" "$@" 2>&1)
  got=$?
  if [ $got -ne "$code" ] || [ "$said" != "$wanted" ]; then
    echo "storpool_confget $*: $got, \"$said\"; not $code, \"$wanted\"" >&2
    failed=1
  fi
}
SP_B=env
expect 0 "SP_A=2
SP_B=env" -s none
expect 0 "SP_OURID=7" -s h1 SP_OURID
expect 1 "" -s none SP_OURID
SP_B="it's"
expect 0 "SP_B='it'\\''s'" -S SP_B
printf 'nothing\n' > "$folder/c.d/y.conf"
bad="line 1 is not understood: KEY=VALUE, [HOST], or a # and a comment"
expect 2 "storpool_confget: $folder/c.d/y.conf: $bad"
exit $failed
