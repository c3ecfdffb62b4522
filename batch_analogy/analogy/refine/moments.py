"""Weighted sums over the cells of a bilateral grid, from which regressions are computed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.refine.matrix_fields import matrices

_TINY = 1e-9
_SPARSE = 0.02  # filled share of a window at which its certainty is halved


@dataclass(frozen=True)
class Moments:
    """Sums of pictures x and y over cells of position and brightness, per pixel of a cell's area.

    ``sums`` is (28, D, h, w): weight; weight times x (3), y (3), x xᵀ (9), y xᵀ (9) and |y|²;
    the number of pixels; the sum of their confidence.
    """

    sums: Tensor

    @property
    def count(self) -> Tensor:
        """Share of a cell's area that has pixels of this brightness, (D, h, w)."""
        return self.sums[26]

    @property
    def certainty(self) -> Tensor:
        """Mean confidence in the cell, reduced where it has few pixels: (D, h, w) in [0, 1]."""
        filled = self.count / (self.count + _SPARSE)
        return filled * self.sums[27] / self.count.clamp_min(_TINY)

    @property
    def mean_x(self) -> Tensor:
        """Mean of x, (3, D, h, w); 0 in empty cells."""
        return self._mean(slice(1, 4))

    @property
    def mean_y(self) -> Tensor:
        """Mean of y, (3, D, h, w); 0 in empty cells."""
        return self._mean(slice(4, 7))

    def covariances(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return cov(x, x), cov(y, x), (3, 3, D, h, w), and the total variance of y, (D, h, w)."""
        x, y = self.mean_x, self.mean_y
        cov_xx = matrices(self._mean(slice(7, 16))) - x[:, None] * x[None]
        cov_yx = matrices(self._mean(slice(16, 25))) - y[:, None] * x[None]
        var_y = self._mean(slice(25, 26))[0] - y.square().sum(dim=0)
        return cov_xx, cov_yx, var_y

    def window(self, radius: int, planes: int) -> Moments:
        """Sum over windows of ``radius`` cells and ``planes`` of brightness up and down."""
        return Moments(smooth_brightness(smooth_cells(self.sums, radius), planes))

    def whole_picture(self) -> Moments:
        """Sum over the whole picture: one cell."""
        total = self.sums.mean(dim=3, keepdim=True).mean(dim=2, keepdim=True)  # in a fixed order
        return Moments(total.sum(dim=1, keepdim=True))

    def _mean(self, channels: slice) -> Tensor:
        return self.sums[channels] / self.sums[:1].clamp_min(_TINY)


@dataclass(frozen=True)
class CellPixels:
    """Products of two pictures, sorted into the cells of a grid, to be summed with any weights."""

    products: Tensor  # (cells, 26, n): 1, x, y, x xᵀ, y xᵀ, |y|² of a cell's n pixels
    shares: Tensor  # (cells, D, n): share of a pixel in each plane of brightness
    counted: Tensor  # (2, D, h, w): the last two sums of ``Moments``
    cell: int  # side, pixels

    @classmethod
    def sort(
        cls, x: Tensor, y: Tensor, confidence: Tensor, brightness: Tensor, *, cell: int, depth: int
    ) -> CellPixels:
        """Sort pixels into cells; each counts in the two planes around its brightness.

        Args:
            x: (1, 3, h, w) float32.
            y: (1, 3, h, w) float32.
            confidence: (1, 1, h, w), confidence in each pixel of y.
            brightness: (1, 1, h, w) in [0, 1].
            cell: side of a cell, pixels.
            depth: number of planes of brightness.
        """
        one = torch.ones_like(confidence)
        squares = y.square().sum(dim=1, keepdim=True)
        products = torch.cat([one, x, y, _outer(x, x), _outer(y, x), squares], dim=1)
        plane = torch.arange(depth, device=x.device).view(1, -1, 1, 1)
        shares = (1.0 - (brightness * (depth - 1) - plane).abs()).clamp_min(0.0)
        shares = _by_cell(shares, cell)
        rows, columns = (-(-int(n) // cell) for n in x.shape[2:])
        counted = _by_cell(torch.cat([one, confidence], dim=1), cell)
        return cls(
            products=_by_cell(products, cell),
            shares=shares,
            counted=_sum_up(shares, counted, (rows, columns)),
            cell=cell,
        )

    def moments(self, weight: Tensor) -> Moments:
        """Sum with the weight of each pixel in the regression, (1, 1, h, w)."""
        shares = self.shares * _by_cell(weight, self.cell)
        sums = _sum_up(shares, self.products, tuple(self.counted.shape[2:]))
        return Moments(torch.cat([sums, self.counted]))


def smooth_cells(grid: Tensor, radius: int) -> Tensor:
    """Average (C, D, h, w) over round windows that fade out within ``radius`` cells."""
    down, across = (_window(int(n), radius).to(grid) for n in grid.shape[2:])
    return torch.matmul(torch.matmul(down, grid), across.T)


def _window(count: int, radius: int) -> Tensor:
    """Weights of Gaussian means over ``count`` cells, normalised at the borders; σ = radius / 2."""
    at = torch.arange(count, dtype=torch.float64)
    near = torch.exp(-2.0 * ((at[:, None] - at) / radius).square())
    return near / near.sum(dim=1, keepdim=True)


def smooth_brightness(grid: Tensor, passes: int) -> Tensor:
    """Smooth over planes by a binomial filter; nothing lies beyond black and white."""
    for _ in range(passes):
        padded = functional.pad(grid, (0, 0, 0, 0, 1, 1))
        grid = (padded[:, :-2] + 2.0 * padded[:, 1:-1] + padded[:, 2:]) / 4.0
    return grid


def _outer(a: Tensor, b: Tensor) -> Tensor:
    return (a[:, :, None] * b[:, None]).flatten(1, 2)


def _by_cell(x: Tensor, cell: int) -> Tensor:
    """Sort (1, C, h, w) into (cells, C, cell²), cells row by row, zero beyond the picture."""
    channels, height, width = x.shape[1:]
    rows, columns = -(-height // cell), -(-width // cell)
    x = functional.pad(x, (0, columns * cell - width, 0, rows * cell - height))
    x = x.view(channels, rows, cell, columns, cell).permute(1, 3, 0, 2, 4)
    return x.reshape(rows * columns, channels, cell * cell)


def _sum_up(shares: Tensor, pixels: Tensor, cells: tuple[int, ...]) -> Tensor:
    """Sum over the pixels of each cell, per pixel of its area: (C, D, h, w)."""
    sums = torch.bmm(shares, pixels.transpose(1, 2)) / shares.shape[2]
    return sums.view(*cells, *sums.shape[1:]).permute(3, 2, 0, 1).contiguous()
