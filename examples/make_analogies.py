"""Painted keyframes, a filtered picture and maps, as an artist would make them for ``analogy``.

    python examples/make_analogies.py PICTURES FOLDER

PICTURES is what ``make_pictures.py`` wrote, with frames. Textures come with scikit-image (CC0).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from batch_analogy.media.sequence import find_stills
from batch_analogy.media.stills import read_still, write_png

Picture = NDArray[np.uint8]

LABELS = np.array([[230, 30, 30], [30, 200, 50]], np.uint8)


def painted(frame: Picture) -> Picture:
    """Return a picture in flat colours with dark outlines, on rough paper."""
    flat = frame
    for _ in range(4):
        flat = np.asarray(cv2.bilateralFilter(flat, 7, 40, 5), np.uint8)
    flat = flat // 40 * 40 + 7
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    lines = cv2.adaptiveThreshold(
        grey, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, 9, 8
    )
    noise = np.random.default_rng(0).normal(0, 60, grey.shape)
    paper = cv2.GaussianBlur(noise, (0, 0), 1.2)[..., None]
    inked = np.where(lines[..., None] > 0, flat, flat // 3)
    return np.clip(inked + paper, 0, 255).astype(np.uint8)


def embossed(picture: Picture) -> Picture:
    """Return a picture as a grey relief, lit from the upper left."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    kernel = np.array([[-1, 0, 0], [0, 0, 0], [0, 0, 1]], np.float32)
    relief = cv2.filter2D(grey, cv2.CV_32F, kernel, delta=128)
    return np.clip(relief, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def land(side: int) -> tuple[Picture, Picture]:
    """Return a map of two labels and the textures that they stand for, (side, side, 3) each."""
    where = np.arange(side) >= side // 2
    grass, gravel = (
        cv2.resize(texture, (side, side), interpolation=cv2.INTER_AREA)[..., None]
        for texture in (data.grass(), data.gravel())
    )
    colours = grass * np.array([0.6, 0.9, 0.3]), gravel * np.array([0.9, 0.8, 0.7])
    seen = np.where(where[None, :, None], colours[1], colours[0])
    return LABELS[np.tile(where, (side, 1)).astype(int)], seen.astype(np.uint8)


def new_map(side: int) -> Picture:
    """Return another map of the same labels: a round island, (side, 3/2 side, 3)."""
    y, x = np.mgrid[:side, : side * 3 // 2]
    inside = (y - side / 2) ** 2 + (x - side * 0.7) ** 2 < (side / 3) ** 2
    return LABELS[inside.astype(int)]


def main() -> None:
    """Write the pictures that an artist would make."""
    parser = argparse.ArgumentParser(description="Write painted pictures for examples/analogy.sh.")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    folder: Path = options.folder
    (folder / "painted").mkdir(parents=True, exist_ok=True)
    frames = [Path(path) for path in find_stills(str(options.pictures / "frames"))]
    for path in (frames[0], frames[-1]):
        write_png(folder / "painted" / f"{path.stem}.png", painted(_read(path)))
    cat = _read(options.pictures / "cat.png")
    write_png(folder / "embossed.png", embossed(cat))
    side = cat.shape[0]
    for name, picture in zip(("map", "land"), land(side), strict=True):
        write_png(folder / f"{name}.png", picture)
    write_png(folder / "new-map.png", new_map(side))
    print(folder)


def _read(path: Path) -> Picture:
    return np.round(read_still(path) * 255).astype(np.uint8)


if __name__ == "__main__":
    main()
