# shellcheck shell=bash
# The command line: which command takes which option, and what its value may be.
# `parse` fills OPT_<NAME> (empty where not given), NUMBER, MB_PER_FILE and RUN.

options_of() { # COMMAND
  case $1 in
    write) printf '%s' '--bucket --function --key-file --key-prefix --part-mb --in-flight --out --dry-run --json' ;;
    read) printf '%s' '--bucket --function --key-file --key --read-times --verify --range-mb --in-flight' \
      ' --out --dry-run --json' ;;
    report) printf '%s' '--json --out' ;;
  esac
}

parse() { # COMMAND ARG...
  local command=$1 name value
  shift
  for name in BUCKET FUNCTION KEY_FILE KEY_PREFIX KEY READ_TIMES VERIFY PART_MB RANGE_MB IN_FLIGHT OUT DRY_RUN \
    JSON HELP; do
    printf -v "OPT_$name" '%s' ''
  done
  ARGUMENTS=()
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) printf -v OPT_HELP yes ;;
      --json | --dry-run | --verify)
        takes "$command" "$1"
        printf -v "$(variable "$1")" yes
        ;;
      --*=*)
        takes "$command" "${1%%=*}"
        case ${1%%=*} in
          --json | --dry-run | --verify) usage "${1%%=*} takes no value, not \"${1#*=}\"" ;;
        esac
        check "${1%%=*}" "${1#*=}"
        ;;
      --*)
        takes "$command" "$1"
        [ $# -gt 1 ] || usage "$1 needs a value"
        case $1,$2 in
          --key,* | --key-prefix,*) ;;
          *,--*) usage "$1 needs a value, not the option \"$2\"" ;;
        esac
        check "$1" "$2"
        shift
        ;;
      -?*) usage "there is no option \"$1\"; $command takes $(options_of "$command")" ;;
      *) ARGUMENTS+=("$1") ;;
    esac
    shift
  done
  [ -n "$OPT_HELP" ] || "arguments_of_$command" "${ARGUMENTS[@]+"${ARGUMENTS[@]}"}"
}

arguments_of_write() { # NUMBER MB_PER_FILE
  local most
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
  RUN=${1:-}
  [ $# -le 1 ] || usage "read takes NUMBER and RUN; \"$2\" is too many"
  case ${RUN:+r}${OPT_KEY:+k}${OPT_KEY_FILE:+f} in
    ?*?) usage "RUN, --key and --key-file each say what to read; give one of them" ;;
  esac
}

arguments_of_report() { # [RUN|FILE]
  RUN=${1:-}
  [ $# -le 1 ] || usage "report takes one RUN or FILE.ndjson; \"$2\" is too many"
}

takes() { # COMMAND OPTION
  case " $(options_of "$1") " in
    *" $2 "*) ;;
    *) usage "$1 takes no option \"$2\"; it takes $(options_of "$1")" ;;
  esac
}

# --part-mb → OPT_PART_MB
variable() { # OPTION
  case $1 in
    --bucket) printf OPT_BUCKET ;;
    --function) printf OPT_FUNCTION ;;
    --key-file) printf OPT_KEY_FILE ;;
    --key-prefix) printf OPT_KEY_PREFIX ;;
    --key) printf OPT_KEY ;;
    --read-times) printf OPT_READ_TIMES ;;
    --verify) printf OPT_VERIFY ;;
    --part-mb) printf OPT_PART_MB ;;
    --range-mb) printf OPT_RANGE_MB ;;
    --in-flight) printf OPT_IN_FLIGHT ;;
    --out) printf OPT_OUT ;;
    --dry-run) printf OPT_DRY_RUN ;;
    --json) printf OPT_JSON ;;
  esac
}

# Stores an option's value if it is one.
check() { # OPTION VALUE
  local value=$2
  case $1 in
    --read-times) value=$(whole "$1" "$2" 1 1000000) ;;
    --part-mb) value=$(whole "$1" "$2" 5 5120) ;;
    --range-mb) value=$(whole "$1" "$2" 0 5120) ;;
    --in-flight) value=$(whole "$1" "$2" 1 256) ;;
    --key-prefix)
      case $2 in *$'\n'*) usage "--key-prefix may not contain a line break: keys stand one per line" ;; esac
      [ "$(bytes "$2")" -le 992 ] || usage "--key-prefix has $(bytes "$2") bytes; at most 992 are accepted"
      ;;
    --key)
      [ -n "$2" ] && [ "$(bytes "$2")" -le 1024 ] || usage "--key has $(bytes "$2") bytes; 1 to 1024 are accepted"
      case $2 in *$'\n'*) usage "--key may not contain a line break: keys stand one per line" ;; esac
      ;;
    *) [ -n "$2" ] || usage "$1 needs a value that is not empty" ;;
  esac
  printf -v "$(variable "$1")" '%s' "$value"
}

bytes() { # TEXT
  local LC_ALL=C
  printf '%d' "${#1}"
}

# A whole number between two bounds, without leading zeros.
whole() { # NAME VALUE LOW HIGH
  local value=$2
  [[ $value =~ ^[0-9]{1,12}$ ]] && value=$((10#$value)) && [ "$value" -ge "$3" ] && [ "$value" -le "$4" ] ||
    usage "$1 is \"$2\"; a whole number from $3 to $4 is accepted"
  printf '%d' "$value"
}
