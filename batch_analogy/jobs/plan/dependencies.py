"""What a frame of a steady film depends on: the span it lies in, its anchors, and their own.

Stretches are cut by frame index inside each shot, never by who does them. The driver tells a worker
with each frame which frames those are; the anchors themselves lie in the run folder's ``state/``,
where they are a memory and nothing more: whoever does not find one makes it, and makes the same.

Where frames were painted by hand (keyframes), each of them is an anchor, and the anchors around it
are made from it, both ways; half-way to the next keyframe those meet that come from that one.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from batch_analogy.config.run import SPANS_PER_RESET
from batch_analogy.jobs.plan.paint_inputs import PaintInputs
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan, Shot


@dataclass(frozen=True)
class AnchorSpan:
    """Frames from one anchor up to the next."""

    start: int  # index of its first frame: its name
    frames: tuple[FramePlan, ...]  # usable and of one size; at least one
    begins: bool  # whether its anchor is matched by itself, and not from another
    backward: bool = False  # whether its anchor is made from the one after it, not before it
    key: int = 0  # where it begins: the painted picture that it begins with
    painted: bool = False  # whether its first frame is that keyframe


@dataclass(frozen=True)
class SpanContext:
    """How one comes to the frames of a span."""

    leading: tuple[AnchorSpan, ...]  # before it: from one whose anchor is known, or which begins
    own: AnchorSpan
    following: AnchorSpan | None  # the one after it in the same shot
    trailing: tuple[AnchorSpan, ...] = ()  # after that one: up to where its anchor comes from

    @property
    def spans(self) -> tuple[AnchorSpan, ...]:
        """All of them in the film's order."""
        after = () if self.following is None else (self.following,)
        return (*self.leading, self.own, *after, *self.trailing)


class DependencyGraph:
    """The dependencies of a plan's frames.

    Args:
        plan: the plan.
        known: whether the anchor of the span of this name has been made already.
    """

    def __init__(self, plan: Plan, known: Callable[[int], bool] = lambda start: False) -> None:
        self._plan = plan
        self._known = known
        self._starts = [shot.start for shot in plan.shots]
        self._shots: dict[int, list[list[AnchorSpan]]] = {}  # of the shot looked at last
        self._origin_marks: dict[int, list[Provenance]] = {}  # of its chains, by their first span

    def of(self, index: int) -> SpanContext:
        """The context of a usable frame."""
        chain, place = self._find(index)
        following = chain[place + 1] if place + 1 < len(chain) else None
        needed = [*self._origins(chain, place)]
        if following is not None and following.backward:
            needed += self._origins(chain, place + 1)
        first, last = min(needed), max(*needed, place + 1)
        return SpanContext(
            tuple(chain[first:place]), chain[place], following, tuple(chain[place + 2 : last + 1])
        )

    def _origins(self, chain: Sequence[AnchorSpan], place: int) -> Iterator[int]:
        """The places of a span and of those that its anchor is made from, up to a known one."""
        yield place
        while not chain[place].begins and not self._known(chain[place].start):
            place += 1 if chain[place].backward else -1
            yield place

    def of_all(self, indices: Sequence[int]) -> list[SpanContext]:
        """The dependencies of frames in order; those of one span share one, looked up once."""
        dependencies: list[SpanContext] = []
        for index in indices:
            chain, place = self._find(index)
            same = bool(dependencies) and dependencies[-1].own is chain[place]
            dependencies.append(dependencies[-1] if same else self.of(index))
        return dependencies

    def depth(self, index: int) -> int:
        """How many spans come before a frame's own since an anchor was matched by itself.

        Work is handed out by turns, so that workers need not wait for each other's anchors: a
        long film is begun at many places at once.
        """
        chain, place = self._find(index)
        depth = _depth(chain, place)
        if place + 1 < len(chain) and chain[place + 1].backward:
            depth = max(depth, _depth(chain, place + 1))
        return depth

    def anchors(self) -> list[AnchorSpan]:
        """All spans of the film."""
        return [span for shot in self._plan.shots for c in self._cut(shot) for span in c]

    def unneeded(self, index: int, done: Set[int]) -> list[int]:
        """Names of anchors around a frame that nothing needs any more.

        An anchor serves its own span, the one before it, and the making of its neighbours.

        Args:
            index: a frame that has just been finished. done: all finished frames.
        """
        chain, place = self._find(index)
        names = []
        for at in range(max(0, place - 1), min(place + 2, len(chain) - 1)):
            served = chain[max(0, at - 1) : at + 1]
            finished = all(f.index in done for span in served for f in span.frames)
            makes = [] if chain[at + 1].backward else [chain[at + 1]]
            if at and chain[at - 1].backward and not chain[at - 1].begins:
                makes.append(chain[at - 1])
            if finished and all(self._known(span.start) for span in makes):
                names.append(chain[at].start)
        return names

    def provenance(self, index: int) -> str:
        """A fingerprint of all that a frame is made from and that may be edited in the plan.

        It is another one if the exposure of any of those frames is another, if the shot ends
        elsewhere so that a span is followed by one or by none, or if other keyframes are.
        """
        chain, place = self._find(index)
        marks = self._origin_marks.setdefault(chain[0].start, [])
        if not marks:
            marks += _origins(chain, self._plan.painting)
        return marks[place].anchor if index == chain[place].start else marks[place].others

    def _find(self, index: int) -> tuple[list[AnchorSpan], int]:
        number = bisect.bisect_right(self._starts, index) - 1
        if number not in self._shots:
            self._shots = {number: self._cut(self._plan.shots[number])}
            self._origin_marks = {}
        for chain in self._shots[number]:
            if chain[-1].frames[-1].index >= index:
                return chain, bisect.bisect_right(chain, index, key=lambda s: s.start) - 1
        raise ValueError(f"frame {index} is in no span; it cannot be used")

    def _cut(self, shot: Shot) -> list[list[AnchorSpan]]:
        """The spans of a shot; where frames change their size a new chain begins."""
        alike: list[list[FramePlan]] = []
        size = (0, 0)
        for frame in self._plan.frames[shot.start : shot.stop]:
            if frame.error is not None:
                continue
            if (frame.height, frame.width) != size:
                size = (frame.height, frame.width)
                alike.append([])
            alike[-1].append(frame)
        return [self._chain(frames) for frames in alike]

    @property
    def _fewest_to_the_end(self) -> int:
        """From the last regular anchor to the last frame, for that to be an anchor as well.

        Between two anchors what comes into view is made at once, after the last one strip by strip.
        """
        return 1 if self._plan.painting is not None else max(4, self._plan.anchor_frames // 4)

    def _chain(self, frames: Sequence[FramePlan]) -> list[AnchorSpan]:
        first, last = frames[0].index, frames[-1].index
        keys = {k: n for k, n in self._plan.keyframes.items() if first <= k <= last}
        if keys:
            return list(_keyed(frames, keys, self._plan.anchor_frames))
        starts = [*range(first, last + 1, self._plan.anchor_frames)]
        if last - starts[-1] >= self._fewest_to_the_end:
            starts.append(last)
        painting = self._plan.painting
        key = painting.nearest(first, last) if painting is not None else 0
        return [
            AnchorSpan(held[0].index, held, begins=n % SPANS_PER_RESET == 0, key=key)
            for n, held in enumerate(_held(frames, starts))
        ]


class Provenance(NamedTuple):
    """Marks of what the frames of a span are made from."""

    anchor: str  # of its first frame
    others: str


def _origins(chain: Sequence[AnchorSpan], painting: PaintInputs | None) -> list[Provenance]:
    """Of each span of a chain. An anchor is made from another along all frames between them.

    Where one lies is part of it in a painted film: another keyframe moves them.
    """
    exposures = [[[f.index, f.exposure_ev] for f in s.frames if f.exposure_ev] for s in chain]
    firsts = [span.frames[0].exposure_ev for span in chain]
    anchors: dict[int, str] = {}
    for place in sorted(range(len(chain)), key=lambda place: _depth(chain, place)):
        made_from: list[Any] = []
        if painting is not None:
            made_from = [chain[place].start, chain[place].painted]
            made_from += [painting.keys[chain[place].key].content()] * chain[place].begins
        if not chain[place].begins:
            source = place + 1 if chain[place].backward else place - 1
            made_from += [anchors[source], exposures[min(source, place)]]
        anchors[place] = fingerprint([firsts[place], *made_from])
    return [
        Provenance(
            anchors[place], fingerprint([anchors[place], exposures[place], anchors.get(place + 1)])
        )
        for place in range(len(chain))
    ]


def fingerprint(content: list[Any]) -> str:
    """A short hash of plain JSON values."""
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=6).hexdigest()


def _depth(chain: Sequence[AnchorSpan], place: int) -> int:
    since = 0
    while not chain[place].begins:
        place += 1 if chain[place].backward else -1
        since += 1
    return since


def _held(frames: Sequence[FramePlan], starts: Sequence[int]) -> Iterator[tuple[FramePlan, ...]]:
    """The frames from each of these indices up to the next; where there are none, nothing."""
    places = [bisect.bisect_left(frames, start, key=lambda frame: frame.index) for start in starts]
    for place, stop in itertools.pairwise([*places, len(frames)]):
        if place < stop:
            yield tuple(frames[place:stop])


def _keyed(
    frames: Sequence[FramePlan], keys: Mapping[int, int], anchor_frames: int
) -> Iterator[AnchorSpan]:
    """Stretches between keyframes, and from the outer ones to the ends.

    The last frame is an anchor of its own, as the first is: what comes into view is then made of
    it at once and not strip by strip.
    """
    first, end = frames[0].index, frames[-1].index + 1
    sources = {index: (index, 0) for index in keys}  # start → the keyframe it comes from, how far
    outer = min(keys), max(keys)
    for step, start in enumerate(range(outer[0], first, -anchor_frames)):
        sources[start] = outer[0], -step
    if first not in sources:
        sources[first] = outer[0], -(-(outer[0] - first) // anchor_frames) * -1
    for step, start in enumerate(range(outer[1], end, anchor_frames)):
        sources[start] = outer[1], step
    sources.setdefault(end - 1, (outer[1], -(-(end - 1 - outer[1]) // anchor_frames)))
    for before, after in itertools.pairwise(sorted(keys)):
        sources |= _between_keys(before, after, anchor_frames)
    for held in _held(frames, sorted(sources)):
        start = max(start for start in sources if start <= held[0].index)
        index, steps = sources[start]
        yield AnchorSpan(
            held[0].index,
            held,
            begins=steps % SPANS_PER_RESET == 0,
            backward=steps < 0,
            key=keys[index],
            painted=held[0].index == index,
        )


def _between_keys(before: int, after: int, anchor_frames: int) -> dict[int, tuple[int, int]]:
    """Where anchors lie between two keyframes: which one each comes from, and how far it is.

    They lie at their usual distance from either, so that those near one do not move if another one
    is painted; only what is left in the middle is cut evenly. There the film goes over from one to
    the other, so that span is never a short one.
    """
    same = max(0, after - before - anchor_frames) // (2 * anchor_frames)  # to either side
    sources = {before + n * anchor_frames: (before, n) for n in range(1, same + 1)}
    sources |= {after - n * anchor_frames: (after, -n) for n in range(1, same + 1)}
    first, rest = before + same * anchor_frames, after - before - 2 * same * anchor_frames
    count = -(-rest // anchor_frames)
    for step in range(1, count):
        forward = 2 * step <= count
        source = (before, same + step) if forward else (after, step - count - same)
        sources[first + round(step * rest / count)] = source
    return sources
