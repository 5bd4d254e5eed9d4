# Purpose: what the pictures share: texts, legends, the mark of loopback, the footer. A library.
# Places and sizes are in pixels, from a panel's upper left corner. $panels: [chart/panels.json].

include "text";

def texts($panels; $x; $y; $styles):
  . as $text
  | $panels[0].text
  | .mark.text = $text
  | .mark.style = $styles
  | .encoding = {x: {value: $x}, y: {value: $y}};

# What signs mean, below each other: [sign, style, text], ...; the sign "-" is a line in that style.
def legend($panels; $x; $y):
  to_entries[]
  | (16 * .key + $y) as $y
  | .value as [$sign, $style, $text]
  | if $sign == "-" then
      $panels[0].rule
      | .mark.style = $style
      | .encoding = {x: {value: $x}, x2: {value: ($x + 20)}, y: {value: $y}}
    else $sign | texts($panels; $x + 5; $y; ["note", $style]) end,
    ($text | texts($panels; $x + 26; $y; ["note"]));

# A panel with the mark of loopback: behind the data, so that it hides none, or above it where bars leave no room
# between them.
def loopback_mark($panels):
  .width as $width
  | .height as $height
  | "LOOPBACK, NOT S3"
  | texts($panels; $width / 2; $height / 2; "loopback")
  | .mark += {align: "center", fontSize: ([$width / 13, 52] | min | rounded(1))};
def behind($panels; $loopback): if $loopback then .layer = [loopback_mark($panels)] + .layer else . end;
def above($panels; $loopback): if $loopback then .layer += [loopback_mark($panels)] else . end;

def titled($text): .title = {text: $text, style: "group-title"};

# A panel in the colour of an operation.
def coloured($op): walk(if type == "array" then map(if . == "op" then $op else . end) else . end);

# An axis that ends where it is told to.
def exactly($from; $to): {domain: [$from, $to], nice: false, padding: 0};

# A whole picture: its texts stand in usermeta once more, for a page that sets them itself and leaves the footer out.
# Input: panels, one below the other. $title, $details, $footer: lines of text; $width: of the panels.
def picture($panels; $width; $title; $details; $footer):
  ($footer | map(wrapped(160)[])) as $lines
  | {
      "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
      title: {
        text: [$title[] | wrapped(90)[]],
        subtitle: [$details[] | wrapped(130)[]],
        fontSize: 19,
        offset: 16
      },
      vconcat: (. + [{
        name: "footer",
        width: $width,
        height: ($lines | length * 15),
        layer: [$lines | texts($panels; 0; 0; "foot")]
      }]),
      usermeta: {$title, $details, $footer}
    };

def loopback_warning: "LOOPBACK, NOT S3: this measures one machine and says nothing about Amazon S3.";
