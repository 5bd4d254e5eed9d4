# shellcheck shell=bash
# How the fleet is launched: its configuration, squads, start and end; whether it fits and may cost that.

# The resolved configuration of a run, as JSON.
configuration() { # OP
  run_json "$READ_RUN" >"$SCRATCH/source"
  jq -n -c --arg op "$1" --arg number "$NUMBER" --arg mb_per_file "$MB_PER_FILE" \
    --arg bucket "$BUCKET" --arg function "$FUNCTION" --arg region "${AWS_REGION:-}" \
    --arg key_prefix "$OPT_KEY_PREFIX" --arg key_file "$OPT_KEY_FILE" --arg keys_from "$KEYS_FROM" \
    --arg part_mb "${OPT_PART_MB:-64}" --arg range_mb "${OPT_RANGE_MB:-64}" --arg in_flight "$OPT_IN_FLIGHT" \
    --arg read_times "${OPT_READ_TIMES:-1}" --arg verify "$OPT_VERIFY" --argjson loopback "$(loopback)" \
    --slurpfile lambda "$SCRATCH/function" --slurpfile quotas "$(answer_of network)" \
    --slurpfile source "$SCRATCH/source" -L "$ROOT/driver" -f "$ROOT/driver/plan/configuration.jq"
}

# Adds to a configuration how its fleet is launched. Before the ping, what it will tell is assumed.
fleet() { # CONFIGURATION-FILE JOBS [PING-FILE]
  local cores ping=${3:-/dev/null}
  cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null) || cores=2
  jq_program plan/fleet --slurpfile prices "$ROOT/driver/plan/prices.json" --arg squad "$OPT_SQUAD" \
    --arg start_in "$OPT_START_IN" --arg timeout "$OPT_TIMEOUT" --argjson jobs "$2" --argjson cores "$cores" \
    --argjson cpu "$LAUNCH_CPU" --slurpfile ping "$ping" "$1" >"$SCRATCH/fleet"
  jq -n '[inputs] | add' "$1" "$SCRATCH/fleet" "$ping"
}

# Refuses a fleet that cannot start, has no room, or may cost too much. Arguments name what fits now.
check_fleet() { # CONFIGURATION-FILE JOBS
  local config=$1 most=${OPT_MAX_COST:-10} verdict line ceiling
  if jq -e '.timeout_s < 20' "$config" >/dev/null; then
    refuse "the function's timeout is $(jq .timeout_s "$config") s, and a worker keeps 10 s of it to abort its upload" \
      "and to answer: aws lambda update-function-configuration --function-name $FUNCTION --timeout 900 (make deploy" \
      "sets that too)"
  fi
  if jq -e '.start_in_s != null and .start_in_s >= .stop_in_s' "$config" >/dev/null; then
    refuse "the fleet would start together $(jq '.start_in_s | round' "$config") s after the launch, and the" \
      "function's timeout is $(jq .timeout_s "$config") s: aws lambda update-function-configuration --function-name" \
      "$FUNCTION --timeout 900 (make deploy sets that too), or --start-in 0 for no common start"
  fi
  verdict=$(jq_program plan/limits -n -r --slurpfile run "$config" --argjson jobs "$2" \
    --arg squad "$OPT_SQUAD" --arg besides "$(besides "$(jq -r .op "$config")")" \
    --slurpfile account "$(answer_of account)" --slurpfile function "$(answer_of concurrency)")
  while IFS= read -r line; do
    case $line in
      refuse\ *) refuse "${line#refuse }" ;;
      ?*) say "$line" ;;
    esac
  done <<<"$verdict"
  if jq -e --argjson most "$most" '.cost.ceiling_usd > $most and (.loopback | not)' "$config" >/dev/null &&
    [ -z "$OPT_YES" ]; then
    ceiling=$(jq -L "$ROOT/driver" -r 'include "plan/cost"; include "text"; .cost.ceiling_usd | dollars' "$config")
    refuse "this may cost up to $ceiling, more than \$$most (--max-cost): add --yes to allow it, --max-cost USD for" \
      "another ceiling, or --timeout SECONDS" \
      "for less time"
  fi
}

# What the command line says besides NUMBER, MB_PER_FILE and --squad, which a command that is proposed repeats.
besides() { # OP
  local option name
  if [ -n "$OPT_RESUME" ]; then
    printf resume
    return 0
  fi
  for option in RUN $(options_of "$1"); do
    case $option in
      --squad | --dry-run | --json) continue ;;
      --*) name=$(variable "$option") ;;
      *) name=$option ;;
    esac
    if [ -n "${!name:-}" ]; then
      printf more
      return 0
    fi
  done
}

# Checks that so many jobs of a configuration can be launched, says what that will be, and leaves it in SCRATCH/config.
prepare() { # CONFIGURATION-FILE JOBS
  local squads=''
  fleet "$1" "$2" >"$SCRATCH/config"
  [ -z "$OPT_DRY_RUN" ] || dry_run "$2"
  check_fleet "$SCRATCH/config" "$2"
  [ -z "$OPT_DRY_RUN" ] || return 0
  ! jq -e '.squad > 1' "$SCRATCH/config" >/dev/null || squads=yes
  ping "$squads" "$SCRATCH/ping"
  set_clock "$(jq .clock.offset_s "$SCRATCH/ping")"
  fleet "$1" "$2" "$SCRATCH/ping" >"$SCRATCH/config"
  show_plan "$2" true >&2
}

# Says what a run would be; needs no run folder.
dry_run() { # JOBS
  if [ -n "$OPT_JSON" ]; then
    jq . "$SCRATCH/config"
  else
    show_plan "$1" false
  fi
}

show_plan() { # JOBS BRIEF
  jq_program plan/plan -r --argjson jobs "$1" --argjson brief "$2" \
    --slurpfile prices "$ROOT/driver/plan/prices.json" "$SCRATCH/config"
}
