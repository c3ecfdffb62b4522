"""Several references over one film: where each stands, and how much of which a frame has.

Between two of them a frame has a share of both. A reference's place is part of its file's name,
after the last @: ``dusk@IMG_2041.jpg``, ``dusk@120.jpg``, ``dusk@60%.jpg``, ``dusk@1m23.5s.jpg``.
A place cannot be the name alone: 1.jpg, 2.jpg and 3.jpg beside frames of such names would mean
order to one person and places to another.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from batch_analogy.errors import UsageError
from batch_analogy.jobs.plan.run_plan import FramePlan

_TIME = re.compile(r"(?:(?P<minutes>\d+)m)?(?P<seconds>\d+(?:\.\d+)?)s")
_PERCENT = re.compile(r"\d+(?:\.\d+)?%")
_HOW = (
    "after the @ write a frame's name without its ending, a frame's number counted from 0, a share "
    "of the film like 60%, or of a video a time like 83.5s or 1m23.5s"
)


@dataclass(frozen=True)
class ReferenceMix:
    """What a frame has of which references."""

    first: int  # a reference, by its number
    second: int | None = None  # the one after it; None: the first alone
    share: float = 0.0  # of the second one, above 0 and below 1 where there is one
    frames: int = 1  # from where the first one stands to where the second one does

    @property
    def references(self) -> tuple[int, ...]:
        """Those that matter."""
        return (self.first,) if self.second is None else (self.first, self.second)


def mix_at(places: Sequence[int], index: int) -> ReferenceMix:
    """What a frame has of references that stand at these frames, by its number alone.

    From one to the next it goes smoothly (3t² − 2t³), so that the film does not jerk where one
    stands. Before the first and after the last, those stay.

    >>> mix_at([0, 10], 5)
    ReferenceMix(first=0, second=1, share=0.5, frames=10)
    >>> mix_at([0, 10], 10)
    ReferenceMix(first=1, second=None, share=0.0, frames=1)
    >>> mix_at([4, 10], 2)
    ReferenceMix(first=0, second=None, share=0.0, frames=1)
    """
    before = bisect.bisect_right(places, index) - 1
    if before < 0 or places[before] == index or before == len(places) - 1:
        return ReferenceMix(max(0, before))
    frames = places[before + 1] - places[before]
    t = (index - places[before]) / frames
    return ReferenceMix(before, before + 1, t * t * (3.0 - 2.0 * t), frames)


def frames_using(places: Sequence[int], number: int, total: int) -> range:
    """The frames of a film that have something of a reference."""
    start = places[number - 1] + 1 if number > 0 else 0
    stop = places[number + 1] if number + 1 < len(places) else total
    return range(start, stop)


def place_references(
    paths: Sequence[Path], frames: Sequence[FramePlan], fps: Fraction | None
) -> list[tuple[int, Path]]:
    """Where references stand: each at the frame that its name says, or all evenly spread.

    Args:
        paths: their files, in natural order; at least one.
        frames: of the film. fps: of a video; None: they are stills, which have no times.

    Returns:
        (frame, file) by frame; no two stand at one.

    Raises:
        UsageError: a place is none, lies beyond the film, or is taken twice; or some names tell
            places and others do not.
    """
    told = [path for path in paths if "@" in path.stem]
    if told and len(told) < len(paths):
        other = next(path for path in paths if "@" not in path.stem)
        raise UsageError(
            f"{told[0].name} says where in the film it stands and {other.name} does not; give all "
            f"references a place or none: {_HOW}"
        )
    if not told:
        return _spread(paths, len(frames))
    film = _Film(frames, fps)
    placed = sorted((film.place(path), number) for number, path in enumerate(paths))
    for (before, one), (after, other_number) in itertools.pairwise(placed):
        if before == after:
            names = f"{paths[one].name} and {paths[other_number].name}"
            raise UsageError(f"{names} both stand at frame {after}; move one of them")
    return [(frame, paths[number]) for frame, number in placed]


def _spread(paths: Sequence[Path], total: int) -> list[tuple[int, Path]]:
    """The first at the first frame, the last at the last."""
    if len(paths) > total:
        raise UsageError(
            f"{paths[0].parent} holds {len(paths)} references for {total} frames; each needs a "
            "frame of its own: take some out"
        )
    steps = max(1, len(paths) - 1)
    places = (round(Fraction(number * (total - 1), steps)) for number in range(len(paths)))
    return list(zip(places, paths, strict=True))


class _Film:
    """The frames of a film as a file's name may call them."""

    def __init__(self, frames: Sequence[FramePlan], fps: Fraction | None) -> None:
        self._frames = frames
        self._fps = fps
        self._named: dict[str, list[int]] = {}
        if fps is None:  # those of a video are named by us
            for frame in frames:
                self._named.setdefault(Path(frame.name).stem, []).append(frame.index)

    def place(self, path: Path) -> int:
        """The frame that a reference's name says."""
        text = path.stem.rpartition("@")[2].strip()
        last = len(self._frames) - 1
        frame = self._read(text, path)
        if not 0 <= frame <= last:
            raise UsageError(
                f"{path.name} stands beyond the film, whose {last + 1} frames are numbered 0 to "
                f"{last}; {_HOW}"
            )
        return frame

    def _read(self, text: str, path: Path) -> int:
        named = self._named.get(text, [])
        if len(named) > 1:
            raise UsageError(
                f"{path.name}: {len(named)} frames are called {text}; give its number, counted "
                "from 0"
            )
        if named:
            return named[0]
        if text.isascii() and text.isdigit():
            return int(text)
        if _PERCENT.fullmatch(text):
            share = Fraction(text[:-1]) / 100
            return round(share * (len(self._frames) - 1)) if share <= 1 else len(self._frames)
        time = _TIME.fullmatch(text)
        if time is None:
            raise UsageError(f"{path.name}: no frame is called {text!r}; {_HOW}")
        if self._fps is None:
            raise UsageError(f"{path.name}: the frames are pictures and have no times; {_HOW}")
        return self._shown_at(int(time["minutes"] or 0) * 60 + Fraction(time["seconds"]))

    def _shown_at(self, seconds: Fraction) -> int:
        """The frame that a video shows at a time; its number of frames after the end."""
        assert self._fps is not None
        if self._frames[0].time is None:
            return int(seconds * self._fps)
        begins = [Fraction(frame.time or 0) for frame in self._frames]
        beyond = seconds > 2 * begins[-1] - begins[max(0, len(begins) - 2)]
        return len(begins) if beyond else bisect.bisect_right(begins, seconds) - 1
