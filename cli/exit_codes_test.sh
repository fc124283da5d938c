#!/bin/sh
# The exit codes of the real program (docs/cli.md), as far as they need no server; and that what it
# makes is refused when it would be overwritten.
set -u
ctl=$(pwd)/$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

# expect CODE TEXT WORDS...: TEXT stands in what is printed.
expect() {
  code=$1 text=$2
  shift 2
  said=$("$ctl" "$@" 2>&1)
  got=$?
  if [ $got -ne "$code" ]; then
    echo "storpoolctl $*: exit code $got, not $code: $said" >&2
    failed=1
  fi
  case $said in
    *"$text"*) ;;
    *) echo "storpoolctl $*: no \"$text\" in: $said" >&2 && failed=1 ;;
  esac
}

cluster=$folder/meta/cluster
echo "disk init $folder/d id 1 cluster $folder/none size 64M" > "$folder/commands"
expect 0 "volume NAME create" help
expect 0 "storpoolctl 0.1.0" --version
expect 2 "notSupported: there is no iSCSI target" iscsi basename
expect 1 "cannot be read" -f "$folder/none"
expect 3 "line 1: Error: objectDoesNotExist" -f "$folder/commands"
expect 1 'did you mean "volume"' volme list
expect 1 "-x" -x status
expect 2 "busy: metadata at 127.0.0.1:1 cannot be reached" --metadata=127.0.0.1:1 status
expect 2 '{"error":{"name":"busy"' -j --metadata=127.0.0.1:1 status
expect 2 '"transient":true' -j --metadata=127.0.0.1:1 volume db1 update sizeAdd 1G  # never sent
mkdir "$folder/open"
chmod 777 "$folder/open"
expect 2 "chmod go-w $folder/open" metadata init "$folder/open" name sofia.one
expect 0 OK metadata init "$folder/meta" name sofia.one
expect 2 "already" metadata init "$folder/meta" name sofia.one
expect 2 "Sofia" metadata init "$folder/other" name Sofia
expect 3 "no cluster file" disk init "$folder/d" id 1 cluster "$folder/none" size 64M
expect 3 "size" disk init "$folder/d" id 1 cluster "$cluster"
expect 2 "at least" disk init "$folder/small" id 1 cluster "$cluster" size 1M
expect 1 "0 to 4095" disk init "$folder/d" id 4096 cluster "$cluster" size 1G
expect 0 "is disk 101 of sofia.one" \
  disk init "$folder/a disk" id 101 cluster "$cluster" size 256M sparse
expect 2 "is disk 101 of this cluster" disk init "$folder/a disk" id 102 cluster "$cluster"
expect 0 "is disk 102 of sofia.one" disk init "$folder/a disk" id 102 cluster "$cluster" force yes
echo "not ours" > "$folder/text"
truncate -s 256M "$folder/text"
expect 2 "not empty" disk init "$folder/text" id 103 cluster "$cluster"
chmod 644 "$cluster"
expect 2 "chmod 600" disk init "$folder/d" id 1 cluster "$cluster" size 64M

for words in --version help "help volume" --man "-j metadata init $folder/full"; do
  # shellcheck disable=SC2086
  said=$("$ctl" $words 2>&1 > /dev/full)
  got=$?
  if [ $got -ne 2 ] || [ -z "$said" ]; then
    echo "storpoolctl $words > /dev/full: exit code $got: $said" >&2
    failed=1
  fi
done

if [ -e "$folder/small" ]; then
  echo "a file that could not become a disk was left behind" >&2
  failed=1
fi
exit $failed
