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
need python3 'sudo apt-get install python3   (macOS: brew install python)' python3 --version
need "python3's venv" 'sudo apt-get install python3-venv   (macOS: brew install python)' \
  python3 -c 'import ensurepip, venv'
need jq 'sudo apt-get install jq   (macOS: brew install jq)' jq --version

if [ -n "$missing" ]; then
  printf 'make: these tools are missing; the command that installs each:%s\n' "$missing" >&2
  exit 1
fi
