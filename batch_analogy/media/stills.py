"""Read and write single pictures."""

from __future__ import annotations

import contextlib
import io
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, UnidentifiedImageError

from batch_analogy.errors import FrameError
from batch_analogy.files import atomic_write_bytes
from batch_analogy.media.camera_raw import WhiteBalance, is_raw, read_raw, read_raw_size
from batch_analogy.media.icc_profiles import convert_to_srgb, foreign_profile

MIN_SIDE_PX = 16
MAX_MEGAPIXELS = 200

FloatPixels = npt.NDArray[np.float32]
Uint8Pixels = npt.NDArray[np.uint8]
Uint16Pixels = npt.NDArray[np.uint16]
Depth = Literal[8, 16]
"""Bits a channel."""

_pillow_limit = threading.Lock()

# Exceptions of Pillow's parsers on damaged files, besides OSError.
_PARSE_ERRORS = (SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError)
_DECODE_ERRORS = (OSError, *_PARSE_ERRORS, OverflowError, struct.error, zlib.error)

_ORIENTATION = 0x0112
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_EXTRA = 256, 257, 258, 338
_UNASSOCIATED_ALPHA = 2
_DEEP_MODES = ("I", "F", "RGB", "LA")  # of Pillow, for files with more than 8 bits


def read_still(
    path: Path, *, at_least_px: int | None = None, white_balance: WhiteBalance | None = None
) -> FloatPixels:
    """Read a picture as upright sRGB.

    Grey becomes RGB, transparency is composited over white, EXIF rotation is applied, and an
    embedded colour profile is converted to sRGB. Sixteen bits are kept, unless a profile other than
    sRGB has to be converted. Only the first frame of an animation is read.

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
    if is_raw(path):
        _check_size(path, *read_raw_size(path))
        return read_raw(path, white_balance, at_least_px=at_least_px)
    with _decoding(path), _opened(path) as image:
        _check_size(path, image.height, image.width)
        if at_least_px is not None and image.format == "JPEG":
            image.draft(None, (at_least_px, at_least_px))
        deep = _depth(image) == 16
        # Load first: OpenCV ignores truncation, and reading the EXIF data of a PNG loads the
        # picture and hides its damage (docs/method.md, "Times and formats of video").
        image.load()
        orientation = _orientation(image)
        pixels = _decode_deep(path, image) if deep else None
        if pixels is None:
            pixels = _decode_bytes(image)
    return np.ascontiguousarray(_turn_upright(_flatten(pixels), orientation))


def read_size(path: Path) -> tuple[int, int]:
    """Read height and width in px, after EXIF rotation, from a picture's header alone.

    Raises:
        FrameError: the file is missing, not a picture, too small or too large.
    """
    if is_raw(path):
        height, width = read_raw_size(path)
    else:
        with _decoding(path), _opened(path) as image:
            height, width = _upright_size(image)
    _check_size(path, height, width)
    return height, width


def read_opacity(path: Path) -> FloatPixels | None:
    """Read the alpha channel of a picture; None if it has no transparency.

    Returns:
        (H, W) float32 in [0, 1], 1 for opaque, upright.

    Raises:
        FrameError: the file is missing, not a picture, or truncated.
    """
    if is_raw(path):
        return None
    with _decoding(path), _opened(path) as image:
        if not ("A" in image.getbands() or "transparency" in image.info):
            return None
        image.load()
        orientation = _orientation(image)
        alpha = np.asarray(image.convert("RGBA").getchannel("A"), dtype=np.float32)
    upright = _turn_upright(alpha[..., None] / np.float32(255.0), orientation)
    return np.ascontiguousarray(upright[..., 0])


def read_depth(path: Path) -> Depth:
    """Return the bits a channel that ``read_still`` keeps, from the picture's header alone.

    Raises:
        FrameError: the file is missing or not a picture.
    """
    if is_raw(path):
        return 16
    with _decoding(path), _opened(path) as image:
        return _depth(image)


def read_depth_loss(path: Path) -> str | None:
    """Explain why ``read_still`` keeps only 8 of 16 bits; return None if it keeps all.

    Raises:
        FrameError: the file is missing or not a picture.
    """
    if is_raw(path):
        return None
    with _decoding(path), _opened(path) as image:
        if not _is_deep(image) or _depth(image) == 16:
            return None
        if foreign_profile(image) is not None:
            return "its colour profile is not sRGB; export it as sRGB"
        return "it is stored rotated or with premultiplied alpha; export it upright without alpha"


def write_png(path: Path, pixels: FloatPixels | Uint8Pixels, depth: Depth = 8) -> None:
    """Write a picture as PNG, lossless but for rounding to the depth.

    Args:
        path: the file; written as a whole or not at all.
        pixels: (H, W, 3) RGB, float32 in [0, 1] or uint8.
        depth: bits a channel.

    Raises:
        OutputDiskError: the disk is full or read-only, or the user may not write there.
        ValueError: the pixels have a wrong shape or type, or are not finite.
    """
    # Photographs have few repetitions: run-length coding of the filtered rows compresses them as
    # well as the search of level 3, in half the time.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    options += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    _write_by_opencv(path, pixels, depth, ".png", options)


def write_tiff(path: Path, pixels: FloatPixels | Uint8Pixels, depth: Depth = 16) -> None:
    """Write a picture as uncompressed TIFF; otherwise like ``write_png``."""
    options = [cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_NONE]
    _write_by_opencv(path, pixels, depth, ".tif", options)


def write_jpeg(path: Path, pixels: FloatPixels | Uint8Pixels, quality: int = 90) -> None:
    """Write a picture as JPEG, for previews and sheets; otherwise like ``write_png``.

    Args:
        path: the file; written as a whole or not at all.
        pixels: (H, W, 3) RGB, float32 in [0, 1] or uint8, at most 65500 px a side.
        quality: 1 (smallest) to 95 (best).
    """
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(pixels)).save(buffer, "JPEG", quality=quality, subsampling=0)
    atomic_write_bytes(path, buffer.getvalue())


def to_uint8(pixels: FloatPixels | Uint8Pixels) -> Uint8Pixels:
    """Round pixels to 8 bits.

    Args:
        pixels: (H, W, 3) RGB, float32 in [0, 1] (clipped) or uint8 (returned unchanged).

    Returns:
        (H, W, 3) uint8.

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
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"pixels have shape {pixels.shape}; it must be (H, W, 3)")
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


def _write_by_opencv(
    path: Path, pixels: FloatPixels | Uint8Pixels, depth: Depth, kind: str, options: list[int]
) -> None:
    rounded = to_uint8(pixels) if depth == 8 else to_uint16(pixels)
    done, data = cv2.imencode(kind, np.ascontiguousarray(rounded[..., ::-1]), options)
    if not done:
        raise ValueError(f"pixels of shape {pixels.shape} cannot be written as {kind}")
    atomic_write_bytes(path, data.tobytes())


@contextlib.contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Turn the exceptions of opening and decoding into FrameErrors."""
    try:
        yield
    except UnidentifiedImageError as error:
        kind = "is empty" if path.stat().st_size == 0 else "is not a picture this program can read"
        raise FrameError(f"{path} {kind}; replace it or remove it") from error
    except _DECODE_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise FrameError(f"cannot open {path}: {error.strerror}; check the file") from error
        raise FrameError(
            f"{path} is damaged or truncated ({error}); copy it again from its source"
        ) from error
    except MemoryError as error:
        raise FrameError(f"{path} does not fit into memory; use a smaller copy") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture without Pillow's size limit, which is lower than ours and warns on stderr."""
    with _pillow_limit:
        saved, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = saved
    with image:
        yield image


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


def _tiff_tag(image: Image.Image, tag: int, default: Any) -> Any:
    tags = getattr(image, "tag_v2", None)
    return default if tags is None else tags.get(tag, default)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (OSError, struct.error, *_PARSE_ERRORS):
        return 1  # damaged EXIF data; the pixels may be intact


def _upright_size(image: Image.Image) -> tuple[int, int]:
    # New versions of Pillow report a TIFF's size after rotation, old ones before it: use the tags.
    width = int(_tiff_tag(image, _TIFF_WIDTH, image.width))
    height = int(_tiff_tag(image, _TIFF_HEIGHT, image.height))
    return (width, height) if _orientation(image) >= 5 else (height, width)


def _depth(image: Image.Image) -> Depth:
    """Return the bits a channel that can be kept: 8 where only Pillow decodes correctly."""
    kept = _is_deep(image) and foreign_profile(image) is None
    if kept and image.format == "TIFF" and not image.mode.startswith(("I", "F")):
        # OpenCV ignores premultiplied alpha in TIFFs, and some versions ignore rotation.
        extra = tuple(_tiff_tag(image, _TIFF_EXTRA, (_UNASSOCIATED_ALPHA,)))
        kept = extra == (_UNASSOCIATED_ALPHA,) and _tiff_tag(image, _ORIENTATION, 1) == 1
    return 16 if kept and image.mode.startswith(_DEEP_MODES) else 8


def _is_deep(image: Image.Image) -> bool:
    """Return whether the file has more than 8 bits a channel."""
    if image.mode.startswith(("I", "F")):
        return True
    if image.format == "PNG":
        with open(image.filename, "rb") as stream:  # type: ignore[attr-defined]
            return bool(stream.read(25)[24:] == b"\x10")  # the header's bit depth
    bits = _tiff_tag(image, _TIFF_BITS, (8,))
    return bool(image.format == "TIFF" and max(bits) == 16)


def _decode_deep(path: Path, image: Image.Image) -> FloatPixels | None:
    """Decode a 16-bit or float picture; None if OpenCV cannot."""
    if image.mode == "F":  # grey, which Pillow decodes at full depth
        grey = np.nan_to_num(np.asarray(image).astype(np.float32))
        return np.clip(grey, np.float32(0.0), np.float32(1.0))[..., None]
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.float32) / np.float32(65535.0)
        return np.clip(grey, np.float32(0.0), np.float32(1.0))[..., None]
    return _decode_by_opencv(path)


def _decode_by_opencv(path: Path) -> FloatPixels | None:
    """Decode a 16-bit picture to (H, W, 1, 3 or 4) RGB(A) in [0, 1]; None if OpenCV cannot."""
    data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    try:
        decoded: npt.NDArray[Any] | None = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if decoded is None or decoded.dtype != np.uint16:
        return None
    pixels = decoded.astype(np.float32) / np.float32(65535.0)
    if pixels.ndim == 2:
        return pixels[..., None]
    return pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]


def _decode_bytes(image: Image.Image) -> FloatPixels:
    """Decode 8 bits a channel with Pillow, converting an embedded profile to sRGB."""
    profile = foreign_profile(image)
    if image.mode.startswith(("I", "F")):
        scale = 255.0 if image.mode == "F" else 255.0 / 65535.0
        grey = np.clip(np.asarray(image).astype(np.float64) * scale, 0, 255)
        image = Image.fromarray(np.rint(grey).astype(np.uint8))
    alpha = None
    if image.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    if image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if image.mode == "LAB" and profile is None:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    converted = None if profile is None else convert_to_srgb(image, profile)
    rgb = image.convert("RGB") if converted is None else converted
    pixels: FloatPixels = np.divide(np.asarray(rgb), np.float32(255.0), dtype=np.float32)
    if alpha is None:
        return pixels
    opacity = np.asarray(alpha, dtype=np.float32) / np.float32(255.0)
    return np.concatenate([pixels, opacity[..., None]], axis=2)


def _flatten(pixels: FloatPixels) -> FloatPixels:
    """Convert grey or RGB, with or without alpha, to RGB over white."""
    channels = pixels.shape[2]
    colour = pixels[..., :-1] if channels in (2, 4) else pixels
    if channels in (2, 4):
        opacity = pixels[..., -1:]
        colour = colour * opacity + (np.float32(1.0) - opacity)
    return colour if colour.shape[2] == 3 else np.repeat(colour, 3, axis=2)


def _turn_upright(pixels: FloatPixels, orientation: int) -> FloatPixels:
    """Apply the rotation and mirroring of an EXIF orientation (1 to 8)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
