"""The dependencies of a film's frames: one for each reference that a frame has something of.

Each reference has anchors of its own, in the frames that have something of it and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

import msgspec

from batch_analogy.jobs.plan.dependencies import (
    AnchorSpan,
    DependencyGraph,
    SpanContext,
    fingerprint,
)
from batch_analogy.jobs.plan.references import frames_using, mix_at
from batch_analogy.jobs.plan.run_plan import Plan, Shot

AnchorId = tuple[int, int]
"""The name of an anchor: its span, and the number of the reference that it was matched with."""


class FilmDependencies:
    """The dependencies of a plan's frames.

    Args:
        plan: the plan.
        known: whether an anchor has been made already.
    """

    def __init__(
        self,
        plan: Plan,
        known: Callable[[AnchorId], bool] = lambda anchor: False,
    ) -> None:
        self._places = [reference.frame for reference in plan.all_references]
        self._courses = [
            DependencyGraph(part, _of_reference(known, number))
            for number, part in enumerate(_parts(plan, self._places))
        ]

    def of_all(self, indices: Sequence[int]) -> list[tuple[SpanContext, ...]]:
        """The dependencies of frames in order, each frame's in the order of its references."""
        mixes = [mix_at(self._places, index) for index in indices]
        found: list[dict[int, SpanContext]] = [{} for _ in indices]
        for number, dependencies in enumerate(self._courses):
            own = [at for at, mix in enumerate(mixes) if number in mix.references]
            for at, context in zip(
                own, dependencies.of_all([indices[at] for at in own]), strict=True
            ):
                found[at][number] = context
        return [
            tuple(dependencies[number] for number in sorted(dependencies)) for dependencies in found
        ]

    def depth(self, index: int) -> int:
        """As ``DependencyGraph.depth``: of the reference for which most has to come before."""
        numbers = mix_at(self._places, index).references
        return max(self._courses[number].depth(index) for number in numbers)

    def provenance(self, index: int) -> str:
        """As ``DependencyGraph.provenance``: of what is made for each of a frame's references."""
        numbers = mix_at(self._places, index).references
        return " ".join(self._courses[number].provenance(index) for number in sorted(numbers))

    def anchors(self) -> list[AnchorSpan]:
        """All spans of the film, those of each reference."""
        return [span for dependencies in self._courses for span in dependencies.anchors()]

    def unneeded(self, index: int, done: Set[int]) -> list[AnchorId]:
        """As ``DependencyGraph.unneeded``: anchors that nothing needs any more."""
        return [
            (start, number)
            for number in mix_at(self._places, index).references
            for start in self._courses[number].unneeded(index, done)
        ]


def provenance_of(plan: Plan, dependencies: FilmDependencies | None, index: int) -> str | None:
    """A fingerprint of what a frame is made from and that may change while a run lasts.

    Args:
        plan: of the run. dependencies: of a steady film. index: the frame.

    Returns:
        None where nothing but its own exposure may.
    """
    if dependencies is not None:
        return dependencies.provenance(index)
    if plan.painting is None:
        return None
    painting = plan.painting
    return fingerprint([painting.keys[painting.nearest(index, index)].content()])


def _of_reference(known: Callable[[AnchorId], bool], number: int) -> Callable[[int], bool]:
    return lambda start: known((start, number))


def _parts(plan: Plan, places: Sequence[int]) -> list[Plan]:
    """The plan with the shots as far as they have something of each reference.

    They begin where a span of the whole film does, so that no two workers need one anchor.
    """
    if len(places) == 1:
        return [plan]
    starts = [span.start for span in DependencyGraph(plan).anchors()]
    parts = []
    for number in range(len(places)):
        frames = frames_using(places, number, len(plan.frames))
        first = max((start for start in starts if start <= frames.start), default=0)
        clipped = [
            Shot(shot.index, max(shot.start, first), min(shot.stop, frames.stop))
            for shot in plan.shots
        ]
        shots = tuple(shot for shot in clipped if shot.start < shot.stop)
        parts.append(msgspec.structs.replace(plan, shots=shots))
    return parts
