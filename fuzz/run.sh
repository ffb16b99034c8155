#!/usr/bin/env bash
# Builds the fuzz targets with coverage, on the stable compiler, and gives each so many inputs from the kept
# corpus and a fixed seed; a tenth of them to those that read a folder of files for each. What breaks one is left
# in target/fuzz/found.
# Usage: run.sh RUNS [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
runs=$1
shift
all=(ndjson manifest headers token certificates settings partner probe members)
into=target/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
# With a target named, only what is fuzzed is instrumented, not the programs that build it.
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares" \
  "${CARGO:-cargo}" build --quiet --release --manifest-path fuzz/Cargo.toml --target "$host" --target-dir "$into"
mkdir -p "$into/found"
for target in "${@:-${all[@]}}"; do
  # What it grows goes elsewhere: the kept corpus is changed by people only.
  grown="$into/grown/$target"
  rm -rf "$grown"
  mkdir -p "$grown"
  log="$into/$target.log"
  case $target in
    certificates | settings | partner | probe | members) inputs=$((runs / 10)) ;;
    *) inputs=$runs ;;
  esac
  if ! "$into/$host/release/$target" -runs="$inputs" -seed=7 -max_len=20000 -timeout=20 -rss_limit_mb=1024 \
    -artifact_prefix="$into/found/$target-" "$grown" "fuzz/corpus/$target" > "$log" 2>&1; then
    tail -n 60 "$log"
    echo "fuzz target $target broke; what broke it is in $into/found" >&2
    exit 1
  fi
  echo "$target: $(grep -o 'Done .*' "$log"), $(grep -c . < <(ls "$grown")) new inputs"
done
