#!/usr/bin/env bash
# Two painted frames and a clip that follows them; then a filter, and texture by numbers.
# usage: examples/analogy.sh [FOLDER]     SIDE=128 makes it smaller
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-out/analogy}

python "$examples/make_pictures.py" "$out/pictures" --side "${SIDE:-256}" --frames 6
python "$examples/make_analogies.py" "$out/pictures" "$out/made"
rm -rf "$out"/*.run "$out"/*.mp4

# Keyframes: painted pictures, each named like the frame that it was painted over.
batch-analogy analogy "$out/pictures/frames" --keys "$out/made/painted" -o "$out/film.mp4" \
  --fps 6 --address none
batch-analogy suggest "$out/film.run" # which frame to paint next

# A filter, shown by one picture before and after it. A pattern as output gives pictures.
batch-analogy analogy "$out/pictures/cat.png" "$out/made/embossed.png" "$out/pictures/flower.png" \
  --preset emboss -o "$out/embossed/%06d.png" --address none

# Texture by numbers: a map, its textures, and another map of any size.
batch-analogy analogy "$out/made/map.png" "$out/made/land.png" "$out/made/new-map.png" \
  --preset numbers -o "$out/land/%06d.png" --address none
