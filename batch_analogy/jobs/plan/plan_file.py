"""plan.json: written to be read and edited by people, and read back with care.

Before a run starts or goes on, ``leave_out``, ``shots``, ``segments`` and each frame's
``exposure_ev`` may be edited. All frame ranges have both ends in them. Whatever else is changed is
noticed by the plan's hash or by looking at the input again.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from batch_analogy.errors import PlanChangedError, UsageError
from batch_analogy.jobs.plan.paint_inputs import PaintInputs
from batch_analogy.jobs.plan.ranges import format_frames, format_range, parse_frames, parse_range
from batch_analogy.jobs.plan.run_plan import (
    FileFingerprint,
    FramePlan,
    PlacedReference,
    Plan,
    Segment,
    Shot,
    cut_segments,
)
from batch_analogy.jobs.plan.video_properties import Footage
from batch_analogy.json_files import read_json, write_long_json

PLAN_FORMAT = 2
MAX_EDITED_EV = 8.0
HOW_TO_EDIT = (
    "You may edit leave_out (frames that are not wanted, like 3,5-10), shots, segments and each "
    "frame's exposure_ev (what is added to its exposure); then run the same command again, or "
    "batch-analogy resume. Both ends of a range belong to it. Each frame is in one shot and, "
    "unless left out, in one segment; a segment lies within a shot. "
    'With "segments": [] they are cut anew from the shots.'
)
_FACTS = (
    "reference_height",
    "reference_width",
    "weights_sha256",
    "device",
    "version",
    "pixels",
    "segment_frames",
    "anchor_frames",
    "estimated",
)


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan, one frame, shot or segment a line.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    write_long_json(
        path, {"how_to_edit": HOW_TO_EDIT, **_head(plan), "frames": _frame_values(plan)}
    )


def read_plan(path: Path) -> Plan | None:
    """Read the plan of a run folder, with the edits that somebody made; None without a file.

    Raises:
        PlanChangedError: it was written by another version or is damaged.
        UsageError: it is no JSON any more, or the edits make no sense.
    """
    values = read_json(path, object_hook=_frame_if_one)
    if values is None:
        return None
    try:
        return plan_from_json(values)
    except UsageError as error:
        raise type(error)(f"{path}: {error}") from error


def _frame_if_one(values: dict[str, Any]) -> Any:
    """A frame's values as the frame, while they are read: a million dicts take a gigabyte."""
    try:
        return FramePlan(**values)
    except TypeError:
        return values  # something else, or damaged


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Plain JSON values that ``plan_from_json`` restores."""
    return {**_head(plan), "frames": list(_frame_values(plan))}


def _head(plan: Plan) -> dict[str, Any]:
    """All but the frames."""
    return {
        "format": PLAN_FORMAT,
        "leave_out": format_frames(plan.leave_out),
        "shots": [format_range(shot.start, shot.stop) for shot in plan.shots],
        "segments": [format_range(segment.start, segment.stop) for segment in plan.segments],
        "plan_hash": plan.fixed_hash,  # tells edits that are allowed from those that are not
        "fps": str(plan.fps),
        "reference": dataclasses.asdict(plan.reference),
        **({"references": [*map(_reference_values, plan.references)]} if plan.references else {}),
        "video": dataclasses.asdict(plan.video) if plan.video else None,
        **({"footage": plan.footage.to_json()} if plan.footage else {}),
        **({"white_balance": plan.white_balance} if plan.white_balance else {}),
        **({"painting": plan.painting.to_json()} if plan.painting else {}),
        **{name: getattr(plan, name) for name in _FACTS},
    }


def _reference_values(reference: PlacedReference) -> dict[str, Any]:
    return {"frame": reference.frame, **dataclasses.asdict(reference.fingerprint)}


def _read_reference(values: dict[str, Any]) -> PlacedReference:
    fingerprint = {name: value for name, value in values.items() if name != "frame"}
    return PlacedReference(FileFingerprint(**fingerprint), int(values["frame"]))


def _frame_values(plan: Plan) -> Iterator[dict[str, Any]]:
    """Each frame as plain values, one after the other: a long film has a million."""
    names = [field.name for field in dataclasses.fields(FramePlan)]
    if all(frame.time is None for frame in plan.frames):
        names.remove("time")
    if all(frame.taken is None for frame in plan.frames):
        names.remove("taken")
    if not any(frame.exposure_ev for frame in plan.frames):
        names.remove("exposure_ev")
    return ({name: getattr(frame, name) for name in names} for frame in plan.frames)


def plan_from_json(values: dict[str, Any]) -> Plan:
    """Restore a plan.

    Raises:
        PlanChangedError: it was written by another version, or is damaged.
        UsageError: it was edited so that it makes no sense.
    """
    if values.get("format") != PLAN_FORMAT:
        raise PlanChangedError(
            f"the plan has format {values.get('format')}, this version reads {PLAN_FORMAT}; "
            "start afresh with --overwrite, or use the version that made it"
        )
    try:
        plan = Plan(
            frames=tuple(
                frame if isinstance(frame, FramePlan) else FramePlan(**frame)
                for frame in values["frames"]
            ),
            shots=(),
            segments=(),
            fps=Fraction(values["fps"]),
            reference=FileFingerprint(**values["reference"]),
            references=tuple(map(_read_reference, values.get("references", ()))),
            video=FileFingerprint(**values["video"]) if values["video"] else None,
            footage=Footage.from_json(values["footage"]) if values.get("footage") else None,
            white_balance=tuple(values["white_balance"]) if values.get("white_balance") else None,
            painting=PaintInputs.from_json(values["painting"]) if values.get("painting") else None,
            **{name: values[name] for name in _FACTS},
        )
        leave_out = str(values["leave_out"])
        shots, segments = ([str(part) for part in values[name]] for name in ("shots", "segments"))
        written_hash = values["plan_hash"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanChangedError(
            f"the plan is damaged ({type(error).__name__}: {error}); put back what was there, or "
            "start afresh with --overwrite"
        ) from error
    _check_frames(plan, written_hash)
    return _with_edits(plan, leave_out, shots, segments)


def _check_frames(plan: Plan, written_hash: object) -> None:
    """Refuse edits of what is not to be edited."""
    place = next((n for n, frame in enumerate(plan.frames) if frame.index != n), None)
    if place is not None:
        raise UsageError(
            f"the list of frames was edited: frame {place} is missing or not in its place. Put it "
            "back; frames that are not wanted are named in leave_out"
        )
    wild = next((f for f in plan.frames if not _is_exposure(f.exposure_ev)), None)
    if wild is not None:
        raise UsageError(
            f"exposure_ev of frame {wild.index} is {wild.exposure_ev!r}; it must be a number from "
            f"-{MAX_EDITED_EV:g} to {MAX_EDITED_EV:g}"
        )
    if written_hash != plan.fixed_hash:
        raise PlanChangedError(
            "the plan was edited where that changes frames: only leave_out, shots, segments "
            "and exposure_ev may be. Put back what was there, or start afresh with --overwrite"
        )


def _is_exposure(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and -MAX_EDITED_EV <= float(value) <= MAX_EDITED_EV  # type: ignore[arg-type]


def _with_edits(plan: Plan, leave_out: str, shots: list[str], segments: list[str]) -> Plan:
    total = len(plan.frames)
    with _naming("leave_out"):
        left_out = parse_frames(leave_out, total)
    if len(left_out) == total:
        raise UsageError("leave_out names every frame; leave something to do")
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
    return dataclasses.replace(plan, leave_out=left_out, shots=cut, segments=pieces)


def _read_ranges(kind: str, texts: Sequence[str], total: int) -> list[range]:
    with _naming(f"{kind}s"):
        ranges = [parse_range(text) for text in texts]
    for found in ranges:
        if found.stop > total:
            raise UsageError(
                f"{kind} {_text(found)} reaches past the last frame, which is {total - 1}"
            )
    return sorted(ranges, key=lambda found: found.start)


def _check_covered(kind: str, ranges: list[range], total: int, spared: frozenset[int]) -> None:
    """Refuse overlaps, and gaps that hold other frames than the spared ones."""
    reached = 0
    for found in [*ranges, range(total, total)]:
        if found.start < reached:
            both = _named(range(found.start, min(reached, found.stop)))
            raise UsageError(f"the {kind}s overlap: two of them hold {both}")
        gap = [index for index in range(reached, found.start) if index not in spared]
        if gap:
            hint = "; frames that are not wanted are named in leave_out" if kind != "shot" else ""
            raise UsageError(f"no {kind} holds {_named(gap)}{hint}")
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
                'there, or write "segments": [] to have them cut anew'
            )


@contextlib.contextmanager
def _naming(entry: str) -> Iterator[None]:
    """Say in which entry of the plan something is wrong."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{entry}: {error}") from error


def _named(frames: Sequence[int]) -> str:
    return f"frame{'s' if len(frames) > 1 else ''} {format_frames(frames)}"


def _text(frames: range) -> str:
    return format_range(frames.start, frames.stop)


def keep_edits(new: Plan, edited: Plan) -> Plan:
    """The plan made now, cut as the one that the run folder holds was by hand.

    Args:
        new: the plan made now, of as many frames.
        edited: the plan that the run folder holds, checked by ``read_plan``.
    """
    segments = edited.segments
    if segments == cut_segments(edited.shots, edited.segment_frames):  # nobody changed them
        segments = cut_segments(edited.shots, new.segment_frames)
    return dataclasses.replace(
        new,
        frames=_with_edited_exposures(new.frames, edited.frames),
        shots=edited.shots,
        segments=segments,
        leave_out=edited.leave_out,
    )


def _with_edited_exposures(
    new: tuple[FramePlan, ...], edited: tuple[FramePlan, ...]
) -> tuple[FramePlan, ...]:
    """The frames as they are now, exposed as the plan says; what has another content, as found."""
    if all(a.exposure_ev == b.exposure_ev for a, b in zip(new, edited, strict=True)):
        return new
    return tuple(
        now if now.blake2b != was.blake2b else dataclasses.replace(now, exposure_ev=was.exposure_ev)
        for now, was in zip(new, edited, strict=True)
    )
