# shellcheck shell=bash
# Which process is which: a number alone may be given to another once its process has ended.

# A process's number and the time of its start, in one line.
process() { # PID
  printf '%s %s\n' "$1" "$(start_of "$1")"
}

# Whether what `process` told still runs, whoever's it is.
lives() { # PROCESS
  [[ $1 =~ ^[0-9]+\ . ]] && [ "$(process "${1%% *}")" = "$1" ]
}

# Whatever tells the start of a process on this system, in its own words; nothing where there is no such process, or it
# has ended and its parent has not asked how (Z).
start_of() { # PID
  if [ -r "/proc/$1/stat" ]; then
    # The name, between brackets, may hold blanks.
    awk '{ sub(/.*\) /, "") } $1 != "Z" { print $20 }' "/proc/$1/stat" 2>/dev/null || true
  else
    LC_ALL=C ps -p "$1" -o stat= -o lstart= 2>/dev/null | awk '!/^Z/ { sub(/^[^ ]+ +/, ""); print }' || true
  fi
}
