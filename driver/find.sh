# shellcheck shell=bash
# Finds the runs and sweeps that a command names, and refuses those that are damaged, deleted or out of reach.

# Prints the folder of the newest run, with OP that of the newest one within reach; where none is, of the newest of OP.
# Fails where there is none at all.
latest_run() { # [OP]
  local runs=("$PARENT"/[0-9]*Z-*-[0-9]*) n run latest=''
  for ((n = ${#runs[@]} - 1; n >= 0; n--)); do
    run=${runs[n]}
    [ -f "$run/run.json" ] && [[ ${run##*/} == *-"${1:-}"* ]] || continue
    latest=${latest:-$run}
    if [ -z "${1:-}" ] || [ -n "$(damage "$run" false)" ] || (within_reach "$run") 2>/dev/null; then
      latest=$run
      break
    fi
  done
  [ -n "$latest" ] && printf '%s' "$latest"
}

# A RUN the user named: a path, or the name of a folder in PARENT. Refuses one that is damaged.
find_run() { # RUN
  local run damage where="neither it nor $PARENT/${1%/} is a folder"
  [[ $1 != /* ]] || where='it is no folder'
  run=$(find_folder "$1" run.json keys.txt) || usage "there is no run \"$1\": $where with a run.json in it"
  damage=$(damage "$run" true)
  [ -z "$damage" ] || usage "$(shown "$run") is damaged: $damage. Its records are shown by: $CALLED report" \
    "$(shown "$run"). The keys in keys.txt are deleted by: $CALLED delete --key-file $(shown "$run/keys.txt")"
  printf '%s' "$run"
}

# What is damaged in a run's folder, of PLAN's keys and jobs too; nothing where all is whole.
damage() { # RUN PLAN, true or false
  jq_program damage -R -s -r --argjson plan "$2" --rawfile jobs <(cat "$1/jobs.ndjson" 2>/dev/null) \
    --rawfile keys <(cat "$1/keys.txt" 2>/dev/null) <(cat "$1/run.json" 2>/dev/null)
}

# The whole path of a folder that the user named; fails where neither NAME nor PARENT/NAME has one of some files.
find_folder() { # NAME FILE-IN-IT...
  local folder file
  for folder in "$1" "$PARENT/$1"; do
    for file in "${@:2}"; do
      [ ! -f "$folder/$file" ] || { (cd "$folder" && pwd) && return; }
    done
  done
  return 1
}

# Refuses a sweep of which it is not known what its runs are.
whole_sweep() { # SWEEP
  local damage
  damage=$(fits sweep.json "$1/sweep.json" 2>&1) ||
    usage "$(shown "$1/sweep.json") is damaged: $damage. The folders of its runs lie beside it: name them"
}

# The folders of a sweep's runs, which lie beside its own; reads before what they read.
runs_of_sweep() { # SWEEP
  local beside=${1%/*} name
  # Where the sweep was killed, run.one names the run that was under way.
  jq -r --rawfile one <(cat "$1/run.one" 2>/dev/null) '
    ($one | split("\n")[0] // empty), (.unfinished // empty), (.rows | reverse[] | .runs[]) | split("/")[-1] // empty' \
    "$1/sweep.json" | awk '!named[$0]++' |
    while IFS= read -r name; do
      if [ -f "$beside/$name/run.json" ]; then
        printf '%s\n' "$beside/$name"
      else
        say "$(shown "$beside/$name") is not there any more: what it wrote is not known"
      fi
    done
}

# The objects of a run that was deleted are neither read nor completed.
not_deleted() { # RUN
  [ "$(field "$1" .deleted)" = null ] ||
    usage "the objects of $(shown "$1") were deleted at $(deleted_at "$1"): $CALLED write makes new ones," \
      "or name another RUN"
}

deleted_at() { # RUN
  field "$1" '.deleted | strftime("%Y-%m-%d %H:%M UTC")'
}

# Refuses a run that was made on this machine where the endpoint is AWS's, and the other way round: its objects are
# where it was made.
within_reach() { # RUN
  if [ "$(field "$1" .loopback)" = "$(loopback)" ]; then
    same_s3 "$1"
    return
  fi
  [ "$(loopback)" = true ] ||
    refuse "$(shown "$1") was made on loopback: its objects were lost when local ended, and AWS never had them:" \
      "$CALLED write 8 64 makes new ones on AWS, make demo on this machine"
  refuse "$(shown "$1") was made on AWS, and the endpoint is of this machine: unset AWS_ENDPOINT_URL" \
    "AWS_ENDPOINT_URL_LAMBDA AWS_ENDPOINT_URL_S3, or export AWS_PROFILE=... with a profile that names none"
}

# Refuses a run with workers on this machine and another S3 than now, as `local --s3` names it: there the bucket's name
# is another bucket's.
same_s3() { # RUN
  local its now
  [ "$(field "$1" .shared_machine)" = true ] || [ "$(shared_machine)" = true ] || return 0
  its=$(field "$1" '.s3_endpoint // ""') now=$(endpoint S3)
  # AWS's own, however it is named.
  case $its in *amazonaws.com*) its='' ;; esac
  case $now in *amazonaws.com*) now='' ;; esac
  [ "$its" = "$now" ] || refuse "$(shown "$1") was made with the S3 of ${its:-AWS}, and now it is that of" \
    "${now:-AWS}: AWS_ENDPOINT_URL_S3 names an S3; without it, and without AWS_ENDPOINT_URL, it is AWS's"
}

# Sets bucket and region to those of a run, before settings looks at the environment.
BUCKET_OF=''
place_of() { # RUN
  local region
  # shellcheck disable=SC2034 # aws.sh and settings.sh read them
  BUCKET_OF=$1 BUCKET=$(field "$1" .bucket)
  region=$(field "$1" '.region // ""')
  [ -z "$region" ] || export AWS_REGION="$region"
}
