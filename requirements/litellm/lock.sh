#!/bin/sh
# Writes requirements/litellm/VERSION.txt: the packages, with hashes, that another LiteLLM needs in place of those
# in requirements/dev.txt. lock.sh VERSION. Keeps every version of dev.txt that it can.
set -eu
version=${1:?a version of LiteLLM}
venv=${VENV:-.venv}
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "litellm[proxy]==$version" >"$work/override.txt"
cp "$here/../dev.txt" "$work/lock.txt" # what it holds is kept where it fits
"$venv/bootstrap/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
  --no-annotate --override "$work/override.txt" pyproject.toml --extra local --extra test --extra dev \
  -o "$work/lock.txt"
"$venv/bin/python" "$here/differences.py" other "$here/../dev.txt" "$work/lock.txt" >"$work/other.txt"
mv "$work/other.txt" "$here/$version.txt"
