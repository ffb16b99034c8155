#!/usr/bin/env bash
# Runs the suite with the clock of every program of ours moved: 40 and 400 days on, on 29 February, and across
# both changes of the clocks in New York. Only the wall clock is moved; the monotonic clock stays real.
# Usage: other-days.sh   The suite and the programs must be built; libfaketime comes from Debian.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/tools/unpack.sh "libfaketime:../lib/$(gcc -print-multiarch)/faketime"
library=$PWD/target/tools/debian/usr/lib/$(gcc -print-multiarch)/faketime/libfaketimeMT.so.1
[ -f "$library" ] || { echo "libfaketime brought no $library" >&2; exit 1; }

# Programs in Go ask the kernel past the C library, so their clock cannot be moved: tests that let them and us
# talk of the same instant stay out. So do the traps, which compare us with such a program.
skipped=(drills:: page:: reconcile:: routing:: traps:: warnings::)
skip=()
for name in "${skipped[@]}"; do skip+=(--skip "$name"); done

cargo=${CARGO:-cargo}
suite=$("$cargo" test --release --package outrider --test suite --no-run --message-format json 2>/dev/null |
  sed -n 's/.*"executable":"\([^"]*\/suite-[^"]*\)".*/\1/p' | tail -n 1)
[ -x "$suite" ] || { echo "the suite does not build: run make suite" >&2; exit 1; }

failed=0
run() {
  local title=$1 zone=$2 begin=$3 began=$SECONDS outcome=passed offset
  # An offset, not an instant: every program that is started must see the same time.
  offset=$(($(TZ=$zone date -d "$begin" +%s) - $(date +%s)))
  echo "== suite with the clock $title"
  TZ=$zone LD_PRELOAD=$library FAKETIME=+$offset FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1 \
    CARGO=$cargo "$suite" "${skip[@]}" || { outcome=FAILED; failed=1; }
  rows+=("$title: $outcome, $((SECONDS - began)) s")
}
rows=()
run "40 days on" UTC "now + 40 days"
run "400 days on" UTC "now + 400 days"
run "on 29 February" UTC "2028-02-29 11:00:00"
run "across the change to summer time" America/New_York "2027-03-14 01:56:00"
run "across the change to winter time" America/New_York "2027-11-07 01:56:00"
printf '%s\n' "${rows[@]}"
exit $failed
