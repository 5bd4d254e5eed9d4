# shellcheck shell=bash
# The keys of objects that are there: those of a run or of a key file, to read or to delete.

# Sets READ_RUN, the run whose keys are read, else the latest write. Says so where its bucket is not the configured one.
choose_run() {
  local configured
  [ -z "$OPT_KEY$OPT_KEY_FILE" ] || return 0
  READ_RUN=${READ_RUN:-$(latest_run write)} ||
    usage "there is nothing to read: no write run in $PARENT yet ($CALLED write 8 64), no --key-file, no --key"
  READ_RUN=$(find_run "$READ_RUN")
  not_deleted "$READ_RUN"
  within_reach "$READ_RUN"
  say "reading the keys of $(shown "$READ_RUN")"
  if [ -z "$OPT_BUCKET" ]; then
    configured=${BUCKET:-$(saved BUCKET)}
    place_of "$READ_RUN"
    [ "${configured:-$BUCKET}" = "$BUCKET" ] ||
      say "they are in the bucket $BUCKET, which is used in place of $configured (--bucket names another)"
  fi
  # The reader may use another function.
  FUNCTION=${FUNCTION:-$(field "$READ_RUN" .function)}
}

# The keys of READ_RUN; of streams those whose number of objects is known, by the records in SCRATCH/known_records.
keys_of_run() {
  local unknown
  keys_in "$READ_RUN/keys.txt" >"$SCRATCH/run.txt"
  if [ "$(field "$READ_RUN" is_stream)" = true ]; then
    jq_program plan/streams -n -R --arg op "$(field "$READ_RUN" .op)" --arg most "$OPT_OBJECTS" \
      --slurpfile jobs "$READ_RUN/jobs.ndjson" "$SCRATCH/known_records" >"$SCRATCH/streams"
    jq -R -r --slurpfile streams "$SCRATCH/streams" 'select($streams[0][.])' "$SCRATCH/run.txt" >"$SCRATCH/known.txt"
    unknown=$(($(lines "$SCRATCH/run.txt") - $(lines "$SCRATCH/known.txt")))
    [ -s "$SCRATCH/known.txt" ] ||
      usage "no stream of $(shown "$READ_RUN") has a good record: $CALLED write --resume $(shown "$READ_RUN")"
    [ "$unknown" -eq 0 ] || say "$(plural "$unknown" stream) without a good record: left out"
    mv "$SCRATCH/known.txt" "$SCRATCH/run.txt"
  elif [ -n "$OPT_OBJECTS" ]; then
    usage "--objects is for streams, but $(shown "$READ_RUN") wrote plain objects"
  fi
  cat "$SCRATCH/run.txt"
}

# The keys in a file; empty lines are passed over, every other line is a key.
keys_in() { # FILE [MOST-BYTES]
  local file=$1 most=${2:-1024} bad
  [ ! -d "$file" ] && [ -r "$file" ] || usage "the key file \"$file\" is not there or cannot be read"
  # The added line break ends a last line that has none.
  { cat "$file"; printf '\n'; } >"$SCRATCH/lines"
  utf_8 || usage "the key file \"$file\" is not UTF-8 text"
  bad=$(LC_ALL=C KEYS=$SCRATCH/some awk -v most="$most" '
    !length($0) { next }
    NR == 1 && substr($0, 1, 3) == "\357\273\277" {
      bad = " begins with a byte order mark, which would be part of the first key: tail -c +4 FILE leaves it out"
    }
    !bad && length($0) > most { bad = ": line " NR " has " length($0) " bytes; a key here has at most " most }
    !bad && /^[ \t]+\r?$/ { bad = ": line " NR " is blanks alone, which S3 does not take as a key" }
    !bad && /\r$/ {
      bad = ": line " NR " ends with CR, as on Windows, which would be part of the key:" \
        " tr -d \047\\r\047 <FILE leaves it out"
    }
    { n++; print >ENVIRON["KEYS"] }
    END { print n ? bad : " holds no key" }' "$SCRATCH/lines")
  [ -z "$bad" ] || usage "the key file \"$file\"$bad"
  cat "$SCRATCH/some"
}
