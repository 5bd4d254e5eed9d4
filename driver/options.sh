# shellcheck shell=bash
# The command line: which command takes which option, and what its value may be.
# `parse` fills OPT_<NAME> (empty where not given), and through arguments.sh what stands besides options.

options_of() { # COMMAND
  local launching='--bucket --function --squad --start-in --timeout --in-flight --out --max-cost --yes --json'
  case $1 in
    write) printf '%s' "$launching --key-file --key-prefix --part-mb --resume --dry-run" ;;
    read) printf '%s' "$launching --key-file --key --read-times --verify --range-mb --resume --dry-run" ;;
    sweep) printf '%s' "$launching --repeat --key-prefix --part-mb --read-times --verify --range-mb" ;;
    report) printf '%s' '--json --out' ;;
    delete) printf '%s' '--bucket --key-file --out --dry-run' ;;
  esac
}

# Those that take no value.
is_flag() { # OPTION
  case $1 in
    --json | --dry-run | --verify | --yes) ;;
    *) return 1 ;;
  esac
}

parse() { # COMMAND ARG...
  local command=$1 name value
  shift
  for name in BUCKET FUNCTION KEY_FILE KEY_PREFIX KEY READ_TIMES VERIFY PART_MB RANGE_MB IN_FLIGHT OUT DRY_RUN \
    SQUAD START_IN TIMEOUT MAX_COST YES RESUME REPEAT JSON HELP; do
    printf -v "OPT_$name" '%s' ''
  done
  ARGUMENTS=()
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) printf -v OPT_HELP yes ;;
      --*=*)
        takes "$command" "${1%%=*}"
        ! is_flag "${1%%=*}" || usage "${1%%=*} takes no value, not \"${1#*=}\""
        check "${1%%=*}" "${1#*=}"
        ;;
      --*)
        takes "$command" "$1"
        if is_flag "$1"; then
          printf -v "$(variable "$1")" yes
          shift
          continue
        fi
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

takes() { # COMMAND OPTION
  case " $(options_of "$1") " in
    *" $2 "*) ;;
    *) usage "$1 takes no option \"$2\"; it takes $(options_of "$1")" ;;
  esac
}

# --part-mb → OPT_PART_MB
variable() { # OPTION
  printf 'OPT_%s' "$(printf '%s' "${1#--}" | tr 'a-z-' 'A-Z_')"
}

# Stores an option's value if it is one.
check() { # OPTION VALUE
  local value=$2
  case $1 in
    --read-times) value=$(whole "$1" "$2" 1 1000000) ;;
    --part-mb) value=$(whole "$1" "$2" 5 5120) ;;
    --range-mb) value=$(whole "$1" "$2" 0 5120) ;;
    --in-flight | --squad) value=$(whole "$1" "$2" 1 256) ;;
    --start-in) value=$(whole "$1" "$2" 0 890) ;;
    --timeout) value=$(whole "$1" "$2" 1 900) ;;
    --repeat) value=$(whole "$1" "$2" 1 100) ;;
    --max-cost)
      [[ $2 =~ ^[0-9]{1,9}(\.[0-9]{1,6})?$ ]] || usage "--max-cost is \"$2\"; US dollars like 25 or 0.5 are accepted"
      ;;
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
