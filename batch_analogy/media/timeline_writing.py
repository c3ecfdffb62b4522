"""Write a film's shots as a timeline for editing programs: OpenTimelineIO, or an EDL (CMX 3600)."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from batch_analogy.errors import MachineError, UsageError
from batch_analogy.files import NON_UTF8_ERRORS, disk_errors
from batch_analogy.media.numbered_output import NumberedName, is_pattern

OTIO_SUFFIX, EDL_SUFFIX = ".otio", ".edl"
TIMELINE_SUFFIXES = (OTIO_SUFFIX, EDL_SUFFIX)

MarkKind = Literal["missing", "left out", "keyframe"]
_COLOURS: dict[MarkKind, str] = {"missing": "RED", "left out": "ORANGE", "keyframe": "GREEN"}
_METADATA = "batch_analogy"


@dataclass(frozen=True)
class TimelineShot:
    """A shot of a film; half-open, in frames of the film."""

    start: int
    stop: int
    name: str
    facts: dict[str, str] = field(default_factory=dict)  # for people who look into the file


@dataclass(frozen=True)
class TimelineMark:
    """A place in a film; half-open, in frames of the film."""

    start: int
    stop: int
    kind: MarkKind
    name: str
    comment: str = ""


@dataclass(frozen=True)
class FilmTimeline:
    """What a timeline tells about a film."""

    film: Path  # or the pattern of numbered pictures
    fps: Fraction
    frames: int
    shots: Sequence[TimelineShot]
    marks: Sequence[TimelineMark] = ()
    has_audio: bool = False


def check_timeline(path: Path) -> None:
    """Check, before any work, that a timeline can be written.

    Raises:
        UsageError: its ending is not that of a timeline, or it is a folder.
        MachineError: the extra is not installed.
    """
    if path.suffix.lower() not in TIMELINE_SUFFIXES:
        raise UsageError(
            f"timeline {path} must end in .otio (OpenTimelineIO) or .edl (CMX 3600); name it so"
        )
    if path.is_dir():
        raise UsageError(f"timeline {path} is a folder; name a file")
    load_otio(path)


def check_timeline_rate(path: Path, fps: Fraction) -> None:
    """Check that a timeline can have a frame rate; an EDL counts in timecodes, which few have.

    Raises:
        UsageError: it cannot.
    """
    if path.suffix.lower() != EDL_SUFFIX:
        return
    otio = load_otio(path)
    if not otio.opentime.RationalTime.is_smpte_timecode_rate(float(fps)):
        raise UsageError(
            f"timeline {path}: an EDL has no timecode for {float(fps):.6g} frames/s; give --fps "
            "24, 25 or 30, or a timeline that ends in .otio"
        )


def load_otio(path: Path) -> Any:
    """Import OpenTimelineIO, with what EDLs need.

    Raises:
        MachineError: the extra is not installed.
    """
    try:
        import opentimelineio

        if path.suffix.lower() == EDL_SUFFIX:
            import otio_cmx3600_adapter  # noqa: F401  found by its entry point
    except ImportError as error:
        raise MachineError(
            f"{path} is a timeline; to read and write it, run pip install 'batch-analogy[otio]'"
        ) from error
    return opentimelineio


def write_timeline(path: Path, timeline: FilmTimeline) -> None:
    """Write a timeline; its ending chooses the format.

    Raises:
        MachineError: the extra is not installed.
        OutputDiskError: the disk is full or may not be written to.
    """
    otio = load_otio(path)
    made = _timeline_of(otio, timeline, for_edl=path.suffix.lower() == EDL_SUFFIX)
    if path.suffix.lower() == EDL_SUFFIX:
        text = otio.adapters.write_to_string(made, "cmx_3600", rate=float(timeline.fps))
    else:
        text = otio.adapters.write_to_string(made, "otio_json", indent=2)
    with disk_errors(path):
        path.write_text(text, encoding="utf-8", errors="replace")


def _timeline_of(otio: Any, timeline: FilmTimeline, *, for_edl: bool) -> Any:
    """Return OpenTimelineIO's object: a track of shots, and one of the film's sound."""
    schema = otio.schema
    made = schema.Timeline(_text(timeline.film.stem))
    made.global_start_time = otio.opentime.RationalTime(0, float(timeline.fps))
    pictures = schema.Track("V1", kind=schema.TrackKind.Video)
    for shot, marks in zip(timeline.shots, _marks_of_shots(timeline), strict=True):
        # Programs look for the film of an EDL's clip by the clip's name.
        name = _text(timeline.film.name if for_edl else shot.name)
        clip = _clip(otio, timeline, name, shot.start, shot.stop)
        clip.metadata[_METADATA] = {key: _text(fact) for key, fact in shot.facts.items()}
        clip.markers.extend(_marker(otio, timeline, shot, mark) for mark in marks)
        pictures.append(clip)
    made.tracks.append(pictures)
    if timeline.has_audio and not for_edl:
        sound = schema.Track("A1", kind=schema.TrackKind.Audio)
        sound.append(_clip(otio, timeline, _text(timeline.film.stem), 0, timeline.frames))
        made.tracks.append(sound)
    return made


def _clip(otio: Any, timeline: FilmTimeline, name: str, start: int, stop: int) -> Any:
    media = _media(otio, timeline)
    return otio.schema.Clip(name, media, _range(otio, timeline, start, stop))


def _media(otio: Any, timeline: FilmTimeline) -> Any:
    whole, film = _range(otio, timeline, 0, timeline.frames), timeline.film
    if not is_pattern(film):
        return otio.schema.ExternalReference(film.as_uri(), whole)
    name = NumberedName.of(film)
    return otio.schema.ImageSequenceReference(
        target_url_base=f"{film.parent.as_uri()}/",
        name_prefix=_text(name.head),
        name_suffix=_text(name.tail),
        start_frame=0,
        frame_step=1,
        rate=float(timeline.fps),
        frame_zero_padding=name.width if name.zeros else 0,
        available_range=whole,
    )


def _marks_of_shots(timeline: FilmTimeline) -> list[list[TimelineMark]]:
    """Return the marks that begin in each shot."""
    starts = [shot.start for shot in timeline.shots]
    found: list[list[TimelineMark]] = [[] for _ in timeline.shots]
    for mark in timeline.marks:
        number = bisect.bisect_right(starts, mark.start) - 1
        if number >= 0 and mark.start < timeline.shots[number].stop:
            found[number].append(mark)
    return found


def _marker(otio: Any, timeline: FilmTimeline, shot: TimelineShot, mark: TimelineMark) -> Any:
    """Return a marker, which is not longer than its shot."""
    place = _range(otio, timeline, mark.start, min(mark.stop, shot.stop))
    colour = getattr(otio.schema.MarkerColor, _COLOURS[mark.kind])
    marker = otio.schema.Marker(mark.name, place, colour, {_METADATA: {"kind": mark.kind}})
    marker.comment = _text(mark.comment)
    return marker


def _text(text: str) -> str:
    """Return a text without bytes of file names that are not UTF-8."""
    return text.encode(errors=NON_UTF8_ERRORS).decode()


def _range(otio: Any, timeline: FilmTimeline, start: int, stop: int) -> Any:
    rate, time = float(timeline.fps), otio.opentime
    first, length = time.RationalTime(start, rate), time.RationalTime(stop - start, rate)
    return time.TimeRange(first, length)
