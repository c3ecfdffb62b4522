"""Extract the frames of a video into the run folder, again if they are gone."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import PlanChangedError, UsageError
from batch_analogy.jobs.events import OnEvent, PlanProgress
from batch_analogy.jobs.plan.fingerprints import (
    FileFingerprint,
    fingerprint_file,
    join_fingerprints,
)
from batch_analogy.jobs.plan.kept_videos import video_at_hand, videos_kept_of
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.plan.survey import VideoFrames
from batch_analogy.jobs.plan.video_properties import (
    ClipRange,
    VideoProperties,
    describe_time_range,
    probe_files,
)
from batch_analogy.jobs.store import RunStore
from batch_analogy.json_files import read_json, write_json
from batch_analogy.media.extract import ExtractedFrames, extract_frames
from batch_analogy.media.joined_video import clip_of, join_clips, part_starts, probe_videos
from batch_analogy.media.light_levels import read_light_levels
from batch_analogy.media.picture_formats import FRAME_FORMAT
from batch_analogy.media.recordings import find_videos
from batch_analogy.media.timeline_reading import is_timeline, read_cut, unique_media
from batch_analogy.media.timing import FrameTimes, TimeRange, parse_time
from batch_analogy.media.video import VideoInfo, check_readable


def open_video(
    config: RunConfig, store: RunStore, previous: Plan | None, *, overwrite: bool, on_event: OnEvent
) -> VideoFrames | None:
    """Extract the frames of the source if it is a video; return None if it is not.

    Args:
        config: the run, whose source is a folder, a glob, or a video and the wanted part of it.
        store: the run folder, locked.
        previous: the plan in it; if that is of the same part of the video, nothing is extracted.
        overwrite: whether another video may replace the one of the run folder.
        on_event: called with the progress of the extraction.

    Raises:
        UsageError: the video or the part does not exist, or the source is pictures and a part was
            asked for.
        PlanChangedError: the folder is of another video or part; nothing was extracted.
        InputError: the video cannot be decoded.
    """
    kept = videos_kept_of(config, previous, store)
    if previous is not None and kept:
        found = _Found(_probe(kept, config), list(previous.video_files), (), str(config.source))
    elif (looked := _find(config, previous.video_files if previous else ())) is None:
        return None
    else:
        found = looked
    info, fingerprint = found.info, found.fingerprint
    time_range = _time_range(config, info)
    if previous and previous.video and previous.video.blake2b == fingerprint.blake2b:
        before = previous.video_properties
        if before and (before.time_range, before.colours) == (time_range, info.colours):
            paths = (str(store.input / Path(frame.source).name) for frame in previous.frames)
            times = None
            if not before.constant_rate:
                times = tuple(Fraction(frame.time or 0) for frame in previous.frames)
            size = (info.height, info.width)
            more = found.recordings
            return VideoFrames(fingerprint, more, tuple(paths), *size, before.fps, before, times)
    if previous is not None and not overwrite:
        _refuse_another(info, time_range, fingerprint, previous, store)
    frames = _extract(info, fingerprint, time_range, store, on_event)
    paths_now = tuple(map(str, frames.paths))
    properties = _properties(found, frames.times, frames.begin, time_range)
    return _video_frames(found, paths_now, properties, frames.times)


def guess_video(config: RunConfig) -> VideoFrames | None:
    """Return the frames that a video's header announces, for a dry run; nothing is written.

    Returns:
        The frames; None if the source is not a video.

    Raises:
        UsageError: as for ``open_video``.
        InputError: the video cannot be decoded.
    """
    found = _find(config, ())
    if found is None:
        return None
    time_range = _time_range(config, found.info)
    times = found.info.times.within(time_range)
    paths = tuple(FRAME_FORMAT.file_name(index) for index in range(len(times.ticks)))
    properties = _properties(found, times, Fraction(0), time_range)
    guessed = _video_frames(found, paths, properties, times)
    return dataclasses.replace(guessed, estimated=True)


def ensure_video_frames(plan: Plan, store: RunStore, on_event: OnEvent) -> None:
    """Extract the frames of a video again if some are gone; they are deleted once the film is made.

    Raises:
        InputError: the video cannot be decoded any more.
    """
    if plan.video is None or all(Path(frame.source).is_file() for frame in plan.frames):
        return
    files: list[FileFingerprint] = []
    videos: list[Path] = []
    for part, file in enumerate(plan.video_files):
        found = video_at_hand(file, store, part)
        files += [file] if found else _fingerprints([Path(file.path)], ())
        videos.append(found or Path(file.path))
    fingerprint = _joint(files, plan.clips, plan.video.path)
    info = probe_files(videos, plan.clips).keeping_hdr(plan.colours.is_hdr)
    _extract(info, fingerprint, plan.time_range, store, on_event)


def _videos_of(config: RunConfig) -> list[Path]:
    """Return the files of the video; none if the source is pictures."""
    videos = find_videos(config.source, config.files)
    if videos:
        return videos
    if config.start is not None or config.end is not None:
        raise UsageError(
            f"--start and --end are for videos, and {config.source} is not one: give a "
            "pattern that picks the pictures, or leave some out in plan.json"
        )
    return []


@dataclass(frozen=True)
class _Found:
    """The video of a run: its files, and of a timeline the clips of them."""

    info: VideoInfo
    files: list[FileFingerprint]
    clips: tuple[ClipRange, ...]
    path: str

    @property
    def fingerprint(self) -> FileFingerprint:
        return _joint(self.files, self.clips, self.path)

    @property
    def recordings(self) -> tuple[FileFingerprint, ...]:
        """The files, unless the video lies in one as a whole."""
        return tuple(self.files) if self.clips or len(self.files) > 1 else ()


def _find(config: RunConfig, known: Sequence[FileFingerprint]) -> _Found | None:
    """Find the video of a run; return None if its source is pictures."""
    if is_timeline(config.source):
        return _find_clips(config, known)
    videos = _videos_of(config)
    if not videos:
        return None
    files = _fingerprints(videos, known)
    return _Found(_probe(videos, config), files, (), files[0].path)


def _probe(videos: Sequence[Path], config: RunConfig) -> VideoInfo:
    return probe_videos(videos).keeping_hdr(config.keeps_hdr)


def _find_clips(config: RunConfig, known: Sequence[FileFingerprint]) -> _Found:
    """Find the videos of a timeline.

    Raises:
        UsageError: the timeline does not exist, or the film would replace one of its videos.
        InputError: the timeline cannot be made, or its videos do not fit together.
    """
    source = Path(config.source)
    clips, infos = read_cut(source, config.media_dir)
    videos = unique_media(clips)
    for video in videos:
        if os.path.realpath(video) == os.path.realpath(config.output):
            raise UsageError(f"output {video} is a video of the timeline; name another file")
    pairs = zip(clips, infos, strict=True)
    parts = [clip_of(info, TimeRange(clip.start, clip.end)) for clip, info in pairs]
    joined = join_clips(parts).keeping_hdr(config.keeps_hdr)
    time_range = _time_range(config, joined)
    counts = [
        len(part.times.within(time_range.after(start)).ticks)
        for part, start in zip(joined.parts, part_starts(joined.parts), strict=True)
    ]
    ranges = tuple(
        ClipRange(videos.index(clip.media), clip.start, clip.end, count)
        for clip, count in zip(clips, counts, strict=True)
    )
    return _Found(joined, _fingerprints(videos, known), ranges, str(source))


def _fingerprints(
    videos: Sequence[Path], known: Sequence[FileFingerprint]
) -> list[FileFingerprint]:
    for video in videos:
        check_readable(video)
    before = {file.path: file for file in known}
    return [fingerprint_file(video, before) for video in videos]


def _joint(
    files: Sequence[FileFingerprint], clips: Sequence[ClipRange], path: str
) -> FileFingerprint:
    """Return the fingerprint of a video in one file or in several, or of clips of them."""
    if not clips:
        return files[0] if len(files) == 1 else join_fingerprints(files[0].path, files)
    whole = join_fingerprints(path, files)
    cut = " ".join(f"{one.file} {one.start} {one.end}" for one in clips)
    content = hashlib.blake2b(f"{whole.blake2b} {cut}".encode(), digest_size=20)
    return FileFingerprint(path, whole.bytes, whole.mtime_ns, content.hexdigest())


def _time_range(config: RunConfig, info: VideoInfo) -> TimeRange:
    """Return the part of the video that was asked for.

    Raises:
        UsageError: a time cannot be read, or the part contains no frame.
    """
    texts = (config.start, config.end)
    start, end = (None if text is None else parse_time(text, info.fps) for text in texts)
    time_range = TimeRange(start, end)
    if not info.times.within(time_range).ticks:
        asked = describe_time_range(time_range)
        raise UsageError(
            f"{info.path} lasts {float(info.times.duration):.3f} s; there is no frame in "
            f"{asked}: give --start and --end that lie within it, the start first"
        )
    return time_range


def _properties(
    found: _Found, times: FrameTimes, start: Fraction, time_range: TimeRange
) -> VideoProperties:
    info = found.info
    fps, varies = times.rate(() if info.variable_rate else (info.fps,))
    return VideoProperties(
        fps=fps,
        start=start,
        duration=times.duration,
        colours=info.colours,
        from_hdr=info.tags.is_hdr and not info.keeps_hdr,
        light_levels=read_light_levels((info.parts or (info,))[0].path) if info.keeps_hdr else None,
        time_range=time_range,
        constant_rate=not varies,
        high_bit_depth=info.tags.is_deep,
        has_alpha=info.tags.has_alpha,
        has_soundtrack=bool(info.audio_codecs or info.subtitle_codecs),
        clips=found.clips,
        created=info.created,
    )


def _video_frames(
    found: _Found,
    paths: tuple[str, ...],
    properties: VideoProperties,
    times: FrameTimes,
) -> VideoFrames:
    seconds = None if properties.constant_rate else tuple(times.seconds)
    return VideoFrames(
        found.fingerprint,
        found.recordings,
        paths,
        found.info.height,
        found.info.width,
        properties.fps,
        properties,
        seconds,
    )


def _refuse_another(
    info: VideoInfo,
    time_range: TimeRange,
    fingerprint: FileFingerprint,
    previous: Plan,
    store: RunStore,
) -> None:
    if previous.video and previous.video.blake2b == fingerprint.blake2b:
        before = describe_time_range(previous.time_range)
        what = f"{before}, not with {describe_time_range(time_range)}"
        if previous.time_range == time_range:
            what = f"the colours {previous.colours}, not with {info.colours}"
    else:
        what = f"other frames than those of {info.path}"
    raise PlanChangedError(
        f"the run in {store.run_dir} was begun with {what}. Use --overwrite to start afresh, or "
        "name another folder with --run-dir"
    )


def _extract(
    info: VideoInfo,
    fingerprint: FileFingerprint,
    time_range: TimeRange,
    store: RunStore,
    on_event: OnEvent,
) -> ExtractedFrames:
    owner = read_json(store.input_record) or {}
    if owner.get("video_blake2b") != fingerprint.blake2b:
        store.clear_input()
        write_json(
            store.input_record, {"video": fingerprint.path, "video_blake2b": fingerprint.blake2b}
        )
    report = _reporter(on_event, len(info.times.within(time_range).ticks))
    return extract_frames(info, store.input, on_frame=report, time_range=time_range)


def _reporter(on_event: OnEvent, total: int) -> Callable[[int], None]:
    def report(done: int) -> None:
        on_event(PlanProgress("extracting", done, total))

    return report
