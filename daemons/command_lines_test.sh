#!/bin/sh
# What the daemons say to their command lines before they serve: help, release, what is missing.
# Arguments: storpool_metadata, storpool_node, storpool_client.
set -u
metadata=$(pwd)/$1 node=$(pwd)/$2 client=$(pwd)/$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset SP_OURID STORPOOL_METADATA
failed=0

# expect CODE TEXT PROGRAM FLAGS...: TEXT stands in what is printed.
expect() {
  code=$1 text=$2
  shift 2
  said=$("$@" 2>&1)
  got=$?
  if [ $got -ne "$code" ]; then
    echo "$*: exit code $got, not $code: $said" >&2
    failed=1
  fi
  case $said in
    *"$text"*) ;;
    *) echo "$*: no \"$text\" in: $said" >&2 && failed=1 ;;
  esac
}

for program in "$metadata" "$node" "$client"; do
  expect 0 "  --log_level=VALUE" "$program" --help
  expect 0 "${program##*/} 0.1.0" "$program" --version
  expect 1 "nonsense" "$program" --nonsense
  expect 1 '"/dev/b" is no flag' "$program" --log_level=info, /dev/b
done
expect 0 "only on a network that you trust" "$metadata" --help
expect 1 "give --folder=FOLDER" "$metadata"
expect 1 "give --id, or SP_OURID in /etc/storpool.conf: 0..63" "$node"
expect 1 "give --id, or SP_OURID in /etc/storpool.conf: 1..4095" "$client"
expect 1 "give --cluster=FILE" "$node" --id=1
expect 1 "give --cluster=FILE" "$client" --id=1
expect 1 "give --cluster=FILE" env SP_OURID=1 "$node"

cat > "$folder/cluster" <<'END'
cluster 01234567-89ab-cdef-0123-456789abcdef
name home.one
secret 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
END
chmod 600 "$folder/cluster"
expect 1 '"/dev/b" is no flag' "$node" --id=1 --cluster="$folder/cluster" --disks=/dev/a, /dev/b
expect 1 "a node cannot listen at 0.0.0.0:7481" \
  "$node" --id=1 --cluster="$folder/cluster" --listen=0.0.0.0:7481
exit $failed
