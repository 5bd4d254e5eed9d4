# Purpose: how fast a worker is expected to be, and so how many objects a job that ends by time moves. A library; input
#          is always the run's configuration.

include "plan/cost";
include "plan/network";
include "run";
include "text";

# The worker takes no longer streams.
def most_of_a_stream: 1000000;
# What a request takes at the least, as planned, and how many times faster than planned no worker ever is.
def request_s: 0.01;
def fastest: 10;
# MB/s of a whole machine on which all workers are.
def machine_mbps: 300;

# Objects a second of one of so many workers; null where their size is not known.
def objects_per_s($jobs):
  object_bytes as $bytes
  | if $bytes == null then null
    else
      [
        (.network_mbps // usual_mbps) * 1e6 / $bytes,
        .in_flight / request_s,
        (if workers_here then machine_mbps * 1e6 / ($bytes * $jobs) else empty end)
      ] | min
    end;

# More objects than a job can move in so many seconds.
def conceivable_objects($jobs; $seconds):
  objects_per_s($jobs) as $rate
  | (.for_s // $seconds) as $s
  | if $rate == null then [most_objects // infinite, ($s * .in_flight / request_s | ceil)] | min
    else
      most_objects
      // ([($s * $rate * fastest | ceil), if .op == "write" then most_of_a_stream else empty end] | min)
    end;

# What objects of unknown size take at most beyond one GET each, {gets, bytes}: the network brings no more, and those
# larger than a range take twice as many GETs as that has whole ranges.
def further($seconds):
  ($seconds * (.network_mbps // usual_mbps) * 1e6) as $bytes
  | {$bytes, gets: (if (.range_mb // 0) == 0 then 0 else 2 * $bytes / (.range_mb * mib) | ceil end)};

# How long the requests take that are under way when the time is over.
def finishing_s($jobs):
  objects_per_s($jobs) as $rate
  | if $rate == null then 1 else [1, connections / pieces_of_an_object / $rate] | max end;
