"""What a video holds, and its frames as pictures on disk."""

from __future__ import annotations

import itertools
import json
import re
import statistics
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from batch_analogy.errors import InputError, UsageError
from batch_analogy.media.ffmpeg import FfmpegPipe, as_url, last_words, run_ffmpeg
from batch_analogy.media.files import TEMPORARY_PREFIX, atomic_write_text, disk_errors
from batch_analogy.media.stills import MIN_SIDE_PX, write_png

MARKER_NAME = "complete.json"

_NO_TIME = -(2**63)  # ffmpeg's "this packet has no time"
_DISCARD = 4  # packet flag: decoded for others' sake, never shown
_SLOT_TOLERANCE = Fraction(1, 4)  # of a frame; more off its slot is a variable rate
_HD_HEIGHT_PX = 720
_HDR_TRANSFERS = ("smpte2084", "arib-std-b67")  # HDR10 and HLG: washed out if taken as they are
_TONE_MAP = (
    "zscale=transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=bt709,"
    "tonemap=mobius:desat=0,zscale=transfer=bt709:range=full,format=rgb24"
)
_WRITERS = 4
_WAITING_FRAMES = 8

_STREAM = re.compile(r"^\s{2}Stream #0:\d+.*?: (Video|Audio): (.*)$", re.MULTILINE)
_DIMENSIONS = re.compile(r"^#dimensions 0: (\d+)x(\d+)", re.MULTILINE)
_TIME_BASE = re.compile(r"^#tb 0: (\d+)/(\d+)", re.MULTILINE)
_PACKET = re.compile(r"^0,\s*(-?\d+),\s*(-?\d+),\s*(\d+),[^\n]*?(?:F=0x([0-9a-fA-F]+))?\s*$")
_RATE = re.compile(r"([\d.]+)(k?) (fps|tbr)\b")
_PIXEL_FORMAT = re.compile(r"(?:^|, )((?:yuv|nv|p0|gray|gbr|rgb|bgr|pal|mono)\w*)(?:\(([^)]*)\))?,")


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a video holds.

    ``height`` and ``width`` are those of the extracted frames: turned upright, with square
    pixels. ``fps`` times ``duration_seconds`` is the number of frames; where the rate varies it
    is the average, so that a film of all the frames lasts as long as the video.
    """

    path: Path
    height: int
    width: int
    fps: Fraction
    duration_seconds: float
    frame_count: int
    variable_rate: bool
    start_seconds: float  # of the first frame, after the file's beginning
    audio_codec: str | None  # of the first audio stream, such as "aac"
    matrix: str | None  # as tagged, such as "bt709"; None where nothing is said
    transfer: str | None  # likewise

    @property
    def has_audio(self) -> bool:
        """Whether there is sound."""
        return self.audio_codec is not None


def probe_video(path: Path) -> VideoInfo:
    """Find out a video's size, exact rate and sound without decoding more than one frame.

    Args:
        path: the video.

    Returns:
        Its description.

    Raises:
        UsageError: the file does not exist.
        InputError: it cannot be read or decoded, or holds no video.
        MachineError: there is no ffmpeg.
    """
    _check_readable(path)
    source = ["-i", as_url(path), "-map", "0:V:0"]
    seen = run_ffmpeg([*source, "-frames:v", "1", "-vf", _square(""), "-f", "framecrc", "-"])
    size = _DIMENSIONS.search(seen.output)
    header = seen.messages.partition("Stream mapping:")[0].partition("Output #0")[0]
    streams = _STREAM.findall(header)
    videos = [text for kind, text in streams if kind == "Video" and "(attached pic)" not in text]
    audios = [text for kind, text in streams if kind == "Audio"]
    if not videos and audios:
        raise InputError(f"{path} holds sound but no video; give a video")
    if size is None or not videos:
        raise InputError(
            f"{path} cannot be decoded as a video ({last_words(seen.messages)}); "
            "check that the copy is whole, or convert it to .mp4"
        )
    width, height = (int(number) for number in size.groups())
    if min(height, width) < MIN_SIDE_PX:
        raise InputError(f"{path} is {width}×{height} px; each side must be {MIN_SIDE_PX} or more")
    listing = run_ffmpeg(["-v", "error", *source, "-c", "copy", "-f", "framecrc", "-"])
    times, duration = _packet_times(listing.output)
    if not times:
        raise InputError(f"{path} holds no frames; check that the copy is whole")
    fps, variable = _rate(videos[0], times, duration)
    matrix, transfer = _colour_tags(videos[0])
    return VideoInfo(
        path=path,
        height=height,
        width=width,
        fps=fps,
        duration_seconds=float(len(times) / fps),
        frame_count=len(times),
        variable_rate=variable,
        start_seconds=max(0.0, float(times[0])),
        audio_codec=re.split(r"[\s,]", audios[0])[0] if audios else None,
        matrix=matrix,
        transfer=transfer,
    )


def extract_frames(
    info: VideoInfo, folder: Path, on_frame: Callable[[int], None] | None = None
) -> list[Path]:
    """Decode a video once, from beginning to end, into one PNG a frame.

    No frame is repeated or dropped to even out a varying rate. A folder that an earlier call
    completed for the same file is used as it is; an incomplete one is begun again.

    Args:
        info: the video, from ``probe_video``.
        folder: where ``000000.png``, ``000001.png`` … are written, and last the marker.
        on_frame: called with the number of frames written so far.

    Returns:
        The frames in order.

    Raises:
        InputError: the video is missing, has changed or cannot be decoded.
        OutputDiskError: the disk is full, read-only or closed to this user.
    """
    _check_readable(info.path)
    marker, identity = folder / MARKER_NAME, _identity(info)
    if (count := _completed(marker, identity)) is not None:
        frames = [_frame_path(folder, index) for index in range(count)]
        if all(frame.is_file() for frame in frames):
            return frames
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        marker.unlink(missing_ok=True)
        for pattern in ("[0-9]*.png", f"{TEMPORARY_PREFIX}*"):
            for stale in folder.glob(pattern):
                stale.unlink()
    frames = _decode_into(info, folder, on_frame)
    atomic_write_text(marker, json.dumps({**identity, "frames": len(frames)}) + "\n")
    return frames


def snap_rate(rate: Fraction) -> Fraction:
    """The exact rate that a rounded one stands for.

    Args:
        rate: frames a second, to two decimals.

    Returns:
        A whole number, an NTSC rate (n × 1000/1001), or else a fraction near it.

    >>> snap_rate(Fraction("23.98")), snap_rate(Fraction("24")), snap_rate(Fraction("12.5"))
    (Fraction(24000, 1001), Fraction(24, 1), Fraction(25, 2))
    """
    tolerance = Fraction(6, 1000)
    whole = Fraction(round(rate))
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    for candidate in sorted((whole, ntsc), key=lambda c: abs(c - rate)):
        if candidate > 0 and abs(candidate - rate) <= tolerance:
            return candidate
    return rate.limit_denominator(100)


def _check_readable(path: Path) -> None:
    if not path.exists():
        raise UsageError(f"{path} does not exist; give a video")
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if empty:
        raise InputError(f"{path} is empty; copy it again from its source")


def _square(options: str) -> str:
    """The filter that makes pixels square; ffmpeg has turned the frame upright before it."""
    return f"scale=w='max(1,round(iw*sar))':h=ih{options},setsar=1"


def _packet_times(listing: str) -> tuple[list[Fraction], Fraction]:
    """Every shown frame's time, sorted, and the time from the first to the end of the last."""
    base = _TIME_BASE.search(listing)
    if base is None:
        return [], Fraction(0)
    tick = Fraction(int(base[1]), int(base[2]))
    packets: list[tuple[int, int, int]] = []
    for line in listing.splitlines():
        match = _PACKET.match(line)
        if match and not int(match[4] or "0", 16) & _DISCARD:
            packets.append((int(match[1]), int(match[2]), int(match[3])))
    if not packets:
        return [], Fraction(0)
    # AVI and bare streams have decoding times only; sorted, they are as far apart.
    which = 0 if any(shown == _NO_TIME for _, shown, _ in packets) else 1
    packets.sort(key=lambda packet: packet[which])
    ticks = [packet[which] for packet in packets]
    steps = [b - a for a, b in itertools.pairwise(ticks)]
    last = packets[-1][2] or (int(statistics.median(steps)) if steps else 0)
    return [t * tick for t in ticks], (ticks[-1] - ticks[0] + last) * tick


def _rate(stream: str, times: list[Fraction], duration: Fraction) -> tuple[Fraction, bool]:
    """The exact rate, and whether it is only an average."""
    named = {
        kind: Fraction(number) * (1000 if thousand else 1)
        for number, thousand, kind in _RATE.findall(stream)
    }
    candidates = [snap_rate(named[kind]) for kind in ("fps", "tbr") if named.get(kind)]
    if len(times) > 1 and times[-1] > times[0]:
        measured = (len(times) - 1) / (times[-1] - times[0])
        candidates += [snap_rate(measured), measured.limit_denominator(100_000)]
    for fps in candidates:
        slots = ((t - times[0]) * fps - i for i, t in enumerate(times))
        if all(abs(off) <= _SLOT_TOLERANCE for off in slots):
            return fps, False
    if duration > 0:
        return (len(times) / duration).limit_denominator(100_000), True
    return (candidates or [Fraction(25)])[0], False


def _colour_tags(stream: str) -> tuple[str | None, str | None]:
    """Matrix and transfer from ``yuv420p(tv, bt709, progressive)`` or ``(tv, m/p/t, …)``."""
    match = _PIXEL_FORMAT.search(stream)
    words = [word.strip() for word in (match[2] or "").split(",")] if match else []
    for word in words:
        if word in ("tv", "pc", "progressive") or word.endswith(("first", "field")) or not word:
            continue
        parts = word.split("/")
        matrix, transfer = parts[0], parts[-1]
        known = [None if tag in ("unknown", "reserved") else tag for tag in (matrix, transfer)]
        return known[0], known[1]
    return None, None


def _decode_filter(info: VideoInfo) -> str:
    options = ":out_range=pc:flags=bicubic+accurate_rnd+full_chroma_int"
    if info.transfer in _HDR_TRANSFERS:
        return f"{_square('')},{_TONE_MAP}"
    if info.matrix is None:  # ffmpeg would take BT.601 at every size; players do not
        matrix = "bt709" if min(info.height, info.width) >= _HD_HEIGHT_PX else "bt601"
        options = f":in_color_matrix={matrix}{options}"
    return f"{_square(options)},format=rgb24"


def _identity(info: VideoInfo) -> dict[str, str | int]:
    try:
        stat = info.path.stat()
    except OSError as error:
        raise InputError(f"cannot read {info.path}: {error.strerror or error}") from error
    resolved = str(info.path.resolve())
    return {"source": resolved, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _completed(marker: Path, identity: dict[str, str | int]) -> int | None:
    """The number of frames, if the marker is there and speaks of the same file."""
    try:
        stored = json.loads(marker.read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(stored, dict):
        return None
    count = stored.pop("frames", None)
    return count if isinstance(count, int) and stored == identity else None


def _frame_path(folder: Path, index: int) -> Path:
    return folder / f"{index:06d}.png"


def _decode_into(
    info: VideoInfo, folder: Path, on_frame: Callable[[int], None] | None
) -> list[Path]:
    """Decode through a pipe, so that ffmpeg dies with this process and writes no file itself."""
    command = ["-v", "error", "-i", as_url(info.path), "-map", "0:V:0", "-vf", _decode_filter(info)]
    command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    frame_bytes = info.height * info.width * 3
    frames: list[Path] = []
    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(_WRITERS) as writers, FfmpegPipe(command, reads=True) as pipe:
        while len(data := pipe.stream.read(frame_bytes)) == frame_bytes:
            pixels = np.frombuffer(data, np.uint8).reshape(info.height, info.width, 3)
            frames.append(_frame_path(folder, len(frames)))
            waiting.append(writers.submit(write_png, frames[-1], pixels))
            if len(waiting) >= _WAITING_FRAMES:
                waiting.popleft().result()
            if on_frame is not None:
                on_frame(len(frames))
        for write in waiting:
            write.result()
    if pipe.code != 0 or not frames:
        raise InputError(
            f"{info.path} could be decoded only up to frame {len(frames)} "
            f"({last_words(pipe.messages)}); check that the copy is whole"
        )
    return frames
