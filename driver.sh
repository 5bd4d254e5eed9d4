#!/usr/bin/env bash
# terabit: how much bandwidth does a fleet of AWS Lambda workers get from S3? ./driver.sh --help tells how to use it.
#
# This file conducts: a function for each command, in the words of the rooms in driver/. plan makes a run's folder, run
# launches its workers and leaves records there, report sums them up and shows them, delete removes what runs wrote.

set -euo pipefail

PROGRAM=driver
unset CDPATH
# What a run leaves is its user's alone.
umask 077
# Where a link to it leads.
script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do
  link=$(readlink "$script")
  [[ $link == /* ]] || link=${script%"${script##*/}"}$link
  script=$link
done
script=${script%"${script##*/}"}
ROOT=$(cd "${script:-.}" && pwd)

# The ground floor, then the rooms; each room may call those that stand before it.
for part in messages tools options arguments settings background process aws credentials folder find writable \
  plan/keys plan/known_keys plan/preflight plan/ping plan/fleet run/launch run/collect run/resume \
  report/report report/compare delete/deletions delete/delete sweep/points sweep/memory sweep/sweep; do
  # shellcheck source=driver/messages.sh
  . "$ROOT/driver/$part.sh"
done

# How it is called from the folder in which the user is.
CALLED=${BASH_SOURCE[0]}
[[ $CALLED == */* ]] || CALLED=./$CALLED
[ "$ROOT" != "$PWD" ] || CALLED=./driver.sh
CALLED=$(quoted "$CALLED")

# write and read: the keys, where they go and whether they can; the run's folder; the launch; the table.
measure() { # OP
  [ "$1" = write ] || choose_run
  [ -z "$READ_RUN" ] || records "$READ_RUN" >"$SCRATCH/known_records"
  choose_keys "$1"
  settings "$OPT_DRY_RUN"
  [ -n "$OPT_DRY_RUN" ] || make_parent
  preflight "$1"
  configure "$1"
  plan_launch "$NUMBER"
  [ -z "$OPT_DRY_RUN" ] || return 0
  save_keys "$1"
  make_run "$1"
  launch "$RUN"
  report_run "$RUN"
}

# --resume: what has answered since, then the jobs without a good record.
resume() { # OP
  choose_resumed "$1"
  settings
  lock "$RUN"
  say "resuming $(shown "$RUN")"
  records "$RUN" >"$SCRATCH/known_records"
  preflight "$1"
  await_launch "$RUN"
  plan_rest "$RUN"
  [ "$REST" -eq 0 ] || launch "$RUN"
  report_run "$RUN"
}

launch() { # RUN
  begin_launch "$1"
  on_interruption cut_short "$1"
  invoke_all "$1"
  collect "$1"
  end_launch "$1"
}

# Ctrl-C while workers run.
# shellcheck disable=SC2329 # on_interruption is told of it
cut_short() { # RUN
  interrupt_launch "$1"
  summarise "$1" || true
  say "what had answered is kept: $CALLED report $(shown "$1")"
  say "to finish it: $CALLED $(field "$1" .op) --resume $(shown "$1")"
}

# What a run measured: records, summary, table and picture. Fails unless all jobs are good.
report_run() { # RUN
  on_interruption say "interrupted; the fleet had ended, its records are kept: $CALLED report $(shown "$1")"
  keep_records "$1"
  summarise "$1" || no_room_for_answers "$1"
  show "$1"
}

# A write and its read of each combination, each by a driver of its own, and one table of all.
sweep() {
  settings "$OPT_DRY_RUN"
  check_own_memory
  choose_points
  [ -n "$OPT_DRY_RUN" ] || make_parent
  preflight write
  plan_points
  [ -z "$OPT_DRY_RUN" ] || return 0
  begin_sweep
  on_interruption cut_sweep_short
  measure_points
  end_sweep
}

delete() {
  local run
  DELETE_STATUS=0
  on_interruption say "interrupted before anything was deleted"
  runs_to_delete "${ARGUMENTS[@]+"${ARGUMENTS[@]}"}"
  for run in "${RUNS[@]+"${RUNS[@]}"}"; do
    deletable "$run"
  done
  for run in "${RUNS[@]+"${RUNS[@]}"}"; do
    delete_run "$run"
  done
  [ "${#RUNS[@]}" -gt 0 ] || delete_key_file "$OPT_KEY_FILE"
  return "$DELETE_STATUS"
}

help() { # COMMAND, or driver for all
  printf '%s\n' "$(<"$ROOT/driver/help/$1.txt")"
}

main() {
  case ${1:-} in
    -h | --help | help) help driver; return ;;
    --version) printf 'terabit %s\n' "$(own_version)"; return ;;
    write | read | sweep | report | delete) ;;
    '') usage "name a command: write, read, sweep, report or delete ($CALLED --help explains them)" ;;
    *) usage "there is no command \"$1\"; there are write, read, sweep, report and delete ($CALLED --help)" ;;
  esac
  parse "$@"
  if [ -n "$OPT_HELP" ]; then
    help "$1"
    return
  fi
  require_tools "$1"
  scratch
  tell_memory
  case $1 in
    report) report ;;
    delete) delete ;;
    sweep) sweep ;;
    *) if [ -n "$OPT_RESUME" ]; then resume "$1"; else measure "$1"; fi ;;
  esac
}

# One line, so that bash reads nothing more of this file once a run is over: it may have been replaced meanwhile.
main "$@"; exit
