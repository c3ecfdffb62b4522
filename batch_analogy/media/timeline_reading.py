"""Read a cut from an editing program: which parts of which videos follow each other.

OpenTimelineIO and EDLs (CMX 3600) are read. Cuts, several tracks and disabled clips are understood;
what only the editing program can make (gaps, other speeds, titles) is refused in its words.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from batch_analogy.errors import InputError, UsageError
from batch_analogy.media.media_search import MediaSearch
from batch_analogy.media.timeline_writing import EDL_SUFFIX, TIMELINE_SUFFIXES, load_otio
from batch_analogy.media.timing import snap_rate
from batch_analogy.media.video import VideoInfo, probe_video, read_start_timecode

MOST_SHOWN = 5
_MOST_FRAMES = 60  # a second, by which timecodes of every rate can be read
_SLACK_FRAMES = Fraction(1, 2)

_READERS_ERRORS = (ValueError, LookupError, TypeError, AttributeError, RuntimeError)
"""What OpenTimelineIO's readers raise for damaged files besides errors of their own."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CutClip:
    """A part of a video; times in seconds after the video's first frame, half-open."""

    name: str
    media: Path
    start: Fraction
    end: Fraction


@dataclass(frozen=True)
class _Item:
    """A clip as the timeline has it."""

    clip: Any
    at_seconds: Fraction  # in the timeline

    @property
    def label(self) -> str:
        """Name the clip to a person."""
        return f"clip {self.clip.name!r} at {float(self.at_seconds):.2f} s"


def is_timeline(path: str | Path) -> bool:
    """Return whether a path is that of a timeline, by its ending.

    >>> is_timeline("cut.otio"), is_timeline("clip.mp4")
    (True, False)
    """
    return Path(path).suffix.lower() in TIMELINE_SUFFIXES


def read_cut(path: Path, media_dir: Path | None = None) -> tuple[list[CutClip], list[VideoInfo]]:
    """Read the clips of a timeline, in its order.

    Args:
        path: the timeline.
        media_dir: a folder in which its videos are looked for first; then they are looked for where
            the timeline says, and beside it.

    Returns:
        The clips, and the properties of each clip's video.

    Raises:
        UsageError: the file does not exist.
        InputError: it cannot be read, or holds what is no part of a video; all such places are
            named.
        MachineError: the extra is not installed.
    """
    otio, search = load_otio(path), MediaSearch(path.parent, media_dir)
    items, problems = _items(otio, path, search)
    probed: dict[Path, VideoInfo] = {}
    clips: list[CutClip] = []
    for item in items:
        try:
            clip = _cut_clip(otio, item, search, probed)
        except (InputError, UsageError) as error:
            problems.append(str(error))
        else:
            clips.append(clip)
    if problems:
        shown = "; ".join(dict.fromkeys(problems[:MOST_SHOWN]))
        rest = len(problems) - MOST_SHOWN
        raise InputError(f"{path}: {shown}" + (f"; … and {rest} more" if rest > 0 else ""))
    if not clips:
        raise InputError(f"{path} has no clips in its video tracks; export the timeline again")
    return clips, [probed[clip.media] for clip in clips]


def _items(otio: Any, path: Path, search: MediaSearch) -> tuple[list[_Item], list[str]]:
    """Return the clips that are seen, and what is wrong with the timeline."""
    timeline = _only_timeline(otio, path, _load(otio, path, search))
    tracks = [t for t in timeline.video_tracks() if t.enabled and len(t)]
    plain = [_plain(otio, path, track, search) for track in tracks]
    if not plain:
        return [], []
    seen = plain[0] if len(plain) == 1 else otio.algorithms.flatten_stack(plain)
    return _walk(otio, seen)


def _walk(otio: Any, track: Any) -> tuple[list[_Item], list[str]]:
    """Sort the children of a track into clips and what cannot be made."""
    items: list[_Item] = []
    problems: list[str] = []
    gap: tuple[Fraction, Fraction] | None = None
    at = Fraction(0)
    for child in track:
        try:
            length = _seconds(child.trimmed_range().duration)
        except InputError as error:
            problems.append(f"the length of {child.name!r} at {float(at):.2f} s: {error}")
            continue
        if isinstance(child, otio.schema.Gap):
            begin, before = gap or (at, Fraction(0))
            gap = (begin, before + length)
            at += length
            continue
        if gap is not None and items:
            problems.append(
                f"there is a gap of {float(gap[1]):.2f} s at {float(gap[0]):.2f} s; close it, or "
                "fill it"
            )
        gap, item = None, _Item(child, at)
        if isinstance(child, otio.schema.Clip):
            items.append(item)
        else:
            problems.append(f"{item.label} is made of others (a compound clip); take it apart")
        at += length
    return items, problems


def _plain(otio: Any, path: Path, track: Any, search: MediaSearch) -> Any:
    """Return a copy of a track that can be laid over others.

    Transitions are cuts in it, disabled clips are gaps, and every clip has a length.
    """
    plain = copy.deepcopy(track)
    for place in reversed(range(len(plain))):
        child = plain[place]
        if isinstance(child, otio.schema.Transition):
            _log.warning(
                "%s: the transition %r becomes a cut; make it again in the editing program",
                path,
                child.name or child.transition_type,
            )
            del plain[place]
            continue
        _ensure_length(otio, path, child, search)
        if not child.enabled:
            plain[place] = otio.schema.Gap(duration=child.trimmed_range().duration)
    return plain


def _ensure_length(otio: Any, path: Path, child: Any, search: MediaSearch) -> None:
    """Let a clip without any range show its whole video.

    Raises:
        InputError: its video is missing, or it is no clip.
    """
    try:
        child.trimmed_range()
    except otio.exceptions.OTIOError as error:
        if not isinstance(child, otio.schema.Clip):
            raise InputError(f"{path}: {child.name!r} has no length; export it again") from error
        try:
            info = probe_video(search.find(child))
        except InputError as missing:
            raise InputError(f"{path}: {missing}") from missing
        time, rate = otio.opentime, float(info.fps)
        whole = time.RationalTime(info.frame_count, rate)
        child.source_range = time.TimeRange(time.RationalTime(0, rate), whole)


def _load(otio: Any, path: Path, search: MediaSearch) -> Any:
    """Read the file; the timecodes of an EDL count frames at the rate of its videos."""
    if not path.is_file():
        raise UsageError(f"{path} does not exist; give a timeline, a video or a folder")
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        if path.suffix.lower() != EDL_SUFFIX:
            return otio.adapters.read_from_string(text, "otio_json")
        names = otio.adapters.read_from_string(text, "cmx_3600", rate=_MOST_FRAMES)
        rate = _rate_of(otio, path, names, search)
        return otio.adapters.read_from_string(text, "cmx_3600", rate=rate)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (otio.exceptions.OTIOError, *_READERS_ERRORS) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read as a timeline ({reason}); export it again, as OpenTimelineIO "
            "if the program can"
        ) from error


def _rate_of(otio: Any, path: Path, timeline: Any, search: MediaSearch) -> float:
    """Return the rate of the first video that an EDL names.

    Raises:
        InputError: none of them is found, or no timecode has its rate.
    """
    named = [clip for track in timeline.video_tracks() for clip in track.find_clips()]
    for clip in named:
        try:
            fps = probe_video(search.find(clip)).fps
        except (InputError, UsageError):
            continue
        if not otio.opentime.RationalTime.is_smpte_timecode_rate(float(fps)):
            raise InputError(
                f"{path}: its videos have {float(fps):.6g} frames/s, for which there are no "
                "timecodes; export the timeline as OpenTimelineIO"
            )
        return float(fps)
    if named:
        raise InputError(f"{path}: {search.describe_missing(named[0])}")
    return 24.0


def _only_timeline(otio: Any, path: Path, loaded: Any) -> Any:
    if isinstance(loaded, otio.schema.Timeline):
        return loaded
    inside = list(loaded) if isinstance(loaded, otio.schema.SerializableCollection) else []
    found = [one for one in inside if isinstance(one, otio.schema.Timeline)]
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} timelines" if found else "no timeline"
    raise InputError(f"{path} holds {what}; export one timeline alone")


def _cut_clip(
    otio: Any, item: _Item, search: MediaSearch, probed: dict[Path, VideoInfo]
) -> CutClip:
    """Return which part of which video a clip shows.

    Raises:
        InputError: it shows anything else, or the video is missing.
        UsageError: the video is missing.
    """
    clip, problem = item.clip, next(_refused(otio, item), None)
    if problem is not None:
        raise InputError(problem)
    media = search.find(clip)
    info = probed.get(media)
    if info is None:
        info = probed[media] = probe_video(media)
    start, end = _range_of(otio, clip, media, info)
    if start < 0 or end > info.times.duration + _SLACK_FRAMES / info.fps:
        raise InputError(
            f"{item.label} shows {float(start):.2f} s to {float(end):.2f} s of {media}, which "
            f"lasts {float(info.times.duration):.2f} s; give the video that was cut, by --media"
        )
    return CutClip(clip.name, media, start, end)


def _refused(otio: Any, item: _Item) -> Iterator[str]:
    """Yield why a clip cannot be made from a video, if so."""
    schema, media = otio.schema, item.clip.media_reference
    for effect in item.clip.effects:
        if isinstance(effect, schema.FreezeFrame):
            yield f"{item.label} is a freeze frame; render it, or take the effect away"
        elif isinstance(effect, schema.LinearTimeWarp) and effect.time_scalar != 1:
            percent = f"{100 * effect.time_scalar:g} % of its speed"
            yield f"{item.label} is played at {percent}; render it, or take the effect away"
        elif isinstance(effect, schema.TimeEffect) and not hasattr(effect, "time_scalar"):
            yield f"{item.label} is played at another speed; render it, or take the effect away"
    if isinstance(media, schema.GeneratorReference):
        yield f"{item.label} is made by the editing program; render it, or take it out"
    if isinstance(media, schema.ImageSequenceReference):
        yield f"{item.label} is a sequence of pictures; give their folder instead, or render it"


def _range_of(otio: Any, clip: Any, media: Path, info: VideoInfo) -> tuple[Fraction, Fraction]:
    """Return the part of a video that a clip shows, in seconds after the video's first frame."""
    reference = clip.media_reference
    available = None if reference is None else reference.available_range
    if clip.source_range is None and available is None:
        return Fraction(0), info.times.duration
    shown = clip.trimmed_range()
    start, length = _seconds(shown.start_time), _seconds(shown.duration)
    if available is not None:
        start -= _seconds(available.start_time)
    else:
        start -= _timecode_seconds(otio, media, info, start)
    return start, start + length


def _timecode_seconds(otio: Any, media: Path, info: VideoInfo, start: Fraction) -> Fraction:
    """Return the timecode of a video's first frame, in seconds, if a clip's times include it."""
    code = read_start_timecode(media)
    rate = otio.opentime.RationalTime.nearest_smpte_timecode_rate(float(info.fps))
    if code is None or not rate:
        return Fraction(0)
    try:
        first = _seconds(otio.opentime.from_timecode(code, rate))
    except ValueError:
        return Fraction(0)
    return first if start >= first else Fraction(0)


def _seconds(time: Any) -> Fraction:
    """Return a time of OpenTimelineIO in exact seconds.

    Raises:
        InputError: it is none.
    """
    if not (math.isfinite(time.value) and math.isfinite(time.rate) and time.rate > 0):
        raise InputError(f"{time.value} at {time.rate} a second is no time; export it again")
    value = Fraction(time.value).limit_denominator(1_000_000)
    return value / snap_rate(Fraction(time.rate).limit_denominator(100_000))


def unique_media(clips: Sequence[CutClip]) -> list[Path]:
    """Return the videos of clips, each once, in the order of their first use."""
    return list(dict.fromkeys(clip.media for clip in clips))
