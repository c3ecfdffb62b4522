"""Least squares through a network: the small L-BFGS that the latent solve uses.

The residual is nearly linear along a search direction (convolutions, ReLU and max-pool are
piecewise linear), so after one trial step the best length along the direction is known in closed
form from the two residuals. That costs a forward pass only where the trial was poor, and needs
no scaling of variables: a plain L-BFGS on raw activations stalls in its first line search
(deep-image-analogy facts §10).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

HISTORY = 4  # pairs kept (facts §3)
TOLERANCE = 1e-4  # stop when ‖gradient‖ < tolerance · max(‖x‖, 1) (facts §3)
_FIRST_STEP = 0.05  # first trial: this share of ‖x‖
_GOOD_STEP = (0.5, 2.0)  # trial is kept if the best length is within these multiples of it
_STEP_LIMITS = (0.05, 20.0)  # how far the closed form is trusted
_HALVINGS = 6
_BLOCK = 1024

Residual = Callable[[Tensor], Tensor]


@dataclass
class _Point:
    """A place that was evaluated, with the graph its gradient comes from."""

    x: Tensor  # leaf, requires grad
    residual: Tensor
    loss: float


def least_squares(residual: Residual, start: Tensor, iterations: int) -> tuple[Tensor, list[float]]:
    """Minimise ½‖residual(x)‖² from a starting point.

    Args:
        residual: maps x to any tensor, differentiably.
        start: float32 tensor of any shape; left unmodified.
        iterations: L-BFGS steps at most.

    Returns:
        The best point found, and the loss after each step, the start's first; it never rises.
    """
    point = _evaluate(residual, start)
    gradient = _gradient(point)
    losses = [point.loss]
    pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=HISTORY)
    for _ in range(iterations):
        norm_x, norm_g = (
            dot(point.x.detach(), point.x.detach()) ** 0.5,
            dot(gradient, gradient) ** 0.5,
        )
        if norm_g <= TOLERANCE * max(norm_x, 1.0):
            break
        direction = _direction(gradient, pairs)
        length = 1.0 if pairs else _FIRST_STEP * max(norm_x, 1.0) / norm_g
        following = _step(residual, point, direction, length)
        if following is None:
            break
        new_gradient = _gradient(following)
        _remember(pairs, following.x.detach() - point.x.detach(), new_gradient - gradient)
        point, gradient = following, new_gradient
        losses.append(point.loss)
    return point.x.detach(), losses


def dot(a: Tensor, b: Tensor) -> float:
    """Inner product, summed in an order that does not depend on the number of threads."""
    product = (a * b).permute(*_storage_order(a)).reshape(-1)
    whole = product.numel() // _BLOCK * _BLOCK
    partial = product[:whole].view(-1, _BLOCK).sum(dim=1).double().cpu().numpy()
    return float(partial.sum()) + float(product[whole:].double().cpu().numpy().sum())


def _storage_order(x: Tensor) -> list[int]:
    """Axes from the slowest in memory to the fastest, so that flattening copies nothing."""
    strides = x.stride()
    return sorted(range(x.dim()), key=lambda axis: -strides[axis])


def _evaluate(residual: Residual, x: Tensor) -> _Point:
    x = x.detach().requires_grad_(True)
    r = residual(x)
    flat = r.detach()
    return _Point(x, r, 0.5 * dot(flat, flat))


def _gradient(point: _Point) -> Tensor:
    (gradient,) = torch.autograd.grad(point.residual, point.x, grad_outputs=point.residual.detach())
    point.residual = point.residual.detach()  # the graph has served
    return gradient


def _direction(gradient: Tensor, pairs: deque[tuple[Tensor, Tensor, float]]) -> Tensor:
    """−H·g by the two-loop recursion (Nocedal & Wright, algorithm 7.4)."""
    q = -gradient
    alphas = []
    for s, y, rho in reversed(pairs):
        alpha = rho * dot(s, q)
        q = q.sub(y, alpha=alpha)
        alphas.append(alpha)
    if pairs:
        _, y, rho = pairs[-1]
        q = q * (1.0 / (rho * dot(y, y)))
    for (s, y, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        q = q.add(s, alpha=alpha - rho * dot(y, q))
    return q


def _step(residual: Residual, point: _Point, direction: Tensor, length: float) -> _Point | None:
    """A lower point along the direction, near the lowest there; None if there is none."""
    best: _Point | None = None
    origin = point.x.detach()
    for _ in range(_HALVINGS):
        trial = _evaluate(residual, origin.add(direction, alpha=length))
        if trial.loss < (best.loss if best else point.loss):
            best = trial
        elif best is not None:
            return best
        change = trial.residual.detach() - point.residual
        curvature = dot(change, change)
        multiple = -dot(point.residual, change) / curvature if curvature > 0 else 0.5
        if best is not None and _GOOD_STEP[0] <= multiple <= _GOOD_STEP[1]:
            return best
        if best is None:
            multiple = min(multiple, 0.5)  # the trial rose: the best length must be shorter
        length *= min(max(multiple, _STEP_LIMITS[0]), _STEP_LIMITS[1])
    return best


def _remember(pairs: deque[tuple[Tensor, Tensor, float]], s: Tensor, y: Tensor) -> None:
    """Keep a step and its gradient change, if they show positive curvature."""
    curvature = dot(s, y)
    if curvature > 1e-10 * dot(y, y):
        pairs.append((s, y, 1.0 / curvature))
