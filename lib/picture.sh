# shellcheck shell=bash
# From records to pictures. A picture that cannot be drawn is a message, never a failure: the figures stand without it.

# Draws the records of one run, or of several side by side, into FOLDER: report.html, report.svg, report.png. Reads a
# run's summary.json where it has one.
draw() { # FOLDER [RUN|FILE ...], FOLDER itself without
  local folder=$1
  [ $# -eq 1 ] || shift
  can_draw || return 0
  if ! { chart_runs "$@" && chart chart_spec runs "$SCRATCH/chart.runs" && render "$folder" report; }; then
    say "$NOT_DRAWN"
  fi
}

# Draws what sweep.jq gives into FOLDER: sweep.html, sweep.svg, sweep.png.
draw_sweep() { # FOLDER SWEEP.json
  can_draw || return 0
  if ! { chart chart_sweep sweep "$2" && render "$1" sweep; }; then
    say "$NOT_DRAWN"
  fi
}

NOT_DRAWN='the picture could not be drawn; the figures do not need it'

# Binds data to the panels.
chart() { # PROGRAM NAME FILE
  jq -c -n -L "$ROOT/jq" -f "$ROOT/jq/$1.jq" --slurpfile "$2" "$3" "$ROOT"/chart/*.json >"$SCRATCH/chart.json"
}

chart_runs() { # RUN|FILE ...
  local source
  : >"$SCRATCH/chart.runs"
  for source in "$@"; do
    chart_data "$source" >>"$SCRATCH/chart.runs" || return
  done
}

can_draw() {
  "$ROOT/.venv/bin/python" -c 'import vl_convert' 2>/dev/null || {
    say 'no picture: vl-convert is not in .venv; "make build" installs it, then "./driver.sh report" draws'
    return 1
  }
}

# What the panels show of a run.
chart_data() { # RUN|FILE
  configuration_of "$1" >"$SCRATCH/chart.run" || return
  if [ -f "$1/summary.json" ]; then
    cp "$1/summary.json" "$SCRATCH/chart.summary"
  else
    summarise "$1" >"$SCRATCH/chart.summary" || return
  fi
  records "$1" |
    jq -c -n -R -L "$ROOT/jq" -f "$ROOT/jq/chart.jq" --slurpfile run "$SCRATCH/chart.run" \
      --slurpfile summary "$SCRATCH/chart.summary" --arg source "${1##*/}"
}

# Writes NAME.html, NAME.svg and NAME.png; a specification of null is one of nothing.
render() { # FOLDER NAME
  if [ "$(head -c 5 "$SCRATCH/chart.json")" = null ]; then
    say 'no picture: there is nothing to draw'
    return 0
  fi
  "$ROOT/.venv/bin/python" "$ROOT/chart/render.py" "$SCRATCH/chart.json" "$1" "$2" 2>"$SCRATCH/chart.errors" || {
    tail -n 1 "$SCRATCH/chart.errors" >&2
    return 1
  }
}
