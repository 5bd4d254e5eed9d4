# Purpose: what the pictures share: texts, legends, the mark of loopback, the footer. A library. Panels are 780 wide.
# Places and sizes are in pixels, from a panel's upper left corner. $panels: [chart/panels.json].

include "text";

def texts($panels; $x; $y; $styles):
  . as $text
  | $panels[0].text
  | .mark.text = $text
  | .mark.style = $styles
  | .encoding = {x: {value: $x}, y: {value: $y}};

# What signs mean, below each other beside a panel: [sign, style, text], ...; the sign "-" is a line in that style.
def legend($panels):
  to_entries[]
  | 788 as $x
  | (16 * .key + 8) as $y
  | .value as [$sign, $style, $text]
  | if $sign == "-" then
      $panels[0].rule
      | .mark.style = $style
      | .encoding = {x: {value: $x}, x2: {value: ($x + 20)}, y: {value: $y}}
    else $sign | texts($panels; $x + 5; $y; ["note", $style]) end,
    ($text | texts($panels; $x + 26; $y; ["note"]));

# A panel with a mark across it where its figures are not of AWS alone (see setup.jq), as large as it has room for.
def marked($panels; $machine):
  ([.height / 2, 40] | min) as $y
  | .layer += [
      $machine
      | values
      | .mark as $text
      | $panels[0].mark
      | .mark += {$text, fontSize: ($y * 1.3)}
      | .encoding.y.value = $y
    ];

# A panel in the colour of an operation.
def coloured($op): walk(if type == "array" then map(if . == "op" then $op else . end) else . end);

# An axis that ends where it is told to.
def exactly($from; $to): {domain: [$from, $to], nice: false, padding: 0};

# A whole picture: its texts stand in usermeta once more, for a page that sets them itself and leaves the footer out.
# Input: panels, one below the other. $machine: see setup.jq. $title, $details, $footer: lines of text.
def picture($panels; $machine; $title; $details; $footer):
  $machine.warning as $alarm
  | ($details + [$alarm | values]) as $details
  | ($footer | map(wrapped(160)[])) as $lines
  | {
      "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
      title: {
        text: [$title[] | wrapped(90)[]],
        subtitle: [$details[] | wrapped(130)[]],
        fontSize: 19,
        offset: 16
      },
      vconcat: (map(marked($panels; $machine)) + [{
        name: "footer",
        height: ($lines | length * 15),
        layer: [$lines | texts($panels; 0; 0; "foot")]
      }]),
      usermeta: {$title, $details, $footer, $alarm}
    }
  # Nobody is read ten thousand marks aloud.
  | (.vconcat[] | .. | .mark? | objects).aria = false;
