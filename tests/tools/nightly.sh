#!/usr/bin/env bash
# Runs parts of `make` one after the other, all of them, and ends with a table of what came of each.
# Usage: nightly.sh PART...   Exit 1 when a part failed.
set -uo pipefail
cd "$(dirname "$0")/../.."
rows=()
failed=0
for part in "$@"; do
  began=$SECONDS
  if "${MAKE:-make}" --no-print-directory "$part"; then outcome=passed; else outcome=FAILED failed=1; fi
  rows+=("$(printf '| %-12s | %-7s | %6d |' "$part" "$outcome" $((SECONDS - began)))")
done
echo "| part         | outcome | seconds |"
echo "|---|---|---|"
printf '%s\n' "${rows[@]}"
exit $failed
