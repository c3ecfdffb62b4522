"""Table of the codecs of films, read by the command line and by the encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

_BLOCK_PX = 16  # of H.264
_THREADS = "4"  # fixed, because the result of some encoders depends on it


@dataclass(frozen=True, kw_only=True)
class AlphaSpec:
    """How a codec encodes transparent frames."""

    title: str
    pixel_formats: Mapping[int, str]  # bits per channel → pixel format, as for opaque frames
    options: tuple[str, ...] = ()  # after the codec's own
    filters: str = ""  # instead of the codec's own
    smooth: bool = True  # False: a pixel is either opaque or transparent


@dataclass(frozen=True, kw_only=True)
class Players:
    """The largest films that a group of players shows (docs/method.md, "Films and players")."""

    title: str
    long_px: int  # of the longer side
    short_px: int
    px_per_second: int  # with each side rounded up to whole blocks
    where: str = ""  # follows the film's name in a message

    def shows(self, height: int, width: int, fps: Fraction) -> bool:
        """Return whether they show a film of this size and rate."""
        short, long = sorted((height, width))
        area = math.prod(_BLOCK_PX * -(-side // _BLOCK_PX) for side in (height, width))
        return long <= self.long_px and short <= self.short_px and area * fps <= self.px_per_second

    def largest_factor(self, height: int, width: int, fps: Fraction) -> float:
        """Return about how much a film must be scaled to be shown; above 1 if it may be larger."""
        short, long = sorted((height, width))
        by_rate = math.sqrt(self.px_per_second / float(height * width * fps))
        return min(self.long_px / long, self.short_px / short, by_rate)


@dataclass(frozen=True, kw_only=True)
class CodecSpec:
    """Everything that the program knows about a codec. Options and pixel formats are ffmpeg's."""

    title: str
    summary: str  # for --help, following the codec's name
    suffixes: tuple[str, ...]  # of its containers, the usual one first
    encoder: str
    options: tuple[str, ...]  # {crf} is replaced by the quality, on the encoder's own scale
    worst_crf: int = 51  # the end of the encoder's scale for {crf}
    filters: str = ""  # before the encoder, on pixels of its format
    lossless_options: tuple[str, ...] | None = None  # at crf 0; None: ``options``
    suffix_options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by suffix
    pixel_formats: Mapping[int, str]  # bits per channel → pixel format
    bits: int  # per channel of a film of 8-bit frames, unless the user chooses
    deep_bits: int  # the same for 16-bit frames
    even_sides: bool  # height and width must be even, because chroma is subsampled
    max_side_px: int
    players: tuple[Players, ...] = ()  # the most common ones first; (): the film is for editing
    beyond: str = ""  # what plays films that these do not, after the film's name
    better: str = ""  # other advice for these films
    few_players_bits: int | None = None  # from so many bits on, few players show the film
    few_players_lossless: bool = False  # the same at crf 0
    is_usual_for_hdr: bool = False  # players expect HDR in it
    alpha: AlphaSpec | None = None  # None: transparent frames are seen over white
    animation: bool = False  # a picture with frames: sRGB without colour tags, and no sound
    most_fps: int | None = None  # frames a second that players show

    def encoder_options(self, crf: int, suffix: str) -> list[str]:
        """Return ffmpeg's options for the encoder.

        Args:
            crf: quality from 0 (lossless) to 51, ignored by encoders without such a setting.
                Encoders with a longer scale get the same share of it.
            suffix: suffix of the film, in lower case.
        """
        lossless = crf == 0 and self.lossless_options is not None
        options = (self.lossless_options or ()) if lossless else self.options
        scaled = round(crf * self.worst_crf / 51)
        quality = [option.format(crf=scaled, quality=100 - crf) for option in options]
        return ["-c:v", self.encoder, *quality, *self.suffix_options.get(suffix, ())]


_BY_SOFTWARE = (
    "plays in VLC, mpv and some browsers on a strong computer, but not on phones, televisions and "
    "whatever else decodes in hardware"
)
_X265 = f"log-level=error:pools={_THREADS}:frame-threads=2"
_VP9 = ("-threads", _THREADS, "-tile-columns", "2", "-cpu-used", "2")
_SVT = f"lp={_THREADS}"
# A palette for each frame, because one for all would need the whole film in memory. A fixed pattern
# of dithering does not crawl from frame to frame.
_PALETTE = (
    "split[a][b];[a]palettegen=stats_mode=single:reserve_transparent={transparent}[p];"
    "[b][p]paletteuse=new=1:dither=bayer:bayer_scale=4"
)
# ffmpeg clears a frame before the next one only if some pixel of it is transparent; it would leave
# an opaque frame to be seen through the next.
_TRANSPARENT_CORNER = "format=rgba,drawbox=w=1:h=1:color=black@0:replace=1:thickness=fill"
# Levels 5.1 and 6.1 of ITU-T H.265, Tables A.8 and A.9; VP9 and AV1 have such levels too.
_UHD = Players(title="4096x2160", long_px=4096, short_px=2160, px_per_second=534_773_760)
_8K = Players(
    title="8192x4320",
    long_px=8192,
    short_px=4320,
    px_per_second=2_139_095_040,
    where="plays on devices that decode 8K, most of them made after 2020, and not on older phones, "
    "televisions and computers",
)
_APPLE_TAG = ("-tag:v", "hvc1")  # without it, Apple's players do not recognise H.265

CODECS: dict[str, CodecSpec] = {
    "h264": CodecSpec(
        title="H.264",
        summary="plays everywhere",
        suffixes=(".mp4", ".mov", ".mkv"),
        encoder="libx264",
        options=("-crf", "{crf}", "-threads", _THREADS),
        lossless_options=("-qp", "0", "-threads", _THREADS),
        pixel_formats={8: "yuv420p", 10: "yuv420p10le"},
        bits=8,
        deep_bits=8,  # few players show H.264 of 10 bits
        even_sides=True,
        max_side_px=16384,
        players=(
            Players(  # level 5.2 of ITU-T H.264, Table A-1; decoders in hardware end at 4096 a side
                title="4096x2304",
                long_px=4096,
                short_px=2304,
                px_per_second=2_073_600 * 256,
            ),
        ),
        beyond=_BY_SOFTWARE,
        better="--codec h265 may be larger",
        few_players_bits=10,
        few_players_lossless=True,
    ),
    "h265": CodecSpec(
        title="H.265",
        summary="makes smaller files",
        suffixes=(".mp4", ".mov", ".mkv"),
        encoder="libx265",
        options=("-crf", "{crf}", "-x265-params", _X265),
        lossless_options=("-crf", "0", "-x265-params", f"{_X265}:lossless=1"),
        suffix_options={".mp4": _APPLE_TAG, ".mov": _APPLE_TAG},
        pixel_formats={8: "yuv420p", 10: "yuv420p10le"},
        bits=8,
        deep_bits=10,
        even_sides=True,
        max_side_px=16384,
        players=(_UHD, _8K),
        beyond=_BY_SOFTWARE,
        is_usual_for_hdr=True,
    ),
    "prores": CodecSpec(
        title="ProRes",
        summary="(.mov, 10 bits) is for editing",
        suffixes=(".mov", ".mkv"),
        encoder="prores_ks",
        options=("-profile:v", "hq", "-vendor", "apl0", "-threads", _THREADS),
        pixel_formats={10: "yuv422p10le"},
        bits=10,
        deep_bits=10,
        even_sides=True,
        max_side_px=16384,
        alpha=AlphaSpec(
            title="ProRes 4444",
            pixel_formats={10: "yuva444p10le"},
            options=("-profile:v", "4444", "-alpha_bits", "16"),
        ),
    ),
    "ffv1": CodecSpec(
        title="FFV1",
        summary="(.mkv) is lossless, for editing and archives",
        suffixes=(".mkv",),
        encoder="ffv1",
        options=(
            *("-level", "3", "-g", "1", "-slices", "4", "-slicecrc", "1"),
            *("-threads", _THREADS),
        ),
        pixel_formats={8: "bgr0", 10: "gbrp10le", 16: "gbrp16le"},  # RGB, so nothing is lost
        bits=8,
        deep_bits=16,
        even_sides=False,
        max_side_px=32767,
        alpha=AlphaSpec(
            title="FFV1 with alpha",
            pixel_formats={8: "bgra", 10: "gbrap10le", 16: "gbrap16le"},
        ),
    ),
    "vp9": CodecSpec(
        title="VP9",
        summary="(.webm) is for web pages, transparent too",
        suffixes=(".webm", ".mkv"),
        encoder="libvpx-vp9",
        options=("-crf", "{crf}", "-b:v", "0", *_VP9),
        lossless_options=("-lossless", "1", *_VP9),
        worst_crf=63,
        pixel_formats={8: "yuv420p", 10: "yuv420p10le"},
        bits=8,
        deep_bits=8,  # as for H.264
        even_sides=True,
        max_side_px=16384,
        players=(_UHD,),
        beyond=_BY_SOFTWARE,
        few_players_bits=10,
        alpha=AlphaSpec(
            title="VP9 with alpha",
            pixel_formats={8: "yuva420p"},
            options=("-auto-alt-ref", "0"),  # libvpx cannot code alpha with such frames
        ),
    ),
    "av1": CodecSpec(
        title="AV1",
        summary="makes the smallest files, for browsers, and devices made after 2021",
        suffixes=(".mp4", ".mkv", ".webm"),
        encoder="libsvtav1",
        options=("-crf", "{crf}", "-preset", "6", "-svtav1-params", _SVT),
        lossless_options=("-preset", "6", "-svtav1-params", f"{_SVT}:lossless=1"),
        worst_crf=63,
        pixel_formats={8: "yuv420p", 10: "yuv420p10le"},
        bits=8,
        deep_bits=10,
        even_sides=True,
        max_side_px=8704,  # the encoder's limit for the height
        players=(_UHD, _8K),  # levels 5.1 and 6.1 of the AV1 specification, Annex A, show these
        beyond=_BY_SOFTWARE,
        is_usual_for_hdr=True,
    ),
    "gif": CodecSpec(
        title="GIF",
        summary="(256 colours a frame) is an animated picture without sound",
        suffixes=(".gif",),
        encoder="gif",
        options=("-loop", "0"),
        filters=_PALETTE.format(transparent=0),
        pixel_formats={8: "bgra"},
        bits=8,
        deep_bits=8,
        even_sides=False,
        max_side_px=65535,
        alpha=AlphaSpec(
            title="GIF, where a pixel is either opaque or transparent",
            pixel_formats={8: "bgra"},
            filters=f"{_TRANSPARENT_CORNER},{_PALETTE.format(transparent=1)}",
            smooth=False,
        ),
        animation=True,
        most_fps=50,  # browsers show shorter frames ten times as long
    ),
    "webp": CodecSpec(
        title="WebP",
        summary="is one of all colours, transparent too",
        suffixes=(".webp",),
        encoder="libwebp_anim",
        options=("-quality", "{quality}", "-loop", "0"),
        lossless_options=("-lossless", "1", "-loop", "0"),
        pixel_formats={8: "bgra"},
        bits=8,
        deep_bits=8,
        even_sides=False,
        max_side_px=16383,
        alpha=AlphaSpec(
            title="WebP",
            pixel_formats={8: "bgra"},
            options=("-c:v", "libwebp"),  # the other one drops alpha unless it is lossless
        ),
        animation=True,
    ),
}
"""Name, as in ``--codec``, → codec. To add a codec, add an entry."""

# The names are written once, as the table's keys: a Literal of them gives --codec its choices.
if TYPE_CHECKING:
    Codec = str
else:
    Codec = Literal[tuple(CODECS)]


def usual_codec(suffix: str) -> Codec | None:
    """Return the codec that films with this suffix have by default; None if none has it.

    >>> usual_codec(".mkv"), usual_codec(".WEBM"), usual_codec(".txt")
    ('h264', 'vp9', None)
    """
    return next((name for name, one in CODECS.items() if suffix.lower() in one.suffixes), None)


HDR_BITS = 10
"""Bits per channel that a film of HDR has at least."""


def usual_hdr_codec(suffix: str) -> Codec | None:
    """Return the codec that HDR films with this suffix have by default; None if none has it.

    >>> usual_hdr_codec(".mp4"), usual_hdr_codec(".webm"), usual_hdr_codec(".gif")
    ('h265', 'av1', None)
    """
    known = (name for name, one in CODECS.items() if suffix.lower() in one.suffixes)
    return next((name for name in known if CODECS[name].is_usual_for_hdr), None)


SELECTABLE_BITS = (8, 10)
"""Bits per channel that a user can choose for a film, if the codec has them."""
