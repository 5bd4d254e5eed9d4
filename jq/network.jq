# Purpose: what Lambda's network gives one worker. A library.

# MB/s (10^6 bytes per second) at every memory size, after a short burst: 600 Mbit/s, as iperf3 measures it
# (https://github.com/sjakthol/aws-network-benchmark, 2024).
def usual_mbps: 75;

# What an account can opt in to since August 2026, outside a VPC: 625 Mbit/s with 2,048 MB of memory, rising with it to
# 3,000 Mbit/s with 10,240 MB. Between these two the line is assumed to be straight.
def least_memory: 2048;
def opted_in_mbps($memory):
  (625 + ($memory - least_memory) * (3000 - 625) / (10240 - least_memory)) / 8;

# The name under which Service Quotas lists it.
def quota_name: "Network bandwidth per execution environment";

# What the account may use of it, in Mbit/s; null where Service Quotas was not asked or does not know the item.
# Input: ListServiceQuotas' answer or null.
def quota_mbits: [.Quotas[]? | select(.QuotaName == quota_name) | .Value | numbers][0];

# {network_mbps: what a worker of so much memory gets, network_opted_in: true, false, or null where it is not known}.
# Input: ListServiceQuotas' answer or null.
def network($memory):
  quota_mbits as $quota
  | if $memory < least_memory then {network_mbps: usual_mbps, network_opted_in: null}
    elif $quota == null then {network_mbps: usual_mbps, network_opted_in: null}
    elif $quota <= usual_mbps * 8 then {network_mbps: usual_mbps, network_opted_in: false}
    else {network_mbps: ([opted_in_mbps($memory), $quota / 8] | min), network_opted_in: true} end;
