"""The plan: which frames there are, how they are cut into segments, and what they were made of.

A plan depends on the input and the configuration alone, never on the number of workers. It is
written to ``plan.json`` (``plan_file``), where a person may edit it, and compared when the same
command runs again, so that frames of different origin are never mixed.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from batch_analogy.errors import PlanChangedError
from batch_analogy.jobs.plan.paint_inputs import FileFingerprint, PaintInputs
from batch_analogy.jobs.plan.video_properties import Footage, describe_time_range
from batch_analogy.media.camera_raw import WhiteBalance
from batch_analogy.media.timing import WHOLE_VIDEO

__all__ = ["FileFingerprint", "FramePlan", "Plan", "Segment", "Shot", "compare", "cut_segments"]


@dataclass(frozen=True)
class PlacedReference:
    """A reference, and the frame that has its whole look."""

    fingerprint: FileFingerprint
    frame: int


@dataclass(frozen=True, slots=True)
class FramePlan:
    """One frame of the input.

    Frames of a video carry no size, time and hash of their own: the video file has them.
    """

    index: int
    source: str
    name: str
    height: int  # px; 0 where it could not be read
    width: int  # px
    bytes: int
    mtime_ns: int
    blake2b: str | None
    error: str | None = None  # why it cannot be used, found when planning
    exposure_ev: float = 0.0  # added to its exposure before it is matched, against flicker
    time: str | None = None  # exact seconds after the first frame, where the rate is not constant
    taken: str | None = None  # by the camera's clock, see media/exif.read_capture_time


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames between two cuts, half-open."""

    index: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Segment:
    """The frames that one worker does in order, half-open."""

    index: int
    start: int
    stop: int


@dataclass(frozen=True)
class Plan:
    """Everything that a run does, and everything that decides its pixels."""

    frames: tuple[FramePlan, ...]
    shots: tuple[Shot, ...]
    segments: tuple[Segment, ...]
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
    video: FileFingerprint | None = None
    estimated: bool = False  # a dry run of a video: the number of frames is a guess
    leave_out: frozenset[int] = frozenset()  # frames that a person does not want
    footage: Footage | None = None  # of a video
    white_balance: WhiteBalance | None = None  # of RAW files, for all of them
    painting: PaintInputs | None = None  # what the frames are painted after
    references: tuple[PlacedReference, ...] = ()  # by frame, if ``reference`` is a folder of them

    @property
    def all_references(self) -> tuple[PlacedReference, ...]:
        """The references by their frames, also where there is one alone."""
        return self.references or (PlacedReference(self.reference, 0),)

    @property
    def plan_hash(self) -> str:
        """A hash of all that decides the pixels: equal hashes, equal frames.

        It is ``fixed_hash`` with what may be edited: exposures, keyframes, and in steady films the
        shots.
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
        """A hash of what decides the pixels and may not be edited.

        Segments and left-out frames are not in it: they decide who does a frame and when, or that
        nobody does, and no pixel of the others.
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
        if self.footage and self.footage.time_range != WHOLE_VIDEO:
            content.append([str(self.footage.time_range.start), str(self.footage.time_range.end)])
        if self.white_balance is not None:
            content.append([str(factor) for factor in self.white_balance])
        if self.painting is not None:
            content.append(self.painting.content())
        if self.references:  # their content is that of ``reference``
            content.append([str(reference.frame) for reference in self.references])
        return hashlib.blake2b(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def total(self) -> int:
        """How many frames are wanted."""
        return len(self.frames) - len(self.leave_out)

    def wanted(self) -> list[FramePlan]:
        """The frames that were not left out, those that cannot be used included."""
        return [frame for frame in self.frames if frame.index not in self.leave_out]

    @functools.cached_property
    def broken(self) -> tuple[FramePlan, ...]:
        """The wanted frames that cannot be used."""
        return tuple(frame for frame in self.wanted() if frame.error is not None)

    @property
    def coherent(self) -> bool:
        """Whether the frames of a shot are made along the motion between them."""
        return bool(self.pixels.get("coherent"))

    @property
    def keyframes(self) -> dict[int, int]:
        """Frames that were painted by hand, and which of the painted pictures is theirs."""
        return {} if self.painting is None else self.painting.keyframes

    @property
    def span_frames(self) -> int:
        """Frames that are made together: those of a segment in a steady film, else 1."""
        return self.segment_frames if self.coherent else 1

    def shot_start(self, index: int) -> int | None:
        """The first frame of the shot of a frame, where its pixels depend on that; else None."""
        if not self.coherent:
            return None
        place = bisect.bisect_right(self.shots, index, key=lambda shot: shot.start)
        return self.shots[place - 1].start

    def usable(self) -> list[FramePlan]:
        """The wanted frames that can be tried."""
        return [frame for frame in self.wanted() if frame.error is None]

    def picture_size(self, output: str, index: int) -> tuple[int, int]:
        """Return (height, width) in pixels of one output of one frame."""
        if output == "b":
            return self.reference_height, self.reference_width
        return self.frames[index].height, self.frames[index].width


def cut_segments(shots: Iterable[Shot], segment_frames: int) -> tuple[Segment, ...]:
    """Cut shots into segments of at most ``segment_frames`` frames.

    >>> [(s.start, s.stop) for s in cut_segments([Shot(0, 0, 5), Shot(1, 5, 7)], 3)]
    [(0, 3), (3, 5), (5, 7)]
    """
    segments: list[Segment] = []
    for shot in shots:
        for start in range(shot.start, shot.stop, segment_frames):
            stop = min(start + segment_frames, shot.stop)
            segments.append(Segment(len(segments), start, stop))
    return tuple(segments)


def compare(old: Plan, new: Plan, *, done: set[int]) -> set[int]:
    """Check that a run begun with one plan may go on with another.

    A frame that is not finished may have changed: that is how a broken picture is replaced.

    Args:
        old: the plan that the run folder holds.
        new: the plan made now.
        done: indices of finished frames.

    Returns:
        Unfinished frames whose content is another now.

    Raises:
        PlanChangedError: it names what changed.
    """
    changes = [*_setting_changes(old, new), *_input_changes(old, new, done)]
    if changes:
        raise PlanChangedError(
            "the run folder was begun with something else: "
            + "; ".join(changes)
            + ". Use --overwrite to start afresh, or name another folder with --run-dir"
        )
    pairs = zip(old.frames, new.frames, strict=True)
    return {now.index for was, now in pairs if was.blake2b != now.blake2b}


def _setting_changes(old: Plan, new: Plan) -> list[str]:
    was, now = _flat(old.pixels), _flat(new.pixels)
    changes = [
        f"{name} was {was.get(name)}, is {now.get(name)}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]
    for name, before, after in (
        ("weights' content", old.weights_sha256[:12], new.weights_sha256[:12]),
        ("device", old.device, new.device),
        ("batch-analogy's version", old.version, new.version),
        ("the first frame's white balance", old.white_balance, new.white_balance),
    ):
        if before != after:
            changes.append(f"{name} was {before}, is {after}")
    if old.painting and new.painting:
        if old.painting.content() != new.painting.content():
            changes.append("A, A', guides or the mask are others")
    elif old.reference.blake2b != new.reference.blake2b:
        changes.append(f"the reference {new.reference.path} has another content")
    places = [[reference.frame for reference in plan.references] for plan in (old, new)]
    if places[0] != places[1]:
        stood, stand = (", ".join(map(str, frames)) or "no frame" for frames in places)
        changes.append(f"the references stood at {stood}, stand at {stand}")
    return changes


def _input_changes(old: Plan, new: Plan, done: set[int]) -> list[str]:
    if (old.video is None) != (new.video is None):
        return ["the frames came from " + ("pictures" if old.video is None else "a video")]
    if old.video and new.video:
        if old.video.blake2b != new.video.blake2b:
            return [f"the video {new.video.path} has another content"]
        spans = [plan.footage.time_range if plan.footage else WHOLE_VIDEO for plan in (old, new)]
        parts = [describe_time_range(time_range) for time_range in spans]
        return [] if spans[0] == spans[1] else [f"it was {parts[0]}, is {parts[1]}"]
    if len(old.frames) != len(new.frames):
        return [f"there were {len(old.frames)} frames, there are {len(new.frames)}"]
    moved = [
        f"frame {now.index} was {was.name}, is {now.name}"
        for was, now in zip(old.frames, new.frames, strict=True)
        if was.name != now.name
    ]
    changed = [
        f"frame {now.index} ({now.name}) has another content"
        for was, now in zip(old.frames, new.frames, strict=True)
        if was.blake2b != now.blake2b and now.index in done
    ]
    found = moved or changed
    return found if len(found) <= 3 else [*found[:3], f"{len(found) - 3} more frames changed"]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
