# shellcheck shell=bash
# The command line: which command takes which option, what its value may be, and what stands where it is not given.
# `parse` fills OPT_<NAME> (empty where not given) and ARGUMENTS.

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

# --part-mb → OPT_PART_MB
variable() { # OPTION
  printf 'OPT_%s' "$(printf '%s' "${1#--}" | tr 'a-z-' 'A-Z_')"
}

parse() { # COMMAND ARG...
  local command=$1 name
  shift
  for name in BUCKET FUNCTION KEY_FILE KEY_PREFIX KEY READ_TIMES VERIFY PART_MB RANGE_MB IN_FLIGHT OUT DRY_RUN \
    SQUAD START_IN TIMEOUT MAX_COST YES RESUME REPEAT JSON HELP; do
    printf -v "OPT_$name" '%s' ''
  done
  ARGUMENTS=()
  while [ $# -gt 0 ]; do
    name=${1%%=*}
    case $1 in
      -h | --help) printf -v OPT_HELP yes ;;
      -?*)
        [[ " $(options_of "$command") " == *" $name "* ]] ||
          usage "$command takes no option \"$name\"; it takes $(options_of "$command")"
        if is_flag "$name"; then
          [ "$1" = "$name" ] || usage "$name takes no value, not \"${1#*=}\""
          printf -v "$(variable "$name")" yes
        elif [ "$1" != "$name" ]; then
          store "$name" "${1#*=}"
        else
          [ $# -gt 1 ] || usage "$1 needs a value"
          case $1,$2 in
            --key,* | --key-prefix,*) ;;
            *,--*) usage "$1 needs a value, not the option \"$2\"" ;;
          esac
          store "$1" "$2"
          shift
        fi
        ;;
      *) ARGUMENTS+=("$1") ;;
    esac
    shift
  done
  # shellcheck disable=SC2034 # the rooms read them
  PARENT=${OPT_OUT:-$ROOT/runs} PART_MB=${OPT_PART_MB:-64} RANGE_MB=${OPT_RANGE_MB:-64} \
    READ_TIMES=${OPT_READ_TIMES:-1} MAX_COST=${OPT_MAX_COST:-10}
  [ -n "$OPT_HELP" ] || "arguments_of_$command" "${ARGUMENTS[@]+"${ARGUMENTS[@]}"}"
}

# Keeps an option's value if it is one.
store() { # OPTION VALUE
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
    --key-prefix) text "$1" "$2" 0 992 ;;
    --key) text "$1" "$2" 1 1024 ;;
    *) [ -n "$2" ] || usage "$1 needs a value that is not empty" ;;
  esac
  printf -v "$(variable "$1")" '%s' "$value"
}

# A text of so many bytes, in one line.
text() { # NAME VALUE LOW HIGH
  local LC_ALL=C
  [ "${#2}" -ge "$3" ] && [ "${#2}" -le "$4" ] || usage "$1 has ${#2} bytes; $3 to $4 are accepted"
  case $2 in *$'\n'*) usage "$1 may not contain a line break: keys stand one per line" ;; esac
}

# A whole number between two bounds, without leading zeros.
whole() { # NAME VALUE LOW HIGH
  local value=$2
  [[ $value =~ ^[0-9]{1,12}$ ]] && value=$((10#$value)) && [ "$value" -ge "$3" ] && [ "$value" -le "$4" ] ||
    usage "$1 is \"$2\"; a whole number from $3 to $4 is accepted"
  printf '%d' "$value"
}
