"""The plan: which frames there are, how they are cut into segments, and what they are made from.

A plan depends on the input and the configuration alone, never on the number of workers. It is
written to ``plan.json`` (``plan_file``), where a person may edit it. When the same command runs
again, it is compared with the new plan, so that frames made from different inputs never mix.
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

from batch_analogy.errors import PlanChangedError
from batch_analogy.jobs.plan.colour_spaces import NamedSpace
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.flat_fields import flat_fields
from batch_analogy.jobs.plan.paint_inputs import PaintInputs, Region
from batch_analogy.jobs.plan.video_properties import ClipRange, VideoProperties, describe_time_range
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
        content = [
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
        content += (
            [] if self.named_space is None else [[*msgspec.structs.astuple(self.named_space)[1:]]]
        )
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

    def _colour_content(self) -> list[list[str | None]]:
        named: list[str | None] = (
            [] if self.named_space is None else [self.named_space.name, self.named_space.digest]
        )
        space: list[str | None] = [*dataclasses.astuple(self.space)] if self.space.is_named else []
        return [one for one in (space, named) if one]

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


_LOOK = "look."
"""Prefix of settings that decide how the look is laid over the frames."""


def check_continues(old: Plan, new: Plan, *, done: set[int], look: bool = True) -> set[int]:
    """Check that a run begun with one plan may continue with another.

    A frame that is not finished may have changed: that is how a broken picture is replaced.

    Args:
        old: the plan in the run folder.
        new: the plan made now.
        done: indices of finished frames.
        look: changes of how the look is laid over the frames count too.

    Returns:
        Unfinished frames whose content has changed.

    Raises:
        PlanChangedError: it must not; the message names what changed.
    """
    changes = setting_changes(old, new, look=False) + _input_changes(old, new, done)
    look_changes = [one for one in setting_changes(old, new) if one not in changes]
    if look and look_changes and not changes:
        raise PlanChangedError(
            f"the frames in the run folder were made otherwise: {'; '.join(look_changes)}. Use "
            "--overwrite to make those again that this changes, or name another folder with "
            "--run-dir"
        )
    changes += look_changes if look else []
    if changes:
        raise PlanChangedError(
            "the run folder was begun with other settings or input: "
            + "; ".join(changes)
            + ". Use --overwrite to start afresh, or name another folder with --run-dir"
        )
    pairs = zip(old.frames, new.frames, strict=True)
    return {now.index for was, now in pairs if was.blake2b != now.blake2b}


def setting_changes(
    old: Plan, new: Plan, *, placed: bool = True, look: bool = True, of_frames: bool = True
) -> list[str]:
    """Describe what differs in settings and in the input that all frames share.

    Args:
        old: the plan in the run folder.
        new: the plan made now.
        placed: the places of references and amounts count too.
        look: how the look is laid over the frames counts too.
        of_frames: guides and masks count too of which each frame has its own.
    """
    was, now = flat_fields(old.pixels), flat_fields(new.pixels)
    changes = [
        f"{name.removeprefix(_LOOK)} was {_shown(was, name)}, is {_shown(now, name)}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name) and (look or not name.startswith(_LOOK))
    ]
    for name, before, after in (
        ("weights' content", old.weights_sha256[:12], new.weights_sha256[:12]),
        ("device", old.device, new.device),
        ("batch-analogy's version", old.version, new.version),
        ("the colour space of the frames", old.named_space, new.named_space),
        ("the primaries of the frames", old.space.primaries, new.space.primaries),
        ("the first frame's white balance", old.white_balance, new.white_balance),
    ):
        if before != after:
            changes.append(f"{name} was {before}, is {after}")
    if old.painting and new.painting:
        shared = old.painting.shared_content() == new.painting.shared_content()
        if not shared or (of_frames and old.painting.content() != new.painting.content()):
            changes.append("A, A', the guides or the mask have changed")
    elif old.reference.blake2b != new.reference.blake2b:
        changes.append(f"the content of the reference {new.reference.path} has changed")
    if old.reference2 and new.reference2 and old.reference2.blake2b != new.reference2.blake2b:
        changes.append(f"the content of the reference {new.reference2.path} has changed")
    frames = [
        [reference.frame for reference in plan.references + plan.references2] for plan in (old, new)
    ]
    if placed and frames[0] != frames[1]:
        before, after = (", ".join(map(str, indices)) or "no frame" for indices in frames)
        changes.append(f"the references were placed at {before}, are placed at {after}")
    for name in ("strength", "keep_colours") if placed and look else ():
        same_text = was.get(_LOOK + name) == now.get(_LOOK + name)
        if same_text and getattr(old, name) != getattr(new, name):
            changes.append(f"the amounts of {name} were placed at other frames")
    return changes


def _shown(values: dict[str, Any], name: str) -> object:
    return values.get(name, "the default")


def _input_changes(old: Plan, new: Plan, done: set[int]) -> list[str]:
    if (old.video is None) != (new.video is None):
        return ["the frames came from " + ("pictures" if old.video is None else "a video")]
    if old.video and new.video:
        if old.video.blake2b != new.video.blake2b:
            return [f"the content of the video {new.video.path} has changed"]
        if old.time_range == new.time_range:
            return []
        before, after = describe_time_range(old.time_range), describe_time_range(new.time_range)
        return [f"it was {before}, is {after}"]
    if len(old.frames) != len(new.frames):
        return [f"there were {len(old.frames)} frames, there are {len(new.frames)}"]
    moved = [
        f"frame {now.index} was {was.name}, is {now.name}"
        for was, now in zip(old.frames, new.frames, strict=True)
        if was.name != now.name
    ]
    changed = [
        f"the content of frame {now.index} ({now.name}) has changed"
        for was, now in zip(old.frames, new.frames, strict=True)
        if was.blake2b != now.blake2b and now.index in done
    ]
    found = moved or changed
    return found if len(found) <= 3 else [*found[:3], f"{len(found) - 3} more frames changed"]
