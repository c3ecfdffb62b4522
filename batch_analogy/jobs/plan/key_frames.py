"""Find the frames that pictures were painted over: by name, by number, and by what they show.

Names are compared as people see them, so é may be one code point or two. A number may count from 0,
as here, from 1, as in pictures that ffmpeg wrote, or be the number in a frame's name. Where a
number or name may mean several frames, the one that the painted picture shows is taken. Where it
shows none of them, as its number counts the frames of another rate, or time, the film is searched.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from batch_analogy.config.painting import PaintedKeyframe
from batch_analogy.errors import BatchAnalogyError, UsageError
from batch_analogy.jobs.plan.paint_inputs import PlacedBy
from batch_analogy.jobs.plan.run_plan import FramePlan
from batch_analogy.media.frame_numbers import number_of
from batch_analogy.media.name_order import plain_name
from batch_analogy.media.scaling import is_same_shape
from batch_analogy.media.sequence import STILL_SUFFIXES
from batch_analogy.media.stills import FloatPixels, read_still
from batch_analogy.motion.shots.film_search import LEAST_LIKENESS, FilmSearch
from batch_analogy.motion.shots.likeness import SIDE_PX, clear_winner, likeness

Counting = Literal["frame", "from 0", "from 1"]
"""What a number means: that in a frame's name, or a place in the film."""
ReadFrames = Callable[[Collection[int]], Mapping[int, FloatPixels]]
"""Read frames by index; those that cannot be read are left out."""
Search = Callable[[FloatPixels], int | None]

_LAST_DIGITS = re.compile(r"([0-9]+)[^0-9]*$")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class FoundFrame:
    """The frame of a painted picture, and how it was found."""

    index: int
    placed_by: PlacedBy


@dataclass(frozen=True)
class _Meanings:
    """Frames that a name may mean."""

    indices: tuple[int, ...]  # the first is taken if the pictures do not tell; none: it means none
    counting: tuple[frozenset[Counting], ...] = ()  # for each index, if the name is a number
    error: str | None = None  # raised if the pictures do not tell
    unclear: PlacedBy = "guess"  # how the first is found if they do not
    picked: bool = False  # the number was picked from a longer name, and may be a time or the like

    @property
    def certain(self) -> bool:
        """True if there is only one."""
        return len(self.indices) == 1


def find_key_frames(
    keys: Sequence[PaintedKeyframe],
    frames: Sequence[FramePlan],
    *,
    source: str,
    has_names: bool,
    read_frames: ReadFrames,
) -> list[FoundFrame | None]:
    """Find the frame of each painted picture; None for one that has a picture of its own.

    Args:
        keys: the painted pictures.
        frames: the frames of the film.
        source: where they come from, for messages.
        has_names: False for a video, whose frames have made-up names.
        read_frames: reads frames, to compare them with painted pictures.

    Raises:
        UsageError: a typed name means no frame, a picture shows no frame clearly, or a name means
            one of several that cannot be told apart.
    """
    names = _Names(source, frames, has_names=has_names)
    meanings = [None if key.frame is None else names.find(key.frame, key.painted) for key in keys]
    search = _search_of(frames, read_frames)
    pairs = zip(keys, meanings, strict=True)
    shown = [None if m is None else _shown(key, m, read_frames, search) for key, m in pairs]
    usual = _usual_counting(meanings, shown)
    return [
        None if meaning is None else _choose(meaning, index, usual)
        for meaning, index in zip(meanings, shown, strict=True)
    ]


def _search_of(frames: Sequence[FramePlan], read_frames: ReadFrames) -> Search:
    """Return what finds the frame that a picture shows in the whole film."""
    usable = [frame for frame in frames if frame.error is None]
    film = FilmSearch([frame.index for frame in usable], read_frames)

    def search(painted: FloatPixels) -> int | None:
        size = (usable[0].height, usable[0].width)
        return film.find(painted) if is_same_shape(painted.shape[:2], size) else None

    return search


def _shown(
    key: PaintedKeyframe, meaning: _Meanings, read_frames: ReadFrames, search: Search
) -> int | None:
    """Return the frame that a picture shows, one that its name may mean or another; None: unclear.

    A name, and a number that a person typed, is not doubted as long as it means one frame.
    """
    if meaning.certain and not meaning.picked:
        return None
    try:
        painted = read_still(Path(key.painted), at_least_px=SIDE_PX)
        return _compared(painted, meaning.indices, read_frames, search)
    except BatchAnalogyError:
        return None  # unreadable pictures are reported later


def _compared(
    painted: FloatPixels, indices: tuple[int, ...], read_frames: ReadFrames, search: Search
) -> int | None:
    shown = read_frames(indices)
    frames = [shown[index] for index in indices if index in shown]
    alike = all(is_same_shape(frame.shape[:2], painted.shape[:2]) for frame in frames)
    if len(frames) < len(indices) or not alike:
        return None
    found = likeness(painted, frames) if len(frames) > 1 else None
    if found is None and len(frames) > 1:
        return None  # these hardly differ, so any of them will do
    winner = None if found is None else clear_winner(found)
    own = None if winner is None else indices[winner]
    if found is not None and max(found) >= LEAST_LIKENESS:
        return own
    elsewhere = search(painted)
    return own if elsewhere is None else elsewhere


def _usual_counting(
    meanings: Sequence[_Meanings | None], shown: Sequence[int | None]
) -> Counting | None:
    """Return how the names count that can be told; the others surely count alike."""
    votes: Counter[Counting] = Counter()
    for meaning, index in zip(meanings, shown, strict=True):
        if meaning is None or not meaning.counting:
            continue
        if index in meaning.indices:
            votes.update(meaning.counting[meaning.indices.index(index)])
        elif index is None and meaning.certain:
            votes.update(meaning.counting[0])
    return votes.most_common(1)[0][0] if votes else None


def _choose(meaning: _Meanings, shown: int | None, usual: Counting | None) -> FoundFrame:
    if shown is not None and not (meaning.certain and shown in meaning.indices):
        return FoundFrame(shown, "content")
    if meaning.certain:
        return FoundFrame(meaning.indices[0], "number" if meaning.counting else "name")
    if meaning.error is not None:
        raise UsageError(meaning.error)
    for index, counting in zip(meaning.indices, meaning.counting, strict=False):
        if usual in counting:
            return FoundFrame(index, "number")
    return FoundFrame(meaning.indices[0], meaning.unclear)


class _Names:
    """Frames, looked up by the names and numbers that people use."""

    def __init__(self, source: str, frames: Sequence[FramePlan], *, has_names: bool) -> None:
        self._source = source
        self._frames = frames
        self._by_name: dict[str, list[int]] = {}
        self._by_case: dict[str, list[int]] = {}
        self._by_number: dict[int, list[int]] = {}
        for frame in frames if has_names else ():
            path = Path(plain_name(frame.name))
            for name in {str(path), path.name, path.stem}:
                self._by_name.setdefault(name, []).append(frame.index)
                self._by_case.setdefault(name.casefold(), []).append(frame.index)
            numbered = number_of(path.name)
            if numbered is not None:
                self._by_number.setdefault(numbered.number, []).append(frame.index)

    def find(self, name: str, painted: str) -> _Meanings:
        """Return the frames that a name may mean; if it means none, with an error."""
        plain = plain_name(name)
        found = self._by_name.get(plain) or self._by_case.get(plain.casefold())
        if found and len(found) > 1:
            error = (
                f"keyframe {name} (painted in {painted}) may be any of {len(found)} frames; give "
                "its path below the folder of frames"
            )
            return _Meanings(tuple(found), error=error)
        stem, suffix = os.path.splitext(plain)
        stem = stem if suffix.lower() in STILL_SUFFIXES else plain
        if found:
            return self._named(found[0], stem)
        inside = self._inside(plain)
        if inside and not plain.isdecimal():
            return _Meanings(tuple(inside))
        match = _LAST_DIGITS.search(stem)
        meanings = None if match is None else self._numbered(match[1], whole=plain.isdecimal())
        return self._none(name, painted, stem) if meanings is None else meanings

    def _none(self, name: str, painted: str, stem: str) -> _Meanings:
        """Return that a name means no frame, unless a person typed it.

        Raises:
            UsageError: the painted picture is called otherwise, so the name was typed.
        """
        first, last = self._frames[0].name, self._frames[-1].name
        what = (
            f"keyframe {name} (painted in {painted}) is not a frame of {self._source}, whose "
            f"{len(self._frames)} frames are {first} to {last}"
        )
        advice = "give one of their names, or a number from 0: --key FRAME=PAINTED"
        if plain_name(Path(painted).stem) != stem:
            raise UsageError(f"{what}; {advice}")
        return _Meanings((), error=f"{what}, and it shows none of them clearly; {advice}")

    def _named(self, index: int, stem: str) -> _Meanings:
        """Return the frame of a name; if that is only a number, others may count differently."""
        others = self._numbered(stem, whole=False) if stem.isdecimal() else None
        if others is None or others.certain or index not in others.indices:
            return _Meanings((index,))
        order = sorted(range(len(others.indices)), key=lambda n: others.indices[n] != index)
        return _Meanings(
            tuple(others.indices[n] for n in order),
            tuple(others.counting[n] for n in order),
            unclear="name",
        )

    def _inside(self, plain: str) -> list[int]:
        """Return the frames whose names are a part of a name: ``00000-0001``, ``img1 painted``."""
        bounds = [match.span() for match in _WORD.finditer(plain)]
        parts = {
            plain[start:end]: None for n, (start, _) in enumerate(bounds) for _, end in bounds[n:]
        }
        known = {part: self._by_case.get(part.casefold(), []) for part in parts}
        longest = max((len(part) for part, found in known.items() if len(found) == 1), default=0)
        found = [known[p][0] for p in known if len(p) == longest and len(known[p]) == 1]
        return found[::-1]  # the last one is the likeliest: tools put their own counter first

    def _numbered(self, digits: str, *, whole: bool) -> _Meanings | None:
        """Return the frames that a number may mean; None if there is none."""
        number = int(digits)
        named = self._by_number.get(number, [])
        places: dict[Counting, int | None] = {
            "from 0": number,
            "frame": named[0] if len(named) == 1 else None,
            "from 1": number - 1,
        }
        if not whole or digits.startswith("0"):  # it was copied from a name
            places = {"frame": places["frame"], **places}
        meant: dict[int, set[Counting]] = {}
        for counting, index in places.items():
            if index is not None and 0 <= index < len(self._frames):
                meant.setdefault(index, set()).add(counting)
        if number == 0 and 0 in meant:
            meant = {0: meant[0]}
        if not meant:
            return None
        countings = tuple(map(frozenset, meant.values()))
        return _Meanings(tuple(meant), countings, picked=not whole)
