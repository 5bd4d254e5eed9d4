# Purpose: what AWS complains of, and what mends it: the one table, for Lambda, S3 and ping alike. A library.
# Input:   what `aws` wrote on stderr, or what a failed ping told.

# What a row of the table may name, in fields of $at that are texts: function, bucket, region, profile; action: what was
# tried; deployed: the region that make deploy saved; clock: the time here; run: the run that named the bucket; driver:
# how it is called.
def profile_option($at): if $at.profile == "" then "" else " --profile \($at.profile)" end;

def region($at): if $at.region == "" then "region of your AWS profile" else "region \($at.region)" end;

def log_in($at; $command):
  "your AWS profile logs in, and has no session now: \($command)\(profile_option($at)), which version 2 of the AWS CLI "
  + "has (https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html)";

# The action that AWS names, or that was tried.
def denied_action($at): (capture("perform: (?<action>[a-z0-9-]+:[A-Za-z]+)")? | .action) // $at.action // "do that";

# Each row: what it looks like; the type of a job whose invocation was refused so, null where the job may have run;
# what mends it. The first that fits counts.
def complaints($at):
  # Before anything is sent.
  ["CERTIFICATE_VERIFY_FAILED|certificate verify failed|HANDSHAKE_FAILURE", "Connect",
    "the certificate of whoever answered is not trusted: where a proxy reads TLS, export AWS_CA_BUNDLE=... names the "
    + "file with its certificate; a wrong clock does the same, it says \($at.clock)"],
  # What the answer would have said is not known, whatever else the text may look like.
  ["SSL validation failed", null,
    "the TLS connection to AWS failed: a proxy or a firewall on the way changes what it carries, or AWS_ENDPOINT_URL "
    + "says https:// of a server without TLS; try again from another network"],
  ["Read timeout|Connection was closed|HTTP Client raised", null,
    "AWS did not answer in time: the network may be slow, or Lambda had no room for a worker (429) because other "
    + "functions or an earlier run take the account's concurrency; try again in a minute"],
  ["^the ping failed: AccessDenied", null,
    "the function's role may not do that: make deploy gives it the permission, make deploy BUCKET=\($at.bucket) on "
    + "that bucket. Where the requester pays, S3 refuses all workers, which do not send x-amz-request-payer: copy what "
    + "is to be read into a bucket of your own"],
  ["^the ping failed: InvalidEvent", null, "the function is older than this driver: make deploy"],
  ["Unable to locate credentials|no credentials found", "AccessDenied",
    "there are no AWS credentials: aws configure sets them, aws login or aws sso login (version 2 of the AWS CLI) "
    + "logs in, export AWS_PROFILE=... names a profile that has them"],
  ["login credential provider|aws login|login session", "AccessDenied", log_in($at; "aws login")],
  ["SSO session|SSO Token|Token has expired and refresh failed", "AccessDenied", log_in($at; "aws sso login")],
  ["ExpiredToken|Token has expired|token is expired|still expired", "AccessDenied",
    "the credentials have expired: aws sso login, or renew them where they came from"],
  ["MFA token required|Enter MFA code|EOF when reading a line", "AccessDenied",
    "the profile's role asks for an MFA code, and there is no terminal to type it in: aws sts "
    + "get-caller-identity\(profile_option($at)) on a terminal keeps the role's credentials for an hour, or export "
    + "some"],
  ["Signature expired|[Nn]ot yet (current|valid)|RequestTimeTooSkewed|RequestExpired|request time and the current time",
    "AccessDenied",
    "this machine's clock is wrong, it says \($at.clock): set it (sudo timedatectl set-ntp true; macOS: sudo sntp -sS "
    + "time.apple.com)"],
  ["RecursiveInvocation", "AccessDenied",
    "Lambda took the squads for a function that calls itself without end, and stopped them; nothing ran: aws lambda "
    + "put-function-recursion-config --function-name \($at.function) --recursive-loop Allow"
    + if ($at.region // "") == "" then "" else " --region \($at.region)" end],
  ["MemorySize", "InvalidEvent",
    ([capture("less than or equal to (?<most>[0-9]+)")][0].most // "3008") as $most
    | "new accounts have functions of at most \($most) MB: make deploy MEMORY=\($most). AWS raises that as the account "
    + "is used, or when its support is asked; Service Quotas does not list it"],
  ["connect to proxy", "Connect",
    "the proxy that HTTPS_PROXY or HTTP_PROXY names does not answer: set the right one, or unset them"],
  ["UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|InvalidSignature|SignatureDoesNotMatch|"
      + "MissingAuthentication", "AccessDenied",
    "AWS does not accept the credentials: aws sts get-caller-identity shows which are used, aws configure sets them; "
    + "or the account has not enabled the \(region($at))"],
  ["specify a region", "Connect", "no region is known: export AWS_REGION=... with the one of the function"],
  ["ResourceNotFoundException", "Connect",
    "there is no function \"\($at.function)\" in the \(region($at))"
    + if ($at.deployed // "") | IN("", $at.region) then
        ": make deploy makes it, --function names another, export AWS_REGION=... looks elsewhere"
      else
        ", which the environment names; make deploy was told \($at.deployed): unset AWS_REGION AWS_DEFAULT_REGION goes "
        + "there"
      end],
  ["following state: Failed", "Connect",
    "Lambda could not make the function \"\($at.function)\": make deploy STACK=... makes another; make destroy, which "
    + "removes the bucket and its objects too, and then make deploy make it anew"],
  ["ResourceConflictException", "Connect",
    "the function \"\($at.function)\" is being changed at this moment; nothing was launched: try again in a minute"],
  ["(TooManyRequestsException|Throttling(Exception)?|RequestLimitExceeded|SlowDown)\\) when calling the (?!Invoke )",
    "Throttled",
    "AWS takes only so many such questions a second, and others ask too: try again in a minute"],
  ["TooManyRequestsException", "Throttled",
    "Lambda has no room for one worker now (429): other functions take the account's concurrency, or an earlier run "
    + "goes on; try again in a minute"],
  ["\\((KMS|EC2)AccessDenied", "AccessDenied",
    "the function's role may not do that: allow it, or make deploy STACK=... makes another function, which needs no "
    + "key and no VPC"],
  ["AccessDenied|\\(403\\)|not authorized|Unauthorized", "AccessDenied",
    "the credentials may not \(denied_action($at)): allow it (deploy/caller-policy.json has all that the driver, make "
    + "deploy and make destroy need), or export AWS_PROFILE=... with another profile"],
  ["RequestTooLarge|InvalidRequestContent|InvalidParameterValue|UnsupportedMediaType", "InvalidEvent", ""],
  ["NoSuchBucket|\\(404\\)", null,
    if ($at.run // "") == "" then
      "there is no bucket \"\($at.bucket)\": make deploy makes one, --bucket names another"
    else
      "there is no bucket \"\($at.bucket)\" any more, which \($at.run) used: what was in it is gone; \($at.driver) "
      + "write 8 64 makes new objects"
    end],
  ["PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint|\\(301\\)", null,
    "the bucket \"\($at.bucket)\" is in another region than the \(region($at)): export AWS_REGION=... with its region "
    + "and make deploy there, or --bucket names another"],
  ["InvalidRuntime|InvalidZipFile|SnapStart|EFS|KMS|EC2|ENILimit|SubnetIPAddress", "Crashed", ""],
  ["connect to the endpoint|Connect timeout|dispatch failure", "Connect",
    "AWS cannot be reached in the \(region($at)): is the network up, is the region's name right, is AWS_ENDPOINT_URL "
    + "meant?"
    + if $at.bucket // "" | endswith("--x-s3") then
        " A directory bucket is reached from its own region alone, which the zone in its name tells."
      else "" end],
  ["ServiceException|InternalError|InternalFailure|ServiceUnavailable|\\(50[0-9]\\)", "Lambda",
    "the fault is AWS's own: try again in a minute; https://health.aws.amazon.com/health/status tells of larger ones"],
  # AWS has not been asked. The last row, for the texts of others have the word, too.
  ["^(?!the ping failed|[\\s\\S]*An error occurred)[\\s\\S]*(credentials|config profile)", "AccessDenied",
    "the AWS CLI gets no credentials from its configuration: aws sts get-caller-identity asks for the same, aws "
    + "configure sets them, export AWS_PROFILE=... names another profile"];

# Names that somebody has chosen are no complaint.
def without_names: gsub("https?://[^ \"]*|function:[^ ]+"; "");

def known_complaint($at):
  without_names as $text | first(complaints($at) | select(.[0] as $looks | $text | test($looks))) // null;

# What mends it; "" where the table does not know it.
def remedy($at): known_complaint($at)[2] // "";

# The type of a job whose invocation `aws` complains of.
def refused_type: known_complaint({})[1] // "Unanswered";

# S3's error code and all that `aws` said, which ended with $status.
def code_and_message($status):
  gsub("^\\s+|\\s+$"; "")
  | {
      code: ((capture("An error occurred \\((?<code>[^)]+)\\)")? | .code) // "NoAnswer"),
      message: (if . == "" then "aws said nothing (status \($status))" else . end)
    };
