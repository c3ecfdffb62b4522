"""Decode pictures at the depth in which they are stored, in sRGB and upright."""

from __future__ import annotations

import contextlib
import dataclasses
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from batch_analogy.errors import FrameError
from batch_analogy.media.icc_profiles import (
    Profile,
    convert_to_srgb,
    foreign_profile,
    lab_profile,
    parse_profile,
)
from batch_analogy.media.odd_tiffs import (
    PREMULTIPLIED_ALPHA,
    TiffHeader,
    decode_by_opencv,
    decode_odd,
)
from batch_analogy.media.opacity import with_opacity
from batch_analogy.media.picture_kinds import load_reader, refuse_hdr

FloatPixels = npt.NDArray[np.float32]
Number = TypeVar("Number", np.float32, np.int64)

_pillow_limit = threading.Lock()

# Exceptions of Pillow's parsers on damaged files, besides OSError.
_PARSE_ERRORS = (SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError)
# A damaged AVIF raises a bare RuntimeError.
_DECODE_ERRORS = (OSError, *_PARSE_ERRORS, OverflowError, RuntimeError, struct.error, zlib.error)

_ORIENTATION = 0x0112
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_EXTRA = 256, 257, 258, 262, 338
_WHITE_IS_ZERO = 0
_GREY_MODES = ("I", "F")  # of Pillow, for files with more than 8 bits
_DEEP_MODES = (*_GREY_MODES, "RGB", "LA")
_LEAST_OPACITY = np.float32(1e-6)

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # errors are told by exceptions


@contextlib.contextmanager
def decoding(path: Path) -> Iterator[None]:
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
def opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture without Pillow's size limit, which is lower than ours and warns on stderr."""
    with _pillow_limit:
        saved, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = _open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = saved
    with image:
        refuse_hdr(path, image)
        _scale_key(image)
        yield image


def _open(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        if not load_reader(path):
            raise
        return Image.open(path)


def _scale_key(image: Image.Image) -> None:
    """Scale the grey that is transparent as Pillow scales the pixels of a PNG of 2 or 4 bits."""
    key = image.info.get("transparency")
    if image.format == "PNG" and image.mode == "L" and isinstance(key, int):
        steps = (1 << _png_bits(image)) - 1
        image.info["transparency"] = key * (255 // steps) if 0 < steps <= 255 else key


def _png_bits(image: Image.Image) -> int:
    """Return the bits of a value of a PNG, from its header."""
    with open(image.filename, "rb") as stream:  # type: ignore[attr-defined]
        return int(stream.read(25)[24])


def load(image: Image.Image) -> None:
    """Read the pixels of an opened picture."""
    if image.format == "TIFF":
        # Pillow maps some files into memory with the sides of the turned picture, which mixes up
        # the rows of a grey TIFF that is stored on its side. It cannot map a file without a name.
        image.filename = ""  # type: ignore[attr-defined]
    image.load()


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return height and width in px after rotation."""
    # New versions of Pillow report a TIFF's size after rotation, old ones before it: use the tags.
    width = int(_tiff_tag(image, _TIFF_WIDTH, image.width))
    height = int(_tiff_tag(image, _TIFF_HEIGHT, image.height))
    return (width, height) if orientation_of(image) >= 5 else (height, width)


def depth_of(image: Image.Image) -> Literal[8, 16]:
    """Return the bits a channel that are kept: 8 where only Pillow decodes correctly."""
    profile = foreign_profile(image)
    kept = is_deep(image) and (profile is None or profile.matrix is not None)
    return 16 if kept and image.mode.startswith(_DEEP_MODES) else 8


def is_deep(image: Image.Image) -> bool:
    """Return whether the file has more than 8 bits a channel."""
    if image.mode.startswith(_GREY_MODES):
        return True
    if image.format == "PNG":
        return _png_bits(image) == 16
    bits = _tiff_tag(image, _TIFF_BITS, (8,))
    return bool(image.format == "TIFF" and max(bits) == 16)


def has_alpha(image: Image.Image) -> bool:
    """Return whether a picture has transparency, from its header alone."""
    return "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info


Colours = Literal["srgb", "in full", "stored"]
"""Colours of decoded pictures: sRGB; sRGB with what lies outside it; or as they are stored."""


def decode(path: Path, image: Image.Image, colours: Colours = "srgb") -> FloatPixels:
    """Decode an opened picture.

    Returns:
        (H, W, 1 to 4) float32 in [0, 1]: grey or RGB, and opacity if it is transparent; colours are
        not multiplied by the opacity. Colours in full may lie outside [0, 1].
    """
    deep = depth_of(image) == 16
    profile = foreign_profile(image)
    if colours != "srgb" and profile is not None:
        profile = None if colours == "stored" else dataclasses.replace(profile, in_full=True)
    # Load first: OpenCV ignores truncation, and reading the EXIF data of a PNG loads the
    # picture and hides its damage (docs/method.md, "Times and formats of video").
    stored = stored_orientation(image)
    load(image)
    orientation = orientation_of(image)
    if deep and (pixels := _decode_deep(path, image, profile)) is not None:
        by_pillow = image.mode.startswith(_GREY_MODES)
        return turn_upright(pixels, orientation if by_pillow else stored or orientation)
    return turn_upright(_decode_bytes(image, profile), orientation)


def decode_floats(path: Path, header: TiffHeader) -> FloatPixels:
    """Decode a TIFF of wide numbers; otherwise like ``decode``."""
    pixels = _in_srgb(
        _divided(decode_odd(path, header), header.premultiplied),
        parse_profile(header.profile) if header.profile else None,
    )
    clipped = np.clip(pixels, np.float32(0.0), np.float32(1.0))
    return turn_upright(clipped, header.orientation)


def flatten(pixels: FloatPixels) -> FloatPixels:
    """Convert grey or RGB, with or without alpha, to RGB over white."""
    channels = pixels.shape[2]
    colour = pixels[..., :-1] if channels in (2, 4) else pixels
    if channels in (2, 4):
        opacity = pixels[..., -1:]
        colour = colour * opacity + (np.float32(1.0) - opacity)
    return colour if colour.shape[2] == 3 else np.repeat(colour, 3, axis=2)


def turn_upright(pixels: npt.NDArray[Number], orientation: int) -> npt.NDArray[Number]:
    """Apply the rotation and mirroring of an EXIF orientation (1 to 8)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def stored_orientation(image: Image.Image) -> int:
    """Return the orientation of a TIFF before it is loaded: Pillow then turns it and forgets it.

    It is 0 for other formats, whose EXIF data may only be read after loading.
    """
    return int(_tiff_tag(image, _ORIENTATION, 0))


def _tiff_tag(image: Image.Image, tag: int, default: Any) -> Any:
    tags = getattr(image, "tag_v2", None)
    return default if tags is None else tags.get(tag, default)


def orientation_of(image: Image.Image) -> int:
    """Return the orientation, 1 to 8, that is still to be applied to what Pillow decodes."""
    try:
        turn = int(image.getexif().get(_ORIENTATION, 1))
    except (OSError, struct.error, *_PARSE_ERRORS):
        return 1  # damaged EXIF data; the pixels may be intact
    return turn if 1 <= turn <= 8 else 1


def _decode_deep(path: Path, image: Image.Image, profile: Profile | None) -> FloatPixels | None:
    """Decode a picture of 9 to 16 bits; None if OpenCV cannot."""
    if image.mode.startswith(_GREY_MODES):  # grey, which Pillow decodes at full depth
        return with_opacity(_in_srgb(_grey(image), profile), key_opacity(image))
    stored = decode_by_opencv(path.read_bytes())
    if stored is None or stored.dtype != np.uint16:
        return None
    pixels = stored.astype(np.float32) / np.float32(65535.0)
    premultiplied = PREMULTIPLIED_ALPHA in tuple(_tiff_tag(image, _TIFF_EXTRA, ()))
    return _in_srgb(_divided(pixels, premultiplied), profile)


def key_opacity(image: Image.Image) -> FloatPixels | None:
    """Return the opacity of a deep grey picture, one of whose values is transparent, or None.

    Returns:
        (H, W) float32, 0 or 1.
    """
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return None
    return np.asarray(np.asarray(image) != key, np.float32)


def _grey(image: Image.Image) -> FloatPixels:
    """Return a deep grey picture, (H, W, 1) in [0, 1]."""
    stored = np.asarray(image).astype(np.float32)
    if image.mode == "F":
        stored = np.nan_to_num(stored)
    else:
        bits = max(_tiff_tag(image, _TIFF_BITS, (16,)))
        stored /= np.float32(2.0 ** (bits if 8 < bits < 16 else 16) - 1.0)
    if _tiff_tag(image, _TIFF_PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
        stored = np.float32(1.0) - stored
    return np.clip(stored, np.float32(0.0), np.float32(1.0))[..., None]


def _divided(pixels: FloatPixels, premultiplied: bool) -> FloatPixels:
    """Divide colours by the opacity that they were multiplied with."""
    if not premultiplied or pixels.shape[2] not in (2, 4):
        return pixels
    opacity = pixels[..., -1:]
    colours = pixels[..., :-1] / np.maximum(opacity, _LEAST_OPACITY)
    return np.concatenate([np.minimum(colours, np.float32(1.0)), opacity], axis=2)


def _in_srgb(pixels: FloatPixels, profile: Profile | None) -> FloatPixels:
    """Convert the colours of (H, W, 1 to 4) pixels by a profile that has a matrix."""
    if profile is None or profile.matrix is None:
        return pixels
    if pixels.shape[2] not in (2, 4):
        return profile.to_srgb(pixels)
    return np.concatenate([profile.to_srgb(pixels[..., :-1]), pixels[..., -1:]], axis=2)


def _decode_bytes(image: Image.Image, profile: Profile | None) -> FloatPixels:
    """Decode 8 bits a channel with Pillow, converting a profile to sRGB."""
    alpha = None
    if image.mode.startswith(_GREY_MODES):
        key = key_opacity(image)
        alpha = None if key is None else Image.fromarray((key * 255).astype(np.uint8))
        image = Image.fromarray(np.rint(_grey(image)[..., 0] * 255).astype(np.uint8))
    elif has_alpha(image):
        if image.mode == "La":  # Pillow knows no direct way
            image = image.convert("LA")
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    if image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    if image.mode == "LAB" and profile is None:
        profile = lab_profile()
    if profile is not None and not profile.data and image.mode not in ("L", "RGB"):
        profile = None  # a code for RGB, in a picture of other colours
    converted = None
    if profile is not None and (profile.matrix is None or image.mode not in ("L", "RGB")):
        converted, profile = convert_to_srgb(image, profile), None
    rgb = image.convert("RGB") if converted is None else converted
    stored = np.asarray(rgb)
    pixels: FloatPixels
    if profile is not None:
        pixels = profile.bytes_to_srgb(stored if stored.ndim == 3 else stored[..., None])
    else:
        pixels = np.divide(stored, np.float32(255.0), dtype=np.float32)
    if alpha is None:
        return pixels
    opacity = np.asarray(alpha, dtype=np.float32) / np.float32(255.0)
    return np.concatenate([pixels, opacity[..., None]], axis=2)
