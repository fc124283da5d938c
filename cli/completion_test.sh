#!/bin/bash
# The completion files, sourced in a real bash and a real zsh, with the program and the names of a
# cluster.
# Arguments: storpoolctl, fake_admin, the two files.
set -u
root=$(pwd)
folder=$(mktemp -d)
ln -s "$root/$1" "$folder/storpoolctl"
ln -s "$root/$1" "$folder/storpool"
PATH=$folder:$PATH
coproc ADMIN { "$root/$2"; }
admin_pid=$ADMIN_PID
read -r STORPOOL_METADATA <&"${ADMIN[0]}"
export STORPOOL_METADATA
# Its standard input ends with this shell, and with it the server.
trap 'kill "$admin_pid"; rm -rf "$folder"' EXIT
failed=0

# expect LINE WANTED: what the words of LINE's end may become, in bash; spaces between them.
expect() {
  local line=$1 wanted=$2 got
  got=$(LINE=$line FILE=$root/$bash_file bash --norc -c '
    source "$FILE"
    COMP_LINE=$LINE COMP_POINT=${#LINE}
    read -ra COMP_WORDS <<<"${LINE//[:=]/ & }"
    [[ $LINE == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _storpoolctl "${COMP_WORDS[0]}"
    echo "${COMPREPLY[*]}"')
  if [[ $got != "$wanted" ]]; then
    echo "bash: \"$line\" becomes \"$got\", not \"$wanted\"" >&2
    failed=1
  fi
  got=$(LINE=$line FILE=$root/$zsh_file zsh -f -c '
    compadd() { shift; print -r -- "$*" }
    words=(${=LINE})
    [[ $LINE == *" " ]] && words+=("")
    CURRENT=$#words
    source "$FILE"')
  if [[ $got != "${3-$wanted}" ]]; then
    echo "zsh: \"$line\" becomes \"$got\", not \"${3-$wanted}\"" >&2
    failed=1
  fi
}

bash_file=$3 zsh_file=$4
expect "storpoolctl pl" "placementGroup"
expect "storpool volume db1 re" "rebase rename replication reuseServer revert revertSize"
expect "storpoolctl volume w" "web.root"
expect "storpoolctl volume db1 delete " "db1"
expect "storpoolctl -B snapshot db1-" "db1-monday"
expect "storpoolctl attach volume db1 mode " "ro rw"
expect "storpoolctl disk 20" "201"
expect "storpoolctl template update" ""
expect "storpoolctl --me" "--metadata="
expect "storpoolctl --metadata=$STORPOOL_METADATA volume db1 create template th" "three"
expect "storpoolctl nothing " ""
exit $failed
