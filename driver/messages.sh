# shellcheck shell=bash
# Messages on stderr, the two ways to give up, the scratch folder, and what an interruption means.

# Where nobody reads stderr any more, the work goes on.
say() {
  printf '%s: %s\n' "$PROGRAM" "$*" >&2 || true
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

# Says the lines that a command prints; one that begins with "refuse " is a refusal.
heed() { # COMMAND...
  local line
  "$@" >"$SCRATCH/heeded"
  while IFS= read -r line; do
    [[ $line != 'refuse '* ]] || refuse "${line#refuse }"
    say "$line"
  done <"$SCRATCH/heeded"
}

# Runs what prints on stdout, and ends where that takes nothing more: it may be a file on a full disk.
print() { # COMMAND...
  "$@" 2>"$SCRATCH/unprinted" && return
  say "the result could not be printed, is the disk full? ($(<"$SCRATCH/unprinted"))"
  exit 1
}

# A word as it is typed into a shell.
quoted() { # WORD
  local apostrophe=\' escaped="'\\''"
  case $1 in
    *[!A-Za-z0-9_./:=@%+,-]*) printf "'%s'" "${1//$apostrophe/$escaped}" ;;
    *) printf '%s' "$1" ;;
  esac
}

lines() { # FILE
  printf '%d' "$(($(wc -l <"$1")))"
}

plural() { # NUMBER WORD
  if [ "$1" -eq 1 ]; then printf '1 %s' "$2"; else printf '%d %ss' "$1" "$2"; fi
}

any() { # PATH...: does the first exist (an unmatched pattern does not)
  [ -e "$1" ]
}

count() { # PATH...
  any "$1" && printf '%d' $# || printf 0
}

# Makes SCRATCH and leaves nothing of it, or of started groups, behind.
scratch() {
  SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/terabit.XXXXXX") || refuse "no temporary folder can be made in ${TMPDIR:-/tmp}"
  trap leave EXIT
  # Bash 5.2, interrupted where it begins to read a $(...), reads the trap's text as what stands inside: the second line
  # ends the $(...). Otherwise it is never reached, for the first one exits.
  local commands=$'interruption\n)'
  # shellcheck disable=SC2064 # this text is meant
  trap "$commands" INT TERM HUP
  # Caught, not ignored: programs that are started here still end by it.
  trap : PIPE
  # What runs in the background may write to the terminal, whatever stty tostop says.
  trap '' TTOU
  # Every file on its way is there: a full disk is said now, not by the program that fails first.
  head -c 1048576 /dev/zero 2>/dev/null >"$SCRATCH/room" ||
    refuse "${TMPDIR:-/tmp} has no room for temporary files: make some, or name another folder with TMPDIR="
  rm -f "$SCRATCH/room"
}

leave() {
  local status=$?
  # A process in the background that is ended before it has begun still has this trap.
  [ "$BASH_SUBSHELL" -eq 0 ] || exit "$status"
  trap '' INT TERM HUP
  end_groups
  "${FINALLY[@]}" || [ "$status" -ne 0 ] || status=1
  unlock
  rm -rf "$SCRATCH" || true
  exit "$status"
}

# What has to be done however the driver ends.
FINALLY=(true)

finally() { # COMMAND ARGUMENT...
  FINALLY=("$@")
}

# No file that is opened later takes the place of one that is closed.
{ true 9<&0; } 2>/dev/null || exec </dev/null
{ true 9>&1; } 2>/dev/null || exec 1</dev/null

# Where messages go. Processes in the background do not hold it open.
exec 9>&2 || exec 2>/dev/null 9>&2

# Each phase says what an interruption means; then the driver ends.
INTERRUPTION=(say "interrupted before anything was launched")

on_interruption() { # COMMAND ARGUMENT...
  INTERRUPTION=("$@")
}

interruption() {
  # A subshell that Bash 3.2 begins just then takes the trap too, as its shell does.
  [ "$BASH_SUBSHELL" -eq 0 ] || exit 130
  trap '' INT TERM HUP
  # The interrupted command may have redirected stderr.
  exec 2>&9
  "${INTERRUPTION[@]}" || true
  exit 130
}
