#!/usr/bin/env bash
# Interrupt a run, look at its status, and resume it.
# usage: examples/status_and_resume.sh [FOLDER]     SIDE=128 makes it smaller
set -euo pipefail
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-out/resume}

python "$examples/make_pictures.py" "$out/pictures" --side "${SIDE:-256}" --frames 3
rm -rf "$out/film.run" "$out/film.mp4"

# Ctrl-C after the first frame: the frame in hand is finished, the exit code is 130.
batch-analogy timelapse "$out/pictures/hopper.png" "$out/pictures/frames" -o "$out/film.mp4" \
  --quality draft --address none --json > "$out/events.jsonl" &
run=$!
until grep -q '"frame-done"' "$out/events.jsonl" || ! kill -0 "$run" 2>/dev/null; do sleep 0.1; done
kill -INT "$run" 2>/dev/null || true
wait "$run" || echo "interrupted with exit code $?"

batch-analogy status "$out/film.run"
batch-analogy resume "$out/film.run"
batch-analogy status "$out/film.run"
