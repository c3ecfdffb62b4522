"""Sample pictures and frames, made from photographs that come with installed packages.

    python examples/make_pictures.py FOLDER [--side 320] [--frames 12] [--clip]

Nothing is downloaded. scikit-image ships an astronaut, a cat, a coffee cup and a rocket (NASA and
public domain or CC0), matplotlib the portrait of Grace Hopper (public domain, US Navy),
scikit-learn a temple and a flower (CC BY).
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from skimage import data

from batch_analogy.media.stills import read_still, write_png

Picture = NDArray[np.uint8]
Window = tuple[float, float, float]
"""The view of the camera: centre x, centre y and height, as shares of the picture's height."""


def sample_pictures() -> dict[str, Picture]:
    """Return name → (H, W, 3) uint8 RGB photograph."""
    return {
        "astronaut": data.astronaut(),
        "hopper": packaged("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
        "cat": data.chelsea(),
        "coffee": data.coffee(),
        "rocket": data.rocket(),
        "temple": packaged("sklearn", "datasets/images/china.jpg"),
        "flower": packaged("sklearn", "datasets/images/flower.jpg"),
    }


def packaged(package: str, name: str) -> Picture:
    """Read a picture in an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed; it has a sample picture")
    return np.round(read_still(Path(spec.origin).parent / name) * 255).astype(np.uint8)


def camera_move(
    picture: Picture,
    frames: int,
    size: tuple[int, int],
    *,
    start: Window = (0.45, 0.45, 0.85),
    stop: Window = (0.42, 0.38, 0.65),
) -> list[Picture]:
    """Return the frames of a camera that moves slowly over a photograph.

    Args:
        picture: (H, W, 3) uint8 RGB.
        frames: how many.
        size: (height, width) of a frame, pixels.
        start: what the first frame shows.
        stop: what the last frame shows; between them the window moves and zooms evenly.

    Returns:
        Frames (height, width, 3) uint8.
    """
    shares = np.linspace(0.0, 1.0, frames)
    windows = [np.array(start) * (1 - share) + np.array(stop) * share for share in shares]
    return [_look_through(picture, window * picture.shape[0], size) for window in windows]


def _look_through(picture: Picture, window: NDArray[np.float64], size: tuple[int, int]) -> Picture:
    """Sample a window (centre x, centre y, height in pixels) without aliasing."""
    height, width = size
    centre_x, centre_y, window_px = window
    step = window_px / height  # picture pixels from one frame pixel to the next
    source = picture.astype(np.float32)
    if step > 1.0:  # blur what the frame's grid cannot represent
        source = cv2.GaussianBlur(source, (0, 0), 0.5 * float(np.sqrt(step**2 - 1.0)) + 1e-3)
    to_picture = np.array(
        [
            [step, 0.0, centre_x - step * (width - 1) / 2],
            [0.0, step, centre_y - step * (height - 1) / 2],
        ]
    )
    frame = cv2.warpAffine(
        source,
        to_picture,
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.clip(np.round(frame), 0, 255).astype(np.uint8)


def fit(picture: Picture, longer_px: int) -> Picture:
    """Shrink a picture so that its longer side has ``longer_px`` pixels."""
    scale = longer_px / max(picture.shape[:2])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def write_frames(folder: Path, frames: list[Picture]) -> None:
    """Write frames as img0.png, img1.png, …; in natural order img2 comes before img10."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(frames):
        write_png(folder / f"img{index}.png", frame)


def write_pictures(folder: Path, longer_px: int = 512) -> dict[str, Path]:
    """Write every sample picture as NAME.png; return name → file."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, picture in sample_pictures().items():
        paths[name] = folder / f"{name}.png"
        write_png(paths[name], fit(picture, longer_px))
    return paths


def write_clip(path: Path, frames: list[Picture], rate: str = "24000/1001") -> None:
    """Write frames as a video whose sound is a tone."""
    height, width = frames[0].shape[:2]
    seconds = len(frames) / float(Fraction(rate))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate]
    command += ["-i", "-", "-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
    command += ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)]
    subprocess.run(command, input=b"".join(frame.tobytes() for frame in frames), check=True)


def main() -> None:
    """Write the pictures and print their paths."""
    parser = argparse.ArgumentParser(description="Write sample pictures; nothing is downloaded.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=512, help="longer side, pixels")
    parser.add_argument("--frames", type=int, default=0, help="also FOLDER/frames, so many")
    parser.add_argument("--clip", action="store_true", help="also FOLDER/clip.mp4 of the frames")
    options = parser.parse_args()
    for path in write_pictures(options.folder, options.side).values():
        print(path)
    if options.frames:
        size = (options.side, options.side)
        frames = camera_move(sample_pictures()["astronaut"], options.frames, size)
        write_frames(options.folder / "frames", frames)
        print(options.folder / "frames")
        if options.clip:
            write_clip(options.folder / "clip.mp4", frames)
            print(options.folder / "clip.mp4")


if __name__ == "__main__":
    main()
