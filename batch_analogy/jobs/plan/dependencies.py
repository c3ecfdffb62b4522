"""Find what each frame of a coherent film depends on: its span, and the anchors around it.

Spans are cut by frame index inside each shot, so they do not depend on which worker makes a frame.
With each frame the driver sends the worker the spans that the frame depends on. The anchors
themselves are only cached, in the run folder's ``state/``: a worker that finds one missing makes
the same anchor again.

Each keyframe (a frame that was painted by hand) is an anchor. Between two keyframes, the anchors of
the first half are made from the keyframe before them, the others from the one after them.
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

    start: int  # index of its first frame, which identifies it
    frames: tuple[FramePlan, ...]  # usable and of one size; at least one
    independent: bool  # its anchor is made from the anchor's frame alone
    backward: bool = False  # its anchor is made from the next one, not from the previous one
    key: int = 0  # number of the painted picture that an independent anchor follows
    is_keyframe: bool = False  # its first frame was painted by hand


@dataclass(frozen=True)
class SpanContext:
    """A span, with the spans that its frames depend on."""

    leading: tuple[AnchorSpan, ...]  # before it; the first one's anchor exists or is independent
    own: AnchorSpan
    following: AnchorSpan | None  # next in the same shot
    trailing: tuple[AnchorSpan, ...] = ()  # up to the one that its anchor depends on

    @property
    def spans(self) -> tuple[AnchorSpan, ...]:
        """All spans, in the order of the film."""
        after = () if self.following is None else (self.following,)
        return (*self.leading, self.own, *after, *self.trailing)


class DependencyGraph:
    """Dependencies of a plan's frames, with one reference.

    Args:
        plan: the plan of the run.
        exists: returns True if the anchor at a frame has been made already.
    """

    def __init__(self, plan: Plan, exists: Callable[[int], bool] = lambda start: False) -> None:
        self._plan = plan
        self._exists = exists
        self._starts = [shot.start for shot in plan.shots]
        self._shots: dict[int, list[list[AnchorSpan]]] = {}  # chains of the latest shot
        self._provenances: dict[int, list[Provenance]] = {}  # of these chains, by first frame

    def context(self, index: int) -> SpanContext:
        """Return the context of a usable frame."""
        chain, place = self._find(index)
        following = chain[place + 1] if place + 1 < len(chain) else None
        needed = [*self._needed(chain, place)]
        if following is not None and following.backward:
            needed += self._needed(chain, place + 1)
        first, last = min(needed), max(*needed, place + 1)
        return SpanContext(
            tuple(chain[first:place]), chain[place], following, tuple(chain[place + 2 : last + 1])
        )

    def _needed(self, chain: Sequence[AnchorSpan], place: int) -> Iterator[int]:
        """Yield the positions of a span and of those it depends on, up to an existing anchor."""
        yield place
        while not chain[place].independent and not self._exists(chain[place].start):
            place += 1 if chain[place].backward else -1
            yield place

    def contexts(self, indices: Sequence[int]) -> list[SpanContext]:
        """Return the contexts of frames, in order; frames of one span share theirs."""
        contexts: list[SpanContext] = []
        for index in indices:
            chain, place = self._find(index)
            same = bool(contexts) and contexts[-1].own is chain[place]
            contexts.append(contexts[-1] if same else self.context(index))
        return contexts

    def depth(self, index: int) -> int:
        """Return the number of anchors to be made in sequence before those of a frame's span.

        Frames of small depth are handed out first. A long film is then begun at many places at
        once, and workers need not wait for each other's anchors.
        """
        chain, place = self._find(index)
        depth = _depth(chain, place)
        if place + 1 < len(chain) and chain[place + 1].backward:
            depth = max(depth, _depth(chain, place + 1))
        return depth

    def spans(self) -> list[AnchorSpan]:
        """Return all spans of the film."""
        return [span for chain in self.chains() for span in chain]

    def chains(self) -> list[list[AnchorSpan]]:
        """Return all spans of the film, in chains: no span depends on one of another chain."""
        return [chain for shot in self._plan.shots for chain in self._cut(shot)]

    def unneeded_anchors(self, index: int, done: Set[int]) -> list[int]:
        """Return the frame indices of the anchors around a frame that are no longer needed.

        An anchor is needed by its own span, by the span before it, and to make its neighbours.

        Args:
            index: index of a frame that has just been finished.
            done: indices of all finished frames.
        """
        chain, place = self._find(index)
        unneeded = []
        for at in range(max(0, place - 1), min(place + 2, len(chain) - 1)):
            users = chain[max(0, at - 1) : at + 1]
            finished = all(f.index in done for span in users for f in span.frames)
            dependents = [] if chain[at + 1].backward else [chain[at + 1]]
            if at and chain[at - 1].backward and not chain[at - 1].independent:
                dependents.append(chain[at - 1])
            if finished and all(self._exists(span.start) for span in dependents):
                unneeded.append(chain[at].start)
        return unneeded

    def provenance(self, index: int) -> str:
        """Return a hash of everything editable in the plan that a frame is made from.

        It changes when the exposure of any contributing frame changes, when a cut moves so that a
        span gains or loses its neighbour, and when a contributing keyframe is painted again.
        """
        chain, place = self._find(index)
        known = self._provenances.setdefault(chain[0].start, [])
        if not known:
            known += _provenances(chain, self._plan.painting)
        return known[place].anchor if index == chain[place].start else known[place].others

    def _find(self, index: int) -> tuple[list[AnchorSpan], int]:
        number = bisect.bisect_right(self._starts, index) - 1
        if number not in self._shots:
            self._shots = {number: self._cut(self._plan.shots[number])}
            self._provenances = {}
        for chain in self._shots[number]:
            if chain[-1].frames[-1].index >= index:
                return chain, bisect.bisect_right(chain, index, key=lambda s: s.start) - 1
        raise ValueError(f"frame {index} belongs to no span: it cannot be used")

    def _cut(self, shot: Shot) -> list[list[AnchorSpan]]:
        """Cut a shot into chains of spans; a new chain begins where the frame size changes."""
        same_size: list[list[FramePlan]] = []
        size = (0, 0)
        for frame in self._plan.frames[shot.start : shot.stop]:
            if frame.error is not None:
                continue
            if (frame.height, frame.width) != size:
                size = (frame.height, frame.width)
                same_size.append([])
            same_size[-1].append(frame)
        return [self._chain(frames) for frames in same_size]

    @property
    def _min_last_span_frames(self) -> int:
        """Smallest distance from the last regular anchor at which the last frame is one too.

        Between two anchors, newly visible areas are made at once; after the last anchor, piece by
        piece.
        """
        return 1 if self._plan.painting is not None else max(4, self._plan.anchor_frames // 4)

    def _chain(self, frames: Sequence[FramePlan]) -> list[AnchorSpan]:
        first, last = frames[0].index, frames[-1].index
        keys = {k: n for k, n in self._plan.keyframes.items() if first <= k <= last}
        if keys:
            return list(_keyed(frames, keys, self._plan.anchor_frames))
        starts = [*range(first, last + 1, self._plan.anchor_frames)]
        if last - starts[-1] >= self._min_last_span_frames:
            starts.append(last)
        painting = self._plan.painting
        key = painting.nearest(first, last) if painting is not None else 0
        return [
            AnchorSpan(part[0].index, part, independent=n % SPANS_PER_RESET == 0, key=key)
            for n, part in enumerate(_split(frames, starts))
        ]


class Provenance(NamedTuple):
    """Hashes of what the frames of a span are made from."""

    anchor: str  # of its first frame
    others: str  # of the frames after it


def _provenances(chain: Sequence[AnchorSpan], painting: PaintInputs | None) -> list[Provenance]:
    """Return the provenance of each span of a chain.

    An anchor depends on the anchor that it is made from and on all frames between them. In a
    painted film its position counts too, because a new keyframe moves the anchors.
    """
    exposures = [[[f.index, f.exposure_ev] for f in s.frames if f.exposure_ev] for s in chain]
    firsts = [span.frames[0].exposure_ev for span in chain]
    anchors: dict[int, str] = {}
    for place in chain_order(chain):
        made_from: list[Any] = []
        if painting is not None:
            made_from = [chain[place].start, chain[place].is_keyframe]
            made_from += [painting.keys[chain[place].key].content()] * chain[place].independent
        if not chain[place].independent:
            source = place + 1 if chain[place].backward else place - 1
            made_from += [anchors[source], exposures[min(source, place)]]
        anchors[place] = fingerprint([firsts[place], *made_from])
    return [
        Provenance(
            anchors[place], fingerprint([anchors[place], exposures[place], anchors.get(place + 1)])
        )
        for place in range(len(chain))
    ]


def chain_order(chain: Sequence[AnchorSpan]) -> list[int]:
    """Return the places of a chain's spans, each after the one that its anchor is made from."""
    return sorted(range(len(chain)), key=lambda place: _depth(chain, place))


def fingerprint(content: list[Any]) -> str:
    """Return a short hash of plain JSON values."""
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=6).hexdigest()


def _depth(chain: Sequence[AnchorSpan], place: int) -> int:
    since = 0
    while not chain[place].independent:
        place += 1 if chain[place].backward else -1
        since += 1
    return since


def _split(frames: Sequence[FramePlan], starts: Sequence[int]) -> Iterator[tuple[FramePlan, ...]]:
    """Split frames at these indices; skip parts without frames."""
    places = [bisect.bisect_left(frames, start, key=lambda frame: frame.index) for start in starts]
    for place, stop in itertools.pairwise([*places, len(frames)]):
        if place < stop:
            yield tuple(frames[place:stop])


def _keyed(
    frames: Sequence[FramePlan], keys: Mapping[int, int], anchor_frames: int
) -> Iterator[AnchorSpan]:
    """Cut frames into spans between keyframes, and from the outer keyframes to both ends.

    The last frame is an anchor, like the first, so that newly visible areas are made there at once
    and not piece by piece.
    """
    first, end = frames[0].index, frames[-1].index + 1
    sources = {index: (index, 0) for index in keys}  # anchor → its keyframe, signed steps from it
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
    for part in _split(frames, sorted(sources)):
        start = max(start for start in sources if start <= part[0].index)
        index, steps = sources[start]
        yield AnchorSpan(
            part[0].index,
            part,
            independent=steps % SPANS_PER_RESET == 0,
            backward=steps < 0,
            key=keys[index],
            is_keyframe=part[0].index == index,
        )


def _between_keys(before: int, after: int, anchor_frames: int) -> dict[int, tuple[int, int]]:
    """Return the anchors between two keyframes: anchor → its keyframe, signed steps from it.

    Anchors lie at regular distances from each keyframe, so that they do not move when another
    frame is painted. Only the remainder in the middle is divided evenly: there the film changes
    from one keyframe to the other, so a span must not be short.
    """
    per_side = max(0, after - before - anchor_frames) // (2 * anchor_frames)
    sources = {before + n * anchor_frames: (before, n) for n in range(1, per_side + 1)}
    sources |= {after - n * anchor_frames: (after, -n) for n in range(1, per_side + 1)}
    first, rest = before + per_side * anchor_frames, after - before - 2 * per_side * anchor_frames
    count = -(-rest // anchor_frames)
    for step in range(1, count):
        forward = 2 * step <= count
        source = (before, per_side + step) if forward else (after, step - count - per_side)
        sources[first + round(step * rest / count)] = source
    return sources
