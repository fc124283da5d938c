# Completion of storpoolctl and storpool for bash: the program itself says what may stand next, words
# and names. Goes to /usr/share/bash-completion/completions/storpoolctl.
_storpoolctl() {
  local line=${COMP_LINE:0:COMP_POINT} partial taken
  local -a words
  partial=${line##*[[:space:]]}
  line=${line%"$partial"}
  read -ra words <<<"$line"
  mapfile -t COMPREPLY < <("$1" --complete "${words[@]:1}" "$partial" 2>/dev/null)
  # bash breaks words at : and =, and wants only what comes behind the last break.
  taken=${partial%"${COMP_WORDS[COMP_CWORD]}"}
  COMPREPLY=("${COMPREPLY[@]#"$taken"}")
}
complete -F _storpoolctl storpoolctl storpool
