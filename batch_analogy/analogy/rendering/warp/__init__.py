"""Warp a picture through a field of fractional positions that has the result's own size.

In a film, matches found in one frame are carried to the next by fractions of a pixel. If they were
rounded to whole pixels, the texture would stick to the screen and then jump. So the picture is read
between pixels, by the cubic spline through all pixels. At whole positions this equals the plain
vote of ``upscale``; half-way between them it is sharper than cubic interpolation of four pixels.

Where neighbouring patches disagree, those nearest to their mean prevail (a step of mean shift, as
in Wexler et al. 2007).

Source: Unser 1999 (Splines: a perfect fit for signal and image processing); docs/method.md, "Fields
between cells".
"""

from __future__ import annotations

from torch import Tensor

from batch_analogy.analogy.nnf import Size
from batch_analogy.analogy.rendering.upscale import full_size_field
from batch_analogy.analogy.rendering.warp import reference


def warp_field(
    picture: Tensor, nnf: Tensor, target_cells: Size, size: Size, *, seed: int = 0
) -> Tensor:
    """Enlarge a field to the size of the picture that is rendered through it.

    Args:
        picture: (1, 3, H', W') float32, the picture that is read, at its own size.
        nnf: (1, 2, h, w) int32 at matching resolution. target_cells: (h', w') of the other map.
        size: (H, W) of the result in pixels.
        seed: of the search, where the result is much larger than the field.

    Returns:
        (1, 2, H, W) float32: (y, x) in the picture ``at_scale``; whole pixels, which are sharp.
    """
    return full_size_field(picture, nnf, target_cells, size, seed=seed).float()


def warp_picture(
    picture: Tensor, field: Tensor, mask: Tensor | None = None, *, moved: bool = True
) -> Tensor:
    """Rebuild a picture from another through a field of the result's size.

    Args:
        picture: (1, 3, H', W') float32, ``at_scale``. field: (1, 2, H, W) float32.
        mask: (1, 1, H, W) bool, the pixels that are wanted; all by default.
        moved: whether matches are fractional because the field was moved over the result; False if
            the matches themselves were moved over the picture that is read.

    Returns:
        (1, 3, H, W) float32 in [0, 1]; 0 outside the mask.
    """
    if picture.device.type == "cpu":
        from batch_analogy.analogy.rendering.warp import cpu  # Numba is slow to import

        return cpu.warp_picture(picture, field, mask, moved=moved)
    warped = reference.warp_picture(picture, field, moved=moved)
    return warped if mask is None else warped * mask
