#!/usr/bin/env bash
# Refuses schema changes that break readers of what has landed.
#
# What has landed is main. On a branch that is where it left main; on main itself, with the schemas edited,
# it is HEAD; in a clean checkout of main (CI), it is the commit before. A repository without such a commit
# has nothing to break. A shallow clone might only look like one, so it is refused, not passed.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "buf breaking: $*" >&2; }

# landed prints the commit to compare with, or nothing when none exists.
landed() {
  local head main base
  head=$(git rev-parse --verify --quiet HEAD) || return 0
  main=$(git rev-parse --verify --quiet refs/remotes/origin/main ||
    git rev-parse --verify --quiet refs/heads/main || echo "$head")
  base=$(git merge-base "$head" "$main" || echo "$main")
  if [[ $base == "$head" && -z $(git status --porcelain -- schemas) ]]; then
    base=$(git rev-parse --verify --quiet 'HEAD^' || true)
  fi
  echo "$base"
}

base=$(landed)
if [[ -z $base ]]; then
  if [[ $(git rev-parse --is-shallow-repository) == true ]]; then
    say "this clone is shallow and lacks the landed schemas; mend: git fetch --unshallow"
    exit 1
  fi
  say "first commit, nothing has landed to compare with"
  exit 0
fi
if ! git cat-file -e "$base:buf.yaml" 2>/dev/null; then
  say "no schemas had landed at ${base:0:12}, nothing to compare with"
  exit 0
fi

git archive "$base" buf.yaml schemas third_party/proto | "$TOOLS_BIN/buf" breaking --against '-#format=tar'
