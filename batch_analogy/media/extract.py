"""The frames of a video as pictures on disk, with their times."""

from __future__ import annotations

import json
import logging
import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from batch_analogy.errors import InputError
from batch_analogy.files import TEMPORARY_PREFIX, atomic_write_text, disk_errors, temporary_path
from batch_analogy.media.colour_tags import decode_filter, raw_format
from batch_analogy.media.ffmpeg import FfmpegPipe, as_url, last_lines
from batch_analogy.media.stills import Depth, FloatPixels, Uint8Pixels, write_png
from batch_analogy.media.timing import WHOLE_VIDEO, FrameTimes, TimeRange
from batch_analogy.media.video import FILES_ONLY, VideoInfo, check_readable

MARKER_NAME = "complete.json"

_WRITERS = 4
_WAITING_FRAMES = 8
_READ_ON_SECONDS = 1.0  # past the end: the filter stops at the right frame, this saves the rest
_LEAST_APART_SECONDS = Fraction(1, 500)  # frames nearer than this would share a time in a .mkv

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExtractedFrames:
    """Pictures of a video's frames."""

    paths: list[Path]  # in order
    times: FrameTimes  # after the first of them
    begin: Fraction  # when that one is shown, in seconds after the file's beginning


def extract_frames(
    info: VideoInfo,
    folder: Path,
    on_frame: Callable[[int], None] | None = None,
    *,
    time_range: TimeRange = WHOLE_VIDEO,
) -> ExtractedFrames:
    """Decode a video once, from beginning to end, into one PNG a frame.

    Frames of more than 8 bits a channel become PNGs of 16. No frame is repeated or dropped to
    even out a varying rate. Transparency is laid over white. A folder that an earlier call
    completed for the same file and time_range is used as it is; an incomplete one is begun again.

    Args:
        info: the video, from ``probe_video``.
        folder: where ``000000.png``, ``000001.png`` … are written, and last the marker.
        on_frame: called with the number of frames written so far.
        time_range: the part that is wanted.

    Returns:
        The frames and when they are shown.

    Raises:
        InputError: the video is missing, has changed, cannot be decoded or has no frame there.
        OutputDiskError: the disk is full, read-only or closed to this user.
    """
    check_readable(info.path)
    marker, identity = folder / MARKER_NAME, _identity(info, time_range)
    if (found := _completed(marker, identity, folder)) is not None:
        return found
    if info.tags.is_hdr:
        _log.warning("%s is HDR; its frames and the film are brought to BT.709 (SDR)", info.path)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        marker.unlink(missing_ok=True)
        for pattern in ("[0-9]*.png", f"{TEMPORARY_PREFIX}*"):
            for stale in folder.glob(pattern):
                stale.unlink()
    frames = _decode_into(info, folder, time_range, on_frame)
    times = frames.times
    facts = {"tick": str(times.tick), "ticks": times.ticks, "last": times.end}
    content = {**identity, **facts, "begin": str(frames.begin), "frames": len(frames.paths)}
    atomic_write_text(marker, json.dumps(content) + "\n")
    return frames


def _identity(info: VideoInfo, time_range: TimeRange) -> dict[str, Any]:
    try:
        stat = info.path.stat()
    except OSError as error:
        raise InputError(f"cannot read {info.path}: {error.strerror or error}") from error
    return {
        "source": str(info.path.resolve()),
        "bytes": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "start": str(time_range.start),
        "end": str(time_range.end),
    }


def _completed(marker: Path, identity: dict[str, Any], folder: Path) -> ExtractedFrames | None:
    """What an earlier call left: None if it was of something else or a frame is gone."""
    try:
        stored = json.loads(marker.read_text())
        if any(stored[name] != value for name, value in identity.items()):
            return None
        times = FrameTimes(Fraction(stored["tick"]), tuple(stored["ticks"]), stored["last"])
        begin = Fraction(stored["begin"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    paths = [_frame_path(folder, index) for index in range(len(times.ticks))]
    whole = all(path.is_file() for path in paths)
    return ExtractedFrames(paths, times, begin) if whole else None


def _frame_path(folder: Path, index: int) -> Path:
    return folder / f"{index:06d}.png"


def _decode_into(
    info: VideoInfo, folder: Path, time_range: TimeRange, on_frame: Callable[[int], None] | None
) -> ExtractedFrames:
    """Decode through a pipe, so that ffmpeg dies with this process and writes no picture itself."""
    shown = info.times.within(time_range)
    if not shown.ticks:
        raise InputError(
            f"{info.path} has no frame in the part that was asked for; it lasts "
            f"{float(info.times.duration):.3f} s"
        )
    pixel_format = raw_format(info.tags)
    layout = np.dtype("<u2") if info.tags.is_deep else np.dtype(np.uint8)
    shape = (info.height, info.width, 4 if info.tags.has_alpha else 3)
    depth: Depth = 16 if info.tags.is_deep else 8
    frame_bytes = info.height * info.width * shape[2] * layout.itemsize
    listing = temporary_path(folder / "times.txt")
    command = _decode_command(info, time_range, pixel_format, listing)
    paths: list[Path] = []
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(_WRITERS) as writers, FfmpegPipe(command, reads=True) as pipe:
        while len(data := pipe.stream.read(frame_bytes)) == frame_bytes:
            pixels = np.frombuffer(data, layout).reshape(shape)
            paths.append(_frame_path(folder, len(paths)))
            waiting.append(writers.submit(_write_frame, paths[-1], pixels, depth))
            if len(waiting) >= _WAITING_FRAMES:
                waiting.popleft().result()
            if on_frame is not None:
                on_frame(len(paths))
        for write in waiting:
            write.result()
    if pipe.code != 0 or not paths:
        raise InputError(
            f"{info.path} could be decoded only up to frame {len(paths)} "
            f"({last_lines(pipe.messages)}); check that the copy is whole"
        )
    _tell_damage(info, len(shown.ticks) - len(paths), pipe.messages)
    times, begin = _read_times(listing, shown, len(paths), info, time_range)
    listing.unlink(missing_ok=True)
    return ExtractedFrames(paths, times, begin)


def _decode_command(
    info: VideoInfo, time_range: TimeRange, pixel_format: str, listing: Path
) -> list[str]:
    limit = []
    if time_range.end is not None:
        limit = ["-t", f"{info.start_seconds + float(time_range.end) + _READ_ON_SECONDS:.3f}"]
    command = ["-v", "error", *FILES_ONLY, *limit, *info.decoder, "-i", as_url(info.path)]
    command += ["-map", "0:V:0"]
    chain = decode_filter(info.tags, info.height, info.width)
    command += ["-vf", f"{_chosen(info.times, time_range)}{chain}", "-fps_mode", "passthrough"]
    command += ["-enc_time_base", "demux", "-stats_enc_pre", as_url(listing)]
    command += ["-stats_enc_pre_fmt", "{pts} {tb}"]
    return [*command, "-f", "rawvideo", "-pix_fmt", pixel_format, "pipe:1"]


def _chosen(times: FrameTimes, time_range: TimeRange) -> str:
    """The filter that lets only the time_range's frames through, by their exact ticks."""
    first, stop = times.tick_range(time_range)
    upper = "" if stop is None else f"*lt(pts-start_pts,{stop})"
    if not first and not upper:
        return ""
    return f"select='gte(pts-start_pts,{first}){upper}',"


def _write_frame(path: Path, pixels: Any, depth: Depth) -> None:
    """Write a decoded frame: (H, W, 3 or 4), 8 or 16 bits."""
    ready: Uint8Pixels | FloatPixels = pixels
    if depth == 16 or pixels.shape[2] == 4:
        ready = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    if pixels.shape[2] == 4:
        opacity = ready[..., 3:]
        ready = ready[..., :3] * opacity + (np.float32(1.0) - opacity)
    write_png(path, ready, depth)


def _tell_damage(info: VideoInfo, lost: int, messages: str) -> None:
    if messages.strip() or lost > 0:
        frames = f"; {lost} of its frames are lost" if lost > 0 else ""
        _log.warning("%s is damaged in places%s (%s)", info.path, frames, last_lines(messages))


def _read_times(
    listing: Path, shown: FrameTimes, count: int, info: VideoInfo, time_range: TimeRange
) -> tuple[FrameTimes, Fraction]:
    """When the decoded frames are shown, and the first one in seconds after the file's beginning.

    Args:
        listing: what ffmpeg wrote: a line with tick and time base for each frame.
        shown: what the packets promised.
        count: how many frames were decoded.
    """
    rows = [line.split() for line in listing.read_text().splitlines()]
    last = shown.end - shown.ticks[-1] if len(shown.ticks) == count else 0
    try:
        ticks = [int(tick) for tick, _ in rows]
        base = Fraction(rows[0][1])
    except (ValueError, IndexError):  # a stream without any times
        ticks, base = [], shown.tick
    if len(ticks) != count:
        even = FrameTimes.of_ticks(1 / info.fps, range(count), 1)
        return (shown if len(shown.ticks) == count else even), Fraction(info.start_seconds)
    apart = math.ceil(_LEAST_APART_SECONDS / base)
    for index in range(1, count):  # damage may give two frames one time, or the wrong order
        ticks[index] = max(ticks[index], ticks[index - 1] + apart)
    last = int(last * shown.tick / base)
    times = FrameTimes.of_ticks(base, ticks, last)
    if info.has_pts:
        return times, max(Fraction(0), ticks[0] * base)
    # The decoder counts its own delay in; what is heard with the first frame begins before.
    low, _ = info.times.tick_range(time_range)
    first = next(tick for tick in info.times.ticks if tick >= low)
    return times, Fraction(info.start_seconds) + first * info.times.tick
