#!/bin/bash
# Puts the programs, their manual pages and completion where a system looks for them.
set -euo pipefail

usage() {
  cat <<'END'
Usage: bazel run -c opt //:install -- [--prefix=/usr/local] [--destdir=FOLDER] [--remove]

Installs storpoolctl (also as storpool), storpool_confget and the daemons storpool_metadata,
storpool_node and storpool_client, their manual pages, and completion for bash and zsh.

  --prefix=FOLDER   below which bin/ and share/ lie
  --destdir=FOLDER  goes before all of that, for those who make packages
  --remove          removes what an installation with the same folders has put there
END
}

prefix=/usr/local
destdir=
remove=
for option in "$@"; do
  case $option in
    --prefix=/*) prefix=${option#*=} ;;
    --destdir=/*) destdir=${option#*=} ;;
    --remove) remove=1 ;;
    --help) usage; exit 0 ;;
    *)
      echo "install: \"$option\" is not understood; folders begin with a slash" >&2
      usage >&2
      exit 2
      ;;
  esac
done

to=$destdir$prefix

# file MODE FROM TO: one file of ours, below the prefix.
file() {
  if [[ -n $remove ]]; then
    rm -f "$to/$3"
  else
    install -D -m "$1" "$2" "$to/$3"
  fi
}

# also NAME LINK: another name in the same folder.
also() {
  if [[ -n $remove ]]; then
    rm -f "$to/$(dirname "$1")/$2"
  else
    ln -sf "$(basename "$1")" "$to/$(dirname "$1")/$2"
  fi
}

file 755 cli/storpoolctl bin/storpoolctl
also bin/storpoolctl storpool
file 755 cli/storpool_confget bin/storpool_confget
for daemon in metadata node client; do
  file 755 "daemons/$daemon/storpool_$daemon" "bin/storpool_$daemon"
  file 644 "docs/man/storpool_$daemon.8" "share/man/man8/storpool_$daemon.8"
done
file 644 docs/man/storpoolctl.8 share/man/man8/storpoolctl.8
also share/man/man8/storpoolctl.8 storpool.8
completions=share/bash-completion/completions
file 644 cli/completion/storpoolctl.bash "$completions/storpoolctl"
also "$completions/storpoolctl" storpool
file 644 cli/completion/_storpoolctl share/zsh/site-functions/_storpoolctl

if [[ -n $remove ]]; then
  echo "removed from $to"
else
  echo "installed below $to: storpoolctl (also storpool), storpool_confget, storpool_metadata," \
    "storpool_node, storpool_client"
fi
