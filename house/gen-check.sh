#!/usr/bin/env bash
# Fails when a generated file is not what `make gen` writes from the sources as they stand. It generates in a
# copy, from which generated schema code was removed first: the tree stays as it is, uncommitted work is judged too,
# and a file whose source is gone is found.
set -euo pipefail
cd "$(dirname "$0")/.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/was" "$copy/now"

# Every file that git tracks or would track, skipping those deleted from the tree.
git ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' file; do
    if [[ -e $file ]]; then printf '%s\0' "$file"; fi
  done |
  tar --null --files-from=- -cf "$copy/tree.tar"
tar -xf "$copy/tree.tar" -C "$copy/was"
tar -xf "$copy/tree.tar" -C "$copy/now"

find "$copy/now/schemas" -name '*.pb.go' -delete
if ! make -C "$copy/now" --no-print-directory gen >"$copy/log" 2>&1; then
  cat "$copy/log" >&2
  echo "gen-check: generation itself failed; mend its sources first" >&2
  exit 1
fi
if ! diff -ru "$copy/was" "$copy/now" >"$copy/diff"; then
  sed -n "s#$copy/##g; 1,60p" "$copy/diff" >&2
  echo "gen-check: generated files are stale or edited by hand; mend: make gen, then commit what changed" >&2
  exit 1
fi
echo "gen-check: generated files are current"
