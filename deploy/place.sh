# shellcheck shell=bash
# What make deploy and make destroy share: their parts, the place, what they say where AWS refuses.

ROOT=$(CDPATH='' cd "${BASH_SOURCE[0]%/*}/.." && pwd)
for part in "$ROOT"/driver/*.sh "$ROOT"/deploy/{stack,function}.sh; do
  # shellcheck source=/dev/null
  . "$part"
done

# Fills STACK, REGION and ACCOUNT; SAVED_HERE is yes where .deployed speaks of the same place.
place() {
  local before='' there=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
  STACK=${STACK:-$(saved STACK)}
  STACK=${STACK:-terabit}
  [[ $STACK =~ ^[A-Za-z][A-Za-z0-9-]{0,63}$ ]] || usage "STACK is \"$STACK\"; it names the stack and the function:" \
    "up to 64 letters, digits and dashes, a letter first"
  [ "$(saved STACK)" != "$STACK" ] || before=$(saved REGION)
  [ -n "${REGION:-}" ] || [ -z "$before" ] || [ "${there:-$before}" = "$before" ] ||
    refuse "$STACK was deployed in $before, and the environment names $there: make $PROGRAM REGION=$before or" \
      "REGION=$there says which is meant"
  REGION=${REGION:-${there:-$(saved REGION)}}
  # aws fails where the profile names none.
  REGION=${REGION:-$(aws configure get region || true)}
  [ -n "$REGION" ] ||
    usage "no region is known: make $PROGRAM REGION=eu-west-1 names one, aws configure sets one for good"
  [[ $REGION =~ ^[a-z]+(-[a-z]+)+-[0-9]+$ ]] || usage "REGION is \"$REGION\"; one like eu-west-1 is accepted"
  use_region "$REGION"
  [ "$(loopback)" = false ] || say "the endpoint $(endpoint LAMBDA) is on this machine: this is a rehearsal"
  find_credentials
  request identity sts get-caller-identity || blame identity sts:GetCallerIdentity
  ACCOUNT=$(jq -r .Account "$SCRATCH/identity")
  SAVED_HERE=''
  if [ "$before" = "$REGION" ]; then
    SAVED_HERE=yes
    [ "$(saved ACCOUNT)" = "$ACCOUNT" ] ||
      refuse "$STACK was deployed in the account $(saved ACCOUNT), the credentials are of $ACCOUNT:" \
        "export AWS_PROFILE=... with the right ones, or rm .deployed to forget what is there"
  fi
}

# What .deployed says of this place.
kept() { # NAME
  [ -z "$SAVED_HERE" ] || saved "$1"
}

# Ends with what a complaint means and the way out.
blame() { # NAME ACTION
  explain "$1" "$2" "$2 failed; once that is mended, $(again) goes on from there"
}

# The command that does the same in any terminal, whatever is set there or saved in .deployed. Of the options of make
# deploy it names those that differ from their defaults.
again() { # [PROGRAM]
  local option value usual
  printf 'make %s STACK=%s REGION=%s' "${1:-$PROGRAM}" "$STACK" "$REGION"
  [ "${1:-$PROGRAM}" = deploy ] || return 0
  for option in BUCKET "MEMORY:$USUAL_MEMORY" "ARCH:$USUAL_ARCH" ROLE_ARN TAGS; do
    usual=${option#"${option%%:*}"} option=${option%%:*}
    value=${!option:-}
    [ "$option" != BUCKET ] || value=${GIVEN_BUCKET-$value}
    [ "$value" = "${usual#:}" ] || printf ' %s=%s' "$option" "$(quoted "$value")"
  done
}
