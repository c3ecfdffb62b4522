"""Marks of a film's timeline: where frames of the input are due."""

from __future__ import annotations

import random

import pytest

from batch_analogy.config.run import OnMissing
from batch_analogy.jobs.drive.film_frames import film_frames, film_slots
from batch_analogy.jobs.drive.film_timelines import Marker
from tests.support.plans import plan

ON_MISSING: list[OnMissing] = ["hold", "skip"]


def places_by_search(made: list[list[tuple[int, int]]], first: int, last: int) -> tuple[int, int]:
    """Look at every frame of a film for frames that are due from the first to the last."""
    places = [p for p, slots in enumerate(made) if slots[0][0] <= last and slots[-1][0] >= first]
    if not places:
        after = (p for p, slots in enumerate(made) if slots[-1][0] > last)
        places = [next(after, len(made) - 1)]
    return places[0], places[-1] + 1


@pytest.mark.parametrize("seed", range(40))
def test_marks_lie_where_frames_are_due_or_after_them(seed: int) -> None:
    rng = random.Random(seed)
    count = rng.randint(2, 12)
    done = set(rng.sample(range(count), rng.randint(1, count)))
    left_out = set(rng.sample(range(count), rng.randint(0, count - 1)))
    slots = film_slots(count, done, rng.choice(ON_MISSING), left_out)
    if not slots:
        return
    cuts = [0, rng.randint(1, count)]
    made = film_frames(slots, cuts, blend=rng.randint(1, 3), hold=rng.randint(1, 2))
    marker = Marker(plan(count), made, range(len(made) + 1))
    for first in range(count):
        for last in range(first, count):
            mark = marker.mark("missing", range(first, last + 1), "")
            assert (mark.start, mark.stop) == places_by_search(made, first, last)
