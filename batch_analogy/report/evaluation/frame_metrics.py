"""Metrics of frames and pairs of frames: pure functions of pictures, flow and masks.

Pictures are (H, W, 3) float32 RGB in [0, 1]. Flow is (H, W, 2) float32 (x, y) in pixels: the
position of each pixel of one frame in another, minus its own position. Masks are (H, W) bool, True
where a pixel of one frame is visible in the other.

Source: docs/method.md, "Film metrics".
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_analogy.colour import LUMA_BT601

Picture = NDArray[np.float32]
Plane = NDArray[np.float32]  # (H, W)
Flow = NDArray[np.float32]
Mask = NDArray[np.bool_]

_LUMA = np.array(LUMA_BT601, dtype=np.float32)

EDGE_TOLERANCE_PX = 2
EDGE_SIGMA_PX = 1.4
EDGE_QUANTILES = (0.80, 0.92)  # of gradient magnitudes: Canny's weak and strong thresholds
_MAX_INTEGER_GRADIENT = 8000.0  # gradients are scaled to it, as Canny takes int16 only

_SSIM_SIGMA_PX = 1.5
_SSIM_SIDE_PX = 11
_SSIM_C2 = 0.03**2  # for values in [0, 1]


def luma(picture: Picture) -> Plane:
    """Compute luma (BT.601): (H, W) float32 in [0, 1]."""
    return np.asarray(picture @ _LUMA, dtype=np.float32)


def warp(picture: Picture, flow: Flow) -> Picture:
    """Warp a later frame back to an earlier one.

    Interpolates bicubically. Lai et al. do so linearly, which blurs detail at fractions of a pixel;
    the blur would count as flicker.

    Args:
        picture: the later frame.
        flow: from the earlier frame to the later one.

    Returns:
        (H, W, 3) float32; outside the later frame, its border is repeated.
    """
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.asarray(
        cv2.remap(
            picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )  # fmt: skip


def warp_error(before: Picture, later: Picture, flow: Flow, visible: Mask) -> float:
    """Compute E_warp of two frames: the mean squared change of pixels that are visible in both.

    Σ M·(before − warp(later))² / ΣM over RGB. A film's E_warp is the mean over its pairs.

    Args:
        before: the earlier frame of the evaluated film.
        later: the later one.
        flow: from the earlier to the later frame of the *input*.
        visible: mask of the earlier frame's pixels that count.

    Returns:
        At least 0; NaN if no pixel counts.

    Source: Lai et al., Learning Blind Video Temporal Consistency, ECCV 2018, eq. (9) and (10).
    """
    if not visible.any():
        return float("nan")
    change = before - warp(later, flow)
    return float(np.square(change[visible], dtype=np.float64).mean())


def mean_change(before: Picture, later: Picture) -> float:
    """Mean absolute difference of two pictures, for scenes that do not move."""
    return float(np.abs(later - before).mean(dtype=np.float64))


def sharpness(picture: Picture) -> float:
    """Variance of the Laplacian of luma; blur lowers it, and also lowers E_warp.

    Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000.
    """
    laplacian = cv2.Laplacian(luma(picture), cv2.CV_32F, ksize=1, borderType=cv2.BORDER_REFLECT_101)
    return float(laplacian.var(dtype=np.float64))


def contrast_structure(x: Picture, y: Picture) -> float:
    """Contrast-structure term of SSIM, which ignores differences of brightness.

    The mean over pixels of (2·cov(x, y) + C₂) / (var x + var y + C₂) of luma, Gaussian windows of
    11×11 px and σ 1.5 px, C₂ = 0.03².

    Returns:
        1 for equal pictures, about 0 for unrelated ones, −1 for opposites.

    Source: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity,
    2004: c·s of eq. (9) and (10) with C₃ = C₂/2.
    """
    a, b = luma(x).astype(np.float64), luma(y).astype(np.float64)
    mean_a, mean_b = _window(a), _window(b)
    var_a, var_b = _window(a * a) - mean_a**2, _window(b * b) - mean_b**2
    covariance = _window(a * b) - mean_a * mean_b
    return float(((2 * covariance + _SSIM_C2) / (var_a + var_b + _SSIM_C2)).mean())


def _window(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(
        cv2.GaussianBlur(x, (_SSIM_SIDE_PX, _SSIM_SIDE_PX), _SSIM_SIGMA_PX), dtype=np.float64
    )


def edges(picture: Picture) -> Mask:
    """Detect edges with Canny: (H, W) bool, thin.

    Thresholds are quantiles of the gradient magnitude, as styling may change all contrasts. A
    uniform picture has no edges.
    """
    smooth = cv2.GaussianBlur(luma(picture), (0, 0), EDGE_SIGMA_PX)
    dx, dy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    magnitude = np.hypot(dx, dy)
    largest = float(magnitude.max())
    if largest <= 0:
        return np.zeros(magnitude.shape, dtype=np.bool_)
    scale = _MAX_INTEGER_GRADIENT / largest
    low, high = (float(t) for t in np.quantile(magnitude, EDGE_QUANTILES) * scale)
    x, y = (np.rint(d * scale).astype(np.int16) for d in (dx, dy))
    return np.asarray(cv2.Canny(x, y, low, high, L2gradient=True) > 0, dtype=np.bool_)


def edge_f1(found: Picture, wanted: Picture) -> float:
    """Compare the edges of two pictures with a tolerance of 2 px.

    Returns:
        F1 of precision and recall in [0, 1]; NaN if a picture has no edges.
    """
    side = 2 * EDGE_TOLERANCE_PX + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    a, b = edges(found), edges(wanted)
    if not (a.any() and b.any()):
        return float("nan")
    near_a, near_b = (cv2.dilate(e.astype(np.uint8), kernel) > 0 for e in (a, b))
    precision, recall = float((a & near_b).sum() / a.sum()), float((b & near_a).sum() / b.sum())
    return 2 * precision * recall / max(precision + recall, 1e-12)
