#!/usr/bin/env bash
# A flower is moved, another is taken away, and both come alive: one picture, its map, other maps.
# usage: examples/semantic.sh [FOLDER]     SIDE=80 ITERATIONS=20 is quicker, and worse
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-out/semantic}
quick=(--quality draft --size "${SIDE:-96}" --iterations "${ITERATIONS:-250}")

python "$examples/make_maps.py" "$out/made" --side "${SIDE:-160}"

# Trains on the picture, then makes one for each map. What is trained stays in img.semantic.
batch-analogy semantic "$out/made/layout/img.png" "$out/made/layout/label.png" \
  "$out/made/layout/cond" -o "$out/layout" --model "$out/flower.semantic" --overwrite "${quick[@]}"

# A film of numbered maps needs no more training.
batch-analogy semantic apply "$out/flower.semantic" "$out/made/animation/cond" \
  -o "$out/film.mp4" --fps 6 --overwrite

# Several pictures at once, each in its own folder with img.png and label.png; on a cluster with
# --address auto, in this process with none.
mkdir -p "$out/several"
cp -r "$out/made/removal" "$out/several/"
batch-analogy semantic train "$out/several" -o "$out/models" --preset removal --address none \
  --overwrite "${quick[@]}"
batch-analogy semantic apply "$out/models/removal.semantic" "$out/made/removal/cond" \
  -o "$out/removed.png" --overwrite
