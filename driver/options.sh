# shellcheck shell=bash
# The command line: the options, which command takes which, and what their values may be. `parse` fills OPT_<NAME>
# (empty where not given) and ARGUMENTS; PARENT, PART_MB, RANGE_MB and MAX_COST have defaults.

# An option, its variable, its values and the commands that take it; resume stands for write and read with --resume.
# Values: 1-9 is a whole number between these bounds, list:1-9 several of them, text:1-9 a text of so many bytes, usd an
# amount, path a path, some any text that is not empty, none no value. A --key-prefix leaves 64 bytes of a key for what
# a run puts after it.
LAUNCHING='write read sweep'
OPTIONS=(
  "--for OPT_FOR 1-840 $LAUNCHING"
  "--objects OPT_OBJECTS 1-1000000 $LAUNCHING"
  "--bucket OPT_BUCKET some $LAUNCHING delete"
  "--function OPT_FUNCTION some $LAUNCHING"
  "--squad OPT_SQUAD 1-256 $LAUNCHING resume"
  "--start-in OPT_START_IN 0-890 $LAUNCHING resume"
  "--timeout OPT_TIMEOUT 1-900 $LAUNCHING resume"
  "--in-flight OPT_IN_FLIGHT 1-256 write read"
  "--in-flight OPT_IN_FLIGHT list:1-256 sweep"
  "--out OPT_OUT path $LAUNCHING resume report delete"
  "--max-cost OPT_MAX_COST usd $LAUNCHING resume"
  "--yes OPT_YES none $LAUNCHING resume"
  "--json OPT_JSON none $LAUNCHING report resume"
  "--no-picture OPT_NO_PICTURE none $LAUNCHING report resume"
  "--key-file OPT_KEY_FILE path write read delete"
  "--key-prefix OPT_KEY_PREFIX text:0-960 write sweep"
  "--key OPT_KEY text:1-1024 read"
  "--part-mb OPT_PART_MB 5-5120 write"
  "--part-mb OPT_PART_MB list:5-5120 sweep"
  "--read-times OPT_READ_TIMES 1-1000000 read sweep"
  "--verify OPT_VERIFY none read sweep"
  "--range-mb OPT_RANGE_MB 0-5120 read"
  "--range-mb OPT_RANGE_MB list:0-5120 sweep"
  "--memory OPT_MEMORY list:128-10240 sweep"
  "--resume OPT_RESUME path write read resume"
  "--dry-run OPT_DRY_RUN none $LAUNCHING delete"
  "--repeat OPT_REPEAT 1-100 sweep"
)

options_of() { # COMMAND
  local row
  for row in "${OPTIONS[@]}"; do
    [[ "$row " != *" $1 "* ]] || printf '%s ' "${row%% *}"
  done
}

# Sets VARIABLE and VALUES to those of an option; fails where the command does not take it.
look_up() { # OPTION COMMAND
  local row
  for row in "${OPTIONS[@]}"; do
    [[ "$row " == "$1 "*" $2 "* ]] || continue
    read -r _ VARIABLE VALUES _ < <(printf '%s\n' "$row")
    return
  done
  return 1
}

parse() { # COMMAND ARG...
  local command=$1 name
  shift
  for name in "${OPTIONS[@]#* }"; do
    printf -v "${name%% *}" '%s' ''
  done
  OPT_HELP='' ARGUMENTS=()
  while [ $# -gt 0 ]; do
    name=${1%%=*}
    case $1 in
      -h | --help) OPT_HELP=yes ;;
      -?*)
        look_up "$name" "$command" || usage "$command takes no option \"$name\"; it takes $(options_of "$command")"
        [ -z "${!VARIABLE}" ] || usage "$name is given twice"
        if [ "$VALUES" = none ]; then
          [ "$1" = "$name" ] || usage "$name takes no value, not \"${1#*=}\""
          printf -v "$VARIABLE" yes
        elif [ "$1" != "$name" ]; then
          store "$name" "${1#*=}"
        else
          [ $# -gt 1 ] || usage "$1 needs a value"
          # A key may begin with dashes.
          [[ $VALUES == text:* || $2 != --* ]] || usage "$1 needs a value, not the option \"$2\""
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
    MAX_COST=${OPT_MAX_COST:-10}
  [ -z "$OPT_RESUME" ] || command=resume
  [ -n "$OPT_HELP" ] || "arguments_of_$command" "${ARGUMENTS[@]+"${ARGUMENTS[@]}"}"
}

# Keeps the value of the option that was looked up, if it is one.
store() { # OPTION VALUE
  local value=$2 bounds=${VALUES#*:}
  # The shell leaves the ~ of --out=~/runs as it is, and aws replaces it; a dash begins an option.
  case $VALUES:$2 in path:\~ | path:\~/*) value=${HOME:-~}${2#?} ;; path:[~-]*) value=./$2 ;; esac
  case $VALUES in
    some | path) [ -n "$2" ] || usage "$1 needs a value that is not empty" ;;
    usd)
      [[ $2 =~ ^[0-9]{1,9}(\.[0-9]{1,6})?$ ]] || usage "$1 is \"$2\"; US dollars like 25 or 0.5 are accepted"
      ;;
    text:*) text "$1" "$2" "${bounds%-*}" "${bounds#*-}" ;;
    list:*) value=$(list "$1" "$2" "${bounds%-*}" "${bounds#*-}") ;;
    *) value=$(whole "$1" "$2" "${bounds%-*}" "${bounds#*-}") ;;
  esac
  printf -v "$VARIABLE" '%s' "$value"
}

# A text of so many bytes, in one line.
text() { # NAME VALUE LOW HIGH
  local LC_ALL=C
  [ "${#2}" -ge "$3" ] && [ "${#2}" -le "$4" ] || usage "$1 has ${#2} bytes; $3 to $4 are accepted"
  [[ $2 != *$'\n'* ]] || usage "$1 may not contain a line break: keys stand one per line"
}

# Whole numbers between two bounds, with blanks, line breaks or commas between them.
list() { # NAME VALUE LOW HIGH
  local words word numbers=''
  read -r -a words <<<"${2//[,[:space:]]/ }"
  [ "${#words[@]}" -gt 0 ] || words=("$2")
  for word in "${words[@]}"; do
    word=$(whole "$1" "$word" "$3" "$4") || exit
    numbers="$numbers $word"
  done
  printf '%s' "${numbers# }"
}

# A whole number between two bounds, without leading zeros.
whole() { # NAME VALUE LOW HIGH
  local value=$2
  [[ $value =~ ^[0-9]{1,12}$ ]] && value=$((10#$value)) && [ "$value" -ge "$3" ] && [ "$value" -le "$4" ] ||
    usage "$1 is \"$2\"; a whole number from $3 to $4 is accepted"
  printf '%d' "$value"
}
