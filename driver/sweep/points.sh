# shellcheck shell=bash
# The points of a sweep: the combinations of the values that were told, and what their runs would cost together.

# More would take days, and nobody could read their table.
MOST_POINTS=100

# A point is a line: NUMBER, SIZE, then the values of these options, "-" where none was told. Leaves each point in
# SCRATCH/points, and in SCRATCH/turns all of them, in random order, as often as --repeat says.
choose_points() {
  local turn point
  jq -n -r '[$ARGS.positional[] | if . == "" then ["-"] else split(" ") | unique end] | combinations | join(" ")' \
    --args "$NUMBERS" "$SIZES" "$OPT_IN_FLIGHT" "$OPT_PART_MB" "$OPT_RANGE_MB" "$OPT_MEMORY" >"$SCRATCH/points"
  [ "$(lines "$SCRATCH/points")" -le "$MOST_POINTS" ] ||
    usage "these are $(lines "$SCRATCH/points") combinations; a sweep takes at most $MOST_POINTS"
  for ((turn = 1; turn <= ${OPT_REPEAT:-1}; turn++)); do
    awk -v seed="$RANDOM" 'BEGIN { srand(seed) } { print rand(), $0 }' "$SCRATCH/points" | sort |
      while read -r _ point; do printf '%s\n' "$point"; done
  done >"$SCRATCH/turns"
}

# Calls a function at a point, where each of the options has one value.
at_point() { # FUNCTION NUMBER SIZE IN-FLIGHT PART-MB RANGE-MB MEMORY
  local OPT_IN_FLIGHT=${4#-} OPT_PART_MB=${5#-} OPT_RANGE_MB=${6#-} OPT_MEMORY=${7#-}
  "$1" "$2" "$3"
}

# The point in words.
told() { # NUMBER SIZE
  local option
  printf '%s %s' "$1" "$2"
  for option in --in-flight --part-mb --range-mb --memory; do
    look_up "$option" sweep
    [ -z "${!VARIABLE}" ] || printf ' %s %s' "$option" "${!VARIABLE}"
  done
}

# Sets CALL to the command line of one run of a point. It has those of the sweep's options that OP takes, without those
# of cost and output, which the callers choose.
command_line() { # OP NUMBER SIZE|RUN
  local option
  CALL=("$@")
  for option in $(options_of sweep); do
    case $option in --json | --out | --dry-run | --max-cost | --yes) continue ;; esac
    look_up "$option" "$1" && [ -n "${!VARIABLE}" ] || continue
    if [ "$VALUES" = none ]; then CALL+=("$option"); else CALL+=("$option=${!VARIABLE}"); fi
  done
}

# Plans every run as its driver will. Refuses the sweep where one of them could not be, or all together may cost too
# much; says what they would cost.
plan_points() {
  local point
  cp "$SCRATCH/function" "$SCRATCH/asked"
  mkdir "$SCRATCH/planned"
  # The memory that has the most network tells whether the account's quota counts.
  if [ -n "$OPT_MEMORY" ]; then
    with_memory "$OPT_MEMORY"
    ask_network
  fi
  while read -r -a point; do at_point plan_point "${point[@]}"; done <"$SCRATCH/points" >"$SCRATCH/plans"
  cp "$SCRATCH/asked" "$SCRATCH/function"
  if [ -n "$OPT_DRY_RUN" ]; then
    # What the runs would say, once.
    awk '!said[$0]++' "$SCRATCH/warnings" >&2
    if [ -n "$OPT_JSON" ]; then jq -s . "$SCRATCH/plans"; else sweep_price table; fi
  fi
  heed sweep_price verdict
  sweep_price shares >"$SCRATCH/shares"
}

sweep_price() { # table|verdict|shares
  jq_program sweep/price -n -r --arg want "$1" --argjson turns "${OPT_REPEAT:-1}" --argjson max_cost "$MAX_COST" \
    --arg yes "$OPT_YES" --arg dry_run "$OPT_DRY_RUN" "$SCRATCH/plans"
}

plan_point() { # NUMBER SIZE
  local status third=$2 op
  [ -z "$OPT_MEMORY" ] || with_memory "$OPT_MEMORY"
  printf '{}' >"$SCRATCH/streams"
  for op in write read; do
    command_line "$op" "$1" "$third"
    # Not within a condition, where set -e does not count.
    set +e
    (
      set -e
      parse "${CALL[@]}" --dry-run --json
      # shellcheck disable=SC2034 # fleet.sh reads them: no ceiling limits this plan
      OPT_YES=yes KEYS_FROM=''
      configure "$op"
      plan_launch "$NUMBER"
    ) >"$SCRATCH/plan" 2>"$SCRATCH/said"
    status=$?
    set -e
    cat "$SCRATCH/said" >>"$SCRATCH/warnings"
    if [ "$status" -ne 0 ]; then
      say "$op $(told "$1" "$2") could not run, so nothing was launched:"
      cat "$SCRATCH/said" >&2
      exit "$status"
    fi
    jq -c --arg point "$(told "$1" "$2")" '{$point} + .' "$SCRATCH/plan"
    # What the read reads; of a stream as many objects as the write is expected to put there.
    cp "$SCRATCH/config" "$SCRATCH/planned/run.json"
    jq -L "$ROOT/driver" 'include "run";
      if is_stream then {planned: (.objects // .reckoned_objects)} else {} end' "$SCRATCH/plan" >"$SCRATCH/streams"
    third=$SCRATCH/planned
  done
}

# Leaves in SCRATCH/function the function as it will be with a memory, or with the largest of several.
with_memory() { # "MB ..."
  jq --arg memory "$1" '.MemorySize = ($memory | split(" ") | map(tonumber) | max)' "$SCRATCH/asked" \
    >"$SCRATCH/function"
}
