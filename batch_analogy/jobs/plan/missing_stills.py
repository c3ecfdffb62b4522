"""Stills that were lost, as the numbers in the names of the others tell."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Sequence

from batch_analogy.errors import InputError
from batch_analogy.jobs.plan.ranges import format_frames
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan
from batch_analogy.media.frame_numbers import Gap, are_lost, find_gaps, number_of
from batch_analogy.media.sequence import name_in_cloud

SHOWN_GAPS = 8


def gaps_of(plan: Plan) -> list[Gap]:
    """Return the numbers missing from the names of a plan's stills, if the names are numbered."""
    return [] if plan.video is not None else _gaps(plan.frames)


def _gaps(frames: Sequence[FramePlan]) -> list[Gap]:
    return find_gaps([os.path.basename(frame.name) for frame in frames])


def passed_over(frames: Sequence[FramePlan], gaps: Sequence[Gap]) -> list[str]:
    """Return files that have missing numbers in their names, so that nothing was lost there.

    They are not frames because the pattern leaves them out or because they are no pictures.
    """
    if not gaps:
        return []
    after = {gap.after: gap for gap in gaps}
    found: dict[tuple[str, int], str] = {}
    for folder in {os.path.dirname(frames[index].source) for index in after}:
        with contextlib.suppress(OSError), os.scandir(folder or os.curdir) as entries:
            for entry in entries:
                name = name_in_cloud(entry.name) or entry.name
                number = number_of(name)
                if number is not None and not name.startswith("."):
                    found.setdefault((number.series[0], number.number), entry.path)
    names = []
    for index, gap in after.items():
        own = number_of(os.path.basename(frames[index].name))
        wanted = ((own.series[0], number) for number in gap.numbers) if own else ()
        names += [found[one] for one in itertools.islice(wanted, len(found) + 1) if one in found]
    return names


def require_all(frames: Sequence[FramePlan]) -> None:
    """Check that no stills were lost.

    Raises:
        InputError: their numbers show that some were.
    """
    gaps = _gaps(frames)
    if not are_lost(gaps, len(frames)):
        return
    there = passed_over(frames, gaps)
    if there:
        raise InputError(
            f"{there[0]} lies among the frames but is not one of them; convert it, or give "
            "--on-missing hold or skip"
        )
    raise InputError(
        f"frames seem to be missing: the numbers in the names leave out {format_gaps(gaps)}; "
        "put them back, or give --on-missing hold or skip"
    )


def format_gaps(gaps: Sequence[Gap]) -> str:
    """Return the first of the missing numbers, as people write them."""
    shown = ", ".join(format_frames(gap.numbers) for gap in gaps[:SHOWN_GAPS])
    return shown + (f" … ({len(gaps) - SHOWN_GAPS} more gaps)" if len(gaps) > SHOWN_GAPS else "")
