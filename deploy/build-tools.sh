#!/usr/bin/env bash
# The programs that the Makefile needs and cannot bring itself: names every missing one at once, and what installs it.
set -euo pipefail

missing=''
need() { # NAME COMMAND-THAT-INSTALLS-IT CHECK...
  local name=$1 install=$2
  shift 2
  "$@" >/dev/null 2>&1 || missing="$missing
  $name: $install"
}

need cargo "curl --proto '=https' -sSf https://sh.rustup.rs | sh" cargo --version
need 'a C compiler' 'sudo apt-get install build-essential   (macOS: xcode-select --install)' cc --version
python=${PYTHON:-python3}
need "$python" 'sudo apt-get install python3   (macOS: brew install python)' "$python" --version
need "$python's venv" 'sudo apt-get install python3-venv   (macOS: brew install python)' \
  "$python" -c 'import ensurepip, venv'
need jq 'sudo apt-get install jq   (macOS: brew install jq)' jq --version

if [ -n "$missing" ]; then
  printf 'make: these tools are missing; the command that installs each:%s\n' "$missing" >&2
  exit 1
fi

# What requirements.txt pins needs it; python3 is 3.9 on Amazon Linux 2023 and as Apple ships it.
new_enough() { # PYTHON
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

if ! new_enough "$python"; then
  version=$("$python" -c 'import platform; print(platform.python_version())')
  for other in python3.14 python3.13 python3.12 python3.11 python3.10; do
    ! new_enough "$other" || break
  done
  printf 'make: %s is %s, and 3.10 is the oldest that can be used: ' "$python" "$version" >&2
  if new_enough "$other"; then
    printf 'make PYTHON=%s ... takes another that is here\n' "$other" >&2
  else
    printf '%s\n' 'install another, then make PYTHON=python3.12 ...' \
      '  sudo dnf install python3.12   (Debian, Ubuntu: apt-get install python3.12-venv; macOS: brew install python)' \
      >&2
  fi
  exit 1
fi
