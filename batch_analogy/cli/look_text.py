"""Text of a plan about how the look is laid over the frames."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from batch_analogy.cli.painting_text import fitting_notes

if TYPE_CHECKING:
    from batch_analogy.jobs.plan.paint_inputs import Region
    from batch_analogy.jobs.plan.run_plan import PlacedAmount, Plan

MAX_SHOWN = 8


def look_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield how much of the look the frames get, unless all get all of it."""
    if plan.strength:
        yield "strength", _amounts(plan.strength)
    if plan.keep_colours:
        yield "colours", f"kept from the frames: {_amounts(plan.keep_colours)}"
    if plan.region is not None:
        yield from _region_rows(plan, plan.region)


def _region_rows(plan: Plan, region: Region) -> Iterator[tuple[str, str]]:
    from batch_analogy.errors import InputError
    from batch_analogy.media.coverage import coverage_notes

    masks, count = region.mask, len(region.mask.paths)
    shown = masks.paths[0] if count == 1 else f"{count} in {Path(masks.paths[0]).parent}"
    outside = "as they are"
    if plan.reference2 is not None:
        outside = f"in the look of {plan.reference2.path}"
        places = [f"{Path(r.fingerprint.path).name} at {r.frame}" for r in plan.references2]
        if places:
            rest = f" … and {len(places) - MAX_SHOWN} more" if len(places) > MAX_SHOWN else ""
            outside += f": {', '.join(places[:MAX_SHOWN])}{rest}"
    yield "mask", f"{shown}, feathered by {region.feather}; outside, frames are {outside}"
    yield from (("", note) for note in fitting_notes("masks", masks))
    frame = plan.usable()[0]
    with contextlib.suppress(InputError):  # it was deleted meanwhile; its worker will report it
        notes = coverage_notes(masks.of(frame.index), (frame.height, frame.width))
        yield from (("", f"NOTE: {note}") for note in notes)


def _amounts(placed: Sequence[PlacedAmount]) -> str:
    if len(placed) == 1:
        return f"{placed[0].value:g}"
    shown = [f"{amount.value:g} at frame {amount.frame}" for amount in placed[:MAX_SHOWN]]
    rest = len(placed) - len(shown)
    return ", ".join(shown) + (f" … and {rest} more" if rest else "") + ", fading in between"
