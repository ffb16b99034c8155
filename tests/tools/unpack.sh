#!/usr/bin/env bash
# Unpacks Debian packages into target/tools/debian: nothing is installed, no service starts.
# Usage: unpack.sh PACKAGE:FILE...   FILE is what the package must bring, below usr/bin.
set -euo pipefail
cd "$(dirname "$0")/../.."
into=target/tools/debian
mkdir -p "$into"
wanted=()
for pair in "$@"; do
  if [ ! -e "$into/usr/bin/${pair#*:}" ]; then wanted+=("${pair%%:*}"); fi
done
# Debian's Alertmanager reads its templates below /usr/share, where nothing is installed. The same
# path without its root, as long as before: it is started in the folder with the unpacked packages.
relocate() {
  local program="$into/usr/bin/prometheus-alertmanager" path=usr/share/prometheus/alertmanager
  if [ -f "$program" ] && grep -q "/$path" "$program"; then
    LC_ALL=C sed "s#/$path#${path/\//\/\/}#g" "$program" > "$program.new"
    chmod 755 "$program.new"
    mv "$program.new" "$program"
  fi
}
if [ ${#wanted[@]} -eq 0 ]; then relocate; exit 0; fi
echo "unpacking ${wanted[*]} into $into"
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT
chmod 755 "$aside"
fetch() { (cd "$aside" && apt-get download -qq "${wanted[@]}" >/dev/null 2>"$aside/why"); }
# Package lists may be missing or old; refreshing them needs root.
fetch || { [ "$(id -u)" = 0 ] && apt-get update -qq; fetch; } || {
  cat "$aside/why" >&2
  echo "cannot download ${wanted[*]}: is this Debian, with its package lists fresh (apt-get update)?" >&2
  exit 1
}
for package in "$aside"/*.deb; do dpkg-deb -x "$package" "$into"; done
for pair in "$@"; do
  [ -e "$into/usr/bin/${pair#*:}" ] || { echo "${pair%%:*} brought no ${pair#*:}" >&2; exit 1; }
done
relocate
