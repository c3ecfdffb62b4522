"""Write ``plan.json`` for people to read and edit, and check it when it is read back.

Before a run starts or continues, ``leave_out``, ``shots``, ``segments`` and each frame's
``exposure_ev`` may be edited. Ranges of frames include both ends. Any other change is detected by
the plan's hash or by checking the input again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from batch_analogy import __version__
from batch_analogy.errors import PlanChangedError, UsageError
from batch_analogy.jobs.plan.ranges import format_frames, format_range, parse_frames, parse_range
from batch_analogy.jobs.plan.run_plan import (
    FramePlan,
    Plan,
    PlanFacts,
    Segment,
    Shot,
)
from batch_analogy.jobs.plan.segments import cut_segments
from batch_analogy.json_files import (
    decode_json,
    from_plain,
    json_decoder,
    read_struct,
    to_plain,
    write_long_json,
)

PLAN_FORMAT = 3
MAX_EDITED_EV = 8.0
HOW_TO_EDIT = (
    "You may edit leave_out (frames that are not wanted, like 3,5-10), shots, segments and each "
    "frame's exposure_ev (what is added to its exposure); then run the same command again, or "
    "batch-analogy resume. Both ends of a range belong to it. Each frame is in one shot and, "
    "unless left out, in one segment; a segment lies within a shot. "
    'With "segments": [] they are cut from the shots again.'
)
_REMEDY = "put back what was there, or delete the run folder to start afresh"


class PlanFile(PlanFacts, frozen=True, kw_only=True):
    """The content of ``plan.json``: a plan whose frame numbers are written as people write them."""

    format: int
    how_to_edit: str
    leave_out: str | int
    shots: tuple[str | int, ...]
    segments: tuple[str | int, ...]
    fixed_hash: str  # shows edits that are not allowed
    frames: tuple[FramePlan, ...]


_DECODER = json_decoder(PlanFile)


def _decode(data: bytes) -> PlanFile:
    return decode_json(data, _DECODER)


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan with one frame, shot or segment on each line.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    write_long_json(path, _entries(plan))


def read_plan(path: Path) -> Plan | None:
    """Read the plan of a run folder with its edits; return None if there is no file.

    Raises:
        PlanChangedError: another version wrote it, or an edit changes the frames.
        UsageError: it is damaged, or the edits are invalid.
    """
    values = read_struct(path, _decode, version=PLAN_FORMAT, remedy=_REMEDY)
    if values is None:
        return None
    try:
        return _checked(values)
    except UsageError as error:
        raise type(error)(f"{path}: {error}") from error


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain JSON values, as they are in its file."""
    values: dict[str, Any] = to_plain({**_entries(plan), "frames": [*_frame_values(plan)]})
    return values


def plan_from_json(values: dict[str, Any]) -> Plan:
    """Return the plan of values from ``plan_to_json``, checked as by ``read_plan``.

    Raises:
        msgspec.ValidationError: a field is missing, unknown or of another type.
    """
    return _checked(from_plain(values, PlanFile))


def _entries(plan: Plan) -> dict[str, Any]:
    facts = {name: getattr(plan, name) for name in PlanFacts.__struct_fields__}
    return {
        "how_to_edit": HOW_TO_EDIT,
        "format": PLAN_FORMAT,
        "leave_out": format_frames(plan.leave_out),
        "shots": [format_range(shot.start, shot.stop) for shot in plan.shots],
        "segments": [format_range(segment.start, segment.stop) for segment in plan.segments],
        "fixed_hash": plan.fixed_hash,
        **facts,
        "frames": _frame_values(plan),
    }


def _frame_values(plan: Plan) -> Iterator[dict[str, Any]]:
    """Yield the fields of each frame, without those that have their default in all frames."""
    names = [
        field.name
        for field in msgspec.structs.fields(FramePlan)
        if field.required or any(getattr(f, field.name) != field.default for f in plan.frames)
    ]
    return ({name: getattr(frame, name) for name in names} for frame in plan.frames)


def _checked(values: PlanFile) -> Plan:
    facts = {name: getattr(values, name) for name in PlanFacts.__struct_fields__}
    plan = Plan(**facts, frames=values.frames, shots=(), segments=())
    _check_frames(plan, values.fixed_hash)
    return _with_edits(plan, str(values.leave_out), values.shots, values.segments)


def _check_frames(plan: Plan, written_hash: str) -> None:
    """Refuse edits of what must not be edited."""
    index = next((n for n, frame in enumerate(plan.frames) if frame.index != n), None)
    if index is not None:
        raise UsageError(
            f"the list of frames was edited: frame {index} is missing or not in its place. Put it "
            "back; frames that are not wanted are named in leave_out"
        )
    bad = next((f for f in plan.frames if not abs(f.exposure_ev) <= MAX_EDITED_EV), None)
    if bad is not None:
        raise UsageError(
            f"exposure_ev of frame {bad.index} is {bad.exposure_ev!r}; it must be a number from "
            f"-{MAX_EDITED_EV:g} to {MAX_EDITED_EV:g}"
        )
    if written_hash != plan.fixed_hash and plan.version != __version__:
        raise PlanChangedError(
            f"batch-analogy {plan.version} wrote it, and this is {__version__}: use that version, "
            "or start afresh with the run's first command and --overwrite"
        )
    if written_hash != plan.fixed_hash:
        raise PlanChangedError(
            "the plan was edited in a place that changes the frames: only leave_out, shots, "
            "segments and exposure_ev may be edited. Put back what was there, or start afresh "
            "with --overwrite"
        )


def _with_edits(
    plan: Plan, leave_out: str, shots: Sequence[str | int], segments: Sequence[str | int]
) -> Plan:
    total = len(plan.frames)
    with _prefix_errors("leave_out"):
        left_out = parse_frames(leave_out, total)
    if len(left_out) == total:
        raise UsageError("leave_out names every frame; keep at least one")
    shot_ranges = _read_ranges("shot", shots, total)
    _check_covered("shot", shot_ranges, total, frozenset())
    cut = tuple(Shot(n, r.start, r.stop) for n, r in enumerate(shot_ranges))
    if not segments:
        pieces = cut_segments(cut, plan.segment_frames)
    else:
        ranges = _read_ranges("segment", segments, total)
        _check_covered("segment", ranges, total, left_out)
        _check_within_shots(ranges, cut)
        pieces = tuple(Segment(n, r.start, r.stop) for n, r in enumerate(ranges))
    return msgspec.structs.replace(plan, leave_out=left_out, shots=cut, segments=pieces)


def _read_ranges(kind: str, texts: Sequence[str | int], total: int) -> list[range]:
    with _prefix_errors(f"{kind}s"):
        ranges = [parse_range(str(text)) for text in texts]
    for found in ranges:
        if found.stop > total:
            raise UsageError(
                f"{kind} {_text(found)} reaches past the last frame, which is {total - 1}"
            )
    return sorted(ranges, key=lambda found: found.start)


def _check_covered(kind: str, ranges: list[range], total: int, optional: frozenset[int]) -> None:
    """Refuse overlaps, and gaps with frames other than the ``optional`` ones."""
    reached = 0
    for found in [*ranges, range(total, total)]:
        if found.start < reached:
            both = _named(range(found.start, min(reached, found.stop)))
            raise UsageError(f"the {kind}s overlap: two of them contain {both}")
        gap = [index for index in range(reached, found.start) if index not in optional]
        if gap:
            hint = "; frames that are not wanted are named in leave_out" if kind != "shot" else ""
            raise UsageError(f"no {kind} contains {_named(gap)}{hint}")
        reached = found.stop


def _check_within_shots(segments: list[range], shots: Sequence[Shot]) -> None:
    waiting = iter(shots)
    shot = next(waiting)
    for segment in segments:
        while shot.stop <= segment.start:
            shot = next(waiting)
        if segment.stop > shot.stop:
            raise UsageError(
                f"segment {_text(segment)} crosses the cut before frame {shot.stop}; end it "
                'there, or write "segments": [] to have them cut again'
            )


@contextlib.contextmanager
def _prefix_errors(entry: str) -> Iterator[None]:
    """Prefix errors with the entry of the plan that they are in."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{entry}: {error}") from error


def _named(frames: Sequence[int]) -> str:
    return f"frame{'s' if len(frames) > 1 else ''} {format_frames(frames)}"


def _text(frames: range) -> str:
    return format_range(frames.start, frames.stop)


def keep_edits(new: Plan, edited: Plan) -> Plan:
    """Return the new plan with the edits of the one in the run folder.

    Args:
        new: the plan made now, with as many frames.
        edited: the plan in the run folder, as ``read_plan`` returned it.
    """
    segments = edited.segments
    if segments == cut_segments(edited.shots, edited.segment_frames):  # they were not edited
        segments = cut_segments(edited.shots, new.segment_frames)
    return msgspec.structs.replace(
        new,
        frames=_with_edited_exposures(new.frames, edited.frames),
        shots=edited.shots,
        segments=segments,
        leave_out=edited.leave_out,
    )


def _with_edited_exposures(
    new: tuple[FramePlan, ...], edited: tuple[FramePlan, ...]
) -> tuple[FramePlan, ...]:
    """Return the new frames with edited exposures, unless a frame's content has changed."""
    if all(a.exposure_ev == b.exposure_ev for a, b in zip(new, edited, strict=True)):
        return new
    return tuple(
        msgspec.structs.replace(now, exposure_ev=was.exposure_ev)
        if now.blake2b == was.blake2b
        else now
        for now, was in zip(new, edited, strict=True)
    )
