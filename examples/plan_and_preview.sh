#!/usr/bin/env bash
# Plan a run, leave a frame out, preview two frames, make the rest, and make another film.
# usage: examples/plan_and_preview.sh [FOLDER]     SIDE=128 makes it smaller
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-out/plan}

python "$examples/make_pictures.py" "$out/pictures" --side "${SIDE:-256}" --frames 4
rm -rf "$out/film.run" "$out"/*.mp4

batch-analogy plan "$out/pictures/hopper.png" "$out/pictures/frames" -o "$out/film.mp4" \
  --quality draft --address none
sed -i.bak 's/"leave_out": ""/"leave_out": "1"/' "$out/film.run/plan.json" # as in an editor

batch-analogy preview "$out/film.run" --frames 2
batch-analogy plan "$out/film.run" # now the time per frame is known
batch-analogy resume "$out/film.run"
batch-analogy retry "$out/film.run" --frames 0 # make one frame again
batch-analogy assemble "$out/film.run" -o "$out/slow.mp4" --fps 6
batch-analogy status "$out/film.run"
