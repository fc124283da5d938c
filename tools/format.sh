#!/bin/bash
# Formats the C++ files of the project by .clang-format.
# Usage: tools/format.sh [--check] [FILE...]      --check changes nothing, exits 1 if it would have.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/.."
mode=(-i)
if [[ ${1:-} == --check ]]; then
  mode=(--dry-run -Werror)
  shift
fi
files=("$@")
((${#files[@]})) || mapfile -t files < <(git ls-files '*.h' '*.cc' '*.c')
((${#files[@]})) || { echo "format.sh: no files" >&2; exit 1; }
exec clang-format-16 "${mode[@]}" "${files[@]}"
