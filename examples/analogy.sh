#!/usr/bin/env bash
# Two painted frames and the clip follows; then two of Hertzmann's applications on one picture each.
# usage: examples/analogy.sh [FOLDER]     SIDE=128 makes it smaller
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-out/analogy}

python "$examples/make_pictures.py" "$out/pictures" --side "${SIDE:-256}" --frames 6
python "$examples/make_analogies.py" "$out/pictures" "$out/made"
rm -rf "$out"/*.run "$out"/*.mp4

# Keyframes: pictures that are called as the frames are that they were painted over.
batch-analogy analogy "$out/pictures/frames" --keys "$out/made/painted" -o "$out/film.mp4" \
  --fps 6 --address none
batch-analogy suggest "$out/film.run" # which frame to paint next

# A filter, told by one picture before and after it. A pattern as output gives pictures.
batch-analogy analogy "$out/pictures/cat.png" "$out/made/embossed.png" "$out/pictures/flower.png" \
  --preset emboss -o "$out/embossed/%06d.png" --address none

# Texture by numbers: a map, what is seen there, and another map of any size.
batch-analogy analogy "$out/made/map.png" "$out/made/land.png" "$out/made/new-map.png" \
  --preset numbers -o "$out/land/%06d.png" --address none
