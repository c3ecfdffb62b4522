"""Place several references along a film, and mix them for each frame; amounts alike.

Between two references a frame is a mix of both. A reference's position is part of its file name,
after the last @: ``dusk@IMG_2041.jpg``, ``dusk@120.jpg``, ``dusk@60%.jpg``, ``dusk@1m23.5s.jpg``.
A name without an @ is never a position: beside frames with such names, 1.jpg, 2.jpg and 3.jpg could
mean an order as well as positions.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from batch_analogy.config.amounts import Amount
from batch_analogy.errors import UsageError
from batch_analogy.jobs.plan.run_plan import FramePlan, PlacedAmount, PlacedReference
from batch_analogy.media.frame_numbers import number_of
from batch_analogy.media.name_order import plain_name

_TIME = re.compile(r"(?:(?P<minutes>\d+)m)?(?P<seconds>\d+(?:\.\d+)?)s")
_PERCENT = re.compile(r"\d+(?:\.\d+)?%")
_HOW = (
    "after the @ write a frame's name without its suffix, its number counted from 0, a share of "
    "the film such as 60%, or, for a video, a time such as 83.5s or 1m23.5s"
)


@dataclass(frozen=True)
class ReferenceMix:
    """Blend of references that applies to a frame."""

    first: int  # number of a reference
    second: int | None = None  # the next one; None: the first alone
    share: float = 0.0  # of the second one, between 0 and 1 if there is one
    frames: int = 1  # from the first one's frame to the second one's

    @property
    def references(self) -> tuple[int, ...]:
        """Numbers of the references that contribute."""
        return (self.first,) if self.second is None else (self.first, self.second)


def mix_at(placed_at: Sequence[int], index: int) -> ReferenceMix:
    """Return the blend of references that applies to a frame.

    From one reference to the next, the share follows 3t² − 2t³, so that the film does not jerk at
    a reference. Before the first and after the last reference, that one applies alone.

    Args:
        placed_at: index of each reference's frame, ascending.
        index: index of the frame.

    >>> mix_at([0, 10], 5)
    ReferenceMix(first=0, second=1, share=0.5, frames=10)
    >>> mix_at([0, 10], 10)
    ReferenceMix(first=1, second=None, share=0.0, frames=1)
    >>> mix_at([4, 10], 2)
    ReferenceMix(first=0, second=None, share=0.0, frames=1)
    """
    before = bisect.bisect_right(placed_at, index) - 1
    if before < 0 or placed_at[before] == index or before == len(placed_at) - 1:
        return ReferenceMix(max(0, before))
    frames = placed_at[before + 1] - placed_at[before]
    t = (index - placed_at[before]) / frames
    return ReferenceMix(before, before + 1, t * t * (3.0 - 2.0 * t), frames)


def mixes_at(layers: Sequence[Sequence[PlacedReference]], index: int) -> list[ReferenceMix]:
    """Return the blend of references that applies to a frame in each layer.

    References are numbered through all layers, as their anchors are.
    """
    mixes, before = [], 0
    for layer in layers:
        mix = mix_at([reference.frame for reference in layer], index)
        second = None if mix.second is None else mix.second + before
        mixes.append(replace(mix, first=mix.first + before, second=second))
        before += len(layer)
    return mixes


def frames_using(placed_at: Sequence[int], number: int, total: int) -> range:
    """Return the frames of a film that a reference contributes to."""
    start = placed_at[number - 1] + 1 if number > 0 else 0
    stop = placed_at[number + 1] if number + 1 < len(placed_at) else total
    return range(start, stop)


def place_references(
    paths: Sequence[Path], frames: Sequence[FramePlan], fps: Fraction | None
) -> list[tuple[int, Path]]:
    """Place references: each at the frame that its name gives, or all evenly spread.

    Args:
        paths: their files, in natural order; at least one.
        frames: the frames of the film.
        fps: frame rate of a video; None for stills, which have no times.

    Returns:
        Pairs of frame index and file, in the order of the film; no two have the same frame.

    Raises:
        UsageError: a position names no frame, is beyond the film or taken twice; or some names
            have a position and others have none.
    """
    positioned = [path for path in paths if "@" in path.stem]
    if positioned and len(positioned) < len(paths):
        other = next(path for path in paths if "@" not in path.stem)
        raise UsageError(
            f"{positioned[0].name} has a position in its name and {other.name} has none; give one "
            f"to all references or to none: {_HOW}"
        )
    if not positioned:
        return _spread(paths, len(frames))
    film = _Film(frames, fps)
    named = [(path.stem.rpartition("@")[2], path.name) for path in paths]
    placed = sorted((film.place(*one), number) for number, one in enumerate(named))
    for (before, one), (after, other_number) in itertools.pairwise(placed):
        if before == after:
            names = f"{paths[one].name} and {paths[other_number].name}"
            raise UsageError(f"{names} are both placed at frame {after}; move one of them")
    return [(frame, paths[number]) for frame, number in placed]


def place_amounts(
    name: str, amounts: Sequence[Amount], frames: Sequence[FramePlan], fps: Fraction | None
) -> tuple[PlacedAmount, ...]:
    """Place amounts like references: each at the frame that it names, or all evenly spread.

    Args:
        name: of the option. amounts: at least one. frames, fps: as for ``place_references``.

    Raises:
        UsageError: as for ``place_references``.
    """
    if len(amounts) == 1:
        return (PlacedAmount(0, amounts[0].value),)
    places = [amount.place for amount in amounts]
    if all(place is None for place in places):
        if len(amounts) > len(frames):
            raise UsageError(
                f"{name} has {len(amounts)} amounts for {len(frames)} frames; each needs a frame "
                "of its own"
            )
        at = _evenly(len(amounts), len(frames))
    else:
        film, at = _Film(frames, fps), []
        for value, place in amounts:
            if place is None:
                raise UsageError(
                    f"{name} has an amount with a place and one without, {value:g}; give a place "
                    f"to all or to none: {_HOW}"
                )
            at.append(film.place(place, f"{name} {value:g}@{place}"))
    placed = sorted(zip(at, (amount.value for amount in amounts), strict=True))
    for (before, one), (after, other) in itertools.pairwise(placed):
        if before == after:
            raise UsageError(
                f"{name} is both {one:g} and {other:g} at frame {after}; move one of them"
            )
    return tuple(PlacedAmount(*one) for one in placed)


def amount_at(placed: Sequence[PlacedAmount], index: int) -> float:
    """Return the amount that applies to a frame; from one to the next as references fade.

    >>> amount_at([PlacedAmount(0, 1.0), PlacedAmount(10, 0.0)], 5)
    0.5
    """
    mix = mix_at([amount.frame for amount in placed], index)
    if mix.second is None:
        return placed[mix.first].value
    first, second = placed[mix.first].value, placed[mix.second].value
    return first + mix.share * (second - first)


def _spread(paths: Sequence[Path], total: int) -> list[tuple[int, Path]]:
    """Spread references evenly, from the first frame to the last."""
    if len(paths) > total:
        raise UsageError(
            f"{paths[0].parent} contains {len(paths)} references for {total} frames; each needs a "
            "frame of its own: remove some"
        )
    return list(zip(_evenly(len(paths), total), paths, strict=True))


def _evenly(count: int, total: int) -> list[int]:
    steps = max(1, count - 1)
    return [round(Fraction(number * (total - 1), steps)) for number in range(count)]


class _Film:
    """Frames of a film, looked up by the position in a reference's file name."""

    def __init__(self, frames: Sequence[FramePlan], fps: Fraction | None) -> None:
        self._frames = frames
        self._fps = fps
        self._named: dict[str, list[int]] = {}
        self._numbered: dict[str, list[int]] = {}  # by digits with leading zeros, as in names
        if fps is None:  # names of a video's frames are made up
            for frame in frames:
                stem = plain_name(Path(frame.name).stem)
                self._named.setdefault(stem, []).append(frame.index)
                numbered = number_of(Path(frame.name).name)
                if numbered is not None and numbered.digits > len(str(numbered.number)):
                    digits = f"{numbered.number:0{numbered.digits}d}"
                    self._numbered.setdefault(digits, []).append(frame.index)

    def place(self, text: str, what: str) -> int:
        """Return the index of the frame that is named; ``what`` is placed there, for messages."""
        last = len(self._frames) - 1
        frame = self._read(text.strip(), what)
        if not 0 <= frame <= last:
            raise UsageError(
                f"{what} is placed beyond the film, whose {last + 1} frames are numbered 0 to "
                f"{last}; {_HOW}"
            )
        return frame

    def _read(self, text: str, what: str) -> int:
        named = self._named.get(plain_name(text)) or self._numbered.get(text, [])
        if len(named) > 1:
            raise UsageError(
                f"{what}: {len(named)} frames are called {text}; give its number, counted from 0"
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
            raise UsageError(f"{what}: no frame is called {text!r}; {_HOW}")
        if self._fps is None:
            raise UsageError(f"{what}: the frames are pictures and have no times; {_HOW}")
        return self._shown_at(int(time["minutes"] or 0) * 60 + Fraction(time["seconds"]))

    def _shown_at(self, seconds: Fraction) -> int:
        """Return the index of the frame that a video shows at a time, or one beyond the film."""
        assert self._fps is not None
        if self._frames[0].time is None:
            return int(seconds * self._fps)
        begins = [Fraction(frame.time or 0) for frame in self._frames]
        beyond = seconds > 2 * begins[-1] - begins[max(0, len(begins) - 2)]
        return len(begins) if beyond else bisect.bisect_right(begins, seconds) - 1
