# shellcheck shell=bash
# From records to pictures. A picture that cannot be drawn is a message, never a failure: the figures stand without it.

# Draws what report.sh took up, of one run or of several side by side, as TARGET.html, TARGET.svg, TARGET.png.
draw() { # TARGET RUN|FILE ...
  local target=$1
  shift
  can_draw || return 0
  if chart_runs "$@" && chart chart_spec runs "$SCRATCH/chart.runs"; then render "$target"; else not_drawn; fi
}

# Draws what sweep.jq gives.
draw_sweep() { # TARGET SWEEP.json
  can_draw || return 0
  if chart chart_sweep sweep "$2"; then render "$1"; else not_drawn; fi
}

not_drawn() { # [REASON]
  say "the picture could not be drawn${1:+ ($1)}; the figures do not need it"
}

# Binds data to the panels.
chart() { # PROGRAM NAME FILE
  jq_program "report/$1" -c -n --slurpfile "$2" "$3" \
    "$ROOT"/driver/report/chart/*.json >"$SCRATCH/chart.json"
}

chart_runs() { # RUN|FILE ...
  local source n=0
  for source in "$@"; do
    chart_data "$n" "$source" || return
    n=$((n + 1))
  done >"$SCRATCH/chart.runs"
}

can_draw() {
  "$ROOT/.venv/bin/python" -c 'import vl_convert' 2>/dev/null || {
    say 'no picture: vl-convert is not in .venv; "make build" installs it, then "./driver.sh report" draws'
    return 1
  }
}

# What the panels show of the Nth source.
chart_data() { # N RUN|FILE
  records "$2" |
    jq_program report/chart -c -n -R --slurpfile run "$SCRATCH/run.$1" \
      --slurpfile summary "$SCRATCH/summary.$1" --arg source "${2##*/}"
}

# Writes the three files and says where; a specification of null is one of nothing.
render() { # TARGET
  local start
  IFS= read -r -n 4 start <"$SCRATCH/chart.json"
  if [ "$start" = null ]; then
    say 'no picture: there is nothing to draw'
  elif "$ROOT/.venv/bin/python" "$ROOT/driver/report/chart/render.py" "$SCRATCH/chart.json" "$1" \
    2>"$SCRATCH/chart.errors"; then
    say "picture $(shown "$1").html, .svg and .png"
  else
    not_drawn "$(awk 'END { print }' "$SCRATCH/chart.errors")"
  fi
}
