#!/usr/bin/env bash
# One picture, its label map and other maps: a flower is moved, another removed, both animated.
# usage: examples/semantic.sh [FOLDER]     SIDE=80 ITERATIONS=20 is faster and worse
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-out/semantic}
quick=(--quality draft --size "${SIDE:-96}" --iterations "${ITERATIONS:-250}")

python "$examples/make_maps.py" "$out/made" --side "${SIDE:-160}"

# Train on the picture, then make one picture for each map. The network stays in flower.semantic.
batch-analogy semantic "$out/made/layout/img.png" "$out/made/layout/label.png" \
  "$out/made/layout/cond" -o "$out/layout" --model "$out/flower.semantic" --overwrite "${quick[@]}"

# A film of numbered maps needs no further training.
batch-analogy semantic apply "$out/flower.semantic" "$out/made/animation/cond" \
  -o "$out/film.mp4" --fps 6 --overwrite

# Several pictures at once, each in its own folder with img.png and label.png; on a cluster with
# --address auto, in this process with --address none.
mkdir -p "$out/several"
cp -r "$out/made/removal" "$out/several/"
batch-analogy semantic train "$out/several" -o "$out/models" --preset removal --address none \
  --overwrite "${quick[@]}"
batch-analogy semantic apply "$out/models/removal.semantic" "$out/made/removal/cond" \
  -o "$out/removed.png" --overwrite
