# shellcheck shell=bash
# The programs that the driver calls: which they are, what they see of the user's settings, and what to do where they
# are missing.

# Text is matched, sorted and written as in C, whatever the user's language: in Turkish [a-z] has no i, in German half
# a second is 0,5. How characters are encoded stays; a locale that is not installed was complained of already.
{
  LC_CTYPE=${LC_ALL:-${LC_CTYPE:-${LANG:-C}}} LC_COLLATE=C LC_NUMERIC=C LC_TIME=C LC_MESSAGES=C
  unset LC_ALL
  export LC_CTYPE LC_COLLATE LC_NUMERIC LC_TIME LC_MESSAGES
} 2>/dev/null

# The project's own tools stand behind the user's, wherever make or the user has put them.
OWN_TOOLS=$ROOT/.venv/bin
PATH=:$PATH:
PATH=${PATH//:"$OWN_TOOLS":/:}
PATH=${PATH#:}
PATH=${PATH%:}:$OWN_TOOLS

# Runs a program of jq, by its room and its name.
jq_program() { # ROOM/NAME ARGUMENT-OF-JQ...
  local name=$1
  shift
  jq -L "$ROOT/driver" -f "$ROOT/driver/$name.jq" "$@"
}

# The tools of a command, each with its package for apt-get where that is not coreutils.
tools_of() { # COMMAND
  printf 'awk:gawk cat find:findutils head jq:jq mktemp rm sort xargs:findutils '
  [ "$1" = report ] || printf 'aws:awscli cmp:diffutils cp date fold grep:grep mkdir mv od sleep tr wc '
}

# Names every missing tool at once.
require_tools() { # COMMAND
  local tool package missing='' packages=' '
  for tool in $(tools_of "$1"); do
    command -v "${tool%:*}" >/dev/null 2>&1 && continue
    missing="$missing ${tool%:*}"
    case $tool in *:*) package=${tool#*:} ;; *) package=coreutils ;; esac
    [[ $packages == *" $package "* ]] || packages="$packages$package "
  done
  if [ -n "$missing" ]; then
    say "these tools are missing:$missing"
    [[ "$missing " != *" aws "* ]] || say "the AWS CLI comes with: $GET_CLI"
    refuse "install them: sudo apt-get install$packages  (macOS: brew install${packages/gawk/awk})"
  fi
  [ "$1" = report ] || choose_cli
}

GET_CLI="python3 -m venv $ROOT/.venv && $ROOT/.venv/bin/pip install awscli"
# One before it would go to AWS instead.
LEAST_CLI='2.13, or 1.29 of version 1, is the oldest that takes endpoints from the environment'

# Takes the user's AWS CLI, which knows how they log in, where it is new enough; else the one in .venv.
choose_cli() {
  local found version=''
  # What it says is read here: JSON, unpaged, complaints in their first form. And what a role on EC2 may do is asked of
  # its metadata service, which refuses now and then, more than once.
  export AWS_DEFAULT_OUTPUT=json AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off AWS_CLI_ERROR_FORMAT=legacy
  export AWS_METADATA_SERVICE_NUM_ATTEMPTS="${AWS_METADATA_SERVICE_NUM_ATTEMPTS:-3}"
  found=$(command -v aws)
  # The one in .venv is of version 1.
  CLI_VERSION=1
  [ "$found" != "$OWN_TOOLS/aws" ] || return 0
  version=$(aws --version 2>&1) || version=''
  if [[ $version =~ aws-cli/([0-9]+)\.([0-9]+)[.0-9]* ]]; then
    version=${BASH_REMATCH[0]#*/}
    case ${BASH_REMATCH[1]} in
      1) [ "${BASH_REMATCH[2]}" -lt 29 ] || return 0 ;;
      2) CLI_VERSION=2; [ "${BASH_REMATCH[2]}" -lt 13 ] || return 0 ;;
      [3-9]) CLI_VERSION=${BASH_REMATCH[1]}; return 0 ;;
    esac
  else
    version="of an unknown version (aws --version says: $(printf '%s' "$version" | head -c 200 | tr '\n' ' '))"
  fi
  [ -x "$OWN_TOOLS/aws" ] ||
    refuse "the AWS CLI $found is $version; $LEAST_CLI. The project gets one of its own with: $GET_CLI"
  say "the AWS CLI $found is $version, so the one in .venv is used: $LEAST_CLI"
  # shellcheck disable=SC2034 # aws.sh reads it
  CLI_VERSION=1
  PATH=$OWN_TOOLS:$PATH
}
