#!/bin/bash
# Installs the Debian packages of the named groups of tools/packages.txt that are missing.
# Usage: tools/install.sh GROUP...      Does nothing, within milliseconds, if nothing is missing.
set -euo pipefail
here=$(dirname "$(realpath "$0")")

wanted=()
for group in "$@"; do
  packages=$(sed -n "s/^$group: //p" "$here/packages.txt")
  [[ -n $packages ]] || { echo "install.sh: no group '$group' in tools/packages.txt" >&2; exit 2; }
  read -ra packages <<<"${packages//$'\n'/ }"
  wanted+=("${packages[@]}")
done
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "install.sh: this needs Debian 12 (apt-get, dpkg-query)" >&2
  exit 2
fi

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qx "installed $package" <<<"$installed" || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    printf 'Missing packages, and neither root nor sudo to install them. As root, run:\n' >&2
    printf '  apt-get install -y --no-install-recommends %s\n' "${missing[*]}" >&2
    exit 2
  fi
  as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300)
echo "Installing ${#missing[@]} packages: ${missing[*]}"
"${apt[@]}" -qq update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}"
