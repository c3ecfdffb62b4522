"""A film as numbered pictures, for whoever cuts or grades it elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from batch_analogy.errors import FilmError, FrameError, UsageError
from batch_analogy.files import atomic_write_bytes
from batch_analogy.media.blend import FrameBlend, read_blend, shown
from batch_analogy.media.stills import Depth, read_depth, write_png, write_tiff

PICTURE_SUFFIXES = (".png", ".tif", ".tiff")
DEFAULT_NAME = "%06d.png"

_PLACE = re.compile(r"%(0?)(\d*)d")


def is_pattern(path: Path) -> bool:
    """Whether a path names numbered pictures, as ``out/%06d.png`` does.

    >>> is_pattern(Path("out/%06d.png")), is_pattern(Path("100% done.mp4"))
    (True, False)
    """
    return path.suffix.lower() in PICTURE_SUFFIXES and _PLACE.search(path.name) is not None


def check_pattern(pattern: Path) -> None:
    """Refuse a pattern that cannot be written to.

    Raises:
        UsageError: it has two numbers, or its folder is a file.
    """
    if len(_PLACE.findall(pattern.name)) != 1:
        raise UsageError(f"output {pattern} has more than one number; write one, such as %06d")
    if pattern.parent.exists() and not pattern.parent.is_dir():
        raise UsageError(f"output {pattern}: {pattern.parent} is a file, not a folder")


def numbered(pattern: Path, index: int) -> Path:
    """The picture of one frame; the first is 0.

    >>> str(numbered(Path("out/a%04d.png"), 12))
    'out/a0012.png'
    """
    fill = _PLACE.search(pattern.name)
    assert fill is not None
    width = int(fill[2] or 0)
    digits = f"{index:0{width}d}" if fill[1] else f"{index:{width}d}"
    return pattern.with_name(pattern.name[: fill.start()] + digits + pattern.name[fill.end() :])


def find_numbered(pattern: Path) -> dict[int, Path]:
    """The pictures of a pattern that are there, by their numbers."""
    if not pattern.parent.is_dir():
        return {}
    fill = _PLACE.search(pattern.name)
    assert fill is not None
    head, tail = pattern.name[: fill.start()], pattern.name[fill.end() :]
    name = re.compile(rf"{re.escape(head)} *(\d+){re.escape(tail)}")
    matches = ((name.fullmatch(path.name), path) for path in pattern.parent.iterdir())
    found = ((int(match[1]), path) for match, path in matches if match)
    return {index: path for index, path in found if numbered(pattern, index) == path}


def write_numbered(
    frames: Sequence[Path | FrameBlend],
    pattern: Path,
    *,
    depth: int | None = None,
    earlier: int = 0,
    on_frame: Callable[[int], None] | None = None,
) -> int:
    """Write frames as numbered pictures.

    Args:
        frames: PNGs, in order; one given twice is written twice, and of several together their
            mean.
        pattern: where to, such as ``out/%06d.png``; its folder is made where needed.
        depth: 8 bits a channel, or more, which is 16. None: PNGs as the frames are, TIFFs 16.
        earlier: how many an earlier time wrote; those that are more than the frames are removed.
        on_frame: called with the number of pictures written so far.

    Returns:
        The size of all pictures in bytes.

    Raises:
        FilmError: a frame is unreadable.
        OutputDiskError: the disk is full, read-only or closed to this user.
        UsageError: the pattern cannot be written to.
    """
    check_pattern(pattern)
    size_bytes = 0
    for index, frame in enumerate(frames):
        path = numbered(pattern, index)
        try:
            _write(shown(frame), path, depth)
        except FrameError as error:
            raise FilmError(f"the pictures cannot be written: {error}") from error
        size_bytes += path.stat().st_size
        if on_frame is not None:
            on_frame(index + 1)
    for index in range(len(frames), earlier):
        numbered(pattern, index).unlink(missing_ok=True)
    return size_bytes


def _write(frame: FrameBlend, path: Path, depth: int | None) -> None:
    has = read_depth(frame[0])
    tiff = path.suffix.lower() != ".png"
    wanted: Depth = has if depth is None and not tiff else 8 if depth == 8 else 16
    if not tiff and wanted == has and len(set(frame)) == 1:
        atomic_write_bytes(path, frame[0].read_bytes())
        return
    write = write_tiff if tiff else write_png
    write(path, read_blend(frame), wanted)
