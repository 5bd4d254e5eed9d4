# shellcheck shell=bash
# What each command takes besides options. Fills NUMBER, SIZE (bytes), READ_RUN and SOURCES; of a sweep the lists
# NUMBERS and SIZES.

NUMBER='' SIZE='' READ_RUN=''
MIB=1048576
MOST_JOBS=100000
# S3 takes so many parts of one object; all but the last have 5 MiB at least.
MOST_PARTS=10000
# The key of a stream's object goes on after the stream's own key, of at most so many bytes: /999999.
STREAM_KEY=1017

# A size in bytes.
bytes() { # NAME VALUE
  local number=${2%%[!0-9]*} unit=0
  case ${2#"$number"} in
    B) unit=1 ;;
    kB) unit=1000 ;;
    MB) unit=1000000 ;;
    GB) unit=1000000000 ;;
    TB) unit=1000000000000 ;;
    KiB) unit=1024 ;;
    '' | MiB) unit=$MIB ;;
    GiB) unit=$((1 << 30)) ;;
    TiB) unit=$((1 << 40)) ;;
  esac
  [[ $number =~ ^[0-9]{1,13}$ && $unit -gt 0 ]] && number=$((10#$number)) && [ "$number" -gt 0 ] &&
    [ "$number" -le $(((5 << 40) / unit)) ] ||
    usage "$1 is \"$2\"; a whole number of MiB is accepted, or one with B, kB, MB, GB, TB, KiB, MiB, GiB or TiB after" \
      "it, up to 5 TiB"
  printf '%d' $((number * unit))
}

arguments_of_write() { # NUMBER SIZE
  local least
  [ $# -eq 2 ] || usage "write takes NUMBER and SIZE, as in $CALLED write 8 64${3:+; \"$3\" is too many}"
  NUMBER=$(whole NUMBER "$1" 1 "$MOST_JOBS")
  SIZE=$(bytes SIZE "$2")
  # The first of several parts may be as short as a part can be.
  least=$(((SIZE - 5 * MIB + (MOST_PARTS - 1) * MIB - 1) / ((MOST_PARTS - 1) * MIB)))
  [ "$PART_MB" -ge "$least" ] || usage "SIZE is $2: with parts of $PART_MB MiB that can be more than S3's $MOST_PARTS" \
    "parts; --part-mb $least is the smallest that works"
}

arguments_of_read() { # [NUMBER] [RUN]
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then
    # shellcheck disable=SC2034 # keys.sh reads it
    NUMBER=$(whole NUMBER "$1" 1 "$MOST_JOBS")
    shift
  fi
  READ_RUN=${1:-}
  [ $# -le 1 ] || usage "read takes NUMBER and RUN; \"$2\" is too many"
  [[ ${READ_RUN:+r}${OPT_KEY:+k}${OPT_KEY_FILE:+f} != ??* ]] ||
    usage "RUN, --key and --key-file each say what to read; give one of them"
  [ -z "$OPT_KEY" ] || [ -z "$OPT_OBJECTS" ] || text '--key of a stream' "$OPT_KEY" 1 "$STREAM_KEY"
}

# A run is taken up as it was planned.
arguments_of_resume() {
  local row name
  [ $# -eq 0 ] || usage "--resume takes up a run as it was planned; \"$1\" is too many"
  for row in "${OPTIONS[@]#* }"; do
    name=${row%% *}
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

arguments_of_sweep() { # "NUMBERS" "SIZES"
  local size sizes known='' parts=$PART_MB
  [ $# -eq 2 ] || usage "sweep takes NUMBER and SIZE, each of them one word, as in" \
    "$CALLED sweep \"1 10 100\" 64${3:+; \"$3\" is too many}"
  SIZES='' NUMBERS=$(list NUMBER "$1" 1 "$MOST_JOBS")
  read -r -a sizes <<<"${2//[,[:space:]]/ }"
  [ "${#sizes[@]}" -gt 0 ] || sizes=("$2")
  for size in "${sizes[@]}"; do
    for PART_MB in $parts; do
      arguments_of_write "${NUMBERS%% *}" "$size"
    done
    # Whatever its unit, a size is one.
    [[ "$known " == *" $SIZE "* ]] || known="$known $SIZE" SIZES=${SIZES:+$SIZES }$size
  done
}
