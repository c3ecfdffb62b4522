"""Colour tags of videos, and the ffmpeg filters that decode and encode according to them."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatPixels = npt.NDArray[np.float32]

# Names by the code points of ITU-T H.273, which containers store; the other codes mean "untagged".
_MATRIX_NAMES = {
    **{0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco"},
    **{9: "bt2020nc", 10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc"},
    **{13: "chroma-derived-c", 14: "ictcp", 15: "ipt-c2", 16: "ycgco-re", 17: "ycgco-ro"},
}
_PRIMARIES_NAMES = {
    **{1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film"},
    **{9: "bt2020", 10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"},
}
_TRANSFER_NAMES = {
    **{1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear"},
    **{9: "log100", 10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1"},
    **{14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 17: "smpte428", 18: "arib-std-b67"},
}
_HDR_TRANSFERS = ("smpte2084", "arib-std-b67")  # HDR10 and HLG; unconverted they look washed out
_TONE_MAP = (
    "zscale=transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=bt709,"
    "tonemap=mobius:desat=0,zscale=transfer=bt709:range=full"
)
DISPLAY_GAMMA = 2.4  # ITU-R BT.1886
BT709_TO_BT2020 = np.array(
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]], np.float32
)
_HD_HEIGHT_PX = 720
_PAL_LINES, _NTSC_LINES = (576, 288), (486, 480, 240)  # each system has its own primaries
_FULL = "accurate_rnd+full_chroma_int+full_chroma_inp"
_EXACT = f"flags=bicubic+{_FULL}"
# Repeated samples of colour, averaged again, are what they were; smoother ones are not, and in PQ
# small errors are seen.
_REPEATED, _AVERAGED = f"flags=neighbor+{_FULL}", f"flags=area+{_FULL}"

_MATRICES = ("bt709", "smpte170m", "bt470bg", "smpte240m", "fcc", "bt2020nc")
"""Matrices that a film can be encoded with; ffmpeg's scaler implements no others."""
_USUAL: dict[str, tuple[str, str]] = {  # matrix → primaries and transfer, if untagged
    "smpte170m": ("smpte170m", "smpte170m"),
    "bt470bg": ("bt470bg", "smpte170m"),
    "bt2020nc": ("bt2020", "bt2020-10"),
    "smpte240m": ("smpte240m", "smpte240m"),
}
_BT601 = ("smpte170m", "bt470bg")
_TWO_BYTES = re.compile(r"\w+(le|be)$")  # two bytes a channel; some packed RGB formats match too:
_PACKED = re.compile(r"(rgb|bgr)(565|555|444)")
_ALPHA = re.compile(r"yuva|gbrap|rgba|bgra|argb|abgr|ya\d|yaf|ayuv|vuya|uyva|pal8")
_RGB = re.compile(r"rgb|bgr|gbr|argb|abgr|0rgb|0bgr|x2rgb|x2bgr|pal|bayer")


@dataclass(frozen=True)
class ColourSpace:
    """Colour space of a film, in ffmpeg's names."""

    matrix: str = "bt709"
    primaries: str = "bt709"
    transfer: str = "bt709"
    full_range: bool = False

    def __str__(self) -> str:
        """Return the names for a message.

        >>> str(ColourSpace(transfer="smpte2084"))
        'bt709/bt709/smpte2084'
        """
        names = f"{self.matrix}/{self.primaries}/{self.transfer}"
        return f"{names} at full range" if self.full_range else names

    @property
    def is_hdr(self) -> bool:
        """True for PQ and HLG."""
        return self.transfer in _HDR_TRANSFERS

    @property
    def is_wide_gamut(self) -> bool:
        """True if the primaries are those of BT.2020, without HDR."""
        return self.primaries == "bt2020" and not self.is_hdr


@dataclass(frozen=True)
class ColourTags:
    """Pixel format and colour tags of a video; None: untagged."""

    pixel_format: str = "yuv420p"
    matrix: str | None = None
    primaries: str | None = None
    transfer: str | None = None
    full_range: bool = False
    interlaced: bool = False

    @classmethod
    def of_format(
        cls,
        pixel_format: str,
        matrix: int = 2,
        primaries: int = 2,
        transfer: int = 2,
        *,
        full_range: bool = False,
        interlaced: bool = False,
    ) -> ColourTags:
        """Make tags from a container's code points (ITU-T H.273; 2: untagged).

        RGB and ``yuvj`` formats, an older way to say "full range", have full range always.

        >>> ColourTags.of_format("yuvj420p", 9).pixel_format, ColourTags.of_format("y", 9).matrix
        ('yuv420p', 'bt2020nc')
        """
        full = full_range or pixel_format.startswith("yuvj") or bool(_RGB.match(pixel_format))
        return cls(
            pixel_format.replace("yuvj", "yuv"),
            _MATRIX_NAMES.get(matrix),
            _PRIMARIES_NAMES.get(primaries),
            _TRANSFER_NAMES.get(transfer),
            full,
            interlaced,
        )

    @property
    def is_hdr(self) -> bool:
        """True for HDR10 and HLG."""
        return self.transfer in _HDR_TRANSFERS

    @property
    def is_deep(self) -> bool:
        """True if the video has more than 8 bits a channel."""
        name = self.pixel_format
        return bool(_TWO_BYTES.match(name)) and not _PACKED.match(name)

    @property
    def has_alpha(self) -> bool:
        """True if the video has an alpha channel."""
        return bool(_ALPHA.match(self.pixel_format))

    @property
    def is_rgb(self) -> bool:
        """True if the pixels are RGB, which has no matrix."""
        return bool(_RGB.match(self.pixel_format))


def film_colour_space(
    tags: ColourTags, height: int, width: int, *, keep_hdr: bool = False
) -> ColourSpace:
    """Choose the colour space of a film made from a video's frames: the video's own.

    HDR is mapped to BT.709 when it is read, unless it is to be kept. Missing tags are filled in as
    players do.

    Args:
        tags: those of the video.
        height: of the frames as displayed, px. width: px.
        keep_hdr: HDR stays HDR.
    """
    if tags.is_hdr:
        return _hdr_colour_space(tags) if keep_hdr else ColourSpace()
    matrix = tags.matrix
    if tags.is_rgb or (matrix is not None and matrix not in _MATRICES):
        matrix = "bt2020nc" if tags.primaries == "bt2020" else "bt709"
    elif matrix is None:
        matrix = assumed_matrix(tags, height, width)
    primaries, transfer = _USUAL.get(matrix, ("bt709", "bt709"))
    if matrix in _BT601:  # two names of one matrix, used interchangeably for both systems
        primaries = _bt601(height, width) or matrix
    full = tags.full_range and not tags.is_rgb
    return ColourSpace(matrix, tags.primaries or primaries, tags.transfer or transfer, full)


def _hdr_colour_space(tags: ColourTags) -> ColourSpace:
    """Return the video's own colour space; PQ and HLG without further tags are BT.2020."""
    return ColourSpace(
        tags.matrix if tags.matrix in _MATRICES else "bt2020nc",
        tags.primaries or "bt2020",
        tags.transfer or "",
        tags.full_range and not tags.is_rgb,
    )


def assumed_matrix(tags: ColourTags, height: int, width: int) -> str:
    """Return the matrix that players assume for an untagged video; ffmpeg always assumes BT.601."""
    if tags.primaries == "bt2020" or tags.is_hdr:
        return "bt2020nc"
    if min(height, width) >= _HD_HEIGHT_PX:
        return "bt709"
    named = tags.primaries if tags.primaries in _BT601 else None
    return named or _bt601(height, width) or "smpte170m"


def _bt601(height: int, width: int) -> str | None:
    """Return the matrix of the BT.601 system with this many lines, PAL or NTSC; None if neither."""
    lines = min(height, width)  # a portrait video is turned by 90°
    if lines in _PAL_LINES:
        return "bt470bg"
    return "smpte170m" if lines in _NTSC_LINES else None


def decode_filter(tags: ColourTags, height: int, width: int, *, keep_hdr: bool = False) -> str:
    """Return the filters that turn a frame into upright full-range RGB of this size.

    Interlaced frames are deinterlaced and pixels become square. If the size changes within a video,
    later frames are fitted into the size of the first. HDR is mapped to BT.709, unless it is kept.
    """
    first = "bwdif=mode=send_frame:deint=interlaced," if tags.interlaced else ""
    options = f":out_range=pc:{_EXACT}"
    if tags.is_hdr and not keep_hdr:
        return f"{first}{square('')},{_TONE_MAP},{_fitted(height, width)}"
    if tags.matrix is None and not tags.is_rgb:
        options = f":in_color_matrix={assumed_matrix(tags, height, width)}{options}"
    raw = raw_format(tags)
    if tags.is_hdr:
        options = options.lstrip(":").replace(_EXACT, _REPEATED)
        scaled = square(f":{_EXACT}")
        return f"{first}scale={options},format={raw},{scaled},{_fitted(height, width)}"
    return f"{first}{square(options)},format={raw},{_fitted(height, width)}"


def raw_format(tags: ColourTags) -> str:
    """Return the RGB pixel format for decoding: as deep as the video, with its alpha channel."""
    if tags.is_deep:
        return "rgba64le" if tags.has_alpha else "rgb48le"
    return "rgba" if tags.has_alpha else "rgb24"


def encode_filter(colours: ColourSpace, pixel_format: str) -> str:
    """Return the filters that convert full-range RGB to a film's pixels and tag them."""
    stored = stored_colour_space(colours, pixel_format)
    limits = "pc" if stored.full_range else "tv"
    scale = f"scale=in_range=pc:out_range={limits}:{_AVERAGED if colours.is_hdr else _EXACT}"
    if stored.matrix != "gbr":
        scale += f":out_color_matrix={stored.matrix}"
    tags = f"colorspace={stored.matrix}:color_primaries={stored.primaries}"
    tags += f":color_trc={stored.transfer}:range={limits}"
    return f"{scale},format={pixel_format},setparams={tags},setsar=1"


def stored_colour_space(colours: ColourSpace, pixel_format: str) -> ColourSpace:
    """Return the colour space that pixels of this format can be tagged with.

    RGB has no matrix and always full range. ProRes (4:2:2, or 4:4:4 with alpha) has no full range.
    """
    if _RGB.match(pixel_format):
        return ColourSpace("gbr", colours.primaries, colours.transfer, True)
    limited = pixel_format.startswith(("yuv422p", "yuva444p"))
    return dataclasses.replace(colours, full_range=colours.full_range and not limited)


def to_srgb_filter(colours: ColourSpace) -> str:
    """Return the filters that bring RGB of another gamut to sRGB's, for untagged pictures."""
    if not colours.is_wide_gamut:
        return ""
    return (
        "zscale=min=gbr:rin=full:pin=2020:tin=709:m=gbr:r=full:p=709:t=linear,format=gbrpf32le,"
        "zscale=t=709"
    )


def to_wide_gamut(pixels: FloatPixels) -> FloatPixels:
    """Convert pixels from sRGB to BT.2020 primaries.

    Greys do not change. A display's light is the pixel value raised to the power 2.4 (BT.1886).

    Args:
        pixels: (H, W, 3) float32 in [0, 1].

    Returns:
        The same shape and type.

    Source: ITU-R BT.2087, the matrix of section 4.
    """
    light = np.power(pixels, np.float32(DISPLAY_GAMMA)) @ BT709_TO_BT2020.T
    wide: FloatPixels = np.power(light, np.float32(1 / DISPLAY_GAMMA))
    return wide


def to_srgb_gamut(pixels: FloatPixels) -> FloatPixels:
    """Convert pixels from BT.2020 to sRGB primaries, the inverse of ``to_wide_gamut``.

    Args:
        pixels: (H, W, 3) float32 in [0, 1]; colours that sRGB lacks are clipped.

    Returns:
        The same shape and type, in [0, 1].
    """
    inverse = np.linalg.inv(BT709_TO_BT2020.astype(np.float64)).astype(np.float32)
    light = np.clip(np.power(pixels, np.float32(DISPLAY_GAMMA)) @ inverse.T, 0, 1)
    narrow: FloatPixels = np.power(light, np.float32(1 / DISPLAY_GAMMA))
    return narrow


def square(options: str) -> str:
    """Return the filter that makes pixels square; ffmpeg rotates frames before it runs."""
    return f"scale=w='max(1,round(iw*sar))':h=ih{options},setsar=1"


def _fitted(height: int, width: int) -> str:
    size = f"{width}:{height}"
    return f"scale={size}:force_original_aspect_ratio=decrease,pad={size}:(ow-iw)/2:(oh-ih)/2"
