#!/usr/bin/env bash
# Where a check's time goes: instructions by function, counted by callgrind while the agent makes plain
# checks against the ground truth. Begin and end of the program are not in it.
# Usage: where.sh SECONDS
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1
release=${CARGO_TARGET_DIR:-target}/release
tools=target/tools/debian/usr
if [ -x "$tools/bin/valgrind" ]; then
  export PATH="$PWD/$tools/bin:$PATH" VALGRIND_LIB="$PWD/$tools/libexec/valgrind"
fi
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir -p "$work/probes" "$work/partners" "$work/members"

"$release/exchange" groundtruth --state "$work/state" > "$work/truth.json" 2>/dev/null &
until [ -s "$work/truth.json" ]; do sleep 0.1; done
address() { grep -o "\"$1\":\"[^\"]*\"" "$work/truth.json" | cut -d'"' -f4; }

cat > "$work/outrider.toml" <<'END'
contact = "bench@outrider.example"
listen = "127.0.0.1:0"
ledger = "ledger.db"
END
cat > "$work/probes/check.toml" <<'END'
id = "check"
deadline = "20s"
timeout = "10s"
[[step]]
id = "metadata"
use = "request"
url = "{{ partner.base_url }}/metadata"
expect = { status = [200], media = ["application/fhir+json"] }
END
cat > "$work/partners/one.toml" <<END
id = "one"
base_url = "$(address plain)/check"
environment = "sandbox"
region = "us-east"
[auth]
client_id = "bench"
key = { file = "unused.pem" }
[[probe]]
journey = "check"
every = "50ms"
concurrency = 400
END
outrider=$(realpath "$release/outrider")
served() { curl -s "$(address control)/counts" | grep -o '"check":[0-9]*' | tail -1 | cut -d: -f2; }

# With this set the agent does not start itself again, which valgrind would not follow.
export MALLOC_ARENA_MAX=1
(cd "$work" && exec valgrind --tool=callgrind --callgrind-out-file="$work/out" --vgdb-prefix="$work/vgdb" \
  "$outrider" run > ready.json 2> agent.log) &
agent=$!
until [ "$(served || true)" ] && [ "$(served)" -gt 20 ]; do sleep 0.5; done
vgdb --vgdb-prefix="$work/vgdb" --pid="$agent" zero > /dev/null
before=$(served)
sleep "$seconds"
vgdb --vgdb-prefix="$work/vgdb" --pid="$agent" dump > /dev/null
checks=$(($(served) - before))
dump=$(ls "$work"/out.* | head -n 1)
total=$(sed -n 's/^totals: //p;s/^summary: //p' "$dump" | head -n 1)
echo "$checks checks, $((total / checks)) instructions each"
echo "with what they call:"
callgrind_annotate --inclusive=yes "$dump" | grep -E '^ *[0-9,]+ ' | grep -v 'PROGRAM TOTALS' | sed 's/ \[.*//; s#[^ ]*/registry/src/[^/]*/##' | sed -n '1,45p'
echo "alone:"
callgrind_annotate --auto=no --inclusive=no --threshold=100 "$dump" | grep -E '^ *[0-9,]+ ' | grep -v 'PROGRAM TOTALS' | sed 's/ \[.*//; s#[^ ]*/registry/src/[^/]*/##' | sed -n '1,40p'
