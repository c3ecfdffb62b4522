"""Extract the frames of a video as pictures on disk, with their times."""

from __future__ import annotations

import bisect
import json
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np

from batch_analogy.errors import InputError
from batch_analogy.files import TEMPORARY_PREFIX, atomic_write_text, disk_errors, temporary_path
from batch_analogy.media.animation import read_animation_frames
from batch_analogy.media.colour_tags import decode_filter, raw_format
from batch_analogy.media.ffmpeg import FILES_ONLY, FfmpegPipe, as_url, last_lines
from batch_analogy.media.joined_video import file_starts, in_file, join_times, part_starts
from batch_analogy.media.picture_formats import FRAME_FORMAT
from batch_analogy.media.pixel_spaces import SRGB, PixelSpace
from batch_analogy.media.stills import Depth, FloatPixels, Uint8Pixels, write_png
from batch_analogy.media.timing import WHOLE_VIDEO, FrameTimes, TimeRange
from batch_analogy.media.video import VideoInfo, check_readable

MARKER_NAME = "complete.json"

_WRITER_THREADS = 4
_MAX_QUEUED_FRAMES = 8
_MAX_QUEUED_BYTES = 300_000_000
_OPAQUE = 1023 << 6  # ffmpeg fills the low bits of 10 and 12 with zeros
_READ_AHEAD_SECONDS = 1.0  # past the end; the filter selects the exact frames
_MIN_INTERVAL_SECONDS = Fraction(1, 500)  # closer frames would share a time in a .mkv

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExtractedFrames:
    """Pictures of a video's frames, and when they are shown."""

    paths: list[Path]  # in order
    times: FrameTimes  # after the first frame
    begin: Fraction  # time of the first frame, in seconds after the start of the file


def extract_frames(
    info: VideoInfo,
    folder: Path,
    on_frame: Callable[[int], None] | None = None,
    *,
    time_range: TimeRange = WHOLE_VIDEO,
) -> ExtractedFrames:
    """Decode a video, or a part of it, into one picture a frame.

    Frames with more than 8 bits a channel become pictures with 16. No frame is repeated or dropped
    to even out a variable rate. Transparent frames become transparent pictures. A folder that an
    earlier call completed for the same file and range is reused; if it is incomplete, extraction
    starts again.

    Args:
        info: the video, from ``probe_video``.
        folder: where ``000000.png``, ``000001.png`` … and finally the marker are written.
        on_frame: called with the number of frames written so far.
        time_range: the part to extract.

    Raises:
        InputError: the video is missing or damaged, or has no frame in that range.
        OutputDiskError: the disk is full or read-only, or the user may not write there.
    """
    for part in info.parts or (info,):
        check_readable(part.path)
    marker, identity = folder / MARKER_NAME, _identity(info, time_range)
    if (found := _completed(marker, identity, folder)) is not None:
        return found
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        marker.unlink(missing_ok=True)
        for pattern in (f"[0-9]*{FRAME_FORMAT.suffix}", f"{TEMPORARY_PREFIX}*"):
            for stale in folder.glob(pattern):
                stale.unlink()
    frames = _decode_parts(info, folder, time_range, on_frame)
    times = frames.times
    timing = {"tick": str(times.tick), "ticks": times.ticks, "last": times.end}
    content = {**identity, **timing, "begin": str(frames.begin), "frames": len(frames.paths)}
    atomic_write_text(marker, json.dumps(content) + "\n")
    return frames


def _identity(info: VideoInfo, time_range: TimeRange) -> dict[str, Any]:
    """Return the values that identify a request; a folder is reused only if its marker has them."""
    files = [_file_identity(part.path) for part in info.parts or (info,)]
    more: dict[str, Any] = {"parts": files[1:]} if info.parts else {}
    clips = [[str(p.clip_start), str(p.times.duration)] for p in info.parts if p.file_times]
    more |= {"clips": clips} if clips else {}
    if info.keeps_hdr:
        more["hdr"] = str(info.colours)
    return {**files[0], **more, "start": str(time_range.start), "end": str(time_range.end)}


def _file_identity(path: Path) -> dict[str, Any]:
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return {"source": str(path.resolve()), "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _completed(marker: Path, identity: dict[str, Any], folder: Path) -> ExtractedFrames | None:
    """Return the frames of an earlier call; None if the request differs or a file is missing."""
    try:
        stored = json.loads(marker.read_text())
        if any(stored[name] != value for name, value in identity.items()):
            return None
        if stored.get("hdr") != identity.get("hdr"):
            return None
        times = FrameTimes(Fraction(stored["tick"]), tuple(stored["ticks"]), stored["last"])
        begin = Fraction(stored["begin"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    paths = [_frame_path(folder, index) for index in range(len(times.ticks))]
    complete = all(path.is_file() for path in paths)
    return ExtractedFrames(paths, times, begin) if complete else None


def _frame_path(folder: Path, index: int) -> Path:
    return folder / FRAME_FORMAT.file_name(index)


def _decode_parts(
    info: VideoInfo,
    folder: Path,
    time_range: TimeRange,
    on_frame: Callable[[int], None] | None,
) -> ExtractedFrames:
    """Decode a video, or the files of one recording one after the other."""
    if not info.parts:
        return _decode_into(info, time_range, folder, on_frame)
    paths: list[Path] = []
    pieces: list[tuple[Fraction, FrameTimes]] = []
    begin = Fraction(0)
    places = zip(info.parts, part_starts(info.parts), file_starts(info), strict=True)
    for part, start, file_start in places:
        here = time_range.after(start)
        kept = part.times.within(here)
        if not kept.ticks:
            continue
        frames = _decode_into(*in_file(part, here), folder, on_frame, first=len(paths))
        low, _ = part.times.tick_range(here)
        shown = next(tick for tick in part.times.ticks if tick >= low) * part.times.tick
        begin = begin if paths else file_start + frames.begin
        paths += frames.paths
        pieces.append((start + shown, frames.times))
    if not pieces:
        raise _empty_range(info)
    zero = pieces[0][0]
    return ExtractedFrames(paths, join_times([(at - zero, times) for at, times in pieces]), begin)


def _empty_range(info: VideoInfo) -> InputError:
    return InputError(
        f"{info.path} has no frame in the requested part; it lasts "
        f"{float(info.times.duration):.3f} s"
    )


def _decode_into(
    info: VideoInfo,
    time_range: TimeRange,
    folder: Path,
    on_frame: Callable[[int], None] | None,
    *,
    first: int = 0,
) -> ExtractedFrames:
    """Decode through a pipe: ffmpeg writes no files and ends if this process is killed.

    The first frame gets the number ``first``.
    """
    expected = info.times.within(time_range)
    if not expected.ticks:
        raise _empty_range(info)
    if info.is_animation:
        return _decode_animation(info, folder, expected, time_range, on_frame)
    listing = temporary_path(folder / "times.txt")
    command = _decode_command(info, time_range, listing)
    with FfmpegPipe(command, reads=True) as pipe:
        paths = _write_frames(_raw_frames(pipe.stream, info), folder, on_frame, first, info.space)
    if pipe.code != 0 or not paths:
        raise InputError(
            f"{info.path} could be decoded only up to frame {len(paths)} "
            f"({last_lines(pipe.messages)}); check that the copy is complete"
        )
    _warn_of_damage(info, len(expected.ticks) - len(paths), pipe.messages)
    times, begin = _read_times(listing, expected, len(paths), info, time_range)
    listing.unlink(missing_ok=True)
    return ExtractedFrames(paths, times, begin)


def _decode_animation(
    info: VideoInfo,
    folder: Path,
    expected: FrameTimes,
    time_range: TimeRange,
    on_frame: Callable[[int], None] | None,
) -> ExtractedFrames:
    low, _ = info.times.tick_range(time_range)
    before = bisect.bisect_left(info.times.ticks, low)
    stop = before + len(expected.ticks)
    frames = read_animation_frames(info.path, before, stop, alpha=info.tags.has_alpha)
    paths = _write_frames(frames, folder, on_frame, 0)
    return ExtractedFrames(paths, expected, info.times.ticks[before] * info.times.tick)


def _raw_frames(stream: IO[bytes], info: VideoInfo) -> Iterator[Any]:
    """Yield the frames of ffmpeg's pipe: (H, W, 3 or 4) uint8 or uint16."""
    dtype = np.dtype("<u2") if info.tags.is_deep else np.dtype(np.uint8)
    shape = (info.height, info.width, 4 if info.tags.has_alpha else 3)
    frame_bytes = info.height * info.width * shape[2] * dtype.itemsize
    while len(data := stream.read(frame_bytes)) == frame_bytes:
        yield np.frombuffer(data, dtype).reshape(shape)


def most_queued(frame_bytes: int) -> int:
    """Return how many decoded frames may wait to be written, by number and by memory.

    >>> most_queued(1920 * 1080 * 3), most_queued(7680 * 4320 * 6)
    (7, 1)
    """
    return max(1, min(_MAX_QUEUED_FRAMES - 1, _MAX_QUEUED_BYTES // frame_bytes))


def _write_frames(
    frames: Iterable[Any],
    folder: Path,
    on_frame: Callable[[int], None] | None,
    first: int,
    space: PixelSpace = SRGB,
) -> list[Path]:
    """Write decoded frames as pictures, several at a time."""
    paths: list[Path] = []
    queue: deque[Future[None]] = deque()
    with ThreadPoolExecutor(_WRITER_THREADS) as writers:
        for pixels in frames:
            depth: Depth = 16 if pixels.dtype.itemsize > 1 else 8
            paths.append(_frame_path(folder, first + len(paths)))
            queue.append(writers.submit(_write_frame, paths[-1], pixels, depth, space))
            while len(queue) > most_queued(pixels.nbytes):
                queue.popleft().result()
            if on_frame is not None:
                on_frame(first + len(paths))
        for write in queue:
            write.result()
    return paths


def _decode_command(info: VideoInfo, time_range: TimeRange, listing: Path) -> list[str]:
    limit = []
    if time_range.end is not None:
        limit = ["-t", f"{info.start_seconds + float(time_range.end) + _READ_AHEAD_SECONDS:.3f}"]
    command = ["-v", "error", *FILES_ONLY, *limit, *info.decoder, "-i", as_url(info.path)]
    command += ["-map", "0:V:0"]
    chain = decode_filter(info.tags, info.height, info.width, keep_hdr=info.keeps_hdr)
    command += [
        "-vf",
        f"{_select_filter(info.times, time_range)}{chain}",
        "-fps_mode",
        "passthrough",
    ]
    command += ["-enc_time_base", "demux", "-stats_enc_pre", as_url(listing)]
    command += ["-stats_enc_pre_fmt", "{pts} {tb}"]
    return [*command, "-f", "rawvideo", "-pix_fmt", raw_format(info.tags), "pipe:1"]


def _select_filter(times: FrameTimes, time_range: TimeRange) -> str:
    """Return the filter that selects the frames of a time range by their exact ticks."""
    first, stop = times.tick_range(time_range)
    upper = "" if stop is None else f"*lt(pts-start_pts,{stop})"
    if not first and not upper:
        return ""
    return f"select='gte(pts-start_pts,{first}){upper}',"


def _write_frame(path: Path, pixels: Any, depth: Depth, space: PixelSpace = SRGB) -> None:
    """Write a decoded frame, (H, W, 3 or 4) uint8 or uint16; alpha only where it says something."""
    top = np.iinfo(pixels.dtype).max
    if pixels.shape[2] == 4:
        opaque = pixels[..., 3] >= (top if depth == 8 else _OPAQUE)
        if opaque.all():
            pixels = pixels[..., :3]
        elif depth == 16:
            pixels = pixels.copy()
            pixels[..., 3][opaque] = top
    ready: Uint8Pixels | FloatPixels = pixels
    if depth == 16:
        ready = pixels.astype(np.float32) / np.float32(top)
    if space.is_named:
        write_png(path, ready, depth, space)
    else:
        FRAME_FORMAT.write(path, ready, depth)


def _warn_of_damage(info: VideoInfo, lost: int, messages: str) -> None:
    if messages.strip() or lost > 0:
        frames = f"; {lost} of its frames are lost" if lost > 0 else ""
        _log.warning("%s is damaged in places%s (%s)", info.path, frames, last_lines(messages))


def _read_times(
    listing: Path, expected: FrameTimes, count: int, info: VideoInfo, time_range: TimeRange
) -> tuple[FrameTimes, Fraction]:
    """Read when the decoded frames are shown.

    Args:
        listing: written by ffmpeg: a line with tick and time base for each frame.
        expected: times of the packets.
        count: number of decoded frames.
        info: the video. time_range: the part that was decoded.

    Returns:
        The times, and the first frame's time in seconds after the start of the file.
    """
    rows = [line.split() for line in listing.read_text().splitlines()]
    last = expected.end - expected.ticks[-1] if len(expected.ticks) == count else 0
    try:
        ticks = [int(tick) for tick, _ in rows]
        base = Fraction(rows[0][1])
    except (ValueError, IndexError):  # a stream without times
        ticks, base = [], expected.tick
    if len(ticks) != count:
        even = FrameTimes.of_ticks(1 / info.fps, range(count), 1)
        return (expected if len(expected.ticks) == count else even), Fraction(info.start_seconds)
    interval = math.ceil(_MIN_INTERVAL_SECONDS / base)
    for index in range(1, count):  # damage may give frames equal or unordered times
        ticks[index] = max(ticks[index], ticks[index - 1] + interval)
    last = int(last * expected.tick / base)
    times = FrameTimes.of_ticks(base, ticks, last)
    if info.has_pts:
        return times, max(Fraction(0), ticks[0] * base)
    # The times include the decoder's delay; the sound of the first frame begins earlier.
    low, _ = info.times.tick_range(time_range)
    first = next(tick for tick in info.times.ticks if tick >= low)
    return times, Fraction(info.start_seconds) + first * info.times.tick
