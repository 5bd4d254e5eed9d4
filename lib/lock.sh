# shellcheck shell=bash
# A run's folder has one driver at a time: RUN/lock says which. A dead one's lock is void, and what it left running is
# ended.

LOCKED='' TAKING=''

lock() { # RUN
  mkdir "$1/lock" 2>/dev/null || take_over "$1"
  LOCKED=$1
  printf '%s\n%s\n' "$$" "$(command_of $$)" >"$1/lock/driver.part"
  mv "$1/lock/driver.part" "$1/lock/driver"
  taken
}

# One at a time looks at a void lock and makes it its own: RUN/lock.void keeps others away until that is done.
take_over() { # RUN
  alone "$1"
  mkdir "$1/lock.void" 2>/dev/null ||
    refuse "another driver has just begun to work in $(shown "$1"); if none has: rmdir $(shown "$1")/lock.void"
  TAKING=$1/lock.void
  # Again: another may have done so meanwhile.
  alone "$1"
  end_children "$1"
  rm -f "$1/lock/groups"
  # Where the other driver has ended by itself there is none any more.
  mkdir -p "$1/lock"
}

taken() {
  [ -z "$TAKING" ] || rm -rf "$TAKING" || true
  TAKING=''
}

# Refuses while another driver is alive.
alone() { # RUN
  local pid='' command='' tries=0
  # One that has made the lock a moment ago is about to sign it.
  while [ -d "$1/lock" ] && [ ! -f "$1/lock/driver" ] && [ $((++tries)) -le 20 ]; do sleep 0.1; done
  [ ! -f "$1/lock/driver" ] || { read -r pid; IFS= read -r command; } <"$1/lock/driver" || true
  if [[ $pid =~ ^[0-9]+$ ]] && [ "$(command_of "$pid")" = "$command" ] && [ -n "$command" ]; then
    refuse "another driver (process $pid) is at work in $(shown "$1"): wait for it, or end it with kill $pid"
  fi
}

unlock() {
  taken
  [ -z "$LOCKED" ] || rm -rf "$LOCKED/lock" || true
  LOCKED=''
}

# The command line of a process, in one line; nothing where there is no such process.
command_of() { # PID
  if [ -r "/proc/$1/cmdline" ]; then
    tr '\0\n' '  ' 2>/dev/null <"/proc/$1/cmdline" || true
  else
    # Twice w: BSD's ps cuts at the terminal's width, or at 79 columns.
    ps -ww -p "$1" -o command= 2>/dev/null | tr '\n' ' ' || true
  fi
}

# Ends what a driver that was killed left running: groups whose leader is still one of this run's, which it named as it
# was typed then.
end_children() { # RUN
  local group
  [ -f "$1/lock/groups" ] || return 0
  while IFS= read -r group; do
    [[ $group =~ ^[0-9]+$ ]] || continue
    case $(command_of "$group") in
      *"lib/invoke.sh"*"${1##*/}"*)
        say "ending what the driver before left running (process group $group)"
        kill -TERM -- "-$group" 2>/dev/null || true
        sleep 0.2
        kill -KILL -- "-$group" 2>/dev/null || true
        ;;
    esac
  done <"$1/lock/groups"
}
