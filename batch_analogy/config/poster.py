"""The frame of a film that stands for it, as a picture beside it."""

from __future__ import annotations

import re

from batch_analogy.errors import ConfigError

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def parse_poster(text: str) -> int | float | None:
    """Parse the frame of a poster: its number, or as a share of the film; None: no poster.

    Raises:
        ConfigError: the text has another form.

    >>> parse_poster("120"), parse_poster("50%"), parse_poster("")
    (120, 0.5, None)
    """
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    share = _PERCENT.fullmatch(text)
    if share is None or float(share[1]) > 100:
        raise ConfigError(f"poster is {text!r}; give the number of a frame, or 0% to 100%")
    return float(share[1]) / 100
