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

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log program=$scratch/program
interesting=$(go env GOCACHE)/fuzz # where go test -fuzz keeps inputs that reach something new

# build PACKAGE: one program for all targets of a package, instrumented; it is linked once.
build() {
  go test -c -fuzz=Fuzz -o "$program" "$1"
  dir=$(go list -f '{{.Dir}}' "$1")
}

# ran_out tells whether the log's only complaint is that time was up: until Go 1.27 the coordinator sometimes reports
# the end of -fuzztime itself as a failure (golang/go#75804). A real failure names its input or the test's own words.
ran_out() {
  [[ $(sed -n '/^--- FAIL/,/^FAIL$/p' "$log" | sed '1d;$d') == "    context deadline exceeded" ]]
}

# fuzz PACKAGE NAME: one target; again when it only ran out of time, three times at most. Inputs that crash it are left in
# the package's testdata.
fuzz() {
  local go=1
  until (cd "$dir" && "$program" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "$fuzztime" -test.fuzzcachedir "$interesting/$1") </dev/null 2>&1 | tee "$log"; do
    if ! ran_out || ((go++ == 3)); then return 1; fi
    echo "fuzz: the end of the time was told as a failure (golang/go#75804); again"
  done
}

count=0 built=""
while read -r package name; do
  echo "── $name ($package)"
  if [[ $package != "$built" ]]; then build "$package"; fi
  built=$package
  fuzz "$package" "$name"
  count=$((count + 1))
done <<<"$targets"
echo "fuzz: $count targets, $fuzztime each, no crash"
