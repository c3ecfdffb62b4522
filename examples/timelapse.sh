#!/usr/bin/env bash
# A folder of frames and one picture, each in the look of the other, on a Ray on this machine.
# usage: examples/timelapse.sh [FOLDER]     SIDE=128 makes it smaller
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-out/timelapse}

python "$examples/make_pictures.py" "$out/pictures" --side "${SIDE:-256}" --frames 4
batch-analogy timelapse "$out/pictures/hopper.png" "$out/pictures/frames" -o "$out/film.mp4" \
  --target both --quality draft --fps 4 --workers 2
