"""Photo-to-photo refinement: A' with A's full-resolution detail and local contrast.

A vote is made of patches and looks like it. Where a photograph is wanted, only its colours are
taken: either as a smooth correction of A (``wls``, the published way) or as a colour transform
of A that varies slowly over each object (``affine``, the default: faster, sure against wrong
matches, and it changes the contrast of details together with their surroundings).
"""

from __future__ import annotations

from torch import Tensor

from batch_analogy.analogy.features.pictures import resize
from batch_analogy.analogy.refine.bilateral_grid import apply_transforms, edge_guide
from batch_analogy.analogy.refine.colour_fit import fit_transforms
from batch_analogy.config.matching import Refine

__all__ = ["refine"]


def refine(
    picture: Tensor, styled: Tensor, method: Refine, confidence: Tensor | None = None
) -> Tensor:
    """Give a styled picture the detail of the picture it was made from.

    Args:
        picture: A, (1, 3, H, W) float32 RGB [0, 1].
        styled: A' as voted, (1, 3, h, w) float32. Colours are fitted at its size and applied at
            A's; for ``none``, which returns it, it has A's size.
        method: how.
        confidence: (1, 1, h, w) float32 [0, 1], how far ``styled`` can be believed; everywhere
            alike by default. Only ``affine`` heeds it.

    Returns:
        (1, 3, H, W) float32 in [0, 1].
    """
    if method == "none":
        return styled.clamp(0.0, 1.0)
    small = resize(picture, (int(styled.shape[2]), int(styled.shape[3])))
    if method == "wls":
        from batch_analogy.analogy.refine.wls import refine_by_wls  # SciPy, which only this needs

        return refine_by_wls(picture, small, styled)
    guide = edge_guide(small)
    return apply_transforms(picture, fit_transforms(small, styled, guide, confidence), guide)
