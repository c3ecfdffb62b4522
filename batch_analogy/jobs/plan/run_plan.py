"""The plan: which frames there are, how they are cut into segments, and what they are made from.

A plan depends on the input and the configuration alone, never on the number of workers. It is
written to ``plan.json`` (``plan_file``), where a person may edit it. When the same command runs
again, it is compared with the new plan (``plan_changes``), so that frames made from different
inputs never mix.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from batch_analogy.jobs.plan.colour_spaces import NamedSpace
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.paint_inputs import PaintInputs, Region
from batch_analogy.jobs.plan.video_properties import ClipRange, VideoProperties
from batch_analogy.media.camera_raw import WhiteBalance
from batch_analogy.media.colour_tags import ColourSpace
from batch_analogy.media.openexr import is_exr
from batch_analogy.media.pixel_spaces import DISPLAY_P3, PixelSpace
from batch_analogy.media.timing import WHOLE_VIDEO, TimeRange


class PlacedReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reference, and the frame that is styled after it alone."""

    fingerprint: FileFingerprint
    frame: int


class PlacedAmount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An amount from 0 to 1, and the frame at which it applies alone."""

    frame: int
    value: float


class FramePlan(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One frame of the input.

    Frames of a video have no size, time and hash of their own: the video file has them.
    """

    index: int
    source: str
    name: str
    height: int  # px; 0 if it could not be read
    width: int  # px
    bytes: int
    mtime_ns: int
    blake2b: str | None
    error: str | None = None  # why it cannot be used, found when planning
    exposure_ev: float = 0.0  # added to its exposure before it is matched, against flicker
    time: str | None = None  # exact seconds after the first frame, if the rate is not constant
    taken: str | None = None  # by the camera's clock, see media/exif.read_capture_time
    orientation: int = 1  # of its tag, which reading it applies (media/orientation.py)
    turn: int = 1  # orientation to apply after that


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames between two cuts, half-open."""

    index: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Segment:
    """The frames that one worker makes in order, half-open."""

    index: int
    start: int
    stop: int


class PlanFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts about a run as a whole, which must not be edited."""

    fps: Fraction
    reference: FileFingerprint
    reference_height: int  # px
    reference_width: int  # px
    weights_sha256: str
    device: str  # "cpu" or "cuda": pixels are the same only on one type of device
    version: str  # of batch-analogy
    pixels: dict[str, Any]  # RunConfig.pixel_fields()
    segment_frames: int
    anchor_frames: int  # of a coherent film: from one anchor to the next
    video: FileFingerprint | None = None  # of a recording in several files: of all together
    recordings: tuple[FileFingerprint, ...] = ()  # the files of such a recording, in order
    estimated: bool = False  # a dry run of a video: the number of frames is a guess
    video_properties: VideoProperties | None = None
    display_p3: bool = False  # stills keep this gamut
    named_space: NamedSpace | None = None  # of the frames
    white_balance: WhiteBalance | None = None  # of RAW files, for all of them
    painting: PaintInputs | None = None  # the inputs of a painted run
    references: tuple[PlacedReference, ...] = ()  # by frame, if ``reference`` is a folder of them
    strength: tuple[PlacedAmount, ...] = ()  # of the look, by frame; none: in full
    keep_colours: tuple[PlacedAmount, ...] = ()  # by frame; none: the look's own colours
    region: Region | None = None  # where the look applies; None: everywhere
    reference2: FileFingerprint | None = None  # for what lies outside the region
    references2: tuple[PlacedReference, ...] = ()  # as ``references``


class Plan(PlanFacts, frozen=True, kw_only=True, dict=True):  # dict: for cached properties
    """Everything that a run does, and everything that determines its pixels."""

    frames: tuple[FramePlan, ...]
    shots: tuple[Shot, ...]
    segments: tuple[Segment, ...]
    leave_out: frozenset[int] = frozenset()  # frames that a person does not want

    @property
    def video_files(self) -> tuple[FileFingerprint, ...]:
        """The files of the video, in order; none if the frames are pictures."""
        return self.recordings or ((self.video,) if self.video else ())

    @property
    def all_references(self) -> tuple[PlacedReference, ...]:
        """The references in the order of their frames; a single one is placed at frame 0."""
        return self.references or (PlacedReference(self.reference, 0),)

    @property
    def layers(self) -> tuple[tuple[PlacedReference, ...], ...]:
        """The references inside the mask, or everywhere, and those outside it, if there are any."""
        if self.reference2 is None:
            return (self.all_references,)
        outside = self.references2 or (PlacedReference(self.reference2, 0),)
        return (self.all_references, outside)

    @property
    def plan_hash(self) -> str:
        """A hash of everything that determines the pixels: equal hashes mean equal frames.

        It covers ``fixed_hash`` and what may be edited: exposures, keyframes, and in coherent films
        the shots.
        """
        exposures = [[f.index, f.exposure_ev] for f in self.frames if f.exposure_ev]
        shots = [shot.start for shot in self.shots] if self.coherent else []
        painted = self.painting.keyframe_content() if self.painting else []
        if not exposures and not shots and not painted:
            return self.fixed_hash
        content = [self.fixed_hash, exposures, shots, *([painted] if painted else [])]
        return hashlib.blake2b(json.dumps(content).encode()).hexdigest()

    @property
    def fixed_hash(self) -> str:
        """A hash of what determines the pixels and must not be edited.

        It does not cover segments and left-out frames: they determine which worker makes a frame
        and when, or that it is not made, but no pixels.
        """
        content: list[Any] = [
            self.pixels,
            self.weights_sha256,
            self.device,
            self.version,
            None if self.painting else self.reference.blake2b,  # a painted picture
            self.video.blake2b if self.video else [f.blake2b for f in self.frames],
            len(self.frames),
        ]
        if self.time_range != WHOLE_VIDEO:
            content.append([str(self.time_range.start), str(self.time_range.end)])
        content += self._colour_content()
        if self.white_balance is not None:
            content.append([str(factor) for factor in self.white_balance])
        if self.painting is not None:
            content.append(self.painting.content())
        if self.references:  # their content is that of ``reference``
            content.append([str(reference.frame) for reference in self.references])
        for name in ("strength", "keep_colours"):
            if placed := getattr(self, name):
                content.append([name, *(f"{amount.frame} {amount.value}" for amount in placed)])
        if self.region is not None:
            content.append(["region", self.region.mask.blake2b, self.region.feather])
        if self.reference2 is not None:
            places = (str(reference.frame) for reference in self.references2)
            content.append(["reference2", self.reference2.blake2b, *places])
        return hashlib.blake2b(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def _colour_content(self) -> list[list[str]]:
        """Return what the numbers of the frames' pixels mean, unless that is the usual."""
        content = [[*dataclasses.astuple(self.space)]] if self.space.is_named else []
        if self.named_space is not None:
            content.append(["named", self.named_space.digest])
        return content

    @property
    def total(self) -> int:
        """The number of wanted frames."""
        return len(self.frames) - len(self.leave_out)

    def wanted(self) -> list[FramePlan]:
        """Return the frames that were not left out, including those that cannot be used."""
        return [frame for frame in self.frames if frame.index not in self.leave_out]

    @functools.cached_property
    def broken(self) -> tuple[FramePlan, ...]:
        """The wanted frames that cannot be used."""
        return tuple(frame for frame in self.wanted() if frame.error is not None)

    def usable(self) -> list[FramePlan]:
        """Return the wanted frames that can be used."""
        return [frame for frame in self.wanted() if frame.error is None]

    @property
    def coherent(self) -> bool:
        """True if the frames of a shot are made along the motion between them."""
        return bool(self.pixels.get("coherent"))

    @property
    def time_range(self) -> TimeRange:
        """The part of the video that is styled; everything if the source is pictures."""
        return WHOLE_VIDEO if self.video_properties is None else self.video_properties.time_range

    @property
    def clips(self) -> tuple[ClipRange, ...]:
        """The clips of a timeline; none if the source is none."""
        return () if self.video_properties is None else self.video_properties.clips

    @property
    def constant_rate(self) -> bool:
        """True if all frames are shown for the same time."""
        return self.video_properties is None or self.video_properties.constant_rate

    @property
    def colours(self) -> ColourSpace:
        """The colour space of the frames and of the film."""
        return ColourSpace() if self.video_properties is None else self.video_properties.colours

    @property
    def space(self) -> PixelSpace:
        """What the numbers of the frames' pixels mean."""
        return DISPLAY_P3 if self.display_p3 else PixelSpace.of_film(self.colours)

    @property
    def scene_light(self) -> bool:
        """True if frames may be brighter than white, which paintings cannot show."""
        is_light = self.named_space or any(is_exr(Path(f.source)) for f in self.frames)
        return self.painting is None and bool(is_light)

    @property
    def keyframes(self) -> dict[int, int]:
        """Index of each keyframe → number of its painted picture."""
        return {} if self.painting is None else self.painting.keyframes

    @property
    def span_frames(self) -> int:
        """The number of frames made together: in a coherent film those of a segment, else 1."""
        return self.segment_frames if self.coherent else 1

    def shot_start(self, index: int) -> int | None:
        """Return the first frame of a frame's shot; None if its pixels do not depend on that."""
        if not self.coherent:
            return None
        number = bisect.bisect_right(self.shots, index, key=lambda shot: shot.start)
        return self.shots[number - 1].start

    def picture_size(self, output: str, index: int) -> tuple[int, int]:
        """Return (height, width) in px of one output of one frame."""
        if output == "b":
            return self.reference_height, self.reference_width
        return self.frames[index].height, self.frames[index].width
