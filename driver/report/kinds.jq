# Purpose: which runs are the same experiment, and what each is called beside others. A library.

# What makes two runs the same experiment. Nobody knows that of records from elsewhere: each file is its own.
# Input: {source, run, summary}, run: the run (see run.jq) or null.
def kind:
  {op: .summary.op, jobs: .summary.jobs}
  + if .run == null then {source}
    else
      .run
      | {
          mb_per_file, part_mb, range_mb, in_flight, read_times, verify, memory_mb, arch, region, loopback, bucket,
          function, squad: .launches[0].squad
        }
      | map_values(values)
    end;

def letter: [65 + . % 26] | implode;

# Input: an array of objects with their kind. Adds column: the number of the kind, in the order in which they stand;
# letter: its name; name: the letter, and the run's number where its kind has several.
def lettered:
  [.[].kind] as $kinds
  | (reduce $kinds[] as $kind ([]; if any(.[]; . == $kind) then . else . + [$kind] end)) as $columns
  | [
      range(length) as $n
      | $kinds[$n] as $kind
      | (first(range($columns | length) as $c | select($columns[$c] == $kind) | $c)) as $column
      | ($column | letter) as $letter
      | .[$n] + {
          $column,
          $letter,
          name: (
            if [$kinds[] | select(. == $kind)] | length == 1 then $letter
            else "\($letter)\([$kinds[:$n + 1][] | select(. == $kind)] | length)" end
          )
        }
    ];
