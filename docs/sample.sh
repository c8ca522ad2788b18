#!/bin/sh
# Draws a sample of a population again, without Holdfast:
#   sh sample.sh SEED N < population.txt
# It prints the drawn units in order. The population's digest goes to stderr: it
# must be the one in the sample certificate.
set -eu
export LC_ALL=C
seed=$1 n=$2
sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }
units=$(mktemp)
trap 'rm -f "$units"' EXIT
sort >"$units"
digest=$(sha256 <"$units")
echo "population digest: $digest" >&2
while IFS= read -r unit; do
  printf '%s %s\n' "$(printf '%s%s%s' "$seed" "$digest" "$unit" | sha256)" "$unit"
done <"$units" | sort | sed "${n}q" | cut -d' ' -f2-
