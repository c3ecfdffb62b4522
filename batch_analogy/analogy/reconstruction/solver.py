"""Nonlinear least squares by a small L-BFGS, for the latent solve.

A batch of problems is solved at once, each with its own step lengths, curvature and stopping point,
independently of the others. No iteration waits for a value from the GPU: where items differ,
``torch.where`` selects.

The residual is nearly linear along a search direction (convolutions, ReLU and max-pooling are
piecewise linear), so the two residuals of a trial yield the best step length in closed form. A
trial that does not lower the loss is rejected, and the next one along the same direction has that
length. No scaling of variables is needed; a plain L-BFGS on raw activations stalls in its first
line search.

Source: docs/method.md, "Solving for latent features".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

HISTORY = 4  # pairs kept, as published
TOLERANCE = 1e-4  # stop when ‖gradient‖ < tolerance · max(‖x‖, 1), as published
_FIRST_STEP = 0.05  # first trial: this share of ‖x‖
_SHORTER = (0.05, 0.5)  # range of the next trial's length, as a share of a rejected one's
_MIN_CURVATURE = 1e-10  # of a pair that is kept, as a share of ‖y‖²
_BLOCK = 1024

Residual = Callable[[Tensor], Tensor]


@dataclass
class _Point:
    """Current point of every item, with its residual, loss and gradient."""

    x: Tensor  # (B, …), detached
    residual: Tensor  # (B, …), detached
    loss: Tensor  # (B,) float64
    gradient: Tensor  # as x


@dataclass
class _Pair:
    """A step s and its gradient change y; rho = 1 / s·y, or 0 for items that ignore it."""

    s: Tensor
    y: Tensor
    rho: Tensor  # (B,) float64


def least_squares(residual: Residual, start: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Minimise ½‖residual(x)‖² for every item of a batch, from a starting point.

    Args:
        residual: maps x to a tensor (B, …), differentiably and item by item.
        start: (B, …) float32; left unmodified.
        iterations: L-BFGS steps, of a forward and a backward pass each.

    Returns:
        The best points found (B, …), and the losses (steps + 1, B) float64 on start's device: at
        the start and after each step, never rising. An item's result is independent of its batch
        if ``residual`` is.
    """
    point = _evaluate(residual, start, differentiate=iterations > 0)
    losses = [point.loss]
    pairs: deque[_Pair] = deque(maxlen=HISTORY)
    scale = torch.zeros_like(point.loss)  # s·y / y·y of an item's last pair; 0 before its first
    length = _first_length(point)
    for step in range(1, iterations + 1):
        active = _is_active(point)
        if _all_finished(active):
            break
        direction = _direction(point.gradient, pairs, scale)
        goal = _along(point.x, length, direction)
        trial = _evaluate(residual, goal, differentiate=step < iterations)
        better = active & (trial.loss < point.loss)
        following = _choose(better, trial, point)
        losses.append(following.loss)
        pair, curvature = _pair(point, following)
        pairs.append(pair)
        scale = torch.where(pair.rho > 0, curvature, scale)
        shorter = length * _best_multiple(point.residual, trial.residual).clamp(*_SHORTER)
        full = torch.where(scale > 0, 1.0, length)  # curvature sets the length, once it is known
        length = torch.where(better, full, shorter)
        point = following
    return point.x, torch.stack(losses)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Compute the inner product of every item, (B,) float64.

    The order of summation depends neither on the number of threads nor on the other items.
    """
    product = a * b
    flat = product.permute(*_storage_order(product)).reshape(len(product), -1)
    whole = flat.shape[1] // _BLOCK * _BLOCK
    blocks = flat[:, :whole].reshape(len(flat), -1, _BLOCK).sum(dim=2).double()
    partial = torch.cat([blocks, flat[:, whole:].double()], dim=1)
    if partial.device.type != "cpu":
        return torch.stack([item.sum() for item in partial])
    return torch.tensor([item.sum() for item in partial.numpy()], dtype=torch.float64)


def _storage_order(x: Tensor) -> list[int]:
    """Order axes by memory, the batch first, so that flattening copies nothing."""
    strides = x.stride()
    return [0, *sorted(range(1, x.dim()), key=lambda axis: -strides[axis])]


def _evaluate(residual: Residual, x: Tensor, *, differentiate: bool) -> _Point:
    """Evaluate the point x; without ``differentiate`` its gradient stays zero."""
    with torch.set_grad_enabled(differentiate):
        leaf = x.detach().requires_grad_(differentiate)
        r = residual(leaf)
        flat = r.detach()
        gradient = leaf.new_zeros(()).expand_as(leaf)
        if differentiate:
            (gradient,) = torch.autograd.grad(r, leaf, grad_outputs=flat)
    return _Point(leaf.detach(), flat, 0.5 * dot(flat, flat), gradient)


def _first_length(point: _Point) -> Tensor:
    """Choose a short first step along −gradient, (B,)."""
    norm_x, norm_g = _norms(point)
    return _FIRST_STEP * norm_x.clamp_min(1.0) / norm_g.clamp_min(1e-30)


def _best_multiple(origin: Tensor, tried: Tensor) -> Tensor:
    """Compute the best step for a linear residual, as a multiple of the trial step."""
    change = tried - origin
    multiple = -dot(origin, change) / dot(change, change)
    return torch.where(multiple.isfinite(), multiple, 0.5)


def _is_active(point: _Point) -> Tensor:
    """Return True for items whose gradient has not vanished yet, (B,) bool."""
    norm_x, norm_g = _norms(point)
    return norm_g > TOLERANCE * norm_x.clamp_min(1.0)


def _norms(point: _Point) -> tuple[Tensor, Tensor]:
    """Compute ‖x‖ and ‖gradient‖, (B,) each."""
    return dot(point.x, point.x).sqrt(), dot(point.gradient, point.gradient).sqrt()


def _all_finished(active: Tensor) -> bool:
    """Return whether no item is active; always False on a GPU, to avoid synchronising with it."""
    return active.device.type == "cpu" and not bool(active.any())


def _direction(gradient: Tensor, pairs: deque[_Pair], scale: Tensor) -> Tensor:
    """Compute −H·g by the two-loop recursion (Nocedal & Wright, algorithm 7.4)."""
    q = -gradient
    alphas = []
    for pair in reversed(pairs):
        alpha = pair.rho * dot(pair.s, q)
        q = _along(q, -alpha, pair.y)
        alphas.append(alpha)
    q = q * _per_item(torch.where(scale > 0, scale, 1.0), q)
    for pair, alpha in zip(pairs, reversed(alphas), strict=True):
        q = _along(q, alpha - pair.rho * dot(pair.y, q), pair.s)
    return q


def _pair(point: _Point, following: _Point) -> tuple[_Pair, Tensor]:
    """Return a step with its gradient change, and s·y / y·y; rho is 0 without curvature."""
    s, y = following.x - point.x, following.gradient - point.gradient
    curvature, change = dot(s, y), dot(y, y)
    usable = (curvature > _MIN_CURVATURE * change) & (change > 0)
    return _Pair(s, y, torch.where(usable, 1.0 / curvature, 0.0)), curvature / change


def _choose(better: Tensor, trial: _Point, point: _Point) -> _Point:
    """Take every item's trial if it is better, else its point."""

    def pick(new: Tensor, old: Tensor) -> Tensor:
        return torch.where(better.view(-1, *[1] * (new.dim() - 1)), new, old)

    return _Point(
        pick(trial.x, point.x),
        pick(trial.residual, point.residual),
        pick(trial.loss, point.loss),
        pick(trial.gradient, point.gradient),
    )


def _along(x: Tensor, length: Tensor, direction: Tensor) -> Tensor:
    """Compute x + length · direction, with a length (B,) for each item."""
    return x + _per_item(length, x) * direction


def _per_item(scalars: Tensor, like: Tensor) -> Tensor:
    """Reshape (B,) to (B, 1, …) in the dtype of ``like``."""
    return scalars.to(like.dtype).view(-1, *[1] * (like.dim() - 1))
