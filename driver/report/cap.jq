# Purpose: what Lambda's network gives each worker of a run. A library.
# Input:   the run (see run.jq), or null for records from elsewhere.

include "plan/network";

# MB/s; null on loopback, where it is this machine that gives.
def cap_mbps: if .loopback == true then null else (.network_mbps | numbers) // usual_mbps end;

# Whether the account has opted in to more than every function gets.
def opted_in: cap_mbps != null and cap_mbps > usual_mbps;
