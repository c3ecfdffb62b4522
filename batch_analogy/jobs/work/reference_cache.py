"""The references of a film as a worker holds them, and what a frame gets from two of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from batch_analogy.analogy.deep import AnalogyResult
from batch_analogy.analogy.features.pictures import EncodedPicture, FeatureExtractor
from batch_analogy.analogy.nnf import Size
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.jobs.plan.dependencies import SpanContext
from batch_analogy.jobs.plan.references import ReferenceMix, mix_at
from batch_analogy.jobs.plan.run_plan import PlacedReference
from batch_analogy.jobs.work.anchored_frames import AnchoredFrames
from batch_analogy.motion.temporal.carry import sample_bilinear
from batch_analogy.motion.temporal.crossfade import (
    crossfade_colours,
    crossfade_textures,
    transition_noise,
)
from batch_analogy.motion.temporal.matcher import MatchedState, TemporalMatcher

CACHED_REFERENCES = (
    2  # as many as a frame can have something of: each takes the memory of its features
)


@dataclass(frozen=True)
class CachedReference:
    """A reference, encoded, and the frames that follow each other in its look."""

    encoded: EncodedPicture
    steady: TemporalMatcher
    frames: AnchoredFrames[MatchedState]


class ReferenceCache:
    """A film's references, each encoded when it is first needed.

    Args:
        network: its device is used. places: where they stand.
        config: how frames are matched, its precision resolved. outputs: of each frame.
        encode: gives a reference by its number.
        follow: gives the frames of a reference's number, matched by it.
    """

    def __init__(
        self,
        network: FeatureExtractor,
        places: Sequence[PlacedReference],
        config: AnalogyConfig,
        outputs: tuple[str, ...],
        *,
        encode: Callable[[int], EncodedPicture],
        follow: Callable[[int, TemporalMatcher], AnchoredFrames[MatchedState]],
    ) -> None:
        self._network = network
        self._places = [place.frame for place in places]
        self._config = config
        self._outputs = outputs
        self._encode = encode
        self._follow = follow
        self._held: OrderedDict[int, CachedReference] = OrderedDict()
        self._sizes: dict[int, Size] = {}  # of references once held, as they are matched
        self._spots: tuple[int, Tensor] | None = None  # of the reference of this number

    def mix(self, index: int) -> ReferenceMix:
        """What a frame has of which references."""
        return mix_at(self._places, index)

    def held(self, number: int) -> CachedReference:
        """A reference by its number; the one not needed for longest is let go for it."""
        if number not in self._held:
            while len(self._held) >= CACHED_REFERENCES:
                self._held.popitem(last=False)
            encoded = self._encode(number)
            self._sizes[number] = encoded.size(1)
            steady = TemporalMatcher(self._network, encoded, self._config, self._outputs)
            self._held[number] = CachedReference(encoded, steady, self._follow(number, steady))
        self._held.move_to_end(number)
        return self._held[number]

    def steady_pictures(
        self, index: int, a: Tensor, dependencies: Sequence[SpanContext]
    ) -> dict[str, Tensor]:
        """The outputs of a frame of a steady film.

        Args:
            index: the frame. a: its pixels, (1, 3, H, W) float32.
            dependencies: how one comes to it, for each reference that matters.

        Raises:
            InputError: the frame is not what it was a moment ago.
        """
        mix = self.mix(index)
        held = [self.held(number) for number in mix.references]
        frames = [
            one.frames.frame(index, a, context)
            for one, context in zip(held, dependencies, strict=True)
        ]
        pictures = [
            one.steady.render(a, frame).pictures for one, frame in zip(held, frames, strict=True)
        ]
        if mix.second is None:
            return pictures[0]
        ways = [picture["a_prime"] for picture in pictures]
        return {
            "a_prime": self._faded(
                mix, a, ways, lambda values: held[0].steady.map_to_frame(a, frames[0], values)
            )
        }

    def apart_pictures(
        self,
        indices: Sequence[int],
        frames: Sequence[Tensor],
        match: Callable[[int, Sequence[Tensor]], Sequence[AnalogyResult]],
    ) -> list[dict[str, Tensor]]:
        """The outputs of frames that are matched each by itself.

        Args:
            indices: the frames. frames: their pixels, (1, 3, H, W) float32 each.
            match: matches some of them with the reference of a number.
        """
        mixes = [self.mix(index) for index in indices]
        found: list[list[AnalogyResult]] = [[] for _ in indices]
        for number in sorted({number for mix in mixes for number in mix.references}):
            own = [at for at, mix in enumerate(mixes) if number in mix.references]
            for at, result in zip(own, match(number, [frames[at] for at in own]), strict=True):
                found[at].append(result)
        return [self._apart(*one) for one in zip(mixes, frames, found, strict=True)]

    def _apart(
        self, mix: ReferenceMix, a: Tensor, results: Sequence[AnalogyResult]
    ) -> dict[str, Tensor]:
        if mix.second is None:
            return {"a_prime": results[0].a_prime, "b": results[0].b}
        nnf = results[0].nnf_ab.float()
        pictures = [result.a_prime for result in results]
        return {
            "a_prime": self._faded(mix, a, pictures, lambda values: sample_bilinear(values, nnf))
        }

    def _faded(
        self,
        mix: ReferenceMix,
        a: Tensor,
        pictures: Sequence[Tensor],
        over: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """A frame between two references.

        Args:
            mix: of the two. a: the frame. pictures: A' after each of them.
            over: lays a map of the first reference over the frame, at matching size.

        Returns:
            (1, 3, H, W) float32 in [0, 1].
        """
        first, second = pictures
        if self._config.refine != "none":
            return crossfade_colours(first, second, mix.share)
        when = over(self._spots_of(mix.first))
        return crossfade_textures(first, second, mix.share, a.to(first.device), when, mix.frames)

    def _spots_of(self, number: int) -> Tensor:
        if self._spots is None or self._spots[0] != number:
            made = transition_noise(self._sizes[number], self._config.seed + number)
            self._spots = number, made.to(self._network.device)
        return self._spots[1]
