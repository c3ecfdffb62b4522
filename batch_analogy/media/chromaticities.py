"""Primaries that pictures name by the chromaticities of their colours."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

BT709 = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)
"""Of sRGB: x and y of red, green, blue and white."""

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


@functools.lru_cache(maxsize=8)
def to_bt709(chromaticities: tuple[float, ...]) -> npt.NDArray[np.float32] | None:
    """Return the matrix to the primaries of sRGB; None if it is the identity, or impossible.

    Args:
        chromaticities: x and y of red, green, blue and white.

    Source: SMPTE RP 177-1993, section 3; Bradford adaptation as in ICC.1:2022, annex E.3.
    """
    try:
        own, wanted = _to_xyz(chromaticities), _to_xyz(BT709)
        cones = _BRADFORD @ _white(BT709), _BRADFORD @ _white(chromaticities)
        adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones[0] / cones[1]) @ _BRADFORD @ own
        matrix = np.linalg.inv(wanted) @ adapted
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    if not np.isfinite(matrix).all() or np.abs(matrix - np.eye(3)).max() < 1e-4:
        return None
    return np.asarray(matrix, np.float32)


def _to_xyz(chromaticities: tuple[float, ...]) -> npt.NDArray[np.float64]:
    columns = [_xyz(*chromaticities[n : n + 2]) for n in (0, 2, 4)]
    primaries = np.stack(columns, axis=1)
    scaled: npt.NDArray[np.float64] = primaries * np.linalg.solve(primaries, _white(chromaticities))
    return scaled


def _white(chromaticities: tuple[float, ...]) -> npt.NDArray[np.float64]:
    return _xyz(*chromaticities[6:8])


def _xyz(x: float, y: float) -> npt.NDArray[np.float64]:
    return np.array([x / y, 1.0, (1.0 - x - y) / y])
