"""Read and write OpenEXR with the optional extra ``exr`` (OpenImageIO).

EXR holds light, without a limit at white. In this program it is encoded by the sRGB curve like any
other picture, but continued above 1: a scene's 16 becomes 3.3. ``read_exr`` and ``write_exr``
invert each other to within a half float's step.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from batch_analogy.colour import to_linear, to_srgb
from batch_analogy.errors import FrameError, MachineError
from batch_analogy.files import disk_errors, move_into_place, temporary_path
from batch_analogy.media.chromaticities import BT709, to_bt709
from batch_analogy.media.pixel_spaces import apply_matrix

FloatPixels = npt.NDArray[np.float32]

EXR_SUFFIX = ".exr"
_COLOURS = (("R", "G", "B"), ("RED", "GREEN", "BLUE"))
_GREYS = ("Y", "L")
_LARGEST_HALF = 65504.0
_LEAST_OPACITY = np.float32(1e-6)
_NO_DATE = "2000:01:01 00:00:00"  # equal pictures are equal files


@dataclass(frozen=True)
class ExrHeader:
    """The layer of an EXR that is shown."""

    height: int  # px, of the display window
    width: int
    depth: Literal[16, 32]  # bits a channel: half or float
    part: int
    channels: tuple[int, ...]  # grey or RGB, and opacity if there is any
    size: tuple[int, int]  # height and width of the data window
    offset: tuple[int, int]  # of the data window in the display window
    chromaticities: tuple[float, ...]

    @property
    def has_alpha(self) -> bool:
        """True if the last channel is opacity."""
        return len(self.channels) in (2, 4)


def is_exr(path: Path) -> bool:
    """Return whether a path's suffix is that of OpenEXR."""
    return path.suffix.lower() == EXR_SUFFIX


def check_exr_support() -> None:
    """Check, before any work is done, that EXR can be written.

    Raises:
        MachineError: the extra is not installed.
    """
    try:
        import OpenImageIO  # noqa: F401
    except ImportError as error:
        raise MachineError(
            "OpenEXR cannot be written here; run pip install 'batch-analogy[exr]', or choose TIFF"
        ) from error


def read_exr_header(path: Path) -> ExrHeader:
    """Read what an EXR shows, without its pixels.

    Raises:
        FrameError: the file cannot be read or shows no colours, or the extra is not installed.
    """
    image = _opened(path)
    try:
        return _find_layer(path, image)
    finally:
        image.close()


def read_exr(path: Path, *, as_stored: bool = False) -> FloatPixels:
    """Read an EXR.

    Args:
        path: the picture.
        as_stored: return its numbers, neither encoded nor brought to the primaries of sRGB.

    Returns:
        (H, W, 1 to 4) float32, sRGB continued above 1, with the primaries of sRGB: grey or RGB, not
        multiplied by the opacity, and opacity if there is any.

    Raises:
        FrameError: as for ``read_exr_header``, or the file is damaged.
    """
    image = _opened(path)
    try:
        header = _find_layer(path, image)
        image.seek_subimage(header.part, 0)
        last = max(header.channels) + 1
        stored = image.read_image(header.part, 0, 0, last, _library(path).FLOAT)
        problem = image.geterror()
    finally:
        image.close()
    if stored is None or problem:
        raise FrameError(f"{path} is damaged or truncated ({problem}); copy it again")
    light = np.asarray(stored, np.float32).reshape(*header.size, last)[..., list(header.channels)]
    light = np.nan_to_num(light, nan=0.0, posinf=_LARGEST_HALF, neginf=-_LARGEST_HALF)
    return _encoded(_in_display_window(light, header), header, as_stored)


def write_exr(
    path: Path,
    pixels: FloatPixels | npt.NDArray[np.uint8],
    depth: int,
    *,
    as_stored: bool = False,
) -> None:
    """Write a picture as EXR.

    Args:
        path: the file; written as a whole or not at all.
        pixels: (H, W, 3 or 4) float32, sRGB that may continue above 1, and opacity; or uint8.
        depth: 32 for floats, anything less for half floats.
        as_stored: the pixels are the numbers to store, in a space that the file does not name.

    Raises:
        OutputDiskError: the disk is full or read-only, or the user may not write there.
        FrameError: the extra is not installed.
    """
    library = _library(path)
    if pixels.dtype == np.uint8:
        pixels = pixels.astype(np.float32) / np.float32(255.0)
    light = np.asarray(pixels[..., :3], np.float32)
    light = light if as_stored else to_linear(light)
    if pixels.shape[2] == 4:
        opacity = np.asarray(pixels[..., 3:], np.float32)
        light = np.concatenate([light * opacity, opacity], axis=2)
    kind = library.FLOAT
    if depth < 32:
        kind = library.HALF
        light = np.clip(light, -_LARGEST_HALF, _LARGEST_HALF).astype(np.float16)
    height, width, channels = light.shape
    spec = library.ImageSpec(width, height, channels, kind)
    spec.attribute("compression", "zip")
    spec.attribute("DateTime", _NO_DATE)
    if not as_stored:
        spec.attribute("chromaticities", "float[8]", BT709)
    temporary = temporary_path(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)  # the library's own errors name no reason
        try:
            with _utf8_name(temporary) as name:
                output = library.ImageOutput.create(name)
                opened = output.open(name, spec)
                written = opened and output.write_image(np.ascontiguousarray(light))
                done = output.close() and written
            if not done:
                _raise_disk_error(temporary, output.geterror())
            move_into_place(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def _raise_disk_error(path: Path, problem: str) -> None:
    """Raise the disk's own error, which the library hides, or one with the library's message."""
    with path.open("ab") as stream:
        stream.write(bytes(1 << 16))
        stream.flush()
        os.fsync(stream.fileno())
    raise OSError(errno.EIO, f"{problem}", str(path))


@contextlib.contextmanager
def _utf8_name(path: Path) -> Iterator[str]:
    """Return a name of a file that the library takes; a name that is not UTF-8 needs a link."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder) / f"link{EXR_SUFFIX}"
            link.symlink_to(path.absolute())
            yield str(link)
    else:
        yield str(path)


def _library(path: Path) -> Any:
    try:
        import OpenImageIO
    except ImportError as error:
        raise FrameError(
            f"{path} is OpenEXR; to read and write it, run pip install 'batch-analogy[exr]' on "
            "every machine, or convert it to TIFF"
        ) from error
    return OpenImageIO


def _opened(path: Path) -> Any:
    library = _library(path)
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise FrameError(f"cannot open {path}: {error.strerror}; check the file") from error
    if empty:
        raise FrameError(f"{path} is empty; replace it or remove it")
    with _utf8_name(path) as name:
        image = library.ImageInput.open(name)
    if image is None:
        library.geterror()
        raise FrameError(f"{path} is not a picture this program can read; replace it or remove it")
    return image


def _find_layer(path: Path, image: Any) -> ExrHeader:
    part, seen = 0, []
    while image.seek_subimage(part, 0):
        spec = image.spec()
        names = list(spec.channelnames)
        if not spec.deep and (channels := _choose(names)):
            formats = spec.channelformats or (spec.format,) * len(names)
            deep = any(str(formats[n]) != "half" for n in channels)
            return ExrHeader(
                height=spec.full_height,
                width=spec.full_width,
                depth=32 if deep else 16,
                part=part,
                channels=channels,
                size=(spec.height, spec.width),
                offset=(spec.y - spec.full_y, spec.x - spec.full_x),
                chromaticities=tuple(spec.getattribute("chromaticities") or BT709),
            )
        seen += names
        part += 1
    image.geterror()
    shown = ", ".join(seen[:8]) or "none"
    raise FrameError(f"{path} has no channels R, G, B or Y, but {shown}; export its colours")


def _choose(names: list[str]) -> tuple[int, ...]:
    """Return the channels of the first layer that has colours, and of its opacity."""
    layers: dict[str, dict[str, int]] = {}
    for number, name in enumerate(names):
        layer, _, channel = name.rpartition(".")
        layers.setdefault(layer, {})[channel.upper()] = number
    for channels in layers.values():
        alpha = [channels[name] for name in ("A", "ALPHA") if name in channels][:1]
        for wanted in (*_COLOURS, *((grey,) for grey in _GREYS)):
            if all(name in channels for name in wanted):
                return (*(channels[name] for name in wanted), *alpha)
    return ()


def _in_display_window(light: FloatPixels, header: ExrHeader) -> FloatPixels:
    """Place the data into the display window: cut what lies outside, and fill with black."""
    (top, left), (height, width) = header.offset, header.size
    if (top, left, height, width) == (0, 0, header.height, header.width):
        return light
    shown = np.zeros((header.height, header.width, light.shape[2]), np.float32)
    first, begin = max(0, top), max(0, left)
    last, end = min(header.height, top + height), min(header.width, left + width)
    if first < last and begin < end:
        shown[first:last, begin:end] = light[first - top : last - top, begin - left : end - left]
    return shown


def _encoded(light: FloatPixels, header: ExrHeader, as_stored: bool) -> FloatPixels:
    """Encode light with the primaries of the file, multiplied by its opacity, as sRGB."""
    opacity = None
    if header.has_alpha:
        light, opacity = light[..., :-1], np.clip(light[..., -1:], 0.0, 1.0).astype(np.float32)
        light = np.where(opacity > 0, light / np.maximum(opacity, _LEAST_OPACITY), light)
    if light.shape[2] == 3 and header.chromaticities != BT709 and not as_stored:
        matrix = to_bt709(header.chromaticities)
        if matrix is not None:
            light = apply_matrix(light, matrix)
    encoded = light.astype(np.float32, copy=False)
    if not as_stored:
        encoded = to_srgb(encoded, clip=False)
    return encoded if opacity is None else np.concatenate([encoded, opacity], axis=2)
