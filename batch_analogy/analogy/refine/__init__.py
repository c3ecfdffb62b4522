"""Photo-to-photo refinement: give A' the full-resolution detail and local contrast of A.

A vote consists of patches, which show. For a photograph only its colours are used: either as a
smooth correction of A (``wls``, the published way) or as a colour transform of A that varies slowly
over each object (``affine``, the default). The transform is faster, robust against wrong matches,
and changes the contrast of details together with their surroundings.

Source: docs/method.md, "WLS refinement", "Colour transforms instead of WLS".
"""

from __future__ import annotations

from torch import Tensor

from batch_analogy.analogy.features.pictures import resize
from batch_analogy.analogy.refine.bilateral_grid import apply_transforms, edge_guide
from batch_analogy.analogy.refine.colour_fit import fit_exactly, fit_transforms
from batch_analogy.config.matching import Refine

__all__ = ["refine"]


def refine(
    picture: Tensor,
    styled: Tensor,
    method: Refine,
    confidence: Tensor | None = None,
    *,
    exact: bool = False,
) -> Tensor:
    """Give a styled picture the detail of the picture that it was made from.

    Args:
        picture: A, (1, 3, H, W) float32 RGB [0, 1].
        styled: A' as voted, (1, 3, h, w) float32. Colours are fitted at its size and applied at
            the size of A. ``none`` returns it, so there it must have the size of A.
        method: ``affine``, ``wls`` or ``none``.
        confidence: (1, 1, h, w) float32 [0, 1], confidence in ``styled``; 1 everywhere by default.
            Only ``affine`` uses it.
        exact: leave what is not styled exactly as it is; only ``affine`` can.

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
    fit = fit_exactly if exact else fit_transforms
    return apply_transforms(picture, fit(small, styled, guide, confidence), guide)
