# shellcheck shell=bash
# What is to be deployed: what is set stands above what .deployed says of the same stack; and what is kept of it.

# Fills MEMORY, ARCH, ROLE_ARN, GIVEN_BUCKET and the tags; refuses what AWS would refuse after minutes of building.
options() {
  local tag tags
  MEMORY=${MEMORY:-$(kept MEMORY)}
  MEMORY=${MEMORY:-512}
  [[ $MEMORY =~ ^[1-9][0-9]{2,4}$ ]] && [ "$MEMORY" -ge 128 ] && [ "$MEMORY" -le 10240 ] ||
    usage "MEMORY is \"$MEMORY\"; MB from 128 to 10240 are accepted (512 is enough, unless the account has opted in" \
      "to more network)"
  ARCH=${ARCH:-$(kept ARCH)}
  ARCH=${ARCH:-x86_64}
  case $ARCH in
    x86_64) has_target x86_64-unknown-linux-gnu ;;
    arm64) has_target aarch64-unknown-linux-gnu ;;
    *) usage "ARCH is \"$ARCH\"; x86_64 and arm64 are accepted" ;;
  esac
  # Set and empty takes back what was given before.
  ROLE_ARN=${ROLE_ARN-$(kept ROLE_ARN)}
  [[ -z $ROLE_ARN || $ROLE_ARN =~ ^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^[:space:]]+$ ]] ||
    usage "ROLE_ARN is \"$ROLE_ARN\"; one like arn:aws:iam::123456789012:role/name is accepted"
  GIVEN_BUCKET=${BUCKET:-}
  [ -n "$GIVEN_BUCKET" ] || [ "$(kept OWN_BUCKET)" = yes ] || GIVEN_BUCKET=$(kept BUCKET)
  TAGS=${TAGS-$(kept TAGS)}
  FUNCTION_TAGS=(--tag terabit=worker)
  STACK_TAGS=()
  read -r -a tags <<<"$TAGS"
  for tag in "${tags[@]+"${tags[@]}"}"; do
    [[ $tag =~ ^[A-Za-z0-9+./@_-]{1,128}=[A-Za-z0-9+.:/@_=-]{0,255}$ && $tag != aws* && $tag != terabit=* ]] ||
      usage "TAGS holds \"$tag\"; key=value with spaces between is accepted, of letters, digits and + - . / @ _"
    FUNCTION_TAGS+=(--tag "$tag")
  done
  # shellcheck disable=SC2034 # stack.sh reads it
  [ "${#tags[@]}" -eq 0 ] || STACK_TAGS=(--tags "${tags[@]}")
}

# What was deployed before, where it is the same stack.
kept() { # NAME
  [ -z "$SAVED_HERE" ] || saved "$1"
}

has_target() { # TARGET
  local folder
  folder=$(rustc --print target-libdir --target "$1" 2>/dev/null) || return 0 # make names what is missing
  [ -d "$folder" ] || refuse "this Rust toolchain does not build for $ARCH: rustup target add $1"
}

# Bucket and role that are given do not take the place of those that the stack has made: it would remove them.
check_given() {
  local ways
  ways="another STACK=... is one of its own, $(again destroy) removes this one first"
  [ "$GIVEN_BUCKET" != "$OWN_BUCKET" ] || GIVEN_BUCKET=''
  [ -z "$OWN_BUCKET" ] || [ -z "$GIVEN_BUCKET" ] ||
    refuse "BUCKET=$GIVEN_BUCKET would remove the bucket that the stack $STACK has made, $OWN_BUCKET: $ways"
  [ -z "$OWN_ROLE" ] || [ -z "$ROLE_ARN" ] ||
    refuse "ROLE_ARN=$ROLE_ARN would remove the role that the stack $STACK has made, $OWN_ROLE: $ways"
  # shellcheck disable=SC2034 # stack.sh reads it
  KEY_ARN=''
  [ -z "$GIVEN_BUCKET" ] || check_bucket_given
}

# It must be there, in this region, of a kind that the stack's role can be given, and take what workers write.
check_bucket_given() {
  local there
  [[ $GIVEN_BUCKET =~ ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$ ]] ||
    usage "BUCKET is \"$GIVEN_BUCKET\"; 3 to 63 of a-z, 0-9, dot and dash are accepted, a letter or digit at both" \
      "ends; without BUCKET= one is made"
  case $GIVEN_BUCKET in
    *--x-s3 | *-s3alias)
      [ -n "$ROLE_ARN" ] ||
        refuse "$GIVEN_BUCKET is a directory bucket or an alias, to which rights are given in another way" \
          "(s3express:CreateSession): name a role that has them with ROLE_ARN="
      ;;
  esac
  if ! request bucket s3api head-bucket --bucket "$GIVEN_BUCKET"; then
    ! complains bucket '(404)' ||
      refuse "there is no bucket \"$GIVEN_BUCKET\": without BUCKET= one is made; BUCKET= names one that is there"
    ! complains bucket '(403)' ||
      refuse "the bucket \"$GIVEN_BUCKET\" is somebody else's, or s3:ListBucket is not allowed on it:" \
        "without BUCKET= one is made"
    ! complains bucket '(301)' ||
      refuse "the bucket \"$GIVEN_BUCKET\" is not in $REGION: deploy where it is, with REGION=...;" \
        "aws s3api get-bucket-location --bucket $GIVEN_BUCKET tells"
    blame bucket s3:ListBucket
  fi
  there=$(jq -r '.BucketRegion // ""' "$SCRATCH/bucket")
  [ -z "$there" ] || [ "$there" = "$REGION" ] || refuse "the bucket \"$GIVEN_BUCKET\" is in $there, not in $REGION:" \
    "make deploy BUCKET=$GIVEN_BUCKET REGION=$there deploys beside it"
  request lock s3api get-object-lock-configuration --bucket "$GIVEN_BUCKET" || true
  request encryption s3api get-bucket-encryption --bucket "$GIVEN_BUCKET" || true
  # A role that the stack makes is given what the bucket's key wants.
  check_writable "$GIVEN_BUCKET" "$ROLE_ARN"
}

# CloudFormation does not see that somebody removed what it made, and does not make it again.
check_own_bucket() {
  ! request bucket s3api head-bucket --bucket "$OWN_BUCKET" || return 0
  ! complains bucket '(404)' || lost "bucket $OWN_BUCKET"
  blame bucket s3:ListBucket
}

# Leaves the role in SCRATCH/role.
check_own_role() {
  ! request role iam get-role --role-name "$OWN_ROLE" || return 0
  ! complains role NoSuchEntity || lost "role $OWN_ROLE"
  blame role iam:GetRole
}

lost() { # WHAT
  refuse "the $1 of the stack $STACK was removed by hand, and is not made again: $(again destroy), then $(again deploy)"
}

# Keeps what the driver and make destroy need.
save() {
  local own=yes
  [ -z "$GIVEN_BUCKET" ] || own=no
  printf '%s\n' "BUCKET=$BUCKET" "FUNCTION=$STACK" "REGION=$REGION" "STACK=$STACK" "ACCOUNT=$ACCOUNT" \
    "OWN_BUCKET=$own" "ROLE_ARN=$ROLE_ARN" "MEMORY=$MEMORY" "ARCH=$ARCH" "TAGS=$TAGS" >"$SCRATCH/deployed"
  mv "$SCRATCH/deployed" "$ROOT/.deployed"
}
