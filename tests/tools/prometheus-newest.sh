#!/usr/bin/env bash
# Builds the newest Prometheus by Go's module proxy, without service discovery, and lets it check, load and evaluate
# our rules: every case of promtool, pages through a running server, and counts that agree with the ledger.
# Usage: prometheus-newest.sh   Exit 1 when Go or the module is missing, or a test fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
into=$PWD/target/tools/prometheus-newest
GOBIN=$into go install -tags remove_all_sd github.com/prometheus/prometheus/cmd/{promtool,prometheus}@latest
go version -m "$into/prometheus" | awk '$1 == "mod" { print "testing with " $2 " " $3 }'
OUTRIDER_TOOLS=$into "${CARGO:-cargo}" test --release --package outrider --test suite -- \
  rules:: warnings:: fleet:: reconcile:: page:: generate::committed generate::every_panel
