"""Text of a plan about how the look is laid over the frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_analogy.jobs.plan.run_plan import PlacedAmount, Plan

MAX_SHOWN = 8


def look_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield how much of the look the frames get, unless all get all of it."""
    if plan.strength:
        yield "strength", _amounts(plan.strength)
    if plan.keep_colours:
        yield "colours", f"kept from the frames: {_amounts(plan.keep_colours)}"


def _amounts(placed: Sequence[PlacedAmount]) -> str:
    if len(placed) == 1:
        return f"{placed[0].value:g}"
    shown = [f"{amount.value:g} at frame {amount.frame}" for amount in placed[:MAX_SHOWN]]
    rest = len(placed) - len(shown)
    return ", ".join(shown) + (f" … and {rest} more" if rest else "") + ", fading in between"
