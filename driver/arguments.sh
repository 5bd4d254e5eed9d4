# shellcheck shell=bash
# What each command takes besides options. Fills NUMBER, MB_PER_FILE, NUMBERS and READ_RUN.

NUMBER='' MB_PER_FILE='' READ_RUN=''
# S3 takes so many parts of one object.
MOST_PARTS=10000

arguments_of_write() { # NUMBER MB_PER_FILE
  [ $# -eq 2 ] || usage "write takes NUMBER and MB_PER_FILE, as in ./driver.sh write 8 64${3:+; \"$3\" is too many}"
  NUMBER=$(whole NUMBER "$1" 1 100000)
  MB_PER_FILE=$(whole MB_PER_FILE "$2" 1 5242880)
  [ "$MB_PER_FILE" -le $((PART_MB * MOST_PARTS)) ] || usage "MB_PER_FILE is $MB_PER_FILE: with parts of $PART_MB MiB" \
    "that is more than S3's $MOST_PARTS parts; --part-mb $(((MB_PER_FILE + MOST_PARTS - 1) / MOST_PARTS)) is the" \
    "smallest that works"
}

arguments_of_read() { # [NUMBER] [RUN]
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    # shellcheck disable=SC2034 # keys.sh reads it
    NUMBER=$(whole NUMBER "$1" 1 100000)
    shift
  fi
  READ_RUN=${1:-}
  [ $# -le 1 ] || usage "read takes NUMBER and RUN; \"$2\" is too many"
  case ${READ_RUN:+r}${OPT_KEY:+k}${OPT_KEY_FILE:+f} in
    ?*?) usage "RUN, --key and --key-file each say what to read; give one of them" ;;
  esac
}

# A run is taken up as it was planned.
arguments_of_resume() {
  local row name
  [ $# -eq 0 ] || usage "--resume takes up a run as it was planned; \"$1\" is too many"
  for row in "${OPTIONS[@]}"; do
    name=${row#* }
    name=${name%% *}
    [ -z "${!name}" ] || [[ "$row " == *' resume '* ]] ||
      usage "--resume takes up a run as it was planned; with it go $(options_of resume)"
  done
}

arguments_of_report() { # [RUN|FILE ...]
  # shellcheck disable=SC2034 # report.sh reads it
  SOURCES=("$@")
}

arguments_of_delete() { # [RUN ...]
  [ $# -eq 0 ] || [ -z "$OPT_KEY_FILE" ] || usage "RUN and --key-file each say what to delete; give one of them"
}

arguments_of_sweep() { # "NUMBERS" MB_PER_FILE
  local number example='as in ./driver.sh sweep "1 10 100" 64'
  [ $# -eq 2 ] ||
    usage "sweep takes the fleet sizes, in one word, and MB_PER_FILE, $example${3:+; \"$3\" is too many}"
  NUMBERS=''
  for number in ${1//,/ }; do
    NUMBERS="$NUMBERS $(whole 'a fleet size' "$number" 1 100000)"
  done
  [ -n "$NUMBERS" ] || usage "sweep needs at least one fleet size, $example"
  arguments_of_write "${NUMBERS##* }" "$2"
}
