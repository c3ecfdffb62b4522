"""What the films of a run are made of: its finished frames, and how they are shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from batch_analogy.config.film_size import FULL
from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.drive.film_frames import FilmTiming, film_timing
from batch_analogy.jobs.drive.film_outputs import FilmPlan
from batch_analogy.jobs.drive.film_texts import captions_of
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.blend import FrameBlend
from batch_analogy.media.captions import Captions
from batch_analogy.media.colour_transforms import Conversion, check_colour_space, to_space
from batch_analogy.media.numbered_output import is_pattern
from batch_analogy.output_claims import identify_file

ChangedFrames = Mapping[int, Mapping[str, str]]
"""Frames made again with other bytes: index → output → BLAKE2b of its file."""

_UNCHANGED: ChangedFrames = MappingProxyType({})


@dataclass(frozen=True)
class FilmSource:
    """The finished frames of a run, and how its films show them."""

    config: RunConfig
    store: RunStore
    plan: Plan
    done: Set[int]  # indices of finished frames; at least one
    timing: FilmTiming
    captions: Captions | None
    changed: ChangedFrames  # finished frames whose bytes a retry changed

    @classmethod
    def of(
        cls,
        config: RunConfig,
        store: RunStore,
        plan: Plan,
        done: Set[int],
        changed: ChangedFrames = _UNCHANGED,
    ) -> FilmSource:
        """Return the source of a run's films, with timing and texts."""
        timing = film_timing(config, plan, done)
        captions = captions_of(config, plan, [frames[0] for frames in timing.shown])
        return cls(config, store, plan, done, timing, captions, changed)

    @property
    def missing(self) -> tuple[int, ...]:
        """Indices of the wanted frames that are not finished."""
        return tuple(frame.index for frame in self.plan.wanted() if frame.index not in self.done)

    def pictures(self, film: FilmPlan) -> list[FrameBlend]:
        """Return the files of each frame of a film."""
        return [
            tuple(self.store.frame(film.output, index) for index in together)
            for together in self.timing.shown
        ]

    def conversion(self, film: FilmPlan) -> Conversion | None:
        """Return how colours are converted that are written as numbered pictures; None: not."""
        space = self._output_space(film)
        return None if space is None else to_space(*space)

    def key(self, film: FilmPlan) -> str:
        """Return a hash of everything that determines a film: equal keys mean equal films."""
        config = self.config
        content: list[Any] = [
            self.plan.plan_hash,
            str(self.plan.fps),
            config.crf,
            config.codec,
            config.depth,
            config.keep_audio if config.sound_tracks == "all" else config.sound_tracks,
            film.output,
            [one[0] if len(one) == 1 else one for one in self.timing.shown],
            [str(one) for one in self.timing.durations or ()],
        ]
        if (config.film_size, config.film_fit) != (FULL, RunConfig.film_fit):
            content.append([config.film_size, config.film_fit])
        if config.chapters:
            content.append("chapters")
        space = self._output_space(film)
        if space is not None:
            content.append(["space", check_colour_space(*space)])
        if self.captions is not None:
            style = self.captions.style
            font = None if style.font is None else [str(style.font), identify_file(style.font)]
            content.append([list(self.captions.texts), style.place, style.size, font])
        if config.music is not None:
            content.append([str(config.music), identify_file(config.music), config.music_fade])
        if self.changed:
            changed = sorted(self.changed)
            content.append([[index, self.changed[index].get(film.output)] for index in changed])
        return hashlib.blake2b(json.dumps(content).encode(), digest_size=20).hexdigest()

    def _output_space(self, film: FilmPlan) -> tuple[str, str] | None:
        """Return the configuration and the name of the space of numbered pictures."""
        config = self.config
        if config.ocio is None or config.colour_space_out is None or not is_pattern(film.path):
            return None
        return config.ocio, config.colour_space_out
