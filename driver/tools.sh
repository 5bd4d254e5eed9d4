# shellcheck shell=bash
# The programs that the driver calls, their language, files for and from jq, and what installs what is missing.

# Text is matched, sorted and written as in C, whatever the user's language: in Turkish [a-z] has no i, in German half
# a second is 0,5. The encoding of characters stays the user's. Bash has complained of a missing locale already.
{
  LC_CTYPE=${LC_ALL:-${LC_CTYPE:-${LANG:-C}}} LC_COLLATE=C LC_NUMERIC=C LC_TIME=C LC_MESSAGES=C
  unset LC_ALL
  export LC_CTYPE LC_COLLATE LC_NUMERIC LC_TIME LC_MESSAGES
} 2>/dev/null

# The user's tools come first, the project's own last, even where make or the user has put them first.
OWN_TOOLS=$ROOT/.venv/bin
PATH=:$PATH:
PATH=${PATH//:"$OWN_TOOLS":/:}
PATH=${PATH#:}
PATH=${PATH%:}:$OWN_TOOLS

# Runs a program of jq, by its room and its name.
jq_program() { # ROOM/NAME ARGUMENT-OF-JQ...
  jq -L "$ROOT/driver" -f "$ROOT/driver/$1.jq" "${@:2}"
}

# Whether a file holds what its readers expect (see shapes.jq); says on stderr where it does not.
fits() { # NAME FILE
  jq_program shapes -R -s -r --arg name "$1" "$2"
}

# Lines, a name and then its texts, become files: FOLDER/names, and FOLDER/NAME.SUFFIX for each text.
into_files() { # FOLDER SUFFIX...
  (
    cd "$1" &&
      awk -v suffixes="${*:2}" 'BEGIN { texts = split(suffixes, suffix, " ") }
        (NR - 1) % (texts + 1) == 0 { gsub(/"/, ""); name = $0; print >"names"; next }
        { file = name "." suffix[(NR - 1) % (texts + 1)]; print >file; close(file) }'
  )
}

# Names every missing tool at once.
require_tools() { # COMMAND
  local tool tools='awk cat find head jq mktemp rm sort xargs' missing=''
  [ "$1" = report ] || tools="$tools aws cmp cp date fold grep mkdir mv od sleep tr wc"
  # Where there is no /proc it tells when a process began.
  [ -r /proc/self/stat ] || tools="$tools ps"
  for tool in $tools; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
  done
  if [ -n "$missing" ]; then
    say "these tools are missing:$missing"
    [[ "$missing " != *" aws "* ]] || say "the AWS CLI comes with: $GET_CLI"
    refuse "install them: sudo apt-get install coreutils diffutils findutils gawk grep jq procps " \
      "(macOS: brew install jq)"
  fi
  [ "$1" = report ] || choose_cli
}

GET_CLI="make -C $(quoted "$ROOT") .venv/installed"
# An older one ignores the endpoints and goes to AWS.
LEAST_CLI='2.13, or 1.29 of version 1, is the oldest that takes endpoints from the environment'

# Takes the user's AWS CLI, which knows how they log in, where it is new enough; else the one in .venv.
choose_cli() {
  local found version='' least
  # The driver reads what it says: JSON, not paged, complaints in their old form. On EC2 it asks the metadata service
  # for the role's credentials several times, since that service refuses now and then.
  export AWS_DEFAULT_OUTPUT=json AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off AWS_CLI_ERROR_FORMAT=legacy
  export AWS_METADATA_SERVICE_NUM_ATTEMPTS="${AWS_METADATA_SERVICE_NUM_ATTEMPTS:-3}"
  found=$(command -v aws)
  # The one in .venv is of version 1.
  CLI_VERSION=1
  [ "$found" != "$OWN_TOOLS/aws" ] || return 0
  version=$(aws --version 2>&1) || version=''
  if [[ $version =~ aws-cli/([0-9]+)\.([0-9]+)[.0-9]* ]]; then
    version=${BASH_REMATCH[0]#*/}
    CLI_VERSION=${BASH_REMATCH[1]}
    case $CLI_VERSION in 1) least=29 ;; 2) least=13 ;; *) least=0 ;; esac
    [ "$CLI_VERSION" -eq 0 ] || [ "${BASH_REMATCH[2]}" -lt "$least" ] || return 0
  else
    version="of an unknown version (aws --version says: $(printf '%s' "$version" | head -c 200 | tr '\n' ' '))"
  fi
  [ -x "$OWN_TOOLS/aws" ] ||
    refuse "the AWS CLI $found is $version; $LEAST_CLI. The project gets one of its own with: $GET_CLI"
  say "the AWS CLI $found is $version, so the one in .venv is used: $LEAST_CLI"
  # shellcheck disable=SC2034 # credentials.sh reads it
  CLI_VERSION=1
  PATH=$OWN_TOOLS:$PATH
}
