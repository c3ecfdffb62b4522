"""Blend the seams between the pieces of a rendered picture, where all is plain.

A' is put together from pieces of B'. In a sky or on a cheek two pieces may meet that differ in
colour, and their border shows as the outline of a blotch. Here the step at such a border is
replaced by the change with which the pieces themselves would go on, and the picture is solved from
its changes: colours then run into each other over a distance. Borders along edges of A stay, and so
do those along edges of B': a stroke that ends at a seam would otherwise run out into the paper.

Source: gradient-domain blending (Pérez et al. 2003; Darabi et al. 2012, Image Melding), as a
screened Poisson equation (Bhat et al. 2008). A departure from the published method;
docs/method.md, "Seams".
"""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.nnf import Size, sides
from batch_analogy.analogy.rendering.seams import reference

_BLEND_SHARE = 0.06
"""Distance over which colours run into each other, as a share of the longer side."""


def edge_strength(guide: Tensor, cells: Size) -> Tensor:
    """Return where a picture has edges: 0 (none) … 1.

    Args:
        guide: (1, 3, H, W) float32 in [0, 1]. cells: (h, w), the size at which it was matched: an
            edge is looked for within a cell.

    Returns:
        (1, 1, H, W) float32.
    """
    reach = max(1, round(guide.shape[3] / cells[1]))
    strength: Tensor = _kernels(guide).edge_strength(guide, reach)
    return strength


def seam_sources(
    rendered: Tensor, read: Tensor, field: Tensor, edges: Tensor, read_edges: Tensor
) -> Tensor:
    """Compute by how much the changes between neighbours should differ, as a divergence.

    Args:
        rendered: (1, 3, H, W) float32. read: (1, 3, H', W') float32, the picture that was read.
        field: (1, 2, H, W) int32 or float32, (y, x) in ``read``.
        edges: (1, 1, H, W) float32, ``edge_strength`` of the guide.
        read_edges: (1, 1, H', W') float32, that of ``read``.

    Returns:
        (1, 3, H, W) float32 for ``blend_seams``; 0 away from seams.
    """
    sources: Tensor = _kernels(rendered).seam_sources(rendered, read, field, edges, read_edges)
    return sources


def blend_seams(rendered: Tensor, sources: Tensor) -> Tensor:
    """Solve a picture whose changes are those of ``rendered``, but for the sources.

    Args:
        rendered: (1, 3, H, W) float32 in [0, 1]. sources: (1, 3, H, W) float32.

    Returns:
        (1, 3, H, W) float32 in [0, 1].
    """
    if not bool(sources.any()):
        return rendered.clamp(0.0, 1.0)
    height, width = sides(rendered)
    screening = 1.0 / (_BLEND_SHARE * max(height, width)) ** 2
    response = [
        2.0 - 2.0 * torch.cos(torch.arange(n, dtype=torch.float64) * (math.pi / n))
        for n in (height, width)
    ]
    divisor = (screening + response[0][:, None] + response[1][None]).float().to(rendered.device)
    solved = [_filtered(channel, divisor) for channel in sources[0]]
    return (rendered + torch.stack(solved)[None]).clamp_(0.0, 1.0)


def _filtered(channel: Tensor, divisor: Tensor) -> Tensor:
    """Divide the cosine transform of (H, W) by ``divisor``."""
    if channel.device.type != "cpu":
        return filtered_by_mirror(channel, divisor)
    # NumPy, as PyTorch's transforms may depend on the number of threads, and a pair needs no SciPy.
    transformed = _cosine(_cosine(channel.numpy()).T).T / divisor.numpy()
    result = _inverse_cosine(_inverse_cosine(transformed).T).T
    return torch.from_numpy(np.ascontiguousarray(result, dtype=np.float32))


def _cosine(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transform rows by DCT-II, by one Fourier transform of each (Makhoul 1980)."""
    sorted_rows = np.concatenate([rows[:, ::2], rows[:, 1::2][:, ::-1]], axis=1)
    turned = np.fft.fft(sorted_rows) * _turns(rows.shape[1])
    return turned.real.astype(np.float32)


def _inverse_cosine(transformed: NDArray[np.float32]) -> NDArray[np.float32]:
    count = transformed.shape[1]
    turned = np.zeros((len(transformed), count), np.complex64)
    turned.real = transformed
    turned.imag[:, 1:] = -transformed[:, :0:-1]
    sorted_rows = np.fft.ifft(turned / _turns(count)).real
    rows = np.empty(transformed.shape, np.float32)
    rows[:, ::2], rows[:, 1::2] = np.split(sorted_rows, [-(-count // 2)], axis=1)
    rows[:, 1::2] = rows[:, 1::2][:, ::-1].copy()
    return rows


def _turns(count: int) -> NDArray[np.complex64]:
    turns: NDArray[np.complex64] = np.exp(-0.5j * np.pi * np.arange(count) / count).astype(
        np.complex64
    )
    return turns


def filtered_by_mirror(channel: Tensor, divisor: Tensor) -> Tensor:
    """Divide the cosine transform of (H, W) by ``divisor``, by Fourier transforms of its mirror.

    The mirrored picture's transform is the cosine transform but for a phase, which cancels.
    """
    height, width = channel.shape
    mirrored = torch.cat([channel, channel.flip(0)])
    mirrored = torch.cat([mirrored, mirrored.flip(1)], dim=1)
    transformed = torch.fft.rfft2(mirrored)
    rows = torch.cat([divisor, divisor.new_ones(1, width), divisor[1:].flip(0)])
    whole = torch.cat([rows, rows.new_ones(2 * height, 1)], dim=1)
    solved: Tensor = torch.fft.irfft2(transformed / whole, s=mirrored.shape)
    return solved[:height, :width]


def _kernels(tensor: Tensor) -> ModuleType:
    """Choose Numba on the CPU, PyTorch elsewhere."""
    if tensor.device.type == "cpu":
        from batch_analogy.analogy.rendering.seams import cpu  # Numba: slow to import

        return cpu
    return reference
