# shellcheck shell=bash
# The keys of a run, one per line: new ones for a write; for a read those that known_keys.sh finds, or one alone.

# Leaves the keys in SCRATCH/keys.txt, and in SCRATCH/streams how many objects there are below those that are streams.
# Sets KEYS_FROM, and NUMBER where it was not told. Before settings: a run's keys are in the run's own bucket.
choose_keys() { # OP
  KEYS_FROM=''
  printf '{}' >"$SCRATCH/streams"
  printf '%s\n' "$OPT_KEY_PREFIX$OPT_KEY" >"$SCRATCH/lines"
  utf_8 || usage "what is given with ${OPT_KEY:+--key}${OPT_KEY_PREFIX:+--key-prefix} is not UTF-8 text"
  if [ "$1" = write ]; then
    # Before AWS is asked; save_keys looks again.
    [ -z "$OPT_KEY_FILE" ] || [ ! -e "$OPT_KEY_FILE" ] || no_key_file
    new_keys "$NUMBER" "$OPT_KEY_PREFIX"
  elif [ -n "$OPT_KEY" ]; then
    KEYS_FROM=--key
    printf '%s\n' "$OPT_KEY"
  elif [ -n "$READ_RUN" ]; then
    KEYS_FROM=$READ_RUN/keys.txt
    keys_of_run
  else
    KEYS_FROM=$OPT_KEY_FILE
    keys_in "$KEYS_FROM" ${OPT_OBJECTS:+"$STREAM_KEY"}
  fi >"$SCRATCH/all.txt"
  NUMBER=${NUMBER:-$(lines "$SCRATCH/all.txt")}
  [ "$NUMBER" -le "$MOST_JOBS" ] ||
    usage "the key file \"$OPT_KEY_FILE\" holds $NUMBER keys, and a run has at most $MOST_JOBS jobs: read $MOST_JOBS" \
      "reads the first of them"
  head -n "$NUMBER" "$SCRATCH/all.txt" >"$SCRATCH/keys.txt"
}

# The prefix and 32 random hex digits: spread over S3's partitions from the first character on.
new_keys() { # NUMBER PREFIX
  od -An -v -tx1 -N $((16 * $1)) /dev/urandom | tr -d ' \n' | tr a-f A-F | fold -w 32 |
    PREFIX=$2 awk '{ print ENVIRON["PREFIX"] $0 }'
}

# The copy that --key-file asks for. A file that exists is not overwritten.
save_keys() { # OP
  [ "$1" = write ] && [ -n "$OPT_KEY_FILE" ] || return 0
  (set -C && : >"$OPT_KEY_FILE") 2>/dev/null || no_key_file
  finally rm -f "$OPT_KEY_FILE"
  cat "$SCRATCH/keys.txt" 2>/dev/null >"$OPT_KEY_FILE" ||
    refuse "the key file \"$OPT_KEY_FILE\" cannot be written, is the disk full? Nothing was launched"
}

no_key_file() {
  usage "the key file \"$OPT_KEY_FILE\" cannot be made: it exists and is not overwritten, or its folder does not" \
    "exist; nothing was launched"
}

# Whether SCRATCH/lines is UTF-8: jq mends what is not.
utf_8() {
  jq -R -r . "$SCRATCH/lines" | cmp -s - "$SCRATCH/lines"
}
