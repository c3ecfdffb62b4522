"""Compare two plans of a folder to which pictures were added, and carry choices over."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping, Set
from pathlib import Path

import msgspec

from batch_analogy.jobs.plan.plan_changes import setting_changes
from batch_analogy.jobs.plan.run_plan import (
    FramePlan,
    PlacedAmount,
    PlacedReference,
    Plan,
    Shot,
)
from batch_analogy.jobs.plan.segments import cut_segments

EV_FADE_FRAMES = 48  # over which new frames leave the exposure of their old neighbours
EV_MEAN_FRAMES = 12  # of the neighbours that this exposure is taken from

Moves = Mapping[int, int]
"""Index of a frame in the earlier plan → its index in the new one."""


def find_moves(old: Plan, new: Plan) -> dict[int, int]:
    """Find the frames of one plan in another: by name and content, else by content alone."""
    moves: dict[int, int] = {}
    for key in (_named_content, _content_alone):
        waiting: dict[object, deque[int]] = {}
        taken = set(moves.values())
        for frame in new.frames:
            if frame.index not in taken:
                waiting.setdefault(key(frame), deque()).append(frame.index)
        for frame in old.frames:
            there = waiting.get(key(frame))
            if frame.index not in moves and frame.blake2b is not None and there:
                moves[frame.index] = there.popleft()
    return moves


def _named_content(frame: FramePlan) -> object:
    return frame.name, frame.blake2b


def _content_alone(frame: FramePlan) -> object:
    return frame.blake2b


def find_growth(old: Plan, new: Plan, *, done: Set[int], overwrite: bool) -> dict[int, int] | None:
    """Return where the frames of the earlier plan are now, if finished ones may be kept.

    Args:
        old: the plan in the run folder.
        new: the plan made now.
        done: indices of finished frames in the earlier plan.
        overwrite: frames may also have been removed, changed or put into another order.

    Returns:
        The moves; None if the run has to be refused or started afresh.
    """
    if (
        old.video is not None
        or new.video is not None
        or setting_changes(old, new, placed=False, look=not overwrite, of_frames=False)
    ):
        return None
    moves = find_moves(old, new)
    if not moves or overwrite:
        return moves or None
    if setting_changes(old, new, of_frames=False) and len(old.frames) == len(new.frames):
        return None  # references were moved, and not because the film is longer
    names = {frame.name for frame in new.frames}
    lost = [f for f in old.frames if f.index not in moves]
    if any(frame.index in done or frame.name not in names for frame in lost):
        return None
    if (
        old.painting
        and new.painting
        and any(
            old.painting.frame_content(index) != new.painting.frame_content(moves[index])
            for index in done & moves.keys()
        )
    ):
        return None  # a guide or a mask of a finished frame has changed
    places = [moves[index] for index in sorted(moves)]
    return moves if all(a < b for a, b in itertools.pairwise(places)) else None


def keep_choices(new: Plan, old: Plan) -> Plan:
    """Return the new plan with choices of the earlier one that a grown folder would change.

    They are the places of references and amounts, and the white balance of RAW files, which is that
    of the first one.
    """
    balances = new.white_balance, old.white_balance
    if None not in balances and balances[0] != balances[1]:
        moves = find_moves(old, new)
        if all(frame.index in moves for frame in old.frames if frame.error is None):
            new = msgspec.structs.replace(new, white_balance=old.white_balance)
    return _keep_placement(new, old)


def _keep_placement(new: Plan, old: Plan) -> Plan:
    """Return the new plan with references and amounts where they were, unless they say where.

    What is spread evenly would move a little with every frame that is added, and all frames would
    have to be made again.
    """
    if new.video or old.video:
        return new
    moves: Moves | None = None
    for name in ("references", "references2", "strength", "keep_colours"):
        before, now = getattr(old, name), getattr(new, name)
        same = [*map(_content, before)] == [*map(_content, now)]
        if not same or before == now or _says_where(new, name):
            continue
        moves = find_moves(old, new) if moves is None else moves
        places = [moves.get(one.frame, -1) for one in before]
        if places == sorted({*places} - {-1}):
            moved = zip(now, places, strict=True)
            kept = tuple(msgspec.structs.replace(one, frame=place) for one, place in moved)
            new = msgspec.structs.replace(new, **{name: kept})
    return new


def _content(placed: PlacedReference | PlacedAmount) -> object:
    return placed.value if isinstance(placed, PlacedAmount) else placed.fingerprint.blake2b


def _says_where(plan: Plan, name: str) -> bool:
    """Return whether references by their names, or amounts, say at which frames they apply."""
    if name in ("strength", "keep_colours"):
        amounts: str = plan.pixels.get("look", {}).get(name, "")
        return "@" in amounts or "," not in amounts
    return any("@" in Path(one.fingerprint.path).stem for one in getattr(plan, name))


def carry_edits(new: Plan, old: Plan, moves: Moves, *, deflickered: bool) -> Plan:
    """Return the new plan with the shots, exposures and left-out frames of the earlier one.

    Between frames that were neighbours before, cuts stay as they were. Frames keep their exposure,
    and new frames follow that of their old neighbours, so that the film does not jump.
    """
    was = {now: before for before, now in moves.items()}
    left_out = frozenset(moves[index] for index in old.leave_out if index in moves)
    old_starts = {shot.start for shot in old.shots}
    cuts = {shot.start for shot in new.shots}
    for index in range(1, len(new.frames)):
        before, now = was.get(index - 1), was.get(index)
        if before is None or now != before + 1:
            continue
        (cuts.add if now in old_starts else cuts.discard)(index)
    edges = sorted({0, *cuts, len(new.frames)})
    shots = tuple(Shot(n, start, stop) for n, (start, stop) in enumerate(itertools.pairwise(edges)))
    return msgspec.structs.replace(
        new,
        frames=_with_exposures(new, old, was, shots, deflickered=deflickered),
        shots=shots,
        segments=cut_segments(shots, new.segment_frames),
        leave_out=left_out if len(left_out) < len(new.frames) else frozenset(),
    )


def _with_exposures(
    new: Plan, old: Plan, was: Moves, shots: tuple[Shot, ...], *, deflickered: bool
) -> tuple[FramePlan, ...]:
    exposures = [frame.exposure_ev for frame in new.frames]
    kept = {now: old.frames[before].exposure_ev for now, before in was.items()}
    for shot in shots if deflickered else ():
        for index in range(shot.start, shot.stop):
            if index not in kept:
                exposures[index] += _offset(index, shot, kept, new)
    exposures = [round(kept.get(index, ev), 4) + 0.0 for index, ev in enumerate(exposures)]
    return tuple(
        frame if frame.exposure_ev == ev else msgspec.structs.replace(frame, exposure_ev=ev)
        for frame, ev in zip(new.frames, exposures, strict=True)
    )


def _offset(index: int, shot: Shot, kept: Mapping[int, float], new: Plan) -> float:
    """Return what brings a new frame near the exposure of its old neighbours."""
    total = weights = 0.0
    reach = EV_FADE_FRAMES
    ends = ((-1, max(shot.start, index - reach) - 1), (1, min(shot.stop, index + reach + 1)))
    for step, stop in ends:
        nearest = next((i for i in range(index + step, stop, step) if i in kept), None)
        if nearest is None:
            continue
        weight = 1.0 - (abs(nearest - index) - 1) / reach
        past = shot.start - 1 if step < 0 else shot.stop
        there = [i for i in range(nearest, past, step)[:EV_MEAN_FRAMES] if i in kept]
        mean = sum(kept[i] - new.frames[i].exposure_ev for i in there) / len(there)
        total, weights = total + weight * mean, weights + weight
    return total / max(1.0, weights)
