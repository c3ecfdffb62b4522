"""Timelines of films: their shots, and where frames are missing or should be painted."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence

from batch_analogy.jobs.drive.film_frames import FilmTiming, MadeFrames
from batch_analogy.jobs.drive.film_outputs import FilmPlan, key_of
from batch_analogy.jobs.drive.film_records import (
    is_complete,
    place_addition,
    read_records,
    scratch_of,
)
from batch_analogy.jobs.drive.film_source import FilmSource
from batch_analogy.jobs.drive.keyframe_choice import best_keyframes
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.folder.run_status import failed_frames
from batch_analogy.jobs.plan.ranges import format_frames
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.media.timeline_writing import (
    FilmTimeline,
    MarkKind,
    TimelineMark,
    TimelineShot,
    write_timeline,
)
from batch_analogy.output_claims import OutputClaims

MOST_SUGGESTED = 5
_WORDS: dict[MarkKind, str] = {"missing": "missing", "left out": "left out", "keyframe": "to paint"}


def ensure_timeline(source: FilmSource, film: FilmPlan, key: str, claims: OutputClaims) -> None:
    """Write the timeline of a film, if it is to have one and has not.

    Args:
        source: what the run's films are made of.
        film: one of them, which is finished.
        key: of the film.
        claims: on the run's outputs.

    Raises:
        OutputExistsError: something else has written it meanwhile.
        OutputDiskError: the disk is full or may not be written to.
    """
    if film.timeline is None:
        return
    store = source.store
    key, records = key_of(film.timeline, film, source.config, key), read_records(store)
    if is_complete(film.timeline, records.get(str(film.timeline)), key):
        return
    begins = film_places(source.timing)
    timeline = FilmTimeline(
        film=film.path,
        fps=source.plan.fps,
        frames=begins[-1],
        shots=list(_shots(source, begins)),
        marks=list(_marks(source, begins)),
        has_audio=records[str(film.path)].has_audio,
    )
    claims.check_unchanged(film.timeline)
    with scratch_of(store, film.timeline) as scratch:
        scratch.mkdir(parents=True, exist_ok=True)
        unfinished = scratch / film.timeline.name
        write_timeline(unfinished, timeline)
        place_addition(unfinished, film.timeline, key=key, store=store, claims=claims)


def film_places(timing: FilmTiming) -> list[int]:
    """Return where each frame of a film begins, and where the film ends, in frames at its rate.

    >>> from fractions import Fraction
    >>> made, durations = [[(0, 0)], [(1, 1)]], [Fraction(1, 2), Fraction(1, 4)]
    >>> film_places(FilmTiming(made, Fraction(8), durations))
    [0, 4, 6]
    """
    return [round(time * timing.fps) for time in timing.times]


def _shots(source: FilmSource, begins: Sequence[int]) -> Iterator[TimelineShot]:
    plan, timing = source.plan, source.timing
    firsts = [*timing.shot_frames(plan), (len(plan.shots), len(timing.made))]
    for (number, first), (_, stop) in itertools.pairwise(firsts):
        shot = plan.shots[number]
        facts = {
            "frames": f"{shot.start}-{shot.stop - 1}",
            "first": plan.frames[shot.start].name,
            "last": plan.frames[shot.stop - 1].name,
        }
        if begins[stop] > begins[first]:
            yield TimelineShot(begins[first], begins[stop], f"Shot {number + 1}", facts)


def _marks(source: FilmSource, begins: Sequence[int]) -> Iterator[TimelineMark]:
    """Yield where frames are missing, were left out, or should be painted."""
    plan, marker = source.plan, Marker(source.plan, source.timing.made, begins)
    history = read_history(source.store.journal)
    given_up = {index: record.message for index, record in history.failed.items()}
    reasons = {one.index: one.message for one in failed_frames(plan, given_up)}
    missing = source.missing
    for frames in _runs(missing, [reasons.get(index, "") for index in missing]):
        reason = reasons.get(frames[0], "not made yet")
        yield marker.mark("missing", frames, f"is missing: {reason}")
    left_out = sorted(plan.leave_out)
    for frames in _runs(left_out, [""] * len(left_out)):
        yield marker.mark("left out", frames, "was left out of the run")
    if plan.painting is not None:
        misfits = {i: r.misfit for i, r in history.done.items() if r.misfit is not None}
        for one in best_keyframes(plan, misfits, MOST_SUGGESTED):
            text = f"fits badly ({one.misfit:.2f}): paint it next"
            yield marker.mark("keyframe", [one.index], text)


def _runs(indices: Sequence[int], reasons: Sequence[str]) -> Iterator[list[int]]:
    """Yield runs of successive frames with the same reason."""
    pairs = list(zip(indices, reasons, strict=True))
    keys = ((index - place, reason) for place, (index, reason) in enumerate(pairs))
    for _, group in itertools.groupby(zip(keys, indices, strict=True), lambda pair: pair[0]):
        yield [index for _, index in group]


class Marker:
    """Marks frames of the input in a film.

    Args:
        plan: of the run.
        made: the frames of the film.
        begins: where each begins, and where the film ends, in frames at its rate.
    """

    def __init__(self, plan: Plan, made: MadeFrames, begins: Sequence[int]) -> None:
        self._frames, self._begins = plan.frames, begins
        self._first_due = [slots[0][0] for slots in made]
        self._last_due = [slots[-1][0] for slots in made]

    def mark(self, kind: MarkKind, frames: Sequence[int], comment: str) -> TimelineMark:
        """Return the mark of successive frames: where they are due, or the frame that follows."""
        place = bisect.bisect_left(self._last_due, frames[0])
        after = bisect.bisect_right(self._first_due, frames[-1])
        if place >= after:
            place = min(bisect.bisect_right(self._last_due, frames[-1]), len(self._last_due) - 1)
            after = place + 1
        start, stop = self._begins[place], self._begins[after]
        first, count = self._frames[frames[0]].name, len(frames)
        name = f"frame{'s' if count > 1 else ''} {format_frames(frames)} {_WORDS[kind]}"
        several = f"{first} and {count - 1} more: " if count > 1 else f"{first} "
        return TimelineMark(start, max(stop, start + 1), kind, name, several + comment)
