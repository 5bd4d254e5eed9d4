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
  # Everything on its way is there: a full disk is said now, not by whatever fails first.
  head -c 1048576 /dev/zero 2>/dev/null >"$SCRATCH/room" ||
    refuse "${TMPDIR:-/tmp} has no room for temporary files: make some, or name another folder with TMPDIR="
  rm -f "$SCRATCH/room"
}

# Where messages go; what is started in the background does not hold it open. (bash 3.2 wants a number.)
OWN_STDERR=9
exec 9>&2 || exec 9>/dev/null

# What an interruption means is said by each phase; then the driver ends.
INTERRUPTION=(say "interrupted before anything was launched")

on_interruption() { # COMMAND ARGUMENT...
  INTERRUPTION=("$@")
}

interruption() {
  trap '' INT TERM HUP
  # Not to where the command that was cut short should have complained.
  exec 2>&"$OWN_STDERR"
  "${INTERRUPTION[@]}" || true
  exit 130
}

leave() {
  end_groups
  unlock
  rm -rf "$SCRATCH" || true
}
