# Purpose: where JSON from outside is not of the shape that its readers expect. A library.
# A shape: the types that a value may have, as in "number null"; {field: shape} of an object, whose other fields are
#          free; [shape] of an array's elements, [shape, null] where null may stand for the array. null may stand for an
#          object that is no element.

include "text";

# Input: any value, $name: what it is called. A few words for each place that does not fit.
def misfits($name; $shape):
  type as $type
  | ($shape | type) as $kind
  | if $kind == "object" and $type == "object" then
      ($shape | keys_unsorted[]) as $field | .[$field] | misfits($field; $shape[$field])
    elif $kind == "array" and $type == "array" then
      .[] | if . == null then "\"\($name)\": [null]" else misfits($name; $shape[0]) end
    # The shell cannot hold a NUL.
    elif $kind == "string" and any($shape | split(" ")[]; . == $type) and all(strings; test("\\x00") | not) then empty
    elif . == null and ($kind == "object" or $kind == "array" and $shape[1:] == [null]) then empty
    else "\"\($name)\": \(tojson | visible | shortened(80))" end;
