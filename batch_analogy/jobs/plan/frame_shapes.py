"""The shapes of stills: one orientation, if it is wanted, and one size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from batch_analogy.config.run import Orientation
from batch_analogy.errors import FrameError, InputError
from batch_analogy.jobs.plan.run_plan import FramePlan
from batch_analogy.media.orientation import SWAP_SIDES, UPRIGHT, both, turned_back

_HINT = "--orientation first turns all like the first, --orientation stored turns none"


def as_tagged(frame: FramePlan) -> FramePlan:
    """Return a frame turned by its own tag alone."""
    return _turned(frame, UPRIGHT)


def with_one_orientation(frames: list[FramePlan], wanted: Orientation) -> list[FramePlan]:
    """Turn frames: each by its own tag, all like the first, or none."""
    if wanted == "tags":
        return frames
    first = next((frame.orientation for frame in frames if frame.error is None), UPRIGHT)
    target = UPRIGHT if wanted == "stored" else first
    return [_turned(frame, both(turned_back(frame.orientation), target)) for frame in frames]


def orientation_changes(frames: Sequence[FramePlan]) -> list[int]:
    """Return the indices of frames that are turned otherwise than the first, by their tags."""
    shown = [frame for frame in frames if frame.height > 0 and frame.blake2b is not None]
    if any(frame.turn != UPRIGHT for frame in shown):
        return []
    return [frame.index for frame in shown if frame.orientation != shown[0].orientation]


def fail_odd_sizes(frames: list[FramePlan]) -> list[FramePlan]:
    """Mark frames as unusable whose size differs from most: a film has one size.

    Raises:
        InputError: no size has a majority.
    """
    readable = [frame for frame in frames if frame.error is None]
    sizes = Counter((frame.height, frame.width) for frame in readable)
    if len(sizes) <= 1:
        return frames
    (usual, count), *_ = sizes.most_common(1)
    turned = _differ_by_turns(readable)
    if 2 * count <= len(readable):
        found = ", ".join(f"{n} of {w}×{h}" for (h, w), n in sizes.most_common(4))
        why = (
            f": their orientation tags differ: {_HINT}"
            if turned
            else (": bring them to one, or give a pattern that picks those of one size")
        )
        raise InputError(
            f"the frames have different sizes and none prevails (width×height: {found}); a film "
            f"has one size{why}"
        )
    return [
        frame
        if frame.error is not None or (frame.height, frame.width) == usual
        else msgspec.structs.replace(frame, error=_odd_size(frame, usual))
        for frame in frames
    ]


def require_usable(frames: Sequence[FramePlan]) -> None:
    """Refuse a film without a frame.

    Raises:
        FrameError: the only frame cannot be used.
        InputError: there is no frame, or none can be used.
    """
    broken = [frame for frame in frames if frame.error is not None]
    if len(broken) < len(frames):
        return
    if not frames:
        raise InputError("the video has no frames; give another file")
    first = f"{broken[0].error}"
    if len(broken) == 1:
        raise FrameError(first)
    raise InputError(f"none of the {len(broken)} frames can be used; the first: {first}")


def _turned(frame: FramePlan, turn: int) -> FramePlan:
    """Return a frame that is turned further, after its own tag was applied."""
    if turn == frame.turn:
        return frame
    swaps = (turn in SWAP_SIDES) != (frame.turn in SWAP_SIDES)
    sides = (frame.width, frame.height) if swaps else (frame.height, frame.width)
    return msgspec.structs.replace(frame, turn=turn, height=sides[0], width=sides[1])


def _differ_by_turns(frames: Sequence[FramePlan]) -> bool:
    """Return whether frames have one size in their files, and differ by their tags alone."""
    stored = {
        (f.width, f.height) if f.orientation in SWAP_SIDES else (f.height, f.width) for f in frames
    }
    return len(stored) == 1 and len({frame.orientation for frame in frames}) > 1


def _odd_size(frame: FramePlan, usual: tuple[int, int]) -> str:
    height, width = usual
    if (frame.width, frame.height) == usual:
        return (
            f"{frame.source} is {frame.width}×{frame.height} px, as its orientation tag "
            f"({frame.orientation}) says, most frames are {width}×{height}; {_HINT}"
        )
    return (
        f"{frame.source} is {frame.width}×{frame.height} px, most frames are {width}×{height}; "
        "resize or remove it"
    )
