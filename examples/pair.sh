#!/usr/bin/env bash
# Two portraits, each in the look of the other, with everything that pair can write.
# usage: examples/pair.sh [FOLDER]     SIDE=128 makes it smaller
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-out/pair}

python "$examples/make_pictures.py" "$out/pictures" --side "${SIDE:-320}"
batch-analogy pair "$out/pictures/astronaut.png" "$out/pictures/hopper.png" -o "$out" \
  --preset photo-to-photo --quality draft --save-flow --save-confidence --sheet --overwrite
