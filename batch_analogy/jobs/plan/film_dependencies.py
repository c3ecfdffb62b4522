"""Find what the frames of a coherent film depend on, for each reference in their mix.

Each reference has its own anchors, among the frames that it contributes to.
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
from batch_analogy.jobs.plan.references import frames_using, mixes_at
from batch_analogy.jobs.plan.run_plan import Plan, Shot

AnchorId = tuple[int, int]
"""An anchor: index of its frame, and number of the reference that it is matched with."""


class FilmDependencies:
    """Dependencies of a plan's frames, one graph for each reference.

    Args:
        plan: the plan of the run.
        exists: returns True if an anchor has been made already.
    """

    def __init__(
        self,
        plan: Plan,
        exists: Callable[[AnchorId], bool] = lambda anchor: False,
    ) -> None:
        self._layers = plan.layers
        places = [[reference.frame for reference in layer] for layer in plan.layers]
        parts = [part for layer in places for part in _parts(plan, layer)]
        self._graphs = [
            DependencyGraph(part, _of_reference(exists, number))
            for number, part in enumerate(parts)
        ]

    def contexts(self, indices: Sequence[int]) -> list[tuple[SpanContext, ...]]:
        """Return the contexts of frames, in order: for each, one per reference in its mix."""
        used = [self._references(index) for index in indices]
        found: list[dict[int, SpanContext]] = [{} for _ in indices]
        for number, graph in enumerate(self._graphs):
            own = [at for at, numbers in enumerate(used) if number in numbers]
            contexts = graph.contexts([indices[at] for at in own])
            for at, context in zip(own, contexts, strict=True):
                found[at][number] = context
        return [tuple(by_number[number] for number in sorted(by_number)) for by_number in found]

    def depth(self, index: int) -> int:
        """Return a frame's largest ``DependencyGraph.depth`` among its references."""
        return max(self._graphs[number].depth(index) for number in self._references(index))

    def provenance(self, index: int) -> str:
        """Return a frame's ``DependencyGraph.provenance`` for each of its references, joined."""
        numbers = sorted(self._references(index))
        return " ".join(self._graphs[number].provenance(index) for number in numbers)

    def spans(self) -> list[AnchorSpan]:
        """Return all spans of the film, for each reference."""
        return [span for graph in self._graphs for span in graph.spans()]

    def chains(self) -> list[list[list[AnchorSpan]]]:
        """Return, for each reference, the spans of the film in chains."""
        return [graph.chains() for graph in self._graphs]

    def unneeded_anchors(self, index: int, done: Set[int]) -> list[AnchorId]:
        """Return the anchors around a frame that are no longer needed.

        Args:
            index: index of a frame that has just been finished.
            done: indices of all finished frames.
        """
        return [
            (start, number)
            for number in self._references(index)
            for start in self._graphs[number].unneeded_anchors(index, done)
        ]

    def _references(self, index: int) -> list[int]:
        """Return the numbers of the references that a frame is made with, in all layers."""
        return [n for mix in mixes_at(self._layers, index) for n in mix.references]


def provenance_of(plan: Plan, dependencies: FilmDependencies | None, index: int) -> str | None:
    """Return a hash of those inputs of a frame that may change during a run.

    Args:
        plan: the plan of the run.
        dependencies: the dependencies of a coherent film, else None.
        index: index of the frame.

    Returns:
        The hash; None if nothing but the frame's own exposure may change.
    """
    if dependencies is not None:
        return dependencies.provenance(index)
    if plan.painting is None:
        return None
    painting = plan.painting
    return fingerprint([painting.keys[painting.nearest(index, index)].content()])


def _of_reference(exists: Callable[[AnchorId], bool], number: int) -> Callable[[int], bool]:
    return lambda start: exists((start, number))


def _parts(plan: Plan, places: Sequence[int]) -> list[Plan]:
    """Clip the plan's shots to the frames that each reference contributes to.

    Each part begins where a span of the whole film begins, so that two workers never need the same
    anchor.
    """
    if len(places) == 1:
        return [plan]
    starts = [span.start for span in DependencyGraph(plan).spans()]
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
