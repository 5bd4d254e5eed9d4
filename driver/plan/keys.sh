# shellcheck shell=bash
# Keys: new ones for a write, those of an earlier run, of a file or one alone for a read. One per line on stdout.

# Sets KEYS_FROM, READ_RUN where a run's keys are read, and NUMBER where it was not given. Before settings: a run's keys
# are in the run's own bucket.
choose_keys() { # OP PARENT
  local run
  KEYS_FROM='' READ_RUN=''
  if [ "$1" = write ]; then
    [ -z "$OPT_KEY_FILE" ] || vacant "$OPT_KEY_FILE"
    new_keys "$NUMBER" "$OPT_KEY_PREFIX"
  elif [ -n "$OPT_KEY" ]; then
    KEYS_FROM=--key
    printf '%s\n' "$OPT_KEY"
    NUMBER=${NUMBER:-1}
  else
    if [ -n "$OPT_KEY_FILE" ]; then
      KEYS_FROM=$OPT_KEY_FILE
    else
      if [ -n "$RUN" ]; then
        run=$(find_run "$2" "$RUN")
      else
        run=$(latest_run "$2" write) ||
          usage "there is nothing to read: no write run in $2 yet (./driver.sh write 8 64), no --key-file, no --key"
      fi
      not_deleted "$run"
      within_reach "$run"
      say "reading the keys of $(shown "$run")"
      [ -n "$OPT_BUCKET" ] || take_place "$run"
      # Who reads them may be another.
      FUNCTION=${FUNCTION:-$(field "$run" .function)}
      # shellcheck disable=SC2034 # fleet.sh reads it
      READ_RUN=$run
      KEYS_FROM=$run/keys.txt
    fi
    keys_in "$KEYS_FROM" "${NUMBER:-}"
  fi
}

# The place of the run that is read, said where it is not the configured one.
take_place() { # RUN
  local configured=${BUCKET:-$(saved BUCKET)}
  place_of "$1"
  [ "${configured:-$BUCKET}" = "$BUCKET" ] ||
    say "they are in the bucket $BUCKET, which is used in place of $configured (--bucket names another)"
}

# The prefix and 32 random hex digits: spread over S3's partitions from the first character on.
new_keys() { # NUMBER PREFIX
  od -An -v -tx1 -N $((16 * $1)) /dev/urandom | tr -d ' \n' | tr a-f A-F | fold -w 32 |
    jq -R -r --arg prefix "$2" '$prefix + .'
}

vacant() { # FILE
  [ ! -e "$1" ] || usage "the key file \"$1\" exists and is not overwritten; name another, or remove it"
  [ -d "$(folder_of "$1")" ] || usage "the key file \"$1\" cannot be made: its folder does not exist"
}

# The copy that --key-file asks for. A file that has come to exist meanwhile is not overwritten either.
save_keys() { # FILE, may be empty
  [ -z "$1" ] || (set -C && cat "$SCRATCH/keys.txt" >"$1") 2>/dev/null ||
    usage "the key file \"$1\" cannot be written (one that exists is never overwritten); nothing was launched"
}

folder_of() { # FILE
  case $1 in
    */*) printf '%s/' "${1%/*}" ;;
    *) printf . ;;
  esac
}

# The keys in a file, at most NUMBER of them; empty lines are passed over, whatever else stands there is a key.
keys_in() { # FILE [NUMBER]
  local file=$1 bad
  [ -f "$file" ] && [ -r "$file" ] || usage "the key file \"$file\" is not there or cannot be read"
  # The added line break ends a last line that has none. What jq had to mend was not UTF-8.
  { cat "$file"; printf '\n'; } >"$SCRATCH/lines"
  jq -R -r . <"$SCRATCH/lines" >"$SCRATCH/mended"
  cmp -s "$SCRATCH/lines" "$SCRATCH/mended" || usage "the key file \"$file\" is not UTF-8 text"
  ! LC_ALL=C awk 'length && !/\r$/ { exit 1 } length { found = 1 } END { if (!found) exit 1 }' "$SCRATCH/lines" ||
    usage "the key file \"$file\" has lines that end with CR LF, as on Windows, and the CR would be part of each key:" \
      "tr -d '\\r' <\"$file\" makes lines without"
  bad=$(LC_ALL=C awk 'length > 1024 { print NR " has " length; exit }' "$SCRATCH/lines")
  [ -z "$bad" ] || usage "the key file \"$file\": line $bad bytes; a key has at most 1024"
  LC_ALL=C awk -v most="${2:-0}" 'length && (++n <= most || !most)' "$SCRATCH/lines" >"$SCRATCH/some"
  [ -s "$SCRATCH/some" ] || usage "the key file \"$file\" holds no key"
  NUMBER=${NUMBER:-$(($(wc -l <"$SCRATCH/some")))}
  cat "$SCRATCH/some"
}
