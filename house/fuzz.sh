#!/usr/bin/env bash
# fuzz.sh TIME PACKAGE...: finds every native fuzz target by listing and runs each for TIME. The first crash stops it.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzztime=$1
shift

# `go test -list` prints a package's matches, then "ok <package>": remember names until their package follows.
# Listing is a step of its own, because a package that does not compile must fail here, not go unfuzzed.
listing=$(go test -list '^Fuzz' "$@")
targets=$(awk '/^Fuzz/ { names[++n] = $1 }
  $1 == "ok" { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }' <<<"$listing")
if [[ -z $targets ]]; then
  echo "fuzz: no target found in $*; a silent pass would prove nothing" >&2
  exit 1
fi

count=0
while read -r package name; do
  echo "── $name ($package)"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "$fuzztime" "$package" </dev/null
  count=$((count + 1))
done <<<"$targets"
echo "fuzz: $count targets, $fuzztime each, no crash"
