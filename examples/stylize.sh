#!/usr/bin/env bash
# A short video with sound in the look of a picture; it keeps its sound and duration.
# usage: examples/stylize.sh [FOLDER]     SIDE=128 makes it smaller
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-out/stylize}

python "$examples/make_pictures.py" "$out/pictures" --side "${SIDE:-256}" --frames 4 --clip
batch-analogy stylize "$out/pictures/flower.png" "$out/pictures/clip.mp4" -o "$out/painted.mp4" \
  --quality draft --address none
