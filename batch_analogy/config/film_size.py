"""The size of a film, as users write it, and the largest one that players show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from batch_analogy.config.codecs import CodecSpec
from batch_analogy.errors import ConfigError, UsageError

FilmFit = Literal["letterbox", "crop"]
"""A film of another shape than its frames: with bars beside them, or without their borders."""

FULL = "full"
MAX = "max"
MIN_SIDE_PX = 16

_SIZE = re.compile(r"(\d+)\s*[x×X*:]\s*(\d+)")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


@dataclass(frozen=True)
class FilmSize:
    """A wanted size: exact, a share of the frames' size, or neither."""

    exact: tuple[int, int] | None = None  # height and width, px
    share: Fraction | None = None
    playable: bool = False  # the largest that players commonly show


def parse_film_size(text: str) -> FilmSize:
    """Parse ``1920x1080``, ``50%``, ``max`` or ``full``.

    Raises:
        ConfigError: the text has another form, or the size is too small or too large.

    >>> parse_film_size("1920x1080").exact, parse_film_size("50%").share
    ((1080, 1920), Fraction(1, 2))
    """
    if text in (FULL, MAX):
        return FilmSize(playable=text == MAX)
    if size := _SIZE.fullmatch(text.strip()):
        width, height = int(size[1]), int(size[2])
        if min(height, width) < MIN_SIDE_PX:
            raise ConfigError(f"film size is {text}; each side must be {MIN_SIDE_PX} px or more")
        return FilmSize(exact=(height, width))
    if percent := _PERCENT.fullmatch(text.strip()):
        share = Fraction(percent[1]) / 100
        if not Fraction(1, 100) <= share <= 4:
            raise ConfigError(f"film size is {text}; it must lie between 1% and 400%")
        return FilmSize(share=share)
    raise ConfigError(f"film size is {text!r}; write 1920x1080, 50%, max or full")


def film_size_px(
    height: int, width: int, size: FilmSize, spec: CodecSpec, fps: Fraction
) -> tuple[int, int]:
    """Return height and width of a film.

    Args:
        height: of the frames, px. width: px.
        size: what is wanted.
        spec: the film's codec, whose limits hold in any case.
        fps: frames a second.

    Raises:
        UsageError: the codec cannot have the exact size that is wanted.

    >>> from batch_analogy.config.codecs import CODECS
    >>> film_size_px(4000, 6000, FilmSize(playable=True), CODECS["h264"], Fraction(24))
    (2304, 3456)
    """
    if size.exact is not None:
        check_film_size(size, spec)
        return size.exact
    factor = min(1.0, spec.max_side_px / max(height, width))
    if size.share is not None:
        least = min(1.0, MIN_SIDE_PX / min(height, width))  # encoders refuse smaller films
        factor = min(max(float(size.share), least), spec.max_side_px / max(height, width))
    if size.playable and spec.players:
        return _playable(height, width, spec, fps)
    if factor == 1:
        even = spec.even_sides
        return (height + height % 2, width + width % 2) if even else (height, width)
    step = 2 if spec.even_sides else 1
    high, wide = (max(1, round(side * factor)) for side in (height, width))
    return high + high % step, wide + wide % step


def _playable(height: int, width: int, spec: CodecSpec, fps: Fraction) -> tuple[int, int]:
    """Return the largest size of this shape that common players show, both sides even."""
    players = spec.players[0]
    factor = min(1.0, players.largest_factor(height, width, fps))
    even = height + height % 2, width + width % 2
    while not players.shows(*even, fps):  # rounding to blocks may take a little more
        even = _even_below(height * factor), _even_below(width * factor)
        factor *= 0.995
    return even


def _even_below(side: float) -> int:
    """Return the largest even number up to a length, whose last digits are rounding errors."""
    return max(2, 2 * int((side + 1e-6) / 2))


def check_film_size(size: FilmSize, spec: CodecSpec) -> None:
    """Check that a codec can have an exact size that is wanted.

    Raises:
        UsageError: it cannot.
    """
    if size.exact is None:
        return
    height, width = size.exact
    if spec.even_sides and (height % 2 or width % 2):
        better = f"{width + width % 2}x{height + height % 2}"
        raise UsageError(
            f"film size is {width}x{height}, but {spec.title} needs even sides; give {better}"
        )
    if max(height, width) > spec.max_side_px:
        raise UsageError(
            f"film size is {width}x{height}, but {spec.title} has at most {spec.max_side_px} px a "
            "side; give a smaller one"
        )
