"""Edits of a plan that a person asks for: what they change, and which frames are made again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from batch_analogy.errors import UsageError
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies, provenance_of
from batch_analogy.jobs.plan.plan_file import plan_from_json, plan_to_json
from batch_analogy.jobs.plan.ranges import format_frames, format_range, parse_frames
from batch_analogy.jobs.plan.run_plan import Plan


class PlanEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed in a plan; None leaves it as it is. Frames are written like 3,5-10."""

    leave_out: str | None = None  # frames to leave out, besides those that are
    take_back: str | None = None  # frames to leave out no longer
    cut: int | None = None  # a shot is to begin at this frame
    join: int | None = None  # no shot is to begin at this frame any more
    exposure_frames: str | None = None
    exposure_ev: float | None = None  # of those frames


@dataclass(frozen=True)
class PlanChange:
    """A plan, the one that an edit makes of it, and how they differ."""

    before: Plan
    after: Plan
    lines: tuple[tuple[str, str, str], ...] = field(default=())  # entry, before, after


def apply_edit(plan: Plan, edit: PlanEdit) -> PlanChange:
    """Return what an edit makes of a plan, checked as when ``plan.json`` is read.

    Segments are cut again if the shots change.

    Raises:
        UsageError: the edit is not allowed, or changes nothing.
    """
    values = plan_to_json(plan)
    total = len(plan.frames)
    if edit.leave_out is not None or edit.take_back is not None:
        left_out = plan.leave_out | parse_frames(edit.leave_out or "", total)
        values["leave_out"] = format_frames(left_out - parse_frames(edit.take_back or "", total))
    starts = _starts(plan, edit, total)
    if starts != [shot.start for shot in plan.shots]:
        ends = [*starts[1:], total]
        values["shots"] = [format_range(*pair) for pair in zip(starts, ends, strict=True)]
        values["segments"] = []
    if edit.exposure_frames is not None and edit.exposure_ev is not None:
        for index in parse_frames(edit.exposure_frames, total):
            values["frames"][index]["exposure_ev"] = edit.exposure_ev
    changed = plan_from_json(values)
    lines = tuple(_lines(plan, changed))
    if not lines:
        raise UsageError("this changes nothing: the plan says so already")
    return PlanChange(plan, changed, lines)


def _starts(plan: Plan, edit: PlanEdit, total: int) -> list[int]:
    starts = {shot.start for shot in plan.shots}
    if edit.cut is not None:
        if not 0 < edit.cut < total:
            raise UsageError(f"no shot can begin at frame {edit.cut}; cuts lie at 1 to {total - 1}")
        starts.add(edit.cut)
    if edit.join is not None:
        if edit.join not in starts or edit.join == 0:
            raise UsageError(f"no cut lies before frame {edit.join}")
        starts.remove(edit.join)
    return sorted(starts)


def _lines(before: Plan, after: Plan) -> Iterable[tuple[str, str, str]]:
    """Yield each entry of ``plan.json`` that differs, as it was and as it is."""
    if before.leave_out != after.leave_out:
        yield "leave_out", format_frames(before.leave_out), format_frames(after.leave_out)
    if before.shots != after.shots:
        was, now = ([shot.start for shot in plan.shots] for plan in (before, after))
        yield "shots begin at", _numbers(was, now), _numbers(now, was)
    if before.segments != after.segments:
        yield "segments", f"{len(before.segments)}", f"{len(after.segments)}, cut again"
    exposures: dict[tuple[float, float], list[int]] = {}
    for was_frame, now_frame in zip(before.frames, after.frames, strict=True):
        pair = (was_frame.exposure_ev, now_frame.exposure_ev)
        if pair[0] != pair[1]:
            exposures.setdefault(pair, []).append(now_frame.index)
    for (was_ev, now_ev), indices in exposures.items():
        yield f"exposure_ev of {format_frames(indices)}", f"{was_ev:g}", f"{now_ev:g}"


def _numbers(own: list[int], others: list[int]) -> str:
    """Write the numbers that differ, with those beside them."""
    odd = {n for n, start in enumerate(own) if start not in set(others)}
    near = sorted({m for n in odd for m in (n - 1, n, n + 1) if 0 <= m < len(own)})
    chosen = near or range(min(3, len(own)))
    return ", ".join(str(own[n]) for n in chosen) + (" …" if len(chosen) < len(own) else "")


def frames_made_again(change: PlanChange, done: Iterable[int]) -> list[int]:
    """Return the finished frames that an edit has made again, as ``jobs.drive.resume`` does.

    Args:
        change: the edit.
        done: indices of finished frames.
    """
    before, after = _content(change.before), _content(change.after)
    return [
        index
        for index in done
        if index not in change.after.leave_out and before(index) != after(index)
    ]


def _content(plan: Plan) -> Callable[[int], tuple[object, ...]]:
    """Return a function that tells what of a frame an edit may change."""
    dependencies = FilmDependencies(plan) if plan.coherent else None

    def of(index: int) -> tuple[object, ...]:
        frame = plan.frames[index]
        provenance = None if frame.error else provenance_of(plan, dependencies, index)
        return frame.exposure_ev, plan.shot_start(index), provenance

    return of
