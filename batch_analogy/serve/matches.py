"""Where a spot of a frame comes from in its reference, as the anchors of a run have it.

Anchors are kept in the run folder's ``state/`` while a run lasts or lacks frames. The frames
between them have no field of their own on the disk.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore


def match_of(plan: Plan, store: RunStore, index: int, x: float, y: float) -> dict[str, Any] | None:
    """Return the spot of a reference that a spot of an anchor was matched with.

    Args:
        plan: the plan of the run.
        store: its folder.
        index: the frame.
        x, y: the spot, as shares of the frame's width and height.

    Returns:
        ``look``, the number of the reference, and ``x`` and ``y``, as shares of its sides; None if
        the frame is no anchor, or its matches are no longer kept.
    """
    looks = sum(len(layer) for layer in plan.layers) if plan.painting is None else 0
    for number in range(looks):
        try:
            found = _look_up(store, index, number, plan.plan_hash, x, y)
        except (
            OSError,
            SafetensorError,
            ValueError,
            KeyError,
        ):  # gone, or damaged
            continue
        if found is not None:
            return {"look": number, "x": found[0], "y": found[1]}
    return None


def _look_up(
    store: RunStore, index: int, number: int, plan_hash: str, x: float, y: float
) -> tuple[float, float] | None:
    """Read one cell of an anchor's field, without reading the rest of it."""
    with safe_open(store.anchor(index, number), framework="np") as file:
        if json.loads((file.metadata() or {}).get("facts", "{}")).get("plan_hash") != plan_hash:
            return None
        field = file.get_slice("ab")  # (1, 2, h, w): (y, x) in cells of the reference
        _, _, height, width = field.get_shape()
        rows, columns = file.get_slice("ba").get_shape()[2:]
        row = min(int(y * height), height - 1)
        column = min(int(x * width), width - 1)
        cell = np.asarray(field[:, :, row : row + 1, column : column + 1]).reshape(2)
    return (round((float(cell[1]) + 0.5) / columns, 4), round((float(cell[0]) + 0.5) / rows, 4))
