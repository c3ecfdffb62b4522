"""Dependencies with several references: each has anchors only where it contributes."""

from __future__ import annotations

import msgspec

from batch_analogy.jobs.plan.film_dependencies import AnchorId, FilmDependencies
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.run_plan import PlacedReference, Plan, Shot
from tests.support.plans import plan


def film(total: int, *places: int, cut: int | None = None) -> Plan:
    references = tuple(
        PlacedReference(FileFingerprint(f"/{frame}.png", 1, 1, str(frame)), frame)
        for frame in places
    )
    edges = [0, total] if cut is None else [0, cut, total]
    shots = tuple(Shot(n, edges[n], edges[n + 1]) for n in range(len(edges) - 1))
    return msgspec.structs.replace(plan(total), references=references, shots=shots)


def starts(dependencies: FilmDependencies, index: int) -> list[list[int]]:
    """Return the spans that lead to a frame, for each of its references."""
    return [
        [span.start for span in (*context.leading, context.own)]
        for context in dependencies.contexts([index])[0]
    ]


def test_a_frame_has_a_context_for_each_reference_that_contributes() -> None:
    dependencies = FilmDependencies(film(40, 0, 14, 30))
    assert starts(dependencies, 0) == [[0]]
    assert starts(dependencies, 9) == [[0, 4, 8], [0, 4, 8]]
    assert starts(dependencies, 14) == [[0, 4, 8, 12]]
    assert starts(dependencies, 15) == [[0, 4, 8, 12], [12]]  # the third begins where a span does
    assert starts(dependencies, 29) == [[*range(0, 29, 4)], [*range(12, 29, 4)]]
    assert starts(dependencies, 39) == [[*range(12, 40, 4)]]


def test_one_reference_has_the_contexts_of_the_whole_film() -> None:
    assert starts(FilmDependencies(film(40)), 9) == [[0, 4, 8]]
    assert starts(FilmDependencies(film(40, 20)), 9) == [[0, 4, 8]]


def test_makes_no_anchor_where_a_reference_does_not_contribute() -> None:
    dependencies = FilmDependencies(film(40, 0, 14, 30))
    assert dependencies.contexts([13])[0][0].following is None  # the first is gone after that
    per_reference = [[*range(0, 14, 4)], [*range(0, 30, 4)], [*range(12, 40, 4)]]
    made = [span.start for span in dependencies.spans()]
    assert made == [start for part in per_reference for start in part]


def test_cuts_apply_to_every_reference() -> None:
    dependencies = FilmDependencies(film(40, 0, 39, cut=10))
    assert starts(dependencies, 9) == [[0, 4, 8], [0, 4, 8]]
    assert starts(dependencies, 12) == [[10], [10]]


def test_finds_unneeded_anchors_of_each_reference_separately() -> None:
    known: set[AnchorId] = {(start, number) for start in range(0, 40, 4) for number in (0, 1)}
    known.discard((4, 1))
    dependencies = FilmDependencies(film(40, 0, 39), known.__contains__)
    assert dependencies.unneeded_anchors(3, {1, 2, 3, 0}) == [
        (0, 0)
    ]  # the next anchor of the other reference is not made yet
    assert dependencies.depth(3) == 0
    assert dependencies.depth(9) == 2
