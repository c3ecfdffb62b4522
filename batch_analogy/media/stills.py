"""Read and write single pictures."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from batch_analogy.errors import FrameError
from batch_analogy.files import atomic_write_bytes
from batch_analogy.media.camera_raw import WhiteBalance, is_raw_file, read_raw, read_raw_size
from batch_analogy.media.decoding import (
    Colours,
    decode,
    decode_floats,
    decoding,
    depth_of,
    flatten,
    has_alpha,
    is_deep,
    opened,
    upright_size,
)
from batch_analogy.media.icc_profiles import foreign_profile
from batch_analogy.media.icc_writing import display_p3_profile
from batch_analogy.media.odd_tiffs import TiffHeader, read_odd_header
from batch_analogy.media.opacity import extend_colours
from batch_analogy.media.openexr import is_exr, read_exr, read_exr_header
from batch_analogy.media.pixel_spaces import DISPLAY_P3, SRGB, PixelSpace
from batch_analogy.media.png_chunks import with_space
from batch_analogy.media.tiff_writing import encode_tiff

MIN_SIDE_PX = 16
MAX_MEGAPIXELS = 200

FloatPixels = npt.NDArray[np.float32]
Uint8Pixels = npt.NDArray[np.uint8]
Uint16Pixels = npt.NDArray[np.uint16]
Depth = Literal[8, 16, 32]
"""Bits a channel; 32 are floats."""

Fact = TypeVar("Fact")


def read_still(
    path: Path, *, at_least_px: int | None = None, white_balance: WhiteBalance | None = None
) -> FloatPixels:
    """Read a picture as upright sRGB.

    Grey becomes RGB, transparency is composited over white, EXIF rotation is applied, and an
    embedded colour profile is converted to sRGB. Sixteen bits are kept, unless the profile is a
    table. Floats are read too (``odd_tiffs``). Only the first frame of an animation is read.

    Args:
        path: the picture.
        at_least_px: length that suffices for both sides; JPEG and RAW files may then be decoded at
            a reduced size, which is much faster.
        white_balance: for RAW files only (``camera_raw.read_raw``).

    Returns:
        (H, W, 3) float32 RGB in [0, 1].

    Raises:
        FrameError: the file is missing, not a picture, truncated, too small or too large.
    """
    pixels = flatten(_read(path, at_least_px, white_balance))
    return np.ascontiguousarray(np.clip(pixels, 0.0, 1.0) if is_exr(path) else pixels)


def read_layers(
    path: Path,
    *,
    white_balance: WhiteBalance | None = None,
    beyond_white: bool = False,
    space: PixelSpace = SRGB,
) -> tuple[FloatPixels, FloatPixels | None]:
    """Read the colours of a picture and its opacity, for a result that is to be as transparent.

    Args:
        path: the picture.
        white_balance: as for ``read_still``.
        beyond_white: keep what is brighter than white, as EXR and HDR have it (``openexr``).
        space: of the colours; a picture that is stored in it keeps its values.

    Returns:
        (H, W, 3) float32 in that space, which under transparency continues the visible colours; and
        (H, W) float32 opacity in [0, 1], or None if everything is opaque.

    Raises:
        FrameError: as for ``read_still``.
    """
    kept: Colours = "in full" if beyond_white or not space.is_srgb else "srgb"
    if space.is_named and read_space(path) == space:
        kept, space = "stored", SRGB
    pixels = np.ascontiguousarray(_read(path, None, white_balance, kept))
    if is_exr(path) and kept == "srgb":
        pixels = np.clip(pixels, 0.0, 1.0)
    if pixels.shape[2] not in (2, 4):
        return np.ascontiguousarray(space.from_srgb(flatten(pixels))), None
    colours = space.from_srgb(flatten(pixels[..., :-1]))
    opacity = np.ascontiguousarray(pixels[..., -1])
    if bool((opacity >= 1.0).all()):
        return np.ascontiguousarray(colours), None
    return extend_colours(np.ascontiguousarray(colours), opacity), opacity


def read_stored(path: Path, white_balance: WhiteBalance | None = None) -> FloatPixels:
    """Read the colours of a picture as they are stored, whatever they mean.

    Returns:
        (H, W, 3) float32: of EXR any numbers, else in [0, 1]; under transparency they continue.

    Raises:
        FrameError: as for ``read_still``.
    """
    pixels = np.ascontiguousarray(_read(path, None, white_balance, "stored"))
    if pixels.shape[2] not in (2, 4):
        return np.ascontiguousarray(flatten(pixels))
    opacity = np.ascontiguousarray(pixels[..., -1])
    return extend_colours(np.ascontiguousarray(flatten(pixels[..., :-1])), opacity)


def _read(
    path: Path,
    at_least_px: int | None,
    white_balance: WhiteBalance | None,
    colours: Colours = "srgb",
) -> FloatPixels:
    """Read a picture, (H, W, 1 to 4): grey or RGB, and opacity if it is transparent."""
    if is_raw_file(path):
        _check_size(path, *read_raw_size(path))
        return read_raw(path, white_balance, at_least_px=at_least_px)
    if is_exr(path):
        _check_size(path, *_exr_size(path))
        return read_exr(path, as_stored=colours == "stored")
    with decoding(path):
        if (header := read_odd_header(path)) is not None:
            _check_size(path, *header.upright_size)
            return decode_floats(path, header)
        with opened(path) as image:
            _check_size(path, image.height, image.width)
            if at_least_px is not None and image.format == "JPEG":
                image.draft(None, (at_least_px, at_least_px))
            return decode(path, image, colours)


def read_space(path: Path) -> PixelSpace:
    """Return the space in which a picture is stored, from its header alone; sRGB if it is no other.

    Raises:
        FrameError: the file is missing or not a picture.
    """
    if is_raw_file(path) or is_exr(path):
        return SRGB
    return _from_header(path, _space_of, lambda _: SRGB)


def read_size(path: Path) -> tuple[int, int]:
    """Read height and width in px, after EXIF rotation, from a picture's header alone.

    Raises:
        FrameError: the file is missing, not a picture, too small or too large.
    """
    if is_raw_file(path):
        height, width = read_raw_size(path)
    elif is_exr(path):
        height, width = _exr_size(path)
    else:
        height, width = _from_header(path, upright_size, lambda header: header.upright_size)
    _check_size(path, height, width)
    return height, width


def read_opacity(path: Path) -> FloatPixels | None:
    """Read the alpha channel of a picture; None if everything is opaque.

    Returns:
        (H, W) float32 in [0, 1], 1 for opaque, upright.

    Raises:
        FrameError: the file is missing, not a picture, or truncated.
    """
    if not read_has_alpha(path):
        return None
    opacity = np.ascontiguousarray(_read(path, None, None)[..., -1])
    return None if bool((opacity >= 1.0).all()) else opacity


def read_has_alpha(path: Path) -> bool:
    """Return whether a picture has an alpha channel, from its header alone.

    Raises:
        FrameError: the file is missing or not a picture.
    """
    if is_raw_file(path):
        return False
    if is_exr(path):
        return read_exr_header(path).has_alpha
    return _from_header(path, has_alpha, lambda header: header.has_alpha)


def read_depth(path: Path) -> Depth:
    """Return the bits a channel that ``read_still`` keeps, from the picture's header alone.

    Raises:
        FrameError: the file is missing or not a picture.
    """
    if is_raw_file(path):
        return 16
    if is_exr(path):
        return read_exr_header(path).depth
    return _from_header(path, depth_of, lambda header: header.depth)


def read_depth_loss(path: Path) -> str | None:
    """Explain why ``read_still`` keeps only 8 of 16 bits; return None if it keeps all.

    Raises:
        FrameError: the file is missing or not a picture.
    """
    if is_raw_file(path) or is_exr(path):
        return None
    return _from_header(path, _depth_loss, lambda _: None)


def _from_header(
    path: Path, of_image: Callable[[Image.Image], Fact], of_tiff: Callable[[TiffHeader], Fact]
) -> Fact:
    """Return what the header of a picture says that is neither RAW nor EXR.

    Args:
        path: the picture.
        of_image: reads it from a picture that Pillow opens, whose pixels are not decoded.
        of_tiff: reads it from a TIFF that Pillow does not open (``odd_tiffs``).
    """
    with decoding(path):
        if (header := read_odd_header(path)) is not None:
            return of_tiff(header)
        with opened(path) as image:
            return of_image(image)


def _space_of(image: Image.Image) -> PixelSpace:
    profile = foreign_profile(image)
    return (None if profile is None else profile.space) or SRGB


def _depth_loss(image: Image.Image) -> str | None:
    if image.format == "HEIF" and image.info.get("bit_depth", 8) > 8:
        return "HEIF pictures are read with 8; export 16-bit TIFF"
    if not is_deep(image) or depth_of(image) == 16:
        return None
    return "its colour profile is not sRGB but a table; export it as sRGB"


def write_png(
    path: Path, pixels: FloatPixels | Uint8Pixels, depth: Depth = 8, space: PixelSpace = SRGB
) -> None:
    """Write a picture as PNG, lossless but for rounding to the depth.

    Args:
        path: the file; written as a whole or not at all.
        pixels: (H, W, 3 or 4) RGB, or RGB and opacity, float32 in [0, 1] or uint8.
        depth: bits a channel.
        space: of the pixels, which the file names unless it is sRGB.

    Raises:
        OutputDiskError: the disk is full or read-only, or the user may not write there.
        ValueError: the pixels have a wrong shape or type, or are not finite.
    """
    # Photographs have few repetitions: run-length coding of the filtered rows compresses them as
    # well as the search of level 3, in half the time.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    options += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    data = _encoded(pixels, depth, ".png", options)
    atomic_write_bytes(path, with_space(data, space) if space.is_named else data)


def write_tiff(
    path: Path, pixels: FloatPixels | Uint8Pixels, depth: Depth = 16, space: PixelSpace = SRGB
) -> None:
    """Write a picture as uncompressed TIFF; otherwise like ``write_png``, but without HDR."""
    if pixels.shape[2:] == (4,) or space == DISPLAY_P3:
        profile = display_p3_profile() if space == DISPLAY_P3 else b""
        rounded = to_uint8(pixels) if depth == 8 else to_uint16(pixels)
        atomic_write_bytes(path, encode_tiff(rounded, profile))
        return
    options = [cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_NONE]
    atomic_write_bytes(path, _encoded(pixels, depth, ".tif", options))


def write_jpeg(path: Path, pixels: FloatPixels | Uint8Pixels, quality: int = 90) -> None:
    """Write a picture as JPEG, for previews and sheets; otherwise like ``write_png``.

    Args:
        path: the file; written as a whole or not at all.
        pixels: (H, W, 3) RGB, float32 in [0, 1] or uint8, at most 65500 px a side.
        quality: 1 (smallest) to 95 (best).
    """
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(pixels)).save(buffer, "JPEG", quality=quality, subsampling=0)
    atomic_write_bytes(path, buffer.getvalue(), patience_seconds=2.0)  # it can be made again


def to_uint8(pixels: FloatPixels | Uint8Pixels) -> Uint8Pixels:
    """Round pixels to 8 bits.

    Args:
        pixels: (H, W, 3 or 4), float32 in [0, 1] (clipped) or uint8 (returned unchanged).

    Returns:
        The same shape, uint8.

    Raises:
        ValueError: the pixels have a wrong shape or type, or are not finite.
    """
    _check_pixels(pixels)
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, dtype=np.uint8)
    rounded: Uint8Pixels = _rounded(pixels, 255.0).astype(np.uint8)
    return rounded


def to_uint16(pixels: FloatPixels | Uint8Pixels) -> Uint16Pixels:
    """Round pixels to 16 bits; otherwise like ``to_uint8``."""
    if pixels.dtype == np.uint8:
        return to_uint8(pixels).astype(np.uint16) * np.uint16(257)  # 255 × 257 = 65535
    _check_pixels(pixels)
    rounded: Uint16Pixels = _rounded(pixels, 65535.0).astype(np.uint16)
    return rounded


def _check_pixels(pixels: npt.NDArray[Any]) -> None:
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise ValueError(f"pixels have shape {pixels.shape}; it must be (H, W, 3 or 4)")
    if pixels.dtype != np.uint8 and not np.issubdtype(pixels.dtype, np.floating):
        raise ValueError(f"pixels are {pixels.dtype}; they must be float32 or uint8")


def _rounded(pixels: npt.NDArray[Any], top: float) -> npt.NDArray[Any]:
    """Clip to [0, 1] and round to whole numbers from 0 to ``top``."""
    low, high = pixels.min(initial=0.0), pixels.max(initial=1.0)  # NaN propagates
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("pixels hold NaN or infinity; they must be finite")
    scaled: npt.NDArray[Any] = np.multiply(pixels, pixels.dtype.type(top))
    if low < 0.0 or high > 1.0:
        np.clip(scaled, 0.0, top, out=scaled)
    np.rint(scaled, out=scaled)
    return scaled


def _encoded(
    pixels: FloatPixels | Uint8Pixels, depth: Depth, kind: str, options: list[int]
) -> bytes:
    rounded = to_uint8(pixels) if depth == 8 else to_uint16(pixels)
    order = [2, 1, 0, 3][: rounded.shape[2]]
    done, data = cv2.imencode(kind, np.ascontiguousarray(rounded[..., order]), options)
    if not done:
        raise ValueError(f"pixels of shape {pixels.shape} cannot be written as {kind}")
    return data.tobytes()


def _exr_size(path: Path) -> tuple[int, int]:
    header = read_exr_header(path)
    return header.height, header.width


def _check_size(path: Path, height: int, width: int) -> None:
    if min(height, width) < MIN_SIDE_PX:
        raise FrameError(
            f"{path} is {width}×{height} px; each side must be at least {MIN_SIDE_PX} px: "
            "use a larger picture"
        )
    if height * width > MAX_MEGAPIXELS * 1_000_000:
        raise FrameError(
            f"{path} is {width}×{height} px, {height * width / 1e6:.0f} megapixels; "
            f"at most {MAX_MEGAPIXELS} are supported: use a smaller copy"
        )
