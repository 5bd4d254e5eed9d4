#!/usr/bin/env bash
# terabit: how much bandwidth does a fleet of AWS Lambda workers get from S3?
#
# Usage:
#   ./driver.sh write NUMBER MB_PER_FILE [options]
#       NUMBER workers write one object of MB_PER_FILE MiB each.
#   ./driver.sh read [NUMBER] [RUN] [options]
#       NUMBER workers read one object each, taking turns at the keys of the
#       latest write run, of RUN, or of --key-file. Without NUMBER: each key once.
#   ./driver.sh write|read --resume RUN [options]
#       Finishes a run that was interrupted or lost answers: takes in what has
#       answered since, then runs the jobs that have no good record.
#   ./driver.sh sweep "1 10 100" MB_PER_FILE [options]
#       A write and a read with each number of workers, and one table of all.
#   ./driver.sh report [RUN|FILE.ndjson ...] [options]
#       The table of a run again, and its picture; without RUN of the latest. Of
#       several: their figures and pictures side by side, with the differences.
#       FILE.ndjson: lines of {"start", "stop", "mbps"}, whoever measured them.
#   ./driver.sh delete [RUN ...] [options]
#       Deletes the objects that RUN wrote, or those of --key-file, their open
#       uploads and RUN's answers in the bucket; never anything else. Without
#       RUN: of the latest write run. A sweep's folder stands for all its runs.
#       Waits for workers that may still write.
#   ./driver.sh --help
#
# Options of write, read and sweep:
#   --bucket NAME      the bucket (else that of the run that is read, else
#                      $BUCKET, else what make deploy saved)
#   --function NAME    the function (else $FUNCTION, else that of the run that is
#                      read, else saved, else terabit)
#   --in-flight N      concurrent requests of one worker, 1 to 256 (what fills its
#                      network, at least 8)
#   --squad N          jobs per squad, 1 to 256: one invocation, which invokes a
#                      worker for each of them; 1: each invocation does its own
#                      job (1 up to 8 jobs, then at most 16 squads as long as 256
#                      jobs a squad allow it)
#   --start-in SECONDS all workers begin at one moment, so long after the launch;
#                      0: each when it is ready (else as long as the fleet takes)
#   --timeout SECONDS  workers give up so long after the start (4 times what
#                      their network takes, at least 60)
#   --max-cost USD     refuse a run that could cost more (10); of a sweep it holds
#                      for each run
#   --yes              allow it nevertheless
#   --out DIR          the folder that holds the run folders (runs, beside this
#                      script); read and report look for runs there
#   --json             print summary.json on stdout in place of the table; a sweep
#                      its sweep.json, a dry run the configuration
# Options of write and read:
#   --dry-run          ask AWS whether the run could start, say what it would be
#                      and cost; launch and write nothing
# Options of write:
#   --part-mb N        MiB of one part, 5 to 5120 (64); sweep takes it too
#   --key-prefix TEXT  what keys begin with (nothing); 32 random hex digits
#                      follow; sweep takes it too
#   --key-file FILE    copy the keys there too; never over a file that exists
# Options of read:
#   --range-mb N       MiB of one ranged GET, 0 to 5120 (64); 0: one GET for all
#   --read-times N     how often each worker reads its object (1)
#   --verify           compare every byte with what write put there; these three
#                      are options of sweep too
#   --key KEY          all workers read this one object
#   --key-file FILE    take the keys from FILE, one per line
# Options of sweep:
#   --repeat N         so many runs of each; the table has median and range (1)
# Options of report:
#   --out DIR          look for runs there; the picture of several goes there
#   --json             print summary.json, of several an array of them, each with
#                      its "source"
# Options of delete:
#   --key-file FILE    delete the keys in FILE, one per line
#   --bucket NAME      their bucket; a RUN knows its own
#   --out DIR          look for runs there
#   --dry-run          say what would be deleted; change nothing
#
# Sizes are MiB (2^20 bytes). Rates are decimal: MB/s is 10^6 bytes per second,
# GB/s 10^9.
#
# A run leaves DIR/<UTC time>-<op>-<number> with run.json, keys.txt, jobs.ndjson,
# records.ndjson, summary.json, and its picture: report.html, .svg and .png. A
# sweep leaves DIR/<UTC time>-sweep with sweep.json and its picture, which report
# shows again; the picture of several runs is DIR/compare.html, that of
# FILE.ndjson FILE.html.
# Before it starts, AWS is asked whether it can: function, bucket and region, room
# for workers and squads, the highest cost; a ping tells the workers' clock, by
# which they start and stop. Only what Lambda throttled is tried again; all else
# that goes wrong is counted, with its reason. An answer that is lost is looked
# for in the bucket; RUN says of each job what is known, whatever ended the
# driver.
#
# AWS's own environment (AWS_PROFILE, AWS_REGION, ...) counts. What make deploy
# saved in .deployed (BUCKET, FUNCTION, REGION) stands below the environment,
# options above it.
#
# Exit status: 0 all jobs good; 1 some failed or missing, or something is left; 2
# usage; 3 refused before anything was launched or deleted; 130 interrupted (what
# had answered is kept).

set -euo pipefail

PROGRAM=driver
unset CDPATH
# What a run leaves is its user's alone.
umask 077
# Where a link to it leads.
script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do
  link=$(readlink "$script")
  case $link in
    /*) script=$link ;;
    *) script=${script%"${script##*/}"}$link ;;
  esac
done
script=${script%"${script##*/}"}
ROOT=$(cd "${script:-.}" && pwd)

# shellcheck source=driver/messages.sh
. "$ROOT/driver/messages.sh"
# shellcheck source=driver/tools.sh
. "$ROOT/driver/tools.sh"
# shellcheck source=driver/options.sh
. "$ROOT/driver/options.sh"
# shellcheck source=driver/arguments.sh
. "$ROOT/driver/arguments.sh"
# shellcheck source=driver/settings.sh
. "$ROOT/driver/settings.sh"
# shellcheck source=driver/runs.sh
. "$ROOT/driver/runs.sh"
# shellcheck source=driver/plan/keys.sh
. "$ROOT/driver/plan/keys.sh"
# shellcheck source=driver/plan/fleet.sh
. "$ROOT/driver/plan/fleet.sh"
# shellcheck source=driver/plan/folder.sh
. "$ROOT/driver/plan/folder.sh"
# shellcheck source=driver/explain.sh
. "$ROOT/driver/explain.sh"
# shellcheck source=driver/credentials.sh
. "$ROOT/driver/credentials.sh"
# shellcheck source=driver/plan/writable.sh
. "$ROOT/driver/plan/writable.sh"
# shellcheck source=driver/plan/preflight.sh
. "$ROOT/driver/plan/preflight.sh"
# shellcheck source=driver/plan/ping.sh
. "$ROOT/driver/plan/ping.sh"
# shellcheck source=driver/progress.sh
. "$ROOT/driver/progress.sh"
# shellcheck source=driver/groups.sh
. "$ROOT/driver/groups.sh"
# shellcheck source=driver/process.sh
. "$ROOT/driver/process.sh"
# shellcheck source=driver/run/records.sh
. "$ROOT/driver/run/records.sh"
# shellcheck source=driver/run/launch.sh
. "$ROOT/driver/run/launch.sh"
# shellcheck source=driver/run/collect.sh
. "$ROOT/driver/run/collect.sh"
# shellcheck source=driver/lock.sh
. "$ROOT/driver/lock.sh"
# shellcheck source=driver/run/ledger.sh
. "$ROOT/driver/run/ledger.sh"
# shellcheck source=driver/report/sweep.sh
. "$ROOT/driver/report/sweep.sh"
# shellcheck source=driver/report/report.sh
. "$ROOT/driver/report/report.sh"
# shellcheck source=driver/delete/deletions.sh
. "$ROOT/driver/delete/deletions.sh"
# shellcheck source=driver/delete/writers.sh
. "$ROOT/driver/delete/writers.sh"
# shellcheck source=driver/delete/delete.sh
. "$ROOT/driver/delete/delete.sh"

help() {
  local line
  while IFS= read -r line; do
    case $line in
      '#!'*) ;;
      '#'*) line=${line#\#}; printf '%s\n' "${line# }" ;;
      *) return 0 ;;
    esac
  done <"$ROOT/driver.sh"
}

# One run: its keys, where it goes, whether it can; its folder; the launch; the table.
bench() { # OP
  local op=$1 parent run
  parent=${OPT_OUT:-$ROOT/runs}
  choose_keys "$op" "$parent" >"$SCRATCH/keys.txt"
  settings
  preflight "$op"
  configuration "$op" >"$SCRATCH/base"
  prepare "$SCRATCH/base" "$NUMBER"
  [ -z "$OPT_DRY_RUN" ] || return 0

  [ "$op" = read ] || save_keys "$OPT_KEY_FILE"
  run=$(new_run "$parent" "$op" "$NUMBER")
  [ -z "${TELL_RUN:-}" ] || printf '%s\n' "$run" >"$TELL_RUN"
  lock "$run"
  plan "$run" "$SCRATCH/config"
  say "run $(shown "$run")"
  launch "$run" "$SCRATCH/all"
  settle "$run"
}

main() {
  case ${1:-} in
    -h | --help | help) help; return ;;
    write | read | sweep | report | delete) ;;
    '') usage "name a command: write, read, sweep, report or delete (./driver.sh --help explains them)" ;;
    *) usage "there is no command \"$1\"; there are write, read, sweep, report and delete (./driver.sh --help)" ;;
  esac
  parse "$@"
  if [ -n "$OPT_HELP" ]; then
    help
    return 0
  fi
  require_tools "$1"
  scratch
  case $1 in
    report) report ;;
    delete) delete ;;
    sweep) sweep ;;
    *) if [ -n "$OPT_RESUME" ]; then resume "$1"; else bench "$1"; fi ;;
  esac
}

# One line, so that bash reads nothing more of this file once a run is over: it may have been replaced meanwhile.
main "$@"; exit
