# shellcheck shell=bash
# How AWS is asked, by the user's CLI, and what its complaints mean.

# Puts a question to AWS in the background; its answer and its complaint lie in SCRATCH.
ask() { # NAME ARGUMENT...
  start_group timed_aws "$@" --cli-connect-timeout 20 --cli-read-timeout 60 \
    </dev/null >"$SCRATCH/$1" 2>"$SCRATCH/$1.complaint"
}

# Leaves the processor seconds of user and system in a file: `time` says them on stderr, so that of aws goes elsewhere.
# An answer that does not fit (see shapes.jq) is a failure, and its file is empty.
timed_aws() { # NAME SERVICE OPERATION ARGUMENT...
  local TIMEFORMAT='%U %S' status=0
  { time aws "${@:2}" 2>&3; } 3>&2 2>"$SCRATCH/$1.took" &&
    { [ ! -s "$SCRATCH/$1" ] || fits "$3" "$SCRATCH/$1"; } || status=$?
  [ "$status" -eq 0 ] || : >"$SCRATCH/$1"
  return "$status"
}

# The same, waited for.
request() { # NAME ARGUMENT...
  local status=0 question
  ask "$@"
  question=$GROUP
  start_watching waiting_for_aws
  wait "$question" || status=$?
  stop_watching
  return "$status"
}

# Most answer within a second.
waiting_for_aws() {
  # shellcheck disable=SC2154 # watch counts them
  [ "$ticks" -lt 5 ] || printf 'waiting for AWS'
}

# The file with a question's answer; an empty one where it was not asked.
answer_of() { # NAME
  if [ -f "$SCRATCH/$1" ]; then printf '%s' "$SCRATCH/$1"; else printf /dev/null; fi
}

# In one line, fit for a terminal: cargo-lambda draws a tree and breaks its lines anywhere.
complaint_of() { # NAME
  jq -R -s -r -L "$ROOT/driver" 'include "text";
    sub("Was this behavior unexpected[\\s\\S]*"; "") | gsub("[│├─▶╰×▹\\s]+"; " ") | visible' "$SCRATCH/$1.complaint"
}

complains() { # NAME TEXT
  [[ $(complaint_of "$1") == *"$2"* ]]
}

# The one place that invokes a function. It does so once, whatever the user's own configuration says.
invoke_function() { # FUNCTION EVENT-FILE ANSWER-FILE READ-TIMEOUT
  AWS_MAX_ATTEMPTS=1 BOTOCORE_TCP_KEEPALIVE=true aws lambda invoke --function-name "$1" --payload "fileb://$2" \
    --cli-connect-timeout 20 --cli-read-timeout "$4" "$3"
}

# Says what AWS complained of and ends with what mends it: by complaints.jq, else WORD... Returns where neither tells.
explain() { # NAME ACTION [WORD...]
  local complaint remedy
  complaint=$(complaint_of "$1")
  say "${complaint:-aws failed and said nothing}"
  remedy=$(jq -n -r -L "$ROOT/driver" --arg complaint "$complaint" --arg action "$2" \
    --arg function "${FUNCTION:-}" --arg bucket "${BUCKET:-}" --arg region "${AWS_REGION:-}" \
    --arg deployed "$(saved REGION)" --arg run "${BUCKET_OF:+$(shown "$BUCKET_OF")}" --arg driver "${CALLED:-}" \
    --arg profile "${AWS_PROFILE:-}" --arg clock "$(date -u '+%Y-%m-%d %H:%M UTC')" \
    'include "complaints"; $complaint | remedy($ARGS.named)')
  [ -z "$remedy${*:3}" ] || refuse "${remedy:-${*:3}}"
}

# The same, and it returns where only a permission is missing.
explain_unless_denied() { # NAME ACTION
  complains "$1" AccessDenied || complains "$1" '(403)' || explain "$1" "$2"
}
