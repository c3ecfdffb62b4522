"""Frames that are matched with references: each alone, or along the motion of the film."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from torch import Tensor

from batch_analogy.analogy.batching import BatchSize, in_batches
from batch_analogy.analogy.deep import AnalogyResult, deep_image_analogies
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import EncodedPicture, encode_reference
from batch_analogy.analogy.nnf import Size
from batch_analogy.jobs.plan.references import ReferenceMix, mix_at
from batch_analogy.jobs.store import RunStore, outputs_of
from batch_analogy.jobs.work.anchor_cache import MATCHED_FORMAT, AnchorCache
from batch_analogy.jobs.work.anchored_frames import AnchoredFrames
from batch_analogy.jobs.work.frame_method import LoadedFrame, MadeFrame
from batch_analogy.jobs.work.frame_reader import FrameReader
from batch_analogy.jobs.work.tasks import WorkerSpec
from batch_analogy.motion.temporal.carry import sample_bilinear
from batch_analogy.motion.temporal.crossfade import (
    crossfade_colours,
    crossfade_textures,
    transition_noise,
)
from batch_analogy.motion.temporal.matcher import MatchedState, TemporalMatcher

CACHED_REFERENCES = 2  # a frame is a mix of two at most; each takes the memory of its features
FRAMES_AT_ONCE = {"cpu": 1, "cuda": 8}  # a batch keeps a GPU busy; a CPU gains nothing by it

Prepared = TypeVar("Prepared")


class ReferenceCache(Generic[Prepared]):
    """Cache of prepared references that drops the least recently used one.

    Args:
        prepare: prepares the reference with a given number.
    """

    def __init__(self, prepare: Callable[[int], Prepared]) -> None:
        self._prepare = prepare
        self._entries: OrderedDict[int, Prepared] = OrderedDict()

    def get(self, number: int) -> Prepared:
        """Return a prepared reference; prepare it if it is not in the cache."""
        if number not in self._entries:
            while len(self._entries) >= CACHED_REFERENCES:  # before another takes memory
                self._entries.popitem(last=False)
            self._entries[number] = self._prepare(number)
        self._entries.move_to_end(number)
        return self._entries[number]


class _ReferenceMethod:
    """The references that frames are matched with, and the crossfade from one to the next."""

    def __init__(self, spec: WorkerSpec, network: FeatureExtractor, reader: FrameReader) -> None:
        self._spec = spec  # its references are those of one layer
        self._network = network
        self._reader = reader
        self._placed_at = [reference.frame for reference in spec.references]
        self._sizes: dict[int, Size] = {}  # matching size of each reference that was encoded
        self._spots: tuple[int, Tensor] | None = None  # for the reference of this number

    def _encode(self, number: int) -> EncodedPicture:
        picture = self._reader.read_picture(Path(self._spec.references[number].fingerprint.path))
        encoded = encode_reference(self._network, picture.to(self._spec.device), self._spec.analogy)
        self._sizes[number] = encoded.size(1)
        return encoded

    def _mix(self, index: int) -> ReferenceMix:
        return mix_at(self._placed_at, index)

    def _crossfade(
        self,
        mix: ReferenceMix,
        a: Tensor,
        pictures: Sequence[Tensor],
        lay_over: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Blend the pictures of a frame that lies between two references.

        Args:
            mix: the mix of the two.
            a: the frame, (1, 3, H, W) float32.
            pictures: A' after each of them, (1, 3, H, W) float32.
            lay_over: maps values over the first reference, (1, 1, h', w') float32, to the frame,
                (1, 1, h, w), both at matching size.

        Returns:
            (1, 3, H, W) float32 in [0, 1].
        """
        first, second = pictures
        if self._spec.analogy.refine != "none":
            return crossfade_colours(first, second, mix.share)
        if self._spots is None or self._spots[0] != mix.first:
            made = transition_noise(self._sizes[mix.first], self._spec.analogy.seed + mix.first)
            self._spots = mix.first, made.to(self._network.device)
        when = lay_over(self._spots[1])
        return crossfade_textures(first, second, mix.share, a.to(first.device), when, mix.frames)


class MatchedAlone(_ReferenceMethod):
    """Match each frame by itself; a GPU matches several together."""

    def __init__(self, spec: WorkerSpec, network: FeatureExtractor, reader: FrameReader) -> None:
        super().__init__(spec, network, reader)
        self._batch = BatchSize(spec.frames_at_once or FRAMES_AT_ONCE[spec.device])
        self._references = ReferenceCache(self._encode)
        self._references.get(0)  # errors in it are reported before any frame is begun

    @property
    def frames_at_once(self) -> int:
        """Number of frames matched together; reduced when the GPU's memory runs out."""
        return self._batch.items

    def make(self, frames: Sequence[LoadedFrame]) -> list[MadeFrame]:
        """Match frames with each reference that they are a mix of."""
        before = self._batch.items
        mixes = [self._mix(frame.task.index) for frame in frames]
        found: list[list[AnalogyResult]] = [[] for _ in frames]
        for number in sorted({number for mix in mixes for number in mix.references}):
            own = [at for at, mix in enumerate(mixes) if number in mix.references]
            work = functools.partial(self._match, self._references.get(number))
            results = in_batches([frames[at].a for at in own], work, self._batch)
            for at, result in zip(own, results, strict=True):
                found[at].append(result)
        lowered = f"out of GPU memory: {before} frames at once lowered to {self._batch.items}"
        notes = (lowered,) if self._batch.items < before else ()
        return [
            MadeFrame(self._pictures(mix, frame.a, results), notes=notes)
            for mix, frame, results in zip(mixes, frames, found, strict=True)
        ]

    def _match(self, reference: EncodedPicture, frames: Sequence[Tensor]) -> list[AnalogyResult]:
        return deep_image_analogies(
            [frame.to(self._spec.device) for frame in frames],
            reference.image,
            config=self._spec.analogy,
            network=self._network,
            reference=reference,
        )

    def _pictures(
        self, mix: ReferenceMix, a: Tensor, results: Sequence[AnalogyResult]
    ) -> dict[str, Tensor]:
        if mix.second is None:
            return {"a_prime": results[0].a_prime, "b": results[0].b}
        nnf = results[0].nnf_ab.float()
        pictures = [result.a_prime for result in results]
        faded = self._crossfade(mix, a, pictures, lambda values: sample_bilinear(values, nnf))
        return {"a_prime": faded}


@dataclass(frozen=True)
class _FollowedReference:
    """A reference's matcher, and the frames matched by it along motion."""

    matcher: TemporalMatcher
    frames: AnchoredFrames[MatchedState]


class MatchedAlongMotion(_ReferenceMethod):
    """Match anchors, and carry their matches along the motion to the frames between them."""

    frames_at_once = 1

    def __init__(
        self,
        spec: WorkerSpec,
        network: FeatureExtractor,
        reader: FrameReader,
        store: RunStore,
        first_number: int = 0,
    ) -> None:
        super().__init__(spec, network, reader)
        self._store = store
        self._first_number = first_number  # of its references, among those of all layers
        self._references = ReferenceCache(self._follow)
        self._references.get(0)  # errors in it are reported before any frame is begun

    def make(self, frames: Sequence[LoadedFrame]) -> list[MadeFrame]:
        """Make frames, each in the context of its span."""
        return [MadeFrame(self._pictures(frame)) for frame in frames]

    def _follow(self, number: int) -> _FollowedReference:
        spec = self._spec
        matcher = TemporalMatcher(
            self._network, self._encode(number), spec.analogy, outputs_of(spec)
        )
        anchors = AnchorCache(
            self._store,
            spec.plan_hash,
            spec.device,
            MATCHED_FORMAT,
            self._first_number + number,
        )
        frames = AnchoredFrames(
            matcher, lambda span, frame, a: matcher.begin(a), anchors, self._reader.read
        )
        return _FollowedReference(matcher, frames)

    def _pictures(self, loaded: LoadedFrame) -> dict[str, Tensor]:
        index, a = loaded.task.index, loaded.a
        mix = self._mix(index)
        references = [self._references.get(number) for number in mix.references]
        frames = [
            reference.frames.frame(index, a, context)
            for reference, context in zip(references, loaded.task.contexts, strict=True)
        ]
        pictures = [
            reference.matcher.render(a, frame).pictures
            for reference, frame in zip(references, frames, strict=True)
        ]
        if mix.second is None:
            return pictures[0]
        first = references[0].matcher
        faded = self._crossfade(
            mix,
            a,
            [picture["a_prime"] for picture in pictures],
            lambda values: first.map_to_frame(a, frames[0], values),
        )
        return {"a_prime": faded}
