"""Write a film as numbered pictures, for editing or grading in another program."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from batch_analogy.config.film_size import FilmFit
from batch_analogy.errors import FilmError, FrameError, UsageError
from batch_analogy.files import atomic_write_bytes, disk_errors, move_into_place
from batch_analogy.media.blend import FrameBlend, as_blend, read_blend
from batch_analogy.media.captions import Captions
from batch_analogy.media.colour_transforms import Conversion
from batch_analogy.media.fitting import fit_pixels
from batch_analogy.media.openexr import check_exr_support, write_exr
from batch_analogy.media.picture_formats import EXR, FRAME_FORMAT, format_of
from batch_analogy.media.pixel_spaces import SRGB
from batch_analogy.media.stills import (
    Depth,
    FloatPixels,
    read_depth,
    read_size,
    read_space,
)

DEFAULT_NAME = f"%06d{FRAME_FORMAT.suffix}"

_PLACEHOLDER = re.compile(r"%(0?)(\d*)d")


def is_pattern(path: Path) -> bool:
    """Return whether a path is a pattern of numbered pictures, such as ``out/%06d.png``.

    >>> is_pattern(Path("out/%06d.png")), is_pattern(Path("100% done.mp4"))
    (True, False)
    """
    return format_of(path) is not None and has_number(path)


def has_number(path: Path) -> bool:
    """Return whether a name has a place for a number, whatever its suffix."""
    return _PLACEHOLDER.search(path.name) is not None


@dataclass(frozen=True)
class NumberedName:
    """The name in a pattern of numbered pictures."""

    head: str  # before the number
    tail: str  # after it
    width: int  # to which shorter numbers are filled up; 0: they are not
    zeros: bool  # with zeros, not spaces

    @classmethod
    def of(cls, pattern: Path) -> NumberedName:
        """Take a pattern's name apart.

        >>> NumberedName.of(Path("out/a%04d.png"))
        NumberedName(head='a', tail='.png', width=4, zeros=True)
        """
        found = _PLACEHOLDER.search(pattern.name)
        assert found is not None
        head, tail = pattern.name[: found.start()], pattern.name[found.end() :]
        return cls(head, tail, int(found[2] or 0), bool(found[1]))

    def with_number(self, number: int) -> str:
        """Return the name of one picture."""
        digits = f"{number:0{self.width}d}" if self.zeros else f"{number:{self.width}d}"
        return self.head + digits + self.tail


def check_pattern(pattern: Path) -> None:
    """Check that pictures can be written by a pattern.

    Raises:
        UsageError: it has several numbers, or its folder is a file.
        MachineError: pictures of its format cannot be written here.
    """
    if format_of(pattern) is EXR:
        check_exr_support()
    if len(_PLACEHOLDER.findall(pattern.name)) != 1:
        raise UsageError(f"output {pattern} has more than one number; write one, such as %06d")
    if pattern.parent.exists() and not pattern.parent.is_dir():
        raise UsageError(f"output {pattern}: {pattern.parent} is a file, not a folder")


def numbered(pattern: Path, index: int) -> Path:
    """Return the path of one frame; the first is 0.

    >>> str(numbered(Path("out/a%04d.png"), 12))
    'out/a0012.png'
    """
    return pattern.with_name(NumberedName.of(pattern).with_number(index))


def find_numbered(pattern: Path) -> dict[int, Path]:
    """Find the existing pictures of a pattern; return frame number → path."""
    if not pattern.parent.is_dir():
        return {}
    parts = NumberedName.of(pattern)
    name = re.compile(rf"{re.escape(parts.head)} *(\d+){re.escape(parts.tail)}")
    matches = ((name.fullmatch(path.name), path) for path in pattern.parent.iterdir())
    found = ((int(match[1]), path) for match, path in matches if match)
    return {index: path for index, path in found if numbered(pattern, index) == path}


def write_numbered(
    frames: Sequence[Path | FrameBlend],
    pattern: Path,
    *,
    depth: int | None = None,
    size: tuple[int, int] | None = None,
    fit: FilmFit = "letterbox",
    earlier: int = 0,
    scratch: Path | None = None,
    captions: Captions | None = None,
    convert: Conversion | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> int:
    """Write frames as numbered pictures.

    Args:
        frames: finished frames in order; a path given twice is written twice, a tuple is blended.
        pattern: such as ``out/%06d.png``; its folder is created if it is missing.
        depth: bits a channel, 8, or more for 16; None: as the frames for PNG, 16 for TIFF.
        size: height and width of the pictures, px; None: those of the frames.
        fit: how frames of another shape are brought to that size.
        earlier: number of pictures that an earlier call wrote; those beyond the frames are deleted.
        scratch: folder of the unfinished picture, on the same disk; None: that of the pictures.
        captions: a text for each frame, which is burnt in.
        convert: from sRGB, which may be brighter than white, to the colours to be stored.
        on_frame: called with the number of pictures written so far.

    Returns:
        The size of all pictures in bytes.

    Raises:
        FilmError: a frame is unreadable.
        OutputDiskError: the disk is full or read-only, or the user may not write there.
        UsageError: as for ``check_pattern``.
    """
    check_pattern(pattern)
    size_bytes = 0
    for index, frame in enumerate(frames):
        path = numbered(pattern, index)
        burn = None
        if captions is not None and captions.texts[index]:
            burn = functools.partial(captions.burn, index)
        try:
            _write(as_blend(frame), path, depth, scratch, _Changes(size, fit, burn, convert))
        except FrameError as error:
            raise FilmError(f"the pictures cannot be written: {error}") from error
        size_bytes += path.stat().st_size
        if on_frame is not None:
            on_frame(index + 1)
    for index in range(len(frames), earlier):
        numbered(pattern, index).unlink(missing_ok=True)
    return size_bytes


@dataclass(frozen=True)
class _Changes:
    """What happens to a picture before it is written."""

    size: tuple[int, int] | None
    fit: FilmFit
    burn: Callable[[FloatPixels, float], FloatPixels] | None  # with the value of white
    convert: Conversion | None


def _write(
    frame: FrameBlend,
    path: Path,
    depth: int | None,
    scratch: Path | None,
    changes: _Changes,
) -> None:
    if scratch is not None:
        unfinished = scratch / path.name
        _write_picture(frame, unfinished, depth, changes)
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            move_into_place(unfinished, path)
        return
    _write_picture(frame, path, depth, changes)


def _write_picture(frame: FrameBlend, path: Path, depth: int | None, changes: _Changes) -> None:
    picture_format = format_of(path)
    assert picture_format is not None
    own = read_depth(frame[0])
    wanted: Depth = picture_format.numbered_depth or own
    if depth is not None:
        wanted = 8 if depth == 8 else 16
    size = changes.size
    scales = size is not None and size != read_size(frame[0])
    same = picture_format is format_of(frame[0]) and wanted == own
    plain = changes.burn is None and changes.convert is None
    if same and len(set(frame)) == 1 and not scales and plain:
        atomic_write_bytes(path, frame[0].read_bytes())
        return
    beyond_white = picture_format is EXR or changes.convert is not None
    space = SRGB if beyond_white else picture_format.space_of(read_space(frame[0]))
    pixels = read_blend(frame, alpha=True, beyond_white=beyond_white, space=space)
    if size is not None and scales:
        pixels = np.clip(fit_pixels(pixels, size, changes.fit), 0, None if beyond_white else 1)
    if changes.burn is not None:
        pixels = changes.burn(pixels, space.white)
    if changes.convert is None:
        picture_format.write_in(space, path, pixels, wanted)
        return
    stored = np.concatenate([changes.convert(pixels[..., :3]), pixels[..., 3:]], axis=2)
    if picture_format is EXR:
        write_exr(path, stored, wanted, as_stored=True)
    else:
        picture_format.write(path, np.clip(stored, 0, 1), wanted)
