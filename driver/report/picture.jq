# Purpose: what the pictures share: texts on panels, the mark of loopback, the footer. A library.
# Places and sizes are in pixels, from a panel's upper left corner. $panels: chart/*.json by their names.

include "text";

# chart/*.json by their names: the inputs (-n).
def panels: reduce inputs as $panel ({}; .[input_filename | sub(".*/"; "") | rtrimstr(".json")] = $panel);

# Input: text, or lines of it.
def note($panels; $x; $y; $styles):
  . as $text
  | $panels.label
  | .mark.text = $text
  | .mark.style = ["note"] + $styles
  | .encoding = {x: {value: $x}, y: {value: $y}};

# Entries [sign, style, text] below each other.
def legend($panels; $x; $y):
  to_entries[]
  | .key as $n
  | .value as [$sign, $style, $text]
  | ($sign | note($panels; $x; $y + 16 * $n; [$style])),
    ($text | note($panels; $x + 16; $y + 16 * $n; []));

# Input: a panel. A layer with the mark of loopback.
def loopback_mark($panels):
  .width as $width
  | .height as $height
  | $panels.loopback
  | .mark.fontSize = ([$width / 13, 52] | min | rounded(1))
  | .encoding = {x: {value: ($width / 2)}, y: {value: ($height / 2)}};

# Behind the data, so that it hides none; above it where bars leave no room between them.
def behind($panels; $loopback): if $loopback then .layer = [loopback_mark($panels)] + .layer else . end;
def above($panels; $loopback): if $loopback then .layer += [loopback_mark($panels)] else . end;

def loopback_warning: "LOOPBACK, NOT S3: this measures one machine and says nothing about Amazon S3.";

# Input: lines of text.
def footer($panels; $width):
  . as $lines
  | $panels.label
  | {name: "footer", width: $width, height: ($lines | length * 15), layer: [.]}
  | .layer[0] |= (.mark.text = $lines | .mark.style = "foot" | .encoding = {x: {value: 0}, y: {value: 0}});
