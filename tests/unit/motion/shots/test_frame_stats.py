"""Statistics of frames."""

from __future__ import annotations

import numpy as np
import skimage.data
from numpy.typing import NDArray

from batch_analogy.colour import to_linear, to_srgb
from batch_analogy.motion.shots.frame_stats import compute_frame_stats


def photo(name: str) -> NDArray[np.float32]:
    pixels: NDArray[np.float32] = getattr(skimage.data, name)()[..., :3].astype(np.float32) / 255
    return pixels


def test_statistics_have_one_shape_and_colours_do_not_depend_on_exposure() -> None:
    small, tall = (
        compute_frame_stats(photo("coffee")[:40, :30]),
        compute_frame_stats(photo("chelsea").transpose(1, 0, 2)),
    )
    assert small.luma.shape == tall.luma.shape == (48, 64)
    assert small.luma.dtype == np.uint8
    assert small.luma.nbytes + small.colours.nbytes < 4000
    picture = photo("coffee")
    dark = compute_frame_stats(to_srgb(to_linear(picture) / 2))
    assert np.abs(dark.colours - compute_frame_stats(picture).colours).sum() / 2 < 0.1
    assert np.abs(compute_frame_stats(photo("astronaut")).colours - dark.colours).sum() / 2 > 0.3
