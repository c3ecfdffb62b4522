"""Text of a plan about the order of its stills, and about numbers that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from batch_analogy.config.run import RunConfig

if TYPE_CHECKING:
    from batch_analogy.jobs.plan.run_plan import Plan

MAX_SHOWN = 8
ORDERS = {
    "number": "the numbers in their names",
    "name": "folders and names",
    "time": "EXIF capture time",
}


def order_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the order of stills, and a warning if names or capture times contradict it."""
    from batch_analogy.jobs.plan.survey_stills import arrangement_of

    found = arrangement_of(plan.frames, config.order)
    text = f"by {ORDERS[found.by]}"
    if found.copies:
        text += f", {found.copies} copies like 'a (1).jpg' after their originals"
    if found.wraps:
        text += f"; the camera's counter restarts at {', '.join(found.wraps[:MAX_SHOWN])}"
    yield "order", text
    yield from (("", f"order: {note}") for note in found.notes)
    if found.disputed:
        at = found.disputed[0]
        names = f"{plan.frames[at].name} follows {plan.frames[at - 1].name}"
        count = len(found.disputed)
        where = f"{names}" + (f" (and {count - 1} more such places)" if count > 1 else "")
        if found.by == "time":
            yield "", f"WARNING: the names suggest another order: {where}; see --order name"
        else:
            yield (
                "",
                f"WARNING: capture times suggest another order: {where}, but was taken earlier; "
                "see --order time",
            )


def orientation_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield which stills are turned otherwise than the first."""
    from batch_analogy.jobs.plan.frame_shapes import orientation_changes
    from batch_analogy.jobs.plan.ranges import format_frames

    turned = [frame.index for frame in plan.frames if frame.turn != 1]
    if turned:
        yield "turned", f"frames {format_frames(turned)} differently than by their tags"
    changed = orientation_changes(plan.frames)
    if changed:
        at = plan.frames[changed[0]]
        frames = f"frame {at.index} is" if len(changed) == 1 else f"{len(changed)} frames are"
        yield (
            "",
            f"WARNING: by their orientation tags {frames} turned otherwise than the first, from "
            f"{at.name} on; if the camera did not turn, --orientation first turns all like the "
            "first, --orientation stored turns none",
        )


def missing_rows(config: RunConfig, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the gaps in the numbers of stills, and what the film shows there."""
    from batch_analogy.jobs.plan.missing_stills import format_gaps, gaps_of, passed_over
    from batch_analogy.media.frame_numbers import MAX_HOLD_FRAMES, are_lost

    gaps = gaps_of(plan)
    if not gaps:
        return
    there = passed_over(plan.frames, gaps)
    if there:
        shown = ", ".join(Path(path).name for path in there[:MAX_SHOWN])
        rest = f" and {len(there) - MAX_SHOWN} more" if len(there) > MAX_SHOWN else ""
        yield "", f"WARNING: not among the frames, but called like some: {shown}{rest}"
    count = sum(gap.frames for gap in gaps) - len(there)
    if not are_lost(gaps, len(plan.frames)):
        yield "numbers", f"{count} are missing, too many for lost frames; the gaps are not filled"
        return
    seem = "1 frame seems" if count == 1 else f"{count} frames seem"
    if count > 0:
        yield "missing", f"{seem} to be missing: {format_gaps(gaps)}"
    if config.on_missing != "hold":
        yield "", "the film continues without them"
        return
    yield "", "the film shows the frame before each gap instead"
    long = [gap for gap in gaps if gap.frames > MAX_HOLD_FRAMES]
    if long:
        yield "", f"except for gaps of more than {MAX_HOLD_FRAMES} frames: {format_gaps(long)}"
