"""HDR videos, written by ffmpeg from known values and read back without the code under test."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np

HEIGHT, WIDTH = 48, 64
LIGHT_LEVELS = (
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    ":max-cll=1000,400"
)
_COLOURS = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0))


def bars() -> np.ndarray:
    """Return bars at the peak and at the white of a sheet over a ramp: (H, W, 3) uint16."""
    pixels = np.zeros((HEIGHT, WIDTH, 3))
    step = WIDTH // len(_COLOURS)
    for number, colour in enumerate(_COLOURS):
        columns = slice(number * step, (number + 1) * step)
        pixels[:20, columns] = colour
        pixels[20:40, columns] = np.array(colour) * 0.58
    pixels[40:] = np.linspace(0, 1, WIDTH)[None, :, None]
    return np.rint(pixels * 65535).astype("<u2")


def hdr_video(
    path: Path, transfer: str = "smpte2084", *, frames: int = 2, levels: str = LIGHT_LEVELS
) -> Path:
    """Write a lossless H.265 video of the bars: 10 bits, BT.2020, 10 frames a second."""
    tags = f"setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}:range=tv"
    convert = "scale=in_range=pc:out_color_matrix=bt2020nc:out_range=tv:flags=area+accurate_rnd"
    parameters = ":".join(filter(None, ["log-level=error:lossless=1", levels]))
    source = ["-f", "rawvideo", "-pix_fmt", "rgb48le", "-s", f"{WIDTH}x{HEIGHT}", "-r", "10"]
    filters = ["-vf", f"{convert},format=yuv420p10le,{tags}"]
    encoder = ["-c:v", "libx265", "-x265-params", parameters]
    command = [*source, "-i", "pipe:0", *filters, *encoder, f"file:{path}"]
    _ffmpeg(command, bars().tobytes() * frames)
    return path


def stored_values(film: Path) -> np.ndarray:
    """Return the Y'CbCr values of all frames of a 4:2:0 film, from 0 to 1023."""
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "pipe:1"]
    return np.frombuffer(_ffmpeg(["-i", f"file:{film}", *raw]), "<u2").astype(int)


def _ffmpeg(arguments: list[str], data: bytes = b"") -> bytes:
    tool = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    return subprocess.run([*tool, *arguments], input=data, capture_output=True, check=True).stdout
