#!/bin/sh
# Makes .venv from a lock: install.sh run|dev|proxy|PATH, without .txt. Needs a Python 3.11-3.14 with venv and a package registry.
# uv lives in a venv of its own inside it, so that syncing the project never removes the tool that does it.
set -eu
lock=${1:?run, dev, proxy, or the path of another lock below requirements}
venv=${VENV:-.venv}
here=$(dirname "$0")

say() { printf 'proxyllm: %s\n' "$*" >&2; }

usable() { # a Python of a version we support that can make virtual environments
  "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1
}

choose_python() { # the newest that fits, or the one that PYTHON names
  for python in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3 python}; do
    if usable "$python"; then command -v "$python" && return; fi
  done
  if [ -n "${PYTHON:-}" ]; then
    say "PYTHON=$PYTHON is no Python 3.11 to 3.14 with the venv module."
  else
    say "no Python 3.11 to 3.14 with the venv module on PATH: install one (Debian: apt install python3-venv; macOS: brew install python) or set PYTHON=/path/to/python3."
  fi
  exit 1
}

use_pip_settings() { # a mirror that pip was told about serves uv too
  index=${PIP_INDEX_URL:-$("$venv/bootstrap/bin/pip" config get global.index-url 2>/dev/null || true)}
  if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="$index"; fi
  if [ -n "${PIP_CERT:-}" ] && [ -z "${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE="$PIP_CERT"; fi
}

if ! "$venv/bin/python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1; then
  python=$(choose_python)
  say "making $venv with $("$python" -V) ($python)"
  "$python" -m venv --clear --without-pip "$venv"
fi
if ! "$venv/bootstrap/bin/uv" --version >/dev/null 2>&1; then
  say "installing uv"
  "$venv/bin/python" -m venv --clear "$venv/bootstrap"
  "$venv/bootstrap/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    -r "$here/bootstrap.txt"
fi
use_pip_settings
say "installing requirements/$lock.txt"
"$venv/bootstrap/bin/uv" pip sync --quiet --python "$venv/bin/python" --require-hashes "$here/$lock.txt"
"$venv/bootstrap/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps -b "$here/build.txt" -e .
rm -f "$venv"/installed-*
touch "$venv/installed-${lock##*/}"
