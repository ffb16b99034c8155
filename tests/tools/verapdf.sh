#!/usr/bin/env bash
# Checks PDF files against PDF/A-3a and PDF/UA-1 with veraPDF, which comes from Maven.
# Usage: verapdf.sh install   |   verapdf.sh check FILE...   Exit 1 when a file breaks one of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
from=tests/tools/verapdf
into=$PWD/target/tools/verapdf
case "${1:-}" in
install)
  if ! command -v mvn > /dev/null || ! command -v javac > /dev/null; then
    echo "installing maven and default-jdk-headless (needs root)"
    apt-get update -qq && apt-get install -y -qq maven default-jdk-headless
  fi
  if cmp -s "$from/pom.xml" "$into/pom.xml" && [ "$into/Check.class" -nt "$from/Check.java" ]; then exit 0; fi
  rm -rf "$into"
  mkdir -p "$into"
  mvn -q -B -f "$from/pom.xml" dependency:copy-dependencies -DoutputDirectory="$into/lib"
  javac -cp "$into/lib/*" -d "$into" "$from/Check.java"
  cp "$from/pom.xml" "$into/pom.xml"
  ;;
check)
  shift
  if [ ! -f "$into/Check.class" ]; then
    echo "veraPDF is not installed: run make verapdf" >&2
    exit 2
  fi
  exec java -cp "$into/lib/*:$into" Check "$@"
  ;;
*)
  echo "usage: verapdf.sh install | verapdf.sh check FILE..." >&2
  exit 2
  ;;
esac
