# Purpose: a run's configuration once it is launched again.
# Input:   run.json. $now: [its configuration with the fleet of this launch]; $launch: the launch's number.
# Output:  the new run.json. What belongs to the first launch stays in first: the figures are of it.

.first //= {squad, mode, start_in_s, start_at, stop_by, clock}
| . + ($now[0] | {squad, mode, invocations, processes, environments, start_in_s, start_at, stop_in_s, stop_by, clock})
| .launches = $launch
| del(.interrupted)
