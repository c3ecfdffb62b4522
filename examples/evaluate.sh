#!/usr/bin/env bash
# How steady a film is: the same frames with and without temporal coherence, side by side.
# usage: examples/evaluate.sh [FOLDER]     SIDE=128 makes it smaller
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-out/evaluate}

python "$examples/make_pictures.py" "$out/pictures" --side "${SIDE:-256}" --frames 4
for temporal in on off; do
  batch-analogy timelapse "$out/pictures/hopper.png" "$out/pictures/frames" \
    -o "$out/$temporal.mp4" --temporal "$temporal" --quality draft --address none
done

# The last line names a page with plots over time and the frames that change most.
batch-analogy evaluate "$out/on.run" --against "$out/off.run"
