"""Timelines of films: their shots, and where frames are missing or should be painted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence, Set

from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.drive.film_frames import FilmTiming, MadeFrames
from batch_analogy.jobs.drive.film_outputs import (
    FilmPlan,
    is_complete,
    key_of,
    place_addition,
    read_records,
    scratch_of,
)
from batch_analogy.jobs.drive.keyframe_choice import best_keyframes
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.folder.run_status import failed_frames
from batch_analogy.jobs.plan.ranges import format_frames
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
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


def ensure_timeline(
    config: RunConfig,
    store: RunStore,
    plan: Plan,
    timing: FilmTiming,
    done: Set[int],
    film: FilmPlan,
    key: str,
    *,
    claims: OutputClaims,
) -> None:
    """Write the timeline of a film, if it is to have one and has not.

    Args:
        config: the run.
        store: its folder.
        plan: its plan.
        timing: of its films.
        done: indices of finished frames.
        film: one of the run's films, which is finished.
        key: of the film.
        claims: on the run's outputs.
    """
    if film.timeline is None:
        return
    key, records = key_of(film.timeline, film, config, key), read_records(store)
    if is_complete(film.timeline, records.get(str(film.timeline)), key):
        return
    begins = film_places(timing)
    record = records[str(film.path)]
    timeline = FilmTimeline(
        film=film.path,
        fps=plan.fps,
        frames=begins[-1],
        shots=list(_shots(plan, timing, begins)),
        marks=list(_marks(store, plan, timing.made, begins, done)),
        has_audio=record.has_audio,
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


def _shots(plan: Plan, timing: FilmTiming, begins: Sequence[int]) -> Iterator[TimelineShot]:
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


def _marks(
    store: RunStore,
    plan: Plan,
    made: MadeFrames,
    begins: Sequence[int],
    done: Set[int],
) -> Iterator[TimelineMark]:
    """Yield where frames are missing, were left out, or should be painted."""
    history = read_history(store.journal)
    given_up = {index: record.message for index, record in history.failed.items()}
    reasons = {one.index: one.message for one in failed_frames(plan, given_up)}
    missing = [frame.index for frame in plan.wanted() if frame.index not in done]
    for frames in _runs(missing, [reasons.get(index, "") for index in missing]):
        reason = reasons.get(frames[0], "not made yet")
        yield _mark("missing", plan, made, begins, frames, f"is missing: {reason}")
    left_out = sorted(plan.leave_out)
    for frames in _runs(left_out, [""] * len(left_out)):
        yield _mark("left out", plan, made, begins, frames, "was left out of the run")
    if plan.painting is not None:
        misfits = {i: r.misfit for i, r in history.done.items() if r.misfit is not None}
        for one in best_keyframes(plan, misfits, MOST_SUGGESTED):
            text = f"fits badly ({one.misfit:.2f}): paint it next"
            yield _mark("keyframe", plan, made, begins, [one.index], text)


def _runs(indices: Sequence[int], reasons: Sequence[str]) -> Iterator[list[int]]:
    """Yield runs of successive frames with the same reason."""
    pairs = list(zip(indices, reasons, strict=True))
    keys = ((index - place, reason) for place, (index, reason) in enumerate(pairs))
    for _, group in itertools.groupby(zip(keys, indices, strict=True), lambda pair: pair[0]):
        yield [index for _, index in group]


def _mark(
    kind: MarkKind,
    plan: Plan,
    made: MadeFrames,
    begins: Sequence[int],
    frames: Sequence[int],
    comment: str,
) -> TimelineMark:
    """Return the mark of successive frames: where they are due, or what comes after them."""
    wanted = range(frames[0], frames[-1] + 1)
    places = [p for p, slots in enumerate(made) if any(due in wanted for due, _ in slots)]
    if not places:
        after = (p for p, slots in enumerate(made) if slots[-1][0] > frames[-1])
        places = [next(after, len(made) - 1)]
    start, stop = begins[places[0]], begins[places[-1] + 1]
    first, count = plan.frames[frames[0]].name, len(frames)
    name = f"frame{'s' if count > 1 else ''} {format_frames(frames)} {_WORDS[kind]}"
    several = f"{first} and {count - 1} more: " if count > 1 else f"{first} "
    return TimelineMark(start, max(stop, start + 1), kind, name, several + comment)
