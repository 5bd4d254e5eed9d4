# shellcheck shell=bash
# A run's folder has one driver at a time: RUN/lock says which. A dead one's lock is void.

LOCKED='' TAKING=''

lock() { # RUN
  mkdir "$1/lock" 2>/dev/null || take_over "$1"
  LOCKED=$1
  { process "$$" >"$1/lock/driver.part" && mv "$1/lock/driver.part" "$1/lock/driver"; } 2>/dev/null ||
    refuse "$(shown "$1") cannot be written: is its disk full?"
  taken
}

# One at a time looks at a void lock and makes it its own: RUN/lock.void keeps others away until that is done.
take_over() { # RUN
  [ -d "$1/lock" ] || refuse "$(shown "$1") cannot be written: chmod u+w, or is its disk full?"
  alone "$1"
  mkdir "$1/lock.void" 2>/dev/null ||
    refuse "another driver has just begun to work in $(shown "$1"); if none has: rmdir $(shown "$1")/lock.void"
  TAKING=$1/lock.void
  # Again: another may have done so meanwhile.
  alone "$1"
  # Where the other driver has ended by itself there is none any more.
  mkdir -p "$1/lock"
}

taken() {
  [ -z "$TAKING" ] || rm -rf "$TAKING" || true
  TAKING=''
}

# Refuses while another driver is alive.
alone() { # RUN
  local driver='' tries=0
  # One that has made the lock a moment ago is about to sign it.
  while [ -d "$1/lock" ] && [ ! -f "$1/lock/driver" ] && [ $((++tries)) -le 20 ]; do sleep 0.1; done
  [ ! -f "$1/lock/driver" ] || IFS= read -r driver <"$1/lock/driver" || true
  ! lives "$driver" || refuse "another driver (process ${driver%% *}) is at work in $(shown "$1"): wait for it, or" \
    "end it with kill ${driver%% *}"
}

unlock() {
  taken
  [ -z "$LOCKED" ] || rm -rf "$LOCKED/lock" || true
  LOCKED=''
}
