# shellcheck shell=bash
# What each command takes besides options. Fills NUMBER, MB_PER_FILE, RUN, RUNS and SOURCES.

arguments_of_write() { # NUMBER MB_PER_FILE
  local most
  if [ -n "$OPT_RESUME" ] && [ $# -eq 0 ]; then
    NUMBER='' MB_PER_FILE=''
    return
  fi
  [ $# -ge 2 ] || usage "write needs NUMBER and MB_PER_FILE: ./driver.sh write 8 64"
  [ $# -eq 2 ] || usage "write takes NUMBER and MB_PER_FILE; \"$3\" is too many"
  NUMBER=$(whole NUMBER "$1" 1 100000)
  MB_PER_FILE=$(whole MB_PER_FILE "$2" 1 5242880)
  most=$((${OPT_PART_MB:-64} * 10000))
  [ "$MB_PER_FILE" -le "$most" ] || usage "MB_PER_FILE is $MB_PER_FILE: with parts of ${OPT_PART_MB:-64} MiB that is" \
    "more than S3's 10000 parts; --part-mb $(((MB_PER_FILE + 9999) / 10000)) is the smallest that works"
}

arguments_of_read() { # [NUMBER] [RUN]
  NUMBER='' MB_PER_FILE=''
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    # shellcheck disable=SC2034 # keys.sh reads it
    NUMBER=$(whole NUMBER "$1" 1 100000)
    shift
  fi
  # shellcheck disable=SC2034 # keys.sh reads it
  RUN=${1:-}
  [ $# -le 1 ] || usage "read takes NUMBER and RUN; \"$2\" is too many"
  case ${RUN:+r}${OPT_KEY:+k}${OPT_KEY_FILE:+f} in
    ?*?) usage "RUN, --key and --key-file each say what to read; give one of them" ;;
  esac
}

arguments_of_report() { # [RUN|FILE ...]
  # shellcheck disable=SC2034 # report.sh reads it
  SOURCES=("$@")
}

arguments_of_delete() { # [RUN ...]
  # shellcheck disable=SC2034 # delete.sh reads it
  RUNS=("$@")
  [ $# -eq 0 ] || [ -z "$OPT_KEY_FILE" ] || usage "RUN and --key-file each say what to delete; give one of them"
}

arguments_of_sweep() { # "NUMBERS" MB_PER_FILE
  local number
  [ $# -ge 2 ] || usage "sweep needs the fleet sizes and MB_PER_FILE: ./driver.sh sweep \"1 10 100\" 64"
  [ $# -eq 2 ] || usage "sweep takes the fleet sizes, in one word, and MB_PER_FILE; \"$3\" is too many:" \
    "./driver.sh sweep \"1 10 100\" 64"
  NUMBERS=''
  for number in ${1//,/ }; do
    NUMBERS="$NUMBERS $(whole 'a fleet size' "$number" 1 100000)"
  done
  [ -n "$NUMBERS" ] || usage "sweep needs at least one fleet size: ./driver.sh sweep \"1 10 100\" 64"
  arguments_of_write "${NUMBERS##* }" "$2"
}
