# Purpose: whether what was read from outside is what its readers expect: the one table of the answers of AWS, by
#          operation, and of files.
# Input:   its text (-R -s), nothing where there was none; $name: its row.
# Output:  none. Where it does not fit, a sentence on stderr, and status 1.

include "misfits";
include "text";

def shapes: {
  "get-function-configuration": {
    FunctionArn: "string null", Role: "string null", MemorySize: "number", Timeout: "number",
    Architectures: ["string", null], VpcConfig: {VpcId: "string null"}, LastUpdateStatus: "string null",
    LastModified: "string null"
  },
  "get-account-settings": {
    AccountLimit: {ConcurrentExecutions: "number null", UnreservedConcurrentExecutions: "number null"}
  },
  "get-function-concurrency": {ReservedConcurrentExecutions: "number null"},
  "list-service-quotas": {Quotas: [{QuotaName: "string null", Value: "number null"}, null]},
  "head-bucket": {BucketRegion: "string null"},
  "get-bucket-versioning": {Status: "string null"},
  "get-object-lock-configuration": {
    ObjectLockConfiguration: {Rule: {DefaultRetention: {Mode: "string", Days: "number null", Years: "number null"}}}
  },
  "get-bucket-encryption": {
    ServerSideEncryptionConfiguration: {
      Rules: [{ApplyServerSideEncryptionByDefault: {SSEAlgorithm: "string null", KMSMasterKeyID: "string null"}}, null]
    }
  },
  "get-bucket-policy": {Policy: "string null"},
  "get-key-policy": {Policy: "string null"},
  "describe-key": {KeyMetadata: {Arn: "string null", KeyManager: "string null", KeyState: "string null"}},
  "simulate-principal-policy": {EvaluationResults: [{EvalDecision: "string null"}, null]},
  "list-multipart-uploads": {Uploads: [{Key: "string", UploadId: "string"}, null]},
  "list-objects-v2": {Contents: [{Key: "string"}, null]},
  "get-caller-identity": {Account: "string"},
  "get-function": {
    Configuration: {Architectures: ["string", null], Role: "string null"}, Tags: {terabit: "string null"}
  },
  "get-role": {Role: {Arn: "string"}},
  "describe-stacks": {Stacks: [{StackStatus: "string", Parameters: [{ParameterKey: "string null"}, null]}]},
  "describe-stack-resources": {
    StackResources: [
      {LogicalResourceId: "string null", ResourceStatus: "string null", PhysicalResourceId: "string null"}
    ]
  },
  "describe-stack-events": {
    StackEvents: [
      {
        LogicalResourceId: "string null", ResourceType: "string null", ResourceStatus: "string null",
        ResourceStatusReason: "string null"
      }
    ]
  },
  credentials: {AccessKeyId: "string", SecretAccessKey: "string", SessionToken: "string null"},
  "memory.json": {function: "string", arn: "string", memory_mb: "number", endpoint: "string"},
  # Of earlier versions too, which had fewer fields.
  "sweep.json": {
    stopped: "string null", unfinished: "string null", varies: ["string", null], across: "string null",
    common: ["string", null], sentences: ["string", null], lost: [{memory_mb: "number", why: "string"}, null],
    rows: [
      {
        letter: "string null", op: "string null", name: "string null", series: "string null", held_back: "string null",
        jobs: "number", runs: ["string"], repetitions: "number", failed: "number", valid: "boolean",
        counts: "boolean null",
        settings: {
          workers: "number null", size: "number null", memory_mb: "number null", in_flight: "number null",
          part_mb: "number null", range_mb: "number null", for_s: "number null"
        },
        goodput: {min: "number null", median: "number null", max: "number null"},
        mbps_p5: "number null", mbps_p50: "number null", ideal: "number null", of_ideal: "number null",
        figures: {
          sustained: "number null", peak_1s: "number null", straggler_tax: "number null", throttled: "number null",
          usd_per_tb: "number null", objects_per_s: "number null"
        }
      }
    ]
  }
};

(shapes[$name] // empty) as $shape
# AWS may have nothing to tell; an empty file is torn.
| if test("\\S") then try fromjson catch . elif $name | endswith(".json") then null else empty end
| first(if . == null then "\"content\": null" else misfits("content"; $shape) end)
| "\($name) has \(.)"
| halt_error(1)
