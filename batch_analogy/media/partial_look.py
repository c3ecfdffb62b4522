"""Give a picture part of a look: some of its strength, or its texture and light alone.

Both are mixed in Oklab. Halfway between two colours lies there what looks halfway: mixtures of
encoded values darken between saturated colours, and mixtures of light follow the brighter of the
two. Lightness is a channel of its own, so that colours can be kept without their lightness.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from batch_analogy.config.amounts import LookShare
from batch_analogy.media.oklab import Oklab
from batch_analogy.media.pixel_spaces import SRGB, PixelSpace

FloatPixels = npt.NDArray[np.float32]

_ROWS = 256  # converted at once, so that a large picture needs little memory
_HALVINGS = 14  # of the step in chroma
_TOLERANCE = np.float32(1e-5)  # of light, beyond the gamut


def mix_look(
    own: FloatPixels,
    styled: FloatPixels,
    share: LookShare,
    *,
    space: PixelSpace = SRGB,
    beyond_white: bool = False,
) -> FloatPixels:
    """Mix a picture with itself in another look.

    Args:
        own: the picture, (H, W, 3) float32 display values.
        styled: the same in the look.
        share: of the look.
        space: of the pixels.
        beyond_white: values may be brighter than white.

    Returns:
        (H, W, 3) float32; ``styled`` itself for the whole look, ``own`` itself for none.
    """
    if share.is_whole:
        return styled
    if share.strength == 0.0:
        return own
    weights = np.array([share.strength, *(share.strength * (1 - share.colours_kept),) * 2])
    mixed = np.empty_like(styled)
    for start in range(0, len(styled), _ROWS):
        rows = slice(start, start + _ROWS)
        mixed[rows] = _mixture(
            own[rows],
            styled[rows],
            weights.astype(np.float32),
            Oklab(space),
            beyond_white=beyond_white,
        )
    return mixed


def lay_over(
    outside: FloatPixels,
    inside: FloatPixels,
    coverage: FloatPixels,
    *,
    space: PixelSpace = SRGB,
    beyond_white: bool = False,
) -> FloatPixels:
    """Lay one picture over another where a mask covers it; edges are mixed as ``mix_look`` does.

    Args:
        outside: (H, W, 3) float32 display values, where nothing is covered.
        inside: the same, where all is.
        coverage: (H, W, 1) float32 in [0, 1].
        space: as for ``mix_look``.
        beyond_white: as for ``mix_look``.

    Returns:
        (H, W, 3) float32: the pixels of either picture themselves, except at edges.
    """
    laid = np.where(coverage >= 1.0, inside, outside)
    edges = (coverage[..., 0] > 0.0) & (coverage[..., 0] < 1.0)
    if edges.any():
        laid[edges] = _mixture(
            outside[edges],
            inside[edges],
            coverage[edges],
            Oklab(space),
            beyond_white=beyond_white,
        )
    return np.asarray(laid, np.float32)


def _mixture(
    before: FloatPixels,
    after: FloatPixels,
    weights: FloatPixels,
    space: Oklab,
    *,
    beyond_white: bool,
) -> FloatPixels:
    """Mix (..., 3) pixels in Oklab; ``weights`` of the second ones are for each channel."""
    first, second = space.from_pixels(before), space.from_pixels(after)
    lab = first + weights * (second - first)
    light = _in_gamut(lab, space, np.inf if beyond_white else space.peak)
    return space.to_pixels(light, beyond_white=beyond_white)


def _in_gamut(lab: FloatPixels, space: Oklab, top: float) -> FloatPixels:
    """Convert Oklab to light; colours that cannot be shown lose chroma, not lightness or hue."""
    light = space.to_light(lab)
    outside = ~_fits(light, top)
    if not outside.any():
        return light
    wanted = lab[outside]
    inside, beyond = np.zeros(len(wanted), np.float32), np.ones(len(wanted), np.float32)
    for _ in range(_HALVINGS):
        middle = (inside + beyond) * np.float32(0.5)
        fits = _fits(space.to_light(_with_chroma(wanted, middle)), top)
        inside, beyond = np.where(fits, middle, inside), np.where(fits, beyond, middle)
    light[outside] = space.to_light(_with_chroma(wanted, inside))
    return light


def _fits(light: FloatPixels, top: float) -> npt.NDArray[np.bool_]:
    fits = (light.min(axis=-1) >= -_TOLERANCE) & (light.max(axis=-1) <= top + _TOLERANCE)
    return np.asarray(fits)


def _with_chroma(lab: FloatPixels, factor: FloatPixels) -> FloatPixels:
    scaled = lab.copy()
    scaled[..., 1:] *= factor[..., None]
    return scaled
