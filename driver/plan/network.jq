# Purpose: what Lambda gives one worker of network and processor, and what follows from it. A library, and the only
#          place that knows.

# MB/s (10^6 bytes per second) at every memory size, after a short burst: 625 Mbit/s, AWS's documented default
# (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, 2026).
def usual_mbits: 625;
def usual_mbps: usual_mbits / 8;

# What an account can opt in to since August 2026, outside a VPC: the default with 2,048 MB of memory, rising with it to
# 3,000 Mbit/s with 10,240 MB. Between these two the line is assumed to be straight.
def least_memory: 2048;
def opted_in_mbps($memory):
  (usual_mbits + ([$memory - least_memory, 0] | max) * (3000 - usual_mbits) / (10240 - least_memory)) / 8;

# Whether an opt-in gives a function more. Input: GetFunctionConfiguration's answer.
def can_have_more: .MemorySize > least_memory and (.VpcConfig.VpcId // "") == "";

# The name under which Service Quotas lists it.
def quota_name: "Network bandwidth per execution environment";

# What the account may use of it, in Mbit/s; the default where Service Quotas was not asked or does not know the item.
# Input: ListServiceQuotas' answer or null.
def quota_mbits: [.Quotas[]? | select(.QuotaName == quota_name) | .Value | numbers][0] // usual_mbits;

# MB/s that a worker of so much memory gets. A quota of the default is no opt-in. Input: ListServiceQuotas' answer or
# null.
def network_mbps($memory):
  quota_mbits / 8
  | if . > usual_mbps then [opted_in_mbps($memory), .] | min else usual_mbps end;

# Memory buys processor time, too: so many MB are one processor
# (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html, 2026).
def processor_mb: 1769;

# What one connection to S3 carries, in MB/s, and so how many requests fill a network. Input: the network's MB/s.
def connection_mbps: {write: 20, read: 90};
def default_in_flight($op): [8, . / connection_mbps[$op] | ceil] | max;
