"""Join the files of one recording: their times as one, and their sound as one input of ffmpeg."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import logging
import math
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from batch_analogy.errors import InputError
from batch_analogy.media.ffmpeg import FILES_ONLY, as_url
from batch_analogy.media.timing import FrameTimes, TimeRange
from batch_analogy.media.video import VideoInfo, probe_video

_log = logging.getLogger(__name__)


def probe_videos(paths: Sequence[Path]) -> VideoInfo:
    """Read the properties of a video that lies in one file or in several.

    Raises:
        UsageError: a file does not exist.
        InputError: one cannot be read or decoded, or the files differ in size, rate or colours.
        MachineError: no ffmpeg was found.
    """
    parts = [probe_video(path) for path in paths]
    return parts[0] if len(parts) == 1 else join_videos(parts)


def join_videos(parts: Sequence[VideoInfo]) -> VideoInfo:
    """Return the properties of the parts played one after the other, without a gap.

    Raises:
        InputError: they differ in size, rate or colours.
    """
    first = parts[0]
    for part in parts[1:]:
        _require_alike(first, part)
    times = join_times(list(zip(part_starts(parts), (part.times for part in parts), strict=True)))
    fps, variable = times.rate(() if first.variable_rate else (first.fps,))
    same_sound = all(_tracks(part) == _tracks(first) for part in parts)
    if not same_sound:
        _log.warning(
            "the files from %s to %s have different sound tracks, so a film of them has no sound",
            first.path,
            parts[-1].path,
        )
    return dataclasses.replace(
        first,
        fps=fps,
        times=times,
        variable_rate=variable,
        has_pts=all(part.has_pts for part in parts),
        sounds=first.sounds if same_sound else (),
        subtitle_codecs=first.subtitle_codecs if same_sound else (),
        parts=tuple(parts),
    )


def clip_of(info: VideoInfo, time_range: TimeRange) -> VideoInfo:
    """Return a part of a video as if it were a video of its own.

    Raises:
        InputError: no frame begins in the range.
    """
    times = info.times.within(time_range)
    if not times.ticks:
        raise InputError(
            f"{info.path} has no frame between {float(time_range.start or 0):.3f} s and "
            f"{float(time_range.end or 0):.3f} s; give a longer clip"
        )
    low, _ = info.times.tick_range(time_range)
    first = next(tick for tick in info.times.ticks if tick >= low)
    return dataclasses.replace(
        info, times=times, file_times=info.times, clip_start=first * info.times.tick
    )


def join_clips(clips: Sequence[VideoInfo]) -> VideoInfo:
    """Return the properties of clips played one after the other, without sound.

    Raises:
        InputError: they differ in size, rate or colours.
    """
    silent = [dataclasses.replace(one, sounds=(), subtitle_codecs=()) for one in clips]
    return join_videos(silent)


def in_file(clip: VideoInfo, time_range: TimeRange) -> tuple[VideoInfo, TimeRange]:
    """Return the file of a clip, and where a range of the clip lies in it."""
    if clip.file_times is None:
        return clip, time_range
    start, end = time_range.start or Fraction(0), clip.times.duration
    if time_range.end is not None:
        end = min(end, time_range.end)
    whole = dataclasses.replace(clip, times=clip.file_times, file_times=None)
    return whole, TimeRange(clip.clip_start + start, clip.clip_start + end)


def part_starts(parts: Sequence[VideoInfo]) -> list[Fraction]:
    """Return when the first frame of each part is shown, in seconds after the first of all."""
    durations = [_exact_duration(part) for part in parts]
    return list(itertools.accumulate(durations[:-1], initial=Fraction(0)))


def join_times(pieces: Sequence[tuple[Fraction, FrameTimes]]) -> FrameTimes:
    """Join the times of parts.

    Args:
        pieces: of each part the seconds at which its first frame is shown, and its times.

    >>> two = FrameTimes(Fraction(1, 10), (0, 1), 2)
    >>> join_times([(Fraction(0), two), (Fraction(1, 5), two)]).ticks
    (0, 1, 2, 3)
    """
    tick = pieces[0][1].tick
    for start, times in pieces:
        tick = _common(_common(tick, times.tick), start)
    ticks: list[int] = []
    last = 0
    for start, times in pieces:
        offset, factor = int(start / tick), int(times.tick / tick)
        ticks += [offset + value * factor for value in times.ticks]
        last = (times.end - times.ticks[-1]) * factor
    return FrameTimes.of_ticks(tick, ticks, last)


def as_input(info: VideoInfo) -> list[str]:
    """Return ffmpeg's input options for the sound and subtitles of a video in one or more files.

    Several files are given as a script of its ``concat`` reader, inside the command itself. The
    script tells when each file begins, so that its sound stays with its frames.
    """
    if not info.parts:
        return [*FILES_ONLY, "-i", as_url(info.path)]
    starts = [*file_starts(info), None]
    lines = [b"ffconcat version 1.0"]
    for part, (start, stop) in zip(info.parts, itertools.pairwise(starts), strict=True):
        last = _exact_duration(part) + Fraction(part.start_seconds)
        seconds = last if start is None or stop is None else stop - start
        name = os.fsencode(as_url(part.path)).replace(b"'", b"'\\''")
        lines += [b"file '" + name + b"'", b"duration %.6f" % float(seconds)]
    script = base64.b64encode(b"\n".join(lines)).decode()
    reader = ["-f", "concat", "-safe", "0", "-protocol_whitelist", "file,data"]
    return [*reader, "-i", f"data:text/plain;base64,{script}"]


def file_starts(info: VideoInfo) -> list[Fraction]:
    """Return when each part's file begins, in seconds after the first file's begin.

    A file may begin before its first frame, with sound.
    """
    begin = Fraction(info.start_seconds)
    starts = zip(part_starts(info.parts), info.parts, strict=True)
    return [begin + start - Fraction(part.start_seconds) for start, part in starts]


def _exact_duration(part: VideoInfo) -> Fraction:
    """Return the duration without the rounding of the file's clock, which parts would add up."""
    return part.times.duration if part.variable_rate else part.frame_count / part.fps


def _common(one: Fraction, other: Fraction) -> Fraction:
    """Return the largest tick of which both are multiples."""
    if not other:
        return one
    shared = math.gcd(one.numerator * other.denominator, other.numerator * one.denominator)
    return Fraction(shared, one.denominator * other.denominator)


def _tracks(info: VideoInfo) -> tuple[object, ...]:
    return info.sounds, info.subtitle_codecs


def _require_alike(first: VideoInfo, other: VideoInfo) -> None:
    described = [
        f"{info.path} is {info.width}×{info.height} px, {float(info.fps):.3f} frames/s, "
        f"{info.tags.pixel_format}"
        for info in (first, other)
    ]
    same_rate = abs(first.fps / other.fps - 1) < Fraction(1, 100)
    size = (first.height, first.width) == (other.height, other.width)
    if not (size and same_rate and first.tags == other.tags):
        raise InputError(
            f"the videos are not parts of one recording: {described[0]}; {described[1]}. Give "
            "those of one recording, or convert them to one size, rate and format"
        )
