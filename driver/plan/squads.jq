# Purpose: into how many squads a fleet is divided. A library.

# Up to so many jobs are one invocation each. Measured on 2 cores that were busy with other work (0.7 CPU-s an aws
# process), against `local`, with --start-in 0; seconds from the launch to the last start, directly and in one squad:
# 8 jobs 8.4 and 1.2, 16 jobs 15.4 and 0.9, 24 jobs 15.4 and 1.8. From 3 jobs on a squad is faster, but it costs an
# environment more (an eighth at 8 jobs) and ties its jobs together: so it is left where the wait is short.
def most_direct: 8;

# Squads of at least so many jobs: the squad's own environment is then at most 6 % of what the fleet costs.
def smallest_squad: 16;

# The function refuses larger ones.
def largest_squad: 256;

# aws processes: 56 MB of memory and 0.4 to 0.7 CPU-s each. Squads keep to the first number where 256 jobs a squad
# allow it. Measured on 2 cores, write 1800 1 against `local`: 32 squads took the driver 33 CPU-s, 16 took 23. There
# are never more processes than the second number: where more invocations are needed, the others wait for a place.
def most_squads: 16;
def most_processes: 64;

def per($n): . / $n | ceil;
def at_most($n): [., $n] | min;
def at_least($n): [., $n] | max;

# Jobs per squad for so many jobs; 1 is none.
def squad_for($jobs):
  if $jobs <= most_direct then 1
  else $jobs | per(most_squads) | at_least(smallest_squad) | at_most(largest_squad) end;

# How many invocations so many jobs are, at so many a squad. None is left with one job, which it would do itself while
# the others invoke a worker for each of theirs.
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
