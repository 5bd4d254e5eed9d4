# shellcheck shell=bash
# Messages on stderr, the two ways to give up, and the scratch folder that goes with the driver.

say() {
  printf '%s: %s\n' "$PROGRAM" "$*" >&2
}

# The command line is wrong.
usage() {
  say "$*"
  exit 2
}

# Something outside is wrong: nothing has been launched.
refuse() {
  say "$*"
  exit 3
}

lines() { # FILE
  printf '%d' "$(($(wc -l <"$1")))"
}

plural() { # NUMBER WORD
  if [ "$1" -eq 1 ]; then printf '1 %s' "$2"; else printf '%d %ss' "$1" "$2"; fi
}

# Makes SCRATCH and leaves nothing of it, or of started groups, behind.
scratch() {
  SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/terabit.XXXXXX") || refuse "no temporary folder can be made in ${TMPDIR:-/tmp}"
  trap leave EXIT
  trap interruption INT TERM HUP
}

# What an interruption means is said by each phase; then the driver ends.
INTERRUPTION=(say "interrupted before anything was launched")

on_interruption() { # COMMAND ARGUMENT...
  INTERRUPTION=("$@")
}

interruption() {
  trap '' INT TERM HUP
  "${INTERRUPTION[@]}" || true
  exit 130
}

leave() {
  end_groups
  unlock
  rm -rf "$SCRATCH" || true
}
