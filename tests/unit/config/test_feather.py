"""The width of a mask's soft edges, as it is written."""

from __future__ import annotations

import pytest

from batch_analogy.config.feather import DEFAULT_FEATHER, feather_px
from batch_analogy.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "px"), [("0", 0), ("12px", 12), (" 1.5 ", 1.5), (".5%", 5), (DEFAULT_FEATHER, 5)]
)
def test_pixels_and_percent_of_the_shorter_side(text: str, px: float) -> None:
    assert feather_px(text, (1500, 1000)) == px


@pytest.mark.parametrize("text", ["", "soft", "-3", "101%", "10001", "5%%", "1,5"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="feather is"):
        feather_px(text, (10, 10))
