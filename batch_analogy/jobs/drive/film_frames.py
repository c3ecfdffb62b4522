"""Which frames the films of a run show, and for how long."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from batch_analogy.config.run import OnMissing, RunConfig
from batch_analogy.jobs.plan.missing_stills import gaps_of
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.media.frame_numbers import extra_holds

MadeFrames = Sequence[Sequence[tuple[int, int]]]
"""For each frame of a film, the slots whose mean it is: (frame due there, frame shown there)."""


@dataclass(frozen=True)
class FilmTiming:
    """The frames of a film, and when each is shown."""

    made: MadeFrames
    fps: Fraction
    durations: Sequence[Fraction] | None  # seconds of each frame; None: the rate is constant

    @property
    def shown(self) -> list[tuple[int, ...]]:
        """For each frame of the film, the finished frames whose mean it is."""
        return [tuple(frame for _, frame in slots) for slots in self.made]

    @property
    def times(self) -> list[Fraction]:
        """Seconds at which each frame begins, and those at which the film ends."""
        if self.durations is None:
            return [place / self.fps for place in range(len(self.made) + 1)]
        return list(itertools.accumulate(self.durations, initial=Fraction(0)))

    def shot_frames(self, plan: Plan) -> list[tuple[int, int]]:
        """Return each shot that the film shows, and the film's first frame of it."""
        starts = [shot.start for shot in plan.shots]
        firsts: dict[int, int] = {}
        for place, slots in enumerate(self.made):
            firsts.setdefault(bisect.bisect_right(starts, slots[0][0]) - 1, place)
        return list(firsts.items())


def film_timing(config: RunConfig, plan: Plan, done: Set[int]) -> FilmTiming:
    """Return the timing of a run's films.

    Args:
        config: the run.
        plan: its plan.
        done: indices of finished frames; at least one.
    """
    # A film with sound keeps its duration: the slots of left-out frames show a neighbour.
    left_out = frozenset() if config.keep_audio else plan.leave_out
    holds = extra_holds(gaps_of(plan), len(plan.frames))
    slots = film_slots(len(plan.frames), done, config.on_missing, left_out, holds)
    starts = [shot.start for shot in plan.shots]
    made = film_frames(slots, starts, blend=config.blend, hold=config.hold)
    return FilmTiming(made, plan.fps, _durations(config, plan, made))


def film_seconds(config: RunConfig, plan: Plan) -> Fraction:
    """Return how long the film will be if no more frames fail."""
    return film_timing(config, plan, {frame.index for frame in plan.usable()}).times[-1]


def _durations(config: RunConfig, plan: Plan, made: MadeFrames) -> list[Fraction] | None:
    if plan.video_properties is None or plan.constant_rate or config.fps is not None:
        return None
    begins = [Fraction(frame.time or 0) for frame in plan.frames]
    ends = [*begins[1:], plan.video_properties.duration]
    return [sum((ends[index] - begins[index] for index, _ in slots), Fraction(0)) for slots in made]


def film_slots(
    total: int,
    done: Set[int],
    on_missing: OnMissing,
    left_out: Set[int] = frozenset(),
    holds: Mapping[int, int] = MappingProxyType({}),
) -> list[tuple[int, int]]:
    """Return the slots of a film: pairs of the frame due there and the finished frame shown there.

    Args:
        total: number of frames of the input.
        done: indices of finished frames; at least one.
        on_missing: ``"skip"`` leaves out the slot of a frame that is not finished; otherwise the
            last finished frame is repeated, or the first one if there was none before.
        left_out: frames without a slot, whatever ``on_missing`` is.
        holds: frame → number of further slots with ``"hold"``, for frames missing in the input.

    >>> film_slots(4, {1, 3}, "hold"), film_slots(4, {1, 3}, "skip")
    ([(0, 1), (1, 1), (2, 1), (3, 3)], [(1, 1), (3, 3)])
    >>> film_slots(5, {1, 3}, "hold", left_out={0, 2})
    [(1, 1), (3, 3), (4, 3)]
    >>> film_slots(2, {0, 1}, "hold", holds={0: 2})
    [(0, 0), (0, 0), (0, 0), (1, 1)]
    """
    if on_missing == "skip":
        return [(index, index) for index in sorted(done)]
    slots: list[tuple[int, int]] = []
    last = min(done)
    for index in (index for index in range(total) if index not in left_out):
        last = index if index in done else last
        more = holds.get(index, 0) if on_missing == "hold" else 0
        slots += [(index, last)] * (1 + more)
    return slots


def film_frames(
    slots: Sequence[tuple[int, int]], starts: Sequence[int], *, blend: int = 1, hold: int = 1
) -> list[list[tuple[int, int]]]:
    """Return, for each frame of the film, the slots whose mean it is.

    Args:
        slots: as ``film_slots`` returns them.
        starts: the first frame of each shot.
        blend: number of successive slots that are averaged; never across a cut.
        hold: number of film frames that each of these is shown for.

    >>> film_frames([(0, 0), (1, 1), (2, 2), (3, 3)], [0, 3], blend=2)
    [[(0, 0), (1, 1)], [(2, 2)], [(3, 3)]]
    >>> film_frames([(0, 0), (1, 1)], [0], hold=2)
    [[(0, 0)], [(0, 0)], [(1, 1)], [(1, 1)]]
    """
    made: list[list[tuple[int, int]]] = []
    for _, shot in itertools.groupby(slots, lambda slot: bisect.bisect_right(starts, slot[0])):
        together = list(shot)
        for first in range(0, len(together), blend):
            made += [together[first : first + blend]] * hold
    return made
