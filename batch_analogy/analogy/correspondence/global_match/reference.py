"""Scores, transport and belief propagation in PyTorch: the readable version, and the one for GPUs.

Tables are (N', N) float32: a row for each cell of the target, a column for each cell to match.

Source: docs/method.md, "Global match of the coarse levels".
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.nnf import Size

TEMPERATURE = 0.05
"""Score that counts as a difference: pairs this much worse get 1/e of the share."""

RELAXATION = 0.5
"""Exponent on the scaling of rows and columns: 1 forces every cell to be used equally, 0 none."""

TRANSPORT_ROUNDS = 20
"""Rounds of scaling; what is left of the start's influence shrinks by RELAXATION² in each."""

DISPLACEMENT_COST = 0.05
"""Cost of a target cell by which the displacements of two neighbours differ (L1)."""

TRUNCATION = 0.5
"""Highest cost between two neighbours: beyond it they may belong to different objects."""

ROUNDS = (6, 3, 3)
"""Rounds of belief propagation between exchanges of beliefs; 12 in all.

A cell influences others up to 12 cells away.
"""

DAMPING = 0.5
"""Share of the old message that is kept; without it, messages on a grid may oscillate."""


def products(a: Tensor, b: Tensor) -> Tensor:
    """Compute the scalar products of all columns, (C, N) and (C, N'), as (N', N)."""
    return b.T @ a


def with_potentials(score: Tensor) -> Tensor:
    """Add each row's and column's potential of an unbalanced optimal transport to the scores.

    Returns:
        (N', N) float32, up to a constant: high where a pair is better than the rest of its row and
        of its column.
    """
    logits = score / TEMPERATURE
    rows, columns = (-math.log(count) for count in score.shape)
    u, v = logits.new_zeros(score.shape[0], 1), logits.new_zeros(1, score.shape[1])
    for _ in range(TRANSPORT_ROUNDS):
        u = RELAXATION * (rows - torch.logsumexp(logits + v, dim=1, keepdim=True))
        v = RELAXATION * (columns - torch.logsumexp(logits + u, dim=0, keepdim=True))
    return score + TEMPERATURE * (u + v)


class BeliefPropagation:
    """Min-sum belief propagation on a grid of cells whose labels are their matches."""

    def __init__(self, size: Size, target: Size) -> None:
        """Start without messages; ``size`` (h, w) of the N cells, ``target`` of the N' labels."""
        self._size, self._target = size, target
        self._messages: list[Tensor] = []

    def run(self, data_cost: Tensor, rounds: int) -> Tensor:
        """Go on from the messages of the last run.

        Args:
            data_cost: (N', N) float32, of giving each cell each match.
            rounds: in which every cell sends a message to its four neighbours.

        Returns:
            (N', N) float32 beliefs: the data cost plus the messages; the least is the match.
        """
        size, target = self._size, self._target
        own = data_cost.view(*target, *size)
        messages = self._messages or [torch.zeros_like(own) for _ in range(4)]
        for _ in range(rounds):
            belief = own + sum(messages)
            messages = [_received(belief, messages, k, size, target) for k in range(4)]
        self._messages = messages
        result: Tensor = own + sum(messages)
        return result.reshape(data_cost.shape)


def _received(
    belief: Tensor, messages: list[Tensor], side: int, size: Size, target: Size
) -> Tensor:
    """Compute the messages from the left (0), right (1), above (2) or below (3) of each cell."""
    outgoing = belief - messages[side ^ 1]  # without what the receiver itself has said
    least = outgoing.amin(dim=(0, 1))
    spread = outgoing.clone()
    _spread_along(spread)
    _spread_along(spread.transpose(0, 1))
    (ys, over_y), (xs, over_x) = (
        (torch.from_numpy(x).to(belief.device) for x in axis)
        for axis in expected_labels(side, size, target)
    )
    moved = (
        spread[ys][:, xs] + DISPLACEMENT_COST * (over_y[:, None] + over_x[None])[..., None, None]
    )
    sent = torch.minimum(moved, least + TRUNCATION) - least
    new = torch.zeros_like(belief)
    axis = 3 if side < 2 else 2
    count = belief.shape[axis] - 1
    sender, receiver = (0, 1) if side % 2 == 0 else (1, 0)
    new.narrow(axis, receiver, count).copy_(sent.narrow(axis, sender, count))
    return DAMPING * messages[side] + (1 - DAMPING) * new


def _spread_along(table: Tensor) -> None:
    """Lower every entry, in place, to what it costs to come from another along dimension 0."""
    for i in range(1, len(table)):
        torch.minimum(table[i], table[i - 1] + DISPLACEMENT_COST, out=table[i])
    for i in range(len(table) - 2, -1, -1):
        torch.minimum(table[i], table[i + 1] + DISPLACEMENT_COST, out=table[i])


def expected_labels(
    side: int, size: Size, target: Size
) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Return, for each row and column of the target, which one the sender's match would lie in.

    Neighbours lie one cell apart here, and h'/h or w'/w cells apart there.

    Returns:
        For y and x: the sender's row or column, inside the target, and how far outside it lay.
    """
    axes = []
    for axis in range(2):
        along = (side < 2) == (axis == 1)
        distance = target[axis] / size[axis] if along else 0.0
        shift = -distance if side % 2 == 0 else distance
        wanted = np.floor(np.arange(target[axis]) + shift + 0.5).astype(np.int64)
        inside = wanted.clip(0, target[axis] - 1)
        axes.append((inside, np.abs(wanted - inside).astype(np.float32)))
    return axes
