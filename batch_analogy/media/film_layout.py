"""Fit frames into the size of a film, and tell what plays it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from batch_analogy.config.film_size import FilmFit, film_size_px
from batch_analogy.media.encoding import EncodingOptions
from batch_analogy.media.numbered_output import is_pattern
from batch_analogy.media.pixel_spaces import SRGB, PixelSpace


@dataclass(frozen=True)
class FilmLayout:
    """Size, depth and colours of the pictures that the encoder receives."""

    height: int  # px, of the film
    width: int
    frame: tuple[int, int]  # height and width of the frames, px
    fit: FilmFit
    scaled: bool  # the frames were too large for the codec
    deep: bool  # 16 bits a channel, not 8
    alpha: bool  # with opacity
    space: PixelSpace = SRGB


def choose_layout(
    frame: tuple[int, int],
    encoding: EncodingOptions,
    fps: Fraction,
    *,
    deep: bool,
    alpha: bool,
    space: PixelSpace = SRGB,
) -> FilmLayout:
    """Choose the size of a film: what is wanted, within the codec's limits, even if it must be.

    Args:
        frame: height and width of the frames, px.
        encoding: the codec, and the size that is wanted.
        fps: frames a second.
        deep: True if the frames have more than 8 bits a channel.
        alpha: True if the film is transparent.
        space: in which the encoder receives them.
    """
    height, width = film_size_px(*frame, encoding.film_size, encoding.spec, fps)
    scaled = max(frame) > encoding.spec.max_side_px and encoding.film_size.exact is None
    deep = encoding.bits(deep, alpha) > 8
    return FilmLayout(height, width, frame, encoding.fit, scaled, deep, alpha, space)


def film_size_of(
    output: Path, frame: tuple[int, int], encoding: EncodingOptions, fps: Fraction
) -> tuple[int, int]:
    """Return height and width of a film, or of numbered pictures, which no player limits."""
    if not is_pattern(output):
        return film_size_px(*frame, encoding.film_size, encoding.spec, fps)
    share = encoding.film_size.share
    if share is None:
        return encoding.film_size.exact or frame
    height, width = (max(1, round(side * share)) for side in frame)
    return height, width


def playing_note(
    encoding: EncodingOptions, size: tuple[int, int], fps: Fraction, *, deep: bool
) -> str | None:
    """Return what a person should know about the players that show a film; None: all do.

    Args:
        encoding: codec, depth and quality.
        size: height and width of the film, px.
        fps: frames a second.
        deep: True if the frames have more than 8 bits a channel.
    """
    spec = encoding.spec
    if not spec.players:
        return None  # for editing
    name = f"{spec.title} of {size[1]}x{size[0]} px at {float(fps):.6g} frames/s"
    usual, *further = spec.players
    if not usual.shows(*size, fps):
        plays = next((tier.where for tier in further if tier.shows(*size, fps)), spec.beyond)
        return (
            f"{name} {plays}, as common players end at {usual.title}; --film-size max makes it as "
            "large as they show" + (f", {spec.better}" if spec.better else "")
        )
    if spec.few_players_bits is not None and encoding.bits(deep) >= spec.few_players_bits:
        return (
            f"{spec.title} of {encoding.bits(deep)} bits {spec.beyond}; --codec h265 has 10 bits "
            "that phones and televisions show"
        )
    if spec.lossless_options is not None and spec.few_players_lossless and encoding.crf == 0:
        return f"lossless {spec.title} {spec.beyond}; --crf 10 looks the same and plays everywhere"
    return None
