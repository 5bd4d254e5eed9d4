# Purpose: into how many squads a fleet is divided. A library.

# Up to so many jobs are one invocation each. A squad starts sooner (measured on 2 busy cores: 8 jobs after 1.2 s, not
# 8.4 s), but it costs an environment more and ties its jobs together.
def most_direct: 8;

# Squads of at least so many jobs: the squad's own environment is then at most 6 % of what the fleet costs.
def smallest_squad: 16;

# The function refuses larger ones.
def largest_squad: 256;

# An aws process takes 56 MB of memory and 0.4 to 0.7 CPU-s. So a fleet has few squads as long as they may grow, and few
# processes run at a time.
def most_squads: 8;
def most_processes: 64;

def per($n): . / $n | ceil;
def at_most($n): [., $n] | min;
def at_least($n): [., $n] | max;

# Jobs per squad for so many jobs; 1 is none.
def squad_for($jobs):
  if $jobs <= most_direct then 1
  else $jobs | per(most_squads) | at_least(smallest_squad) | at_most(largest_squad) end;

# How many invocations so many jobs are, with at most so many in a squad. Of several squads none has a single job: it
# would do that itself, while the others start workers for theirs.
def invocations($jobs; $squad):
  if $squad == 1 then $jobs else $jobs | [per($squad), (. / 2 | floor)] | min | at_least(1) end;

# The array of a launch's jobs, divided into its invocations as evenly as can be.
def into_squads($squad):
  . as $jobs
  | invocations(length; $squad) as $invocations
  | range($invocations)
  | $jobs[(. * ($jobs | length) / $invocations | floor) : ((. + 1) * ($jobs | length) / $invocations | floor)];

# How many environments run at once: workers, and squads which wait for them.
def environments($jobs; $squad):
  invocations($jobs; $squad) as $invocations
  | if $squad == 1 then $invocations | at_most(most_processes)
    elif $invocations <= most_processes then $jobs + $invocations
    else most_processes * ($squad + 1) end;
