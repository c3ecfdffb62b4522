"""Read what a container holds: its streams, with their codecs, colours and languages.

PyAV reads the container's own structures; ffmpeg's log is for people, and its layout changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from batch_analogy.errors import InputError
from batch_analogy.media.colour_tags import ColourTags

FILES_ONLY = {"protocol_whitelist": "file"}
"""Options of a reader: a playlist posing as a video must not open network addresses."""

UNKNOWN_CODEC = "unknown"

_STILL_FORMATS = ("image2", "tty", "ico")
_STILL_BRANDS = ("avif", "heic", "heix", "heim", "heis", "mif1", "mif2", "miaf")
"""Of HEIF: stills in the container that MP4 uses too."""

_CREATION_TAGS = ("com.apple.quicktime.creationdate", "creation_time")
"""Of a container or stream; Apple's is by the clock of the place, the other in UTC."""
_ZONE = re.compile(r"([+-][0-9]{2})([0-9]{2})$")
_YEARS = range(1971, 9999)
"""Clocks that were never set say 1904, the MP4's first year, or 1970; after 9999 no date can be."""

_PROGRESSIVE = (0, 1)  # ffmpeg's AVFieldOrder: unknown, progressive; all others are interlaced
_FULL_RANGE = 2  # ffmpeg's AVCOL_RANGE_JPEG


@dataclass(frozen=True, kw_only=True)
class VideoStream:
    """Moving pictures of a container."""

    codec: str
    tags: ColourTags
    rates: tuple[Fraction, ...]  # frames a second by the header, the more reliable first
    has_alpha_layer: bool  # VP8 and VP9 store alpha as a second picture beside the first


@dataclass(frozen=True, kw_only=True)
class SoundStream:
    """A sound track."""

    codec: str  # ``UNKNOWN_CODEC`` if there is no decoder for it
    language: str | None
    channels: int  # 0: unknown


@dataclass(frozen=True, kw_only=True)
class Container:
    """The streams of a file, each kind in the file's order; cover pictures are no video."""

    videos: tuple[VideoStream, ...]
    sounds: tuple[SoundStream, ...]
    subtitles: tuple[str, ...]  # codec of each
    created: str | None = None  # when the recording began, in ISO 8601


def read_container(path: Path) -> Container:
    """Read the streams of a file.

    Raises:
        InputError: it is no container, or is damaged.
    """
    with open_container(path) as container:
        videos = [s for s in container.streams.video if not is_cover(s)]
        return Container(
            videos=tuple(_video(container, stream) for stream in videos),
            sounds=tuple(_sound(stream) for stream in container.streams.audio),
            subtitles=tuple(_codec(stream) for stream in container.streams.subtitles),
            created=_created(container, videos),
        )


@contextmanager
def open_container(path: Path) -> Iterator[InputContainer]:
    """Open a file for reading; close it at the end of the block.

    Raises:
        InputError: it is no container, or is damaged.
    """
    try:
        container = av.open(f"file:{path}", options=FILES_ONLY, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{path} cannot be decoded as a video ({reason}); check that the copy is complete, or "
            "convert it to .mp4"
        ) from error
    with container:
        yield container


def holds_video(path: Path) -> bool:
    """Return whether a file holds moving pictures, whatever its name; a still does not."""
    try:
        with open_container(path) as container:
            if _is_still(container):
                return False
            return any(not is_cover(one) and one.codec_context for one in container.streams.video)
    except InputError:
        return False


def holds_hdr(path: Path) -> bool:
    """Return whether a file is an HDR video, by its header; a file that cannot be read is not."""
    try:
        videos = read_container(path).videos
    except InputError:
        return False
    return bool(videos) and videos[0].tags.is_hdr


def _is_still(container: InputContainer) -> bool:
    """Return whether a reader of stills, or of text drawn as pictures, opened the file."""
    name = container.format.name
    brand = container.metadata.get("major_brand", "").strip()
    return name.endswith("_pipe") or name in _STILL_FORMATS or brand in _STILL_BRANDS


def is_cover(stream: Stream) -> bool:
    """Return whether a video stream is a still that comes with the file, such as cover art."""
    return bool(stream.disposition & Disposition.attached_pic)


def _created(container: InputContainer, videos: list[av.VideoStream]) -> str | None:
    """Return when a recording began, as ``datetime.isoformat`` writes it; None if unknown."""
    for tags in (container.metadata, *(video.metadata for video in videos[:1])):
        for name in _CREATION_TAGS:
            text = str(tags.get(name, "")).strip()
            text = _ZONE.sub(r"\1:\2", text.removesuffix("Z") + "+00:00" * text.endswith("Z"))
            try:
                created = datetime.fromisoformat(text)
            except ValueError:
                continue
            if created.year in _YEARS:
                return created.isoformat(timespec="microseconds")
    return None


def _codec(stream: Stream) -> str:
    """Return the codec's name, not its decoder's; a stream without decoder has no context."""
    context = stream.codec_context
    return UNKNOWN_CODEC if context is None else str(context.codec.canonical_name)


def _video(container: InputContainer, stream: av.VideoStream) -> VideoStream:
    has_alpha_layer = stream.metadata.get("alpha_mode") == "1"
    return VideoStream(
        codec=_codec(stream),
        tags=_tags(container, stream, has_alpha_layer),
        rates=tuple(rate for rate in (stream.average_rate, stream.base_rate) if rate),
        has_alpha_layer=has_alpha_layer,
    )


def _tags(container: InputContainer, stream: av.VideoStream, has_alpha_layer: bool) -> ColourTags:
    context = stream.codec_context
    if context is None or context.pix_fmt is None:
        return ColourTags()
    name = context.pix_fmt
    if has_alpha_layer and name.startswith("yuv4"):
        name = name.replace("yuv4", "yuva4")  # the container's header tells of the first picture
    return ColourTags.of_format(
        name,
        context.colorspace,
        context.color_primaries,
        context.color_trc,
        full_range=context.color_range == _FULL_RANGE,
        interlaced=_is_interlaced(container, stream),
    )


def _is_interlaced(container: InputContainer, stream: av.VideoStream) -> bool:
    order = getattr(stream.codec_context, "field_order", None)
    if order is not None:
        return order not in _PROGRESSIVE
    # PyAV before 18, the last one for Python 3.10, does not tell; then the first frame does.
    try:
        frame = next(container.decode(stream), None)
    except av.FFmpegError:
        return False  # decoding the first frame later reports the error
    return frame is not None and frame.interlaced_frame


def _sound(stream: av.AudioStream) -> SoundStream:
    context = stream.codec_context
    return SoundStream(
        codec=_codec(stream),
        language=None if stream.language in (None, "und") else stream.language,
        channels=0 if context is None else context.channels,
    )
