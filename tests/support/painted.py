"""Small painted runs for tests: a pan over a photograph of a cat, and painted frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.media.stills import write_png
from tests.support.runs import sample_config

PAN = (2.0, 1.0)  # pixels to the right and down, from frame to frame
SIZE = (72, 56)  # width, height

Picture = NDArray[np.uint8]


def camera_frame(index: int) -> Picture:
    """Return a frame (H, W, 3) of the pan."""
    cat = skimage.data.chelsea()
    x, y = 30 + PAN[0] * index, 10 + PAN[1] * index
    view = np.float32([[0.3, 0, -x], [0, 0.3, -y]])
    return np.asarray(cv2.warpAffine(cat, view, SIZE, flags=cv2.INTER_AREA), np.uint8)


def wide_frame(index: float) -> Picture:
    """Return a frame (H, W, 3) of a longer pan, of at most 60 frames, over more of the picture."""
    view = np.float32([[0.6, 0, -20 - 2.5 * index], [0, 0.6, -10 - 1.5 * index]])
    return np.asarray(cv2.warpAffine(skimage.data.chelsea(), view, SIZE, flags=cv2.INTER_AREA))


def paint(frame: Picture) -> Picture:
    """Paint a frame: exactly aligned with it, with grain that must move with the scene."""
    noise = np.random.default_rng(3).standard_normal(frame.shape[:2]).astype(np.float32)
    grain = 250 * cv2.GaussianBlur(noise, (0, 0), 2.0)[..., None]
    inverted = 255 - frame[..., ::-1].astype(int)
    return np.clip(inverted + grain, 0, 255).astype(np.uint8)


def write_clip(root: Path, count: int) -> None:
    """Write in/img00.png, in/img01.png and so on."""
    for index in range(count):
        write_png(root / "in" / f"img{index:02d}.png", camera_frame(index))


def keys(root: Path, *frames: int) -> tuple[PaintedKeyframe, ...]:
    """Write painted keyframes beside the clip."""
    for index in frames:
        write_png(root / f"painted{index:02d}.png", paint(camera_frame(index)))
    return tuple(
        PaintedKeyframe(painted=str(root / f"painted{index:02d}.png"), frame=f"img{index:02d}.png")
        for index in frames
    )


def painted_config(root: Path, painting: PaintConfig, **overrides: Any) -> RunConfig:
    """Return the configuration of a painted run in this process over ``root/in``."""
    settings = {"command": "analogy", "painting": painting, "temporal": "on", **overrides}
    first = Path(painting.keys[0].painted)
    return sample_config(root, 0, reference=first, **settings)
