"""Label maps and target maps for ``semantic``, as somebody would draw them.

    python examples/make_maps.py FOLDER [--side 160] [--frames 6]

For each use a folder with ``img.png``, ``label.png`` and target maps in ``cond/``. Photographs come
with installed packages (see ``make_pictures.py``); nothing is downloaded.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from make_pictures import Picture, fit, sample_pictures
from numpy.typing import NDArray

from batch_analogy.media.stills import write_png

Classes = NDArray[np.int64]

COLOURS = np.array(
    [[0, 84, 255], [255, 147, 0], [0, 200, 60], [148, 33, 146], [255, 255, 255], [20, 20, 20]],
    np.uint8,
)
GROUND, THING, OTHER, FOURTH = range(4)
PAPER, INK = 4, 5


@dataclass(frozen=True)
class Use:
    """A picture, its label map, and other maps for the same picture."""

    picture: Picture
    label: Classes
    targets: list[Classes]


def uses(side: int, frames: int) -> dict[str, Use]:
    """Return preset → an example of it, in pictures whose longer side has ``side`` pixels."""
    photos = {name: fit(picture, side) for name, picture in sample_pictures().items()}
    flowers = flower_map(sample_pictures()["flower"], side)
    flower = np.where(flowers == THING, THING, GROUND)
    rest = np.where(flowers == OTHER, OTHER, GROUND)
    sketch = lines(photos["cat"])
    return {
        "layout": Use(
            photos["flower"],
            flowers,
            [np.maximum(rest, two_of(flower)), np.maximum(rest, placed(flower, -0.2, 0.0, 1.1))],
        ),
        "removal": Use(photos["flower"], flowers, [flower]),
        "retouch": face(fit(sample_pictures()["astronaut"][20:230, 120:330], side)),
        "sketch": Use(photos["cat"], sketch, [lines(bent(photos["cat"]))]),
        "photo-map": Use(photos["temple"], sky_map(photos["temple"]), [sky_map(photos["rocket"])]),
        "animation": Use(
            photos["flower"],
            flowers,
            [np.maximum(rest, placed(flower, x, 0, 1)) for x in np.linspace(-0.15, 0.15, frames)],
        ),
    }


def flower_map(picture: Picture, side: int) -> Classes:
    """Return the map of the flower, the cut-off one below it, and the leaves around them.

    Found in the whole picture, where the two do not touch yet, and then reduced as it is.
    """
    red, green, _ = picture.astype(int).transpose(2, 0, 1)
    seen = cv2.dilate(cleaned(red > green + 15).astype(np.uint8), np.ones((3, 3), np.uint8))
    _, parts, about, _ = cv2.connectedComponentsWithStats(seen)
    largest = 1 + int(about[1:, cv2.CC_STAT_AREA].argmax())
    found = np.where(seen == 0, GROUND, np.where(parts == largest, THING, OTHER))
    height, width = fit(picture, side).shape[:2]
    reduced = cv2.resize(found.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return reduced.astype(np.int64)


def face(picture: Picture) -> Use:
    """Return roughly drawn maps of a face: as it is, with a wider mouth, and with longer hair."""
    shape = picture.shape[:2]
    label, smile, long_hair = (np.zeros(shape, np.uint8) for _ in range(3))
    for drawn, mouth, hair in ((label, 0.11, 0.36), (smile, 0.16, 0.36), (long_hair, 0.11, 0.46)):
        ellipse(drawn, (0.5, 0.42), (0.30, hair), FOURTH)
        ellipse(drawn, (0.48, 0.46), (0.21, 0.28), THING)
        ellipse(drawn, (0.48, 0.575), (mouth, 0.04), OTHER)
    return Use(
        picture, label.astype(np.int64), [smile.astype(np.int64), long_hair.astype(np.int64)]
    )


def sky_map(picture: Picture) -> Classes:
    """Return a map of sky, which is as bright as the upper edge, and everything else."""
    smooth = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 2)
    _, bright = cv2.threshold(smooth, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    sky = bright == round(float(bright[0].mean()))
    return np.where(cleaned(sky), GROUND, THING)


def lines(picture: Picture) -> Classes:
    """Return a line drawing of the edges of a picture."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    return np.where(cv2.Canny(grey, 30, 80) > 0, INK, PAPER).astype(np.int64)


def bent(picture: Picture) -> Picture:
    """Return the picture as seen in a curved mirror."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    moved = x + 0.06 * width * np.sin(y / height * np.pi)
    return np.asarray(cv2.remap(picture, moved, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def placed(classes: Classes, right: float, down: float, size: float) -> Classes:
    """Return the thing shifted by shares of the width, and larger or smaller."""
    height, width = classes.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 0, size)
    turn[:, 2] += right * width, down * width
    moved = cv2.warpAffine(classes.astype(np.uint8), turn, (width, height), flags=cv2.INTER_NEAREST)
    return moved.astype(np.int64)


def two_of(classes: Classes) -> Classes:
    """Return the thing twice, and smaller."""
    return np.maximum(placed(classes, -0.22, 0.05, 0.6), placed(classes, 0.22, -0.02, 0.5))


def cleaned(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Remove specks and holes of a few pixels."""
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, around)
    return cv2.morphologyEx(opened, cv2.MORPH_CLOSE, around) > 0


def ellipse(
    drawn: NDArray[np.uint8], centre: tuple[float, float], radii: tuple[float, float], label: int
) -> None:
    """Draw an ellipse, placed by shares of width and height."""
    height, width = drawn.shape
    at = round(centre[0] * width), round(centre[1] * height)
    axes = max(1, round(radii[0] * width)), max(1, round(radii[1] * height))
    cv2.ellipse(drawn, at, axes, 0, 0, 360, label, cv2.FILLED)


def write_uses(folder: Path, side: int, frames: int) -> dict[str, Path]:
    """Write all examples; return preset → its folder."""
    written = {}
    for preset, use in uses(side, frames).items():
        place = written[preset] = folder / preset
        (place / "cond").mkdir(parents=True, exist_ok=True)
        write_png(place / "img.png", use.picture)
        write_png(place / "label.png", COLOURS[use.label])
        for index, target in enumerate(use.targets):
            write_png(place / "cond" / f"map{index}.png", COLOURS[target])
    return written


def main() -> None:
    """Write the maps and print their folders."""
    parser = argparse.ArgumentParser(description="Write label maps; nothing is downloaded.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=160, help="longer side, pixels")
    parser.add_argument("--frames", type=int, default=6, help="of the animation")
    options = parser.parse_args()
    for place in write_uses(options.folder, options.side, options.frames).values():
        print(place)


if __name__ == "__main__":
    main()
