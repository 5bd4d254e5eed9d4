#!/usr/bin/env bash
# The programs that the Makefile needs and cannot bring itself: names every missing one at once, and what installs it.
set -euo pipefail
cd "${BASH_SOURCE[0]%/*}/.."

missing=''
need() { # NAME COMMAND-THAT-INSTALLS-IT CHECK...
  "${@:3}" >/dev/null 2>&1 || missing="$missing
  $1: $2"
}

rust=$(awk -F '"' '/^rust-version/ { print $2 }' Cargo.toml)
rust_is_new_enough() {
  rustc --version | awk -v least="$rust" '{
    split($2, is, /[.-]/); split(least, wanted, ".")
    exit is[1] * 1000000 + is[2] * 1000 + is[3] < wanted[1] * 1000000 + wanted[2] * 1000 + wanted[3]
  }'
}

# requirements.txt needs 3.10; python3 is 3.9 on Amazon Linux 2023 and as Apple ships it.
python=${PYTHON:-python3}
python_is_new_enough() {
  "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))'
}

# Without its library, as in Debian's gcc alone, a compiler makes no program.
compiler_finds_its_library() {
  cc -E - <<<'#include <stdlib.h>'
}

need "Rust $rust or newer" "rustup update   (without rustup: curl --proto '=https' -sSf https://sh.rustup.rs | sh)" \
  rust_is_new_enough
need 'a C compiler' 'sudo apt-get install build-essential   (macOS: xcode-select --install)' compiler_finds_its_library
need "$python 3.10 or newer with venv" 'sudo apt-get install python3-venv   (macOS: brew install python;
    sudo dnf install python3.12); make PYTHON=python3.12 ... takes another than python3' python_is_new_enough
need jq 'sudo apt-get install jq   (macOS: brew install jq)' jq --version

if [ -n "$missing" ]; then
  printf 'make: these tools are missing; the command that installs each:%s\n' "$missing" >&2
  exit 1
fi
