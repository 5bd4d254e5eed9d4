# shellcheck shell=bash
# What is asked of AWS before anything is launched, all at once. Each refusal names the command that mends it.

ASKED=''

# Puts a question to AWS in the background; its answer and its complaint lie in SCRATCH.
ask() { # NAME COMMAND...
  local name=$1
  shift
  start_group_on /dev/null "$SCRATCH/$name" "$SCRATCH/$name.complaint" \
    aws "$@" --output json --cli-connect-timeout 10 --cli-read-timeout 20
  ASKED="$ASKED $name:$GROUP"
}

# The same, waited for.
request() { # NAME ARGUMENT...
  local name=$1
  shift
  in_group "$SCRATCH/$name" "$SCRATCH/$name.complaint" \
    aws "$@" --output json --cli-connect-timeout 10 --cli-read-timeout 20
}

complaint_of() { # NAME
  cat "$SCRATCH/$1.complaint"
}

# Leaves the function's configuration in SCRATCH/function. LAUNCH_CPU is the processor time that one aws process took.
preflight() { # [OP]
  local asked failed='' number=0 op=${1:-write}
  find_credentials
  times >"$SCRATCH/before"
  ask function lambda get-function-configuration --function-name "$FUNCTION"
  ask account lambda get-account-settings
  ask concurrency lambda get-function-concurrency --function-name "$FUNCTION"
  ask bucket s3api head-bucket --bucket "$BUCKET"
  [ "$op" = read ] || [ "$(loopback)" = true ] || ask versioning s3api get-bucket-versioning --bucket "$BUCKET"
  if [ "$op" = write ] && foreign_bucket; then
    ask lock s3api get-object-lock-configuration --bucket "$BUCKET"
    ask encryption s3api get-bucket-encryption --bucket "$BUCKET"
  fi
  for asked in $ASKED; do
    number=$((number + 1))
    wait "${asked#*:}" || failed="$failed ${asked%%:*} "
  done
  times >"$SCRATCH/after"
  # shellcheck disable=SC2034 # fleet.sh reads it
  LAUNCH_CPU=$(children_cpu "$number")
  ASKED=''
  case $failed in *" function "*) explain "$(complaint_of function)" lambda:GetFunctionConfiguration ;; esac
  jq -e '.Timeout and .MemorySize' "$SCRATCH/function" >/dev/null 2>&1 ||
    refuse "Lambda described the function \"$FUNCTION\" in a way that is not understood:" \
      "$(head -c 200 "$SCRATCH/function")"
  check_bucket "$failed"
  check_writable "$BUCKET" "$(jq -r '.Role // ""' "$SCRATCH/function")"
  warn "$failed"
  ask_network
}

# Processor seconds of each of so many children, from what `times` said before and after: 0m1.250s 0m0.031s, with a
# comma in some locales.
children_cpu() { # NUMBER
  LC_ALL=C awk -v number="$1" '
    FNR == 2 {
      gsub(",", ".")
      n = split($0, t, /[ms ]+/)
      for (i = 1; i < n; i += 2) sum += sign * (60 * t[i] + t[i + 1])
    }
    FNR == 1 { sign = NR == 1 ? -1 : 1 }
    END { printf "%.3f", sum / number }' "$SCRATCH/before" "$SCRATCH/after"
}

# Whether the bucket is there, and where the function is. What this machine may not ask is left to the ping.
check_bucket() { # FAILED
  local complaint here there
  case $1 in
    *" bucket "*)
      complaint=$(complaint_of bucket)
      case $complaint in
        *'(404)'* | *NoSuchBucket*)
          refuse "there is no bucket \"$BUCKET\": make deploy makes one, --bucket names another"
          ;;
        *'(301)'* | *PermanentRedirect*) refuse "the bucket \"$BUCKET\" is in another region than the function:" \
          "export AWS_REGION=... with its region and make deploy there, or --bucket names another" ;;
        *) say "the bucket cannot be looked at from here; the ping will tell: ${complaint#$'\n'}" ;;
      esac
      ;;
    *)
      here=$(jq -r '.FunctionArn // "" | split(":")[3] // ""' "$SCRATCH/function")
      there=$(jq -r '.BucketRegion // ""' "$(answer_of bucket)")
      [ -z "$here" ] || [ -z "$there" ] || [ "$here" = "$there" ] ||
        refuse "the bucket \"$BUCKET\" is in $there, the function in $here: AWS_REGION=$there make deploy makes a" \
          "function there, --bucket names a bucket in $here"
      ;;
  esac
}

# Whether the bucket may be of a kind that make deploy does not make.
foreign_bucket() {
  [ "$(loopback)" = false ] && { [ "$(saved OWN_BUCKET)" != yes ] || [ "$(saved BUCKET)" != "$BUCKET" ]; }
}

# What does not keep a run from starting, but changes what it measures or costs.
warn() { # FAILED
  local vpc
  vpc=$(jq -r '.VpcConfig.VpcId // ""' "$SCRATCH/function")
  [ -z "$vpc" ] || say "the function is in a VPC ($vpc): its NAT or endpoint is measured, and may bill each GB;" \
    "aws lambda update-function-configuration --function-name $FUNCTION --vpc-config" \
    "'SubnetIds=[],SecurityGroupIds=[]'"
  case $1 in
    *" account "*) unknown "the account's concurrency" account ;;
  esac
  case $1 in
    *" versioning "*) unknown "whether the bucket keeps versions" versioning ;;
    *) [ "$(jq -r '.Status // ""' "$(answer_of versioning)")" != Enabled ] ||
      say "the bucket keeps versions: what is deleted goes on costing; aws s3api put-bucket-versioning --bucket" \
        "$BUCKET --versioning-configuration Status=Suspended" ;;
  esac
}

unknown() { # WHAT NAME
  say "$1 could not be asked for, so it is not checked: $(complaint_of "$2" | head -c 300 | tr '\n' ' ')"
}

# Whether the account has opted in to more network: asked only where it would show.
ask_network() {
  if [ "$(loopback)" = true ] ||
    ! jq -e -L "$ROOT/driver" 'include "plan/network"; can_have_more' "$SCRATCH/function" >/dev/null; then
    return 0
  fi
  request network service-quotas list-service-quotas --service-code lambda ||
    unknown "how much network the account has opted in to" network
}
