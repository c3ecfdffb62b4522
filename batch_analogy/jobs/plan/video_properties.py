"""The properties of a video that a run records besides its frames."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import msgspec

from batch_analogy.media.colour_tags import ColourSpace
from batch_analogy.media.joined_video import clip_of, join_clips, probe_videos
from batch_analogy.media.light_levels import LightLevels
from batch_analogy.media.timing import WHOLE_VIDEO, TimeRange
from batch_analogy.media.video import VideoInfo, probe_video


class ClipRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A clip of a timeline."""

    file: int  # which of the plan's video files it is a part of
    start: Fraction  # seconds after the file's first frame
    end: Fraction
    frames: int  # number of them that are styled


class VideoProperties(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of a video that is styled, and how its frames are shown; times in exact seconds."""

    fps: Fraction  # an average if frames have times of their own
    start: Fraction  # time of the first frame in the file; the sound starts there
    duration: Fraction  # of all frames
    colours: ColourSpace
    light_levels: LightLevels | None = None  # of HDR that is kept
    from_hdr: bool = False  # HDR was mapped to these colours
    time_range: TimeRange = WHOLE_VIDEO  # what was asked for
    constant_rate: bool = True
    high_bit_depth: bool = False  # the frames have more than 8 bits a channel
    has_alpha: bool = False  # the frames may be transparent
    has_soundtrack: bool = False  # there is sound, or there are subtitles
    created: str | None = None  # when the recording began, in ISO 8601
    clips: tuple[ClipRange, ...] = ()  # of a timeline, in its order; (): it is none


def probe_files(paths: Sequence[Path], clips: Sequence[ClipRange] = ()) -> VideoInfo:
    """Read the properties of a video that lies in one file or in several, or of clips of them.

    Raises:
        UsageError: a file does not exist.
        InputError: one cannot be decoded, or they do not fit together.
        MachineError: no ffmpeg was found.
    """
    if not clips:
        return probe_videos(paths)
    infos = [probe_video(path) for path in paths]
    return join_clips([clip_of(infos[c.file], TimeRange(c.start, c.end)) for c in clips])


def describe_time_range(time_range: TimeRange) -> str:
    """Describe a part of a video in words.

    >>> describe_time_range(WHOLE_VIDEO), describe_time_range(TimeRange(end=Fraction(5, 2)))
    ('the whole video', 'its part from the beginning to 2.5 s')
    """
    start, end = (
        None if t is None else f"{float(t):g} s" for t in (time_range.start, time_range.end)
    )
    if start is None and end is None:
        return "the whole video"
    return f"its part from {start or 'the beginning'} to {end or 'the end'}"
