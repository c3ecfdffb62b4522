"""Width over which the edges of a mask are softened: ``12`` pixels, or ``2%`` of the frame."""

from __future__ import annotations

import re

from batch_analogy.errors import ConfigError

DEFAULT_FEATHER = "0.5%"
MAX_PX, MAX_PERCENT = 10_000, 100

_FEATHER = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>%|px)?")


def feather_px(text: str, size: tuple[int, int]) -> float:
    """Return the width in pixels.

    Args:
        text: pixels, or a percentage of the shorter side.
        size: (height, width) of the frame in pixels.

    Raises:
        ConfigError: it is neither, or too large.

    >>> feather_px("12", (1080, 1920)), feather_px("2%", (1080, 1920))
    (12.0, 21.6)
    """
    found = _FEATHER.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            f"feather is {text!r}; give a width in pixels, like 12, or in percent of the frame's "
            "shorter side, like 2%"
        )
    number, most = float(found["number"]), MAX_PERCENT if found["unit"] == "%" else MAX_PX
    if number > most:
        raise ConfigError(f"feather is {text}; it must be at most {most}{found['unit'] or ''}")
    return number * min(size) / 100 if found["unit"] == "%" else number
