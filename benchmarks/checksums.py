"""SHA-256 of the outputs of every command, to show that a change altered no pixel.

    python -m benchmarks.checksums > before.json      # in a checkout of the older commit
    python -m benchmarks.checksums --against before.json

Prints one JSON object: each output's name and the SHA-256 of its pixels, or of the file for a film.
Hashes are comparable only between processors of one kind.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data, transform

from benchmarks.common import ROOT

PRESETS = ("photo-to-photo", "photo-to-style", "style-to-style", "style-to-photo")
SIDE_PX = 160
FRAMES = 28

PAIR = "pair cat.png coffee.png"
PICTURES = {
    "pair scales": f"{PAIR} -o pair-scales --quality draft --scales 0.7,1,1.4 --mirror "
    "--refine wls",
    "artistic analogy": "analogy cat.png coffee.png moved.png --preset artistic "
    "-o artistic-analogy/%06d.png --address none",
    "semantic map": "semantic cat.png labels.png targets -o semantic-map --model cat.semantic "
    "--quality draft --size 64 --iterations 20",
}
"""Name → command whose pictures lie in the folder of that name."""
FILMS = {
    "photo film": "timelapse coffee.png frames --quality draft --temporal on",
    "style film": "stylize coffee.png frames --quality draft --temporal on",
    "painted film": "analogy frames --key 0003.png=painted.png",
}
"""Name → command of a film."""


def main() -> int:
    """Run every case and print its hashes; exit 1 if any differs from those of ``--against``."""
    parser = argparse.ArgumentParser(description="SHA-256 of the commands' outputs.")
    parser.add_argument("--against", type=Path, help="the JSON of an earlier commit")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hashes = measure(Path(folder))
    report: dict[str, object] = {"sha256": hashes}
    differing: list[str] = []
    if options.against:
        before = json.loads(options.against.read_text())["sha256"]
        differing = sorted(
            n for n in hashes.keys() | before.keys() if hashes.get(n) != before.get(n)
        )
        report["differing"] = differing
    print(json.dumps(report, indent=1))
    return 1 if differing else 0


def measure(folder: Path) -> dict[str, str]:
    """Make inputs in ``folder``, run every command there, and hash what each one made."""
    make_inputs(folder)
    found: dict[str, str] = {}
    for preset in PRESETS:
        for quality in ("draft", "standard"):
            name = f"pair {preset} {quality}"
            run(folder, f"{PAIR} -o '{name}' --preset {preset} --quality {quality}")
            found |= hash_pictures(folder / name, name)
    for name, command in PICTURES.items():
        run(folder, command)
        found |= hash_pictures(folder / name.replace(" ", "-"), name)
    for name, command in FILMS.items():
        run(folder, f"{command} -o '{name}.mp4' --fps 10 --address none")
        found |= hash_run(folder, name)
    return found


def make_inputs(folder: Path) -> None:
    """Write two photographs, a panned clip, one painted frame and label maps."""
    cat = resized(data.chelsea(), SIDE_PX, SIDE_PX)
    wide = resized(data.astronaut()[:384], SIDE_PX, SIDE_PX + 2 * FRAMES)
    save(folder / "cat.png", cat)
    save(folder / "coffee.png", resized(data.coffee(), SIDE_PX, SIDE_PX))
    save(folder / "moved.png", resized(data.rocket(), SIDE_PX, SIDE_PX))
    for i in range(FRAMES):
        save(folder / "frames" / f"{i:04d}.png", wide[:, 2 * i : 2 * i + SIDE_PX])
    save(folder / "painted.png", 255 - wide[:, 6 : 6 + SIDE_PX])
    labels = np.zeros((64, 64, 3), np.uint8)
    labels[16:48, 16:48] = (255, 0, 0)
    save(
        folder / "labels.png",
        labels.repeat(SIDE_PX // 64 + 1, 0).repeat(SIDE_PX // 64 + 1, 1)[:SIDE_PX, :SIDE_PX],
    )
    save(folder / "targets" / "moved.png", np.roll(labels, 8, axis=1))


def resized(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return ``picture`` (H, W, 3) uint8 at another size."""
    scaled = transform.resize(picture, (height, width), anti_aliasing=True)
    return (scaled * 255 + 0.5).astype(np.uint8)


def save(path: Path, picture: np.ndarray) -> None:
    """Write ``picture`` (H, W, 3) uint8 as PNG; create its folder if necessary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def run(folder: Path, command: str) -> None:
    """Run ``batch-analogy`` of this checkout in ``folder``; exit with its message if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "batch_analogy", *shlex.split(command)],
        cwd=folder,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{command}\n{done.stdout}{done.stderr}")


def hash_run(folder: Path, name: str) -> dict[str, str]:
    """Hash a finished run's frames and its film."""
    frames = hash_pictures(folder / f"{name}.run", name)
    whole = hashlib.sha256("".join(frames[key] for key in sorted(frames)).encode()).hexdigest()
    film = hashlib.sha256((folder / f"{name}.mp4").read_bytes()).hexdigest()
    return {f"{name} ({len(frames)} frames)": whole, f"{name} (mp4)": film}


def hash_pictures(folder: Path, name: str) -> dict[str, str]:
    """Hash the pixels of every PNG below ``folder``; name the hashes after the files."""
    found = {}
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
        digest = hashlib.sha256(repr((pixels.shape, pixels.dtype.str)).encode() + pixels.tobytes())
        found[f"{name}: {path.stem}"] = digest.hexdigest()
    if not found:
        sys.exit(f"{folder} has no picture")
    return found


if __name__ == "__main__":
    sys.exit(main())
