"""Light beyond white fits into the range of matching and comes out of it unchanged."""

from __future__ import annotations

import numpy as np

from batch_analogy.colour import to_linear, to_srgb
from batch_analogy.media.highlights import compress_highlights, expand_highlights


def test_every_half_float_comes_back_to_within_its_step() -> None:
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16)  # from 0 to the largest
    light = halves.astype(np.float32)
    compressed = compress_highlights(to_srgb(light, clip=False))
    assert compressed.min() == 0
    assert compressed.max() < 1
    assert (np.diff(compressed) >= 0).all()
    back = to_linear(expand_highlights(compressed))
    steps = np.append(np.diff(light), 32)
    assert (np.abs(back - light) / steps).max() <= 1


def test_pictures_up_to_the_knee_do_not_change() -> None:
    values = np.linspace(0, 0.75, 1000, dtype=np.float32)
    assert np.array_equal(compress_highlights(values), values)
    assert np.array_equal(expand_highlights(values), values)


def test_what_lies_beyond_the_range_is_cut() -> None:
    assert compress_highlights(np.float32([-1.0]))[0] == 0
    assert np.isfinite(expand_highlights(np.float32([1.0, 1.5]))).all()
