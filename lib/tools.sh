# shellcheck shell=bash
# The programs that the driver calls, and what to do where they are missing.

# The AWS CLI may live in the project's own environment; the user's comes first.
PATH=$PATH:$ROOT/.venv/bin

tools_of() { # COMMAND
  printf 'awk cat find jq mktemp rm sort xargs '
  [ "$1" = report ] || printf 'aws cmp cp date fold grep head mkdir mv od sleep tr wc '
}

package_of() { # TOOL, for apt-get
  case $1 in
    jq | grep) printf '%s' "$1" ;;
    aws) printf 'awscli' ;;
    awk) printf 'gawk' ;;
    cmp) printf 'diffutils' ;;
    find | xargs) printf 'findutils' ;;
    *) printf 'coreutils' ;;
  esac
}

# Names every missing tool at once.
require_tools() { # COMMAND
  local tool package missing='' packages=''
  for tool in $(tools_of "$1"); do
    command -v "$tool" >/dev/null 2>&1 && continue
    missing="$missing $tool"
    package=$(package_of "$tool")
    case " $packages " in
      *" $package "*) ;;
      *) packages="$packages $package" ;;
    esac
  done
  [ -z "$missing" ] && return
  say "these tools are missing:$missing"
  case "$missing " in
    *" aws "*) say "the AWS CLI comes with: python3 -m venv $ROOT/.venv && $ROOT/.venv/bin/pip install awscli" ;;
  esac
  refuse "install them: sudo apt-get install$packages   (macOS: brew install${packages/gawk/awk})"
}
