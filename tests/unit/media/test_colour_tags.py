"""Colour spaces assumed for videos with missing tags."""

from __future__ import annotations

import numpy as np
import pytest

from batch_analogy.media.colour_tags import (
    ColourSpace,
    ColourTags,
    decode_filter,
    film_colour_space,
    to_srgb_gamut,
    to_wide_gamut,
)

SD = ColourSpace("smpte170m", "smpte170m", "smpte170m")
PAL = ColourSpace("bt470bg", "bt470bg", "smpte170m")


@pytest.mark.parametrize(
    ("tags", "height", "width", "expected"),
    [
        (ColourTags(), 480, 640, SD),
        (ColourTags(), 576, 768, PAL),
        (ColourTags(), 768, 576, PAL),  # filmed upright
        (ColourTags(), 288, 352, PAL),
        (ColourTags(), 360, 640, SD),
        (ColourTags(), 720, 1280, ColourSpace()),
        (ColourTags(matrix="smpte170m"), 576, 768, ColourSpace("smpte170m", "bt470bg",
        "smpte170m")),
        (ColourTags(matrix="bt470bg"), 480, 640, ColourSpace("bt470bg", "smpte170m", "smpte170m")),
        (ColourTags(matrix="bt470bg"), 360, 640, PAL),
        (ColourTags(matrix="smpte170m", primaries="bt709"), 576, 768,
         ColourSpace("smpte170m", "bt709", "smpte170m")),
        (ColourTags(primaries="bt470bg"), 360, 640, PAL),
        (ColourTags(primaries="bt2020"), 1080, 1920, ColourSpace("bt2020nc", "bt2020",
        "bt2020-10")),
    ],
)  # fmt: skip
def test_chooses_the_colour_space_of_a_film(
    tags: ColourTags, height: int, width: int, expected: ColourSpace
) -> None:
    assert film_colour_space(tags, height, width) == expected
    if tags.matrix is None:
        chain = decode_filter(tags, height, width)
        assert f"in_color_matrix={expected.matrix}:" in chain


def test_gamuts_are_inverses() -> None:
    pixels = np.random.default_rng(3).random((4, 5, 3), dtype=np.float32)
    assert np.abs(to_srgb_gamut(to_wide_gamut(pixels)) - pixels).max() < 2e-3
