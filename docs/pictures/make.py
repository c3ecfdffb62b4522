"""Make the pictures of the README and the site; takes some minutes.

    python docs/pictures/make.py [FOLDER]

Everything comes from photographs that installed packages ship (NOTICE.md). Sheets of `semantic` and
`pair` are those that `examples/semantic.sh` and `batch-analogy pair --sheet` write.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parents[1] / "examples"), str(HERE.parents[1])]

from make_pictures import camera_move, fit, sample_pictures, write_frames  # noqa: E402

from batch_analogy.media.stills import write_png  # noqa: E402
from benchmarks import high_pictures, restyle  # noqa: E402

Picture = NDArray[np.uint8]

GAP_PX = 6
BRUSHES = (0.045, 0.024, 0.013, 0.008)
"""Widths of the strokes of each layer, as shares of the picture's width."""


def painted(picture: Picture, saturation: float, hue: float = 0.0, *, sky: bool = False) -> Picture:
    """Lay brush strokes over a picture in stronger colours.

    Args:
        picture: (H, W, 3) RGB.
        saturation: factor.
        hue: degrees by which hues are turned.
        sky: whether what is bright in the upper part becomes blue, and yellow towards the horizon.
    """
    image = picture.astype(np.float32) / 255
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + hue) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * saturation + 0.05, 0, 1)
    vivid = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    if sky:
        vivid = _with_sky(vivid, image)
    large = cv2.resize(vivid, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).clip(0, 1)
    strokes = high_pictures.brushed(large.astype(np.float32), 0)
    small = cv2.resize(strokes, picture.shape[1::-1], interpolation=cv2.INTER_AREA)
    return (np.clip(small, 0, 1) * 255).astype(np.uint8)


def _with_sky(vivid: NDArray[np.float32], image: NDArray[np.float32]) -> NDArray[np.float32]:
    light = image @ np.array([0.299, 0.587, 0.114], np.float32)
    row = np.linspace(0, 1, len(image), dtype=np.float32)[:, None]
    share = np.clip((light - 0.72) / 0.08, 0, 1) * np.clip(1.3 - row * 1.6, 0, 1)
    low, high = np.array([1.6, 1.15, 0.45]), np.array([0.16, 0.45, 0.78])
    colours = np.clip((1 - row)[..., None] * high + row[..., None] * low, 0, 1)
    return np.asarray(vivid * (1 - share[..., None]) + colours * share[..., None], np.float32)


def run(*arguments: str | Path) -> None:
    """Run a command of this program as a user would."""
    subprocess.run([sys.executable, "-m", "batch_analogy", *map(str, arguments)], check=True)


def beside(pictures: list[Image.Image], size: tuple[int, int]) -> Image.Image:
    """Put pictures beside each other, all of one size (width, height)."""
    width, height = size
    sheet = Image.new("RGB", (len(pictures) * (width + GAP_PX) - GAP_PX, height), "white")
    for place, picture in enumerate(pictures):
        resized = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        sheet.paste(resized, (place * (width + GAP_PX), 0))
    return sheet


def stack(rows: list[Image.Image]) -> Image.Image:
    """Put rows of equal width under each other."""
    height = sum(row.height + GAP_PX for row in rows) - GAP_PX
    sheet = Image.new("RGB", (rows[0].width, height), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height + GAP_PX
    return sheet


def made(film: Path, output: str) -> list[Image.Image]:
    """Open the finished frames of a film."""
    return [Image.open(p) for p in sorted((film.with_suffix(".run") / "frames" / output).iterdir())]


def shown(folder: Path) -> list[Image.Image]:
    """Open the frames that ``write_frames`` wrote."""
    count = len(list(folder.iterdir()))
    return [Image.open(folder / f"img{index}.png") for index in range(count)]


def painted_film(folder: Path, temple: Picture) -> None:
    """Paint one frame of a camera move, and let the film follow it."""
    frames = camera_move(temple, 36, (288, 432), start=(0.52, 0.37, 0.70), stop=(0.70, 0.40, 0.58))
    write_frames(folder / "frames", frames)
    (folder / "painted").mkdir(exist_ok=True)
    write_png(folder / "painted" / "img18.png", painted(frames[18], 1.9, sky=True))
    film = folder / "film.mp4"
    run("analogy", folder / "frames", "--keys", folder / "painted", "-o", film, "--address", "none")
    pairs = zip(shown(folder / "frames"), made(film, "b_prime"), strict=True)
    there = [beside(list(pair), (300, 200)) for pair in pairs]
    first, *others = [*there, *there[-2:0:-2]]
    path = HERE / "painted-film.webp"
    first.save(path, save_all=True, append_images=others, duration=90, loop=0, quality=45, method=6)


def time_lapse(folder: Path, temple: Picture) -> None:
    """Fade a camera move by day from dawn to sunset to night."""
    frames = camera_move(temple, 24, (256, 384), start=(0.60, 0.45, 0.85), stop=(0.78, 0.50, 0.78))
    write_frames(folder / "frames", frames)
    (folder / "looks").mkdir(exist_ok=True)
    dawn = (temple / 255) ** [0.95, 1.05, 0.95] * [1.02, 0.78, 0.72] + [0.03, 0.02, 0.06]
    looks = {
        "1-dawn": (np.clip(dawn, 0, 1) * 255).astype(np.uint8),
        "2-sunset": restyle.sunset(temple),
        "3-night": restyle.night(temple),
    }
    for name, look in looks.items():
        write_png(folder / "looks" / f"{name}.png", fit(look, 480))
    film = folder / "film.mp4"
    run("timelapse", folder / "looks", folder / "frames", "-o", film, "--address", "none")
    rows = [shown(folder / "frames"), made(film, "a_prime")]
    sheet = stack([beside([row[index] for index in (0, 12, 23)], (320, 213)) for row in rows])
    sheet.save(HERE / "time-lapse.jpg", quality=88)


def stylize(folder: Path, flower: Picture) -> None:
    """Style a camera move after a painting of the same flower in other colours."""
    frames = camera_move(flower, 12, (256, 384), start=(0.68, 0.50, 0.92), stop=(0.62, 0.48, 0.70))
    write_frames(folder / "frames", frames)
    write_png(folder / "painting.png", painted(flower, 1.3, -45))
    film = folder / "film.mp4"
    run(
        "stylize", folder / "painting.png", folder / "frames", "-o", film,
        "--address", "none", "--size", "0.1",
    )  # fmt: skip
    row = [shown(folder / "frames")[6], Image.open(folder / "painting.png")]
    beside([*row, made(film, "a_prime")[6]], (320, 213)).save(HERE / "stylize.jpg", quality=88)


def main() -> None:
    """Make all pictures in a folder, and write the sheets beside this file."""
    parser = argparse.ArgumentParser(description="Make the pictures of the README and the site.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("out/pictures"))
    folder: Path = parser.parse_args().folder
    high_pictures._BRUSH_SHARES = BRUSHES
    photographs = sample_pictures()
    painted_film(folder / "painted", photographs["temple"])
    time_lapse(folder / "time-lapse", photographs["temple"])
    stylize(folder / "stylize", photographs["flower"])


if __name__ == "__main__":
    main()
