#!/usr/bin/env bash
# terabit: how much bandwidth does a fleet of AWS Lambda workers get from S3?
#
# Usage:
#   ./driver.sh write NUMBER MB_PER_FILE [options]
#       NUMBER workers write one object of MB_PER_FILE MiB each.
#   ./driver.sh read [NUMBER] [RUN] [options]
#       NUMBER workers read one object each, taking turns at the keys of the
#       latest write run, of RUN, or of --key-file. Without NUMBER: each key once.
#   ./driver.sh report [RUN|FILE.ndjson] [options]
#       The table of a run again; without RUN of the latest.
#   ./driver.sh --help
#
# Options of write and read:
#   --bucket NAME      the bucket (else $BUCKET, else what make deploy saved)
#   --function NAME    the function (else $FUNCTION, else saved, else terabit)
#   --in-flight N      concurrent requests of one worker, 1 to 256 (8)
#   --out DIR          the folder that holds the run folders (runs, beside this
#                      script); read and report look for runs there
#   --dry-run          ask AWS whether the run could start, say what it would be;
#                      launch and write nothing
#   --json             print summary.json on stdout in place of the table
# Options of write:
#   --part-mb N        MiB of one part, 5 to 5120 (64)
#   --key-prefix TEXT  what keys begin with (nothing); 32 random hex digits follow
#   --key-file FILE    copy the keys there too; never over a file that exists
# Options of read:
#   --range-mb N       MiB of one ranged GET, 0 to 5120 (64); 0: one GET for all
#   --read-times N     how often each worker reads its object (1)
#   --verify           compare every byte with what write put there
#   --key KEY          all workers read this one object
#   --key-file FILE    take the keys from FILE, one per line
# Options of report:
#   --out DIR, --json
#
# Sizes are MiB (2^20 bytes). Rates are decimal: MB/s is 10^6 bytes per second,
# GB/s 10^9.
#
# A run leaves DIR/<UTC time>-<op>-<number> with run.json, keys.txt, jobs.ndjson,
# records.ndjson and summary.json. Every job is one `aws lambda invoke`, at most
# 256 of them at a time (56 MB of memory each). Only what Lambda throttled is
# tried again; all else that goes wrong is counted, with its reason.
#
# AWS's own environment (AWS_PROFILE, AWS_REGION, ...) counts. What make deploy
# saved in .deployed (BUCKET, FUNCTION, REGION) stands below the environment,
# options above it.
#
# Exit status: 0 all jobs good; 1 some failed or missing; 2 usage; 3 refused
# before anything was launched; 130 interrupted (what had answered is kept).

set -euo pipefail

here=${BASH_SOURCE[0]%"${BASH_SOURCE[0]##*/}"}
ROOT=$(CDPATH='' cd "${here:-.}" && pwd)

# shellcheck source=lib/messages.sh
. "$ROOT/lib/messages.sh"
# shellcheck source=lib/tools.sh
. "$ROOT/lib/tools.sh"
# shellcheck source=lib/options.sh
. "$ROOT/lib/options.sh"
# shellcheck source=lib/settings.sh
. "$ROOT/lib/settings.sh"
# shellcheck source=lib/runs.sh
. "$ROOT/lib/runs.sh"
# shellcheck source=lib/keys.sh
. "$ROOT/lib/keys.sh"
# shellcheck source=lib/preflight.sh
. "$ROOT/lib/preflight.sh"
# shellcheck source=lib/launch.sh
. "$ROOT/lib/launch.sh"
# shellcheck source=lib/report.sh
. "$ROOT/lib/report.sh"

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

# One run: resolve, check, plan, launch, collect, print.
bench() { # OP
  local op=$1 parent run config
  parent=${OPT_OUT:-$ROOT/runs}
  settings
  choose_keys "$op" "$parent" >"$SCRATCH/keys.txt"
  preflight >"$SCRATCH/function.json"
  config=$(configuration "$op" "$SCRATCH/function.json")

  if [ -n "$OPT_DRY_RUN" ]; then
    dry_run "$config"
    return
  fi

  [ "$op" = read ] || save_keys "$OPT_KEY_FILE"
  run=$(new_run "$parent" "$op" "$NUMBER")
  plan "$run" "$config"
  launch "$run"
  finish "$run"
  conclude "$run"
}

# Says what a run would be; needs no run folder.
dry_run() { # CONFIG
  if [ -n "$OPT_JSON" ]; then
    printf '%s' "$1" | jq .
  else
    printf '%s' "$1" | jq -r -L "$ROOT/jq" -f "$ROOT/jq/plan.jq"
  fi
}

report() {
  local parent=${OPT_OUT:-$ROOT/runs} source=$RUN
  if [ -z "$source" ]; then
    source=$(latest_run "$parent") || usage "there is no run in $parent yet; make one: ./driver.sh write 8 64"
  elif [ ! -f "$source" ]; then
    source=$(find_run "$parent" "$source")
  fi
  conclude "$source"
}

main() {
  case ${1:-} in
    -h | --help | help) help; return ;;
    write | read | report) ;;
    '') usage "name a command: write, read or report (./driver.sh --help explains them)" ;;
    *) usage "there is no command \"$1\"; there are write, read and report (./driver.sh --help)" ;;
  esac
  parse "$@"
  if [ -n "$OPT_HELP" ]; then
    help
    return
  fi
  require_tools "$1"
  scratch
  case $1 in
    report) report ;;
    *) bench "$1" ;;
  esac
}

main "$@"
