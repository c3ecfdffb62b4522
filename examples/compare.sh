#!/usr/bin/env bash
# Several methods on one picture and new maps of it, and a page on which people rank the results.
# usage: examples/compare.sh [FOLDER]     SIDE=64 ITERATIONS=20 is faster and worse
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-out/compare}

python "$examples/make_maps.py" "$out/made" --side "${SIDE:-96}"

# The last line names a page with all pictures and figures. The network is trained in the folder.
batch-analogy compare "$out/made/layout/img.png" "$out/made/layout/label.png" \
  "$out/made/layout/cond" -o "$out/compared" --overwrite \
  --quality draft --size "${SIDE:-96}" --iterations "${ITERATIONS:-150}"

# Send study.html to people; then: batch-analogy study add out/compare/compared answers-*.json
batch-analogy study make "$out/compared" -o "$out/study.html" --overwrite
