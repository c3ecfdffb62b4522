"""Formats in which pictures are written, one record each, and the format of finished frames.

To add a format for numbered pictures and ``pair``, add a record to ``PICTURE_FORMATS`` and its name
to ``pair --format``. To store finished frames in it, name the record in ``FRAME_FORMAT`` too, and
make ``stills.read_still``, ``read_size`` and ``read_depth`` read it: resuming, films and previews
read frames with these functions. Pixels are display values in [0, 1], but for EXR, whose values may
lie above 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from batch_analogy.media.openexr import EXR_SUFFIX, is_exr, write_exr
from batch_analogy.media.pixel_spaces import DISPLAY_P3, SRGB, PixelSpace
from batch_analogy.media.stills import Depth, FloatPixels, Uint8Pixels, write_png, write_tiff


@dataclass(frozen=True)
class PictureFormat:
    """A format in which pictures can be written."""

    suffixes: tuple[str, ...]  # lower case, the usual one first
    numbered_depth: Depth | None  # of numbered pictures by default; None: as the frames are
    write: Callable[..., None]  # path, pixels, depth, and the space if it is another than sRGB

    spaces: tuple[PixelSpace, ...] = ()  # that a file can name, besides sRGB

    @property
    def suffix(self) -> str:
        """The usual suffix, with its dot."""
        return self.suffixes[0]

    def file_name(self, index: int) -> str:
        """Return the name of a frame's picture; the first frame is 0.

        >>> PNG.file_name(12)
        '000012.png'
        """
        return f"{index:06d}{self.suffix}"

    def space_of(self, space: PixelSpace) -> PixelSpace:
        """Return the space in which pixels are written: theirs, if the format names it, or sRGB.

        >>> TIFF.space_of(DISPLAY_P3) == DISPLAY_P3, EXR.space_of(DISPLAY_P3).is_srgb
        (True, True)
        """
        return space if space in self.spaces or (self is PNG and space.is_named) else SRGB

    def write_in(
        self, space: PixelSpace, path: Path, pixels: FloatPixels | Uint8Pixels, depth: Depth
    ) -> None:
        """Write a picture in a space that ``space_of`` returned."""
        if space.is_srgb:
            self.write(path, pixels, depth)
        else:
            self.write(path, pixels, depth, space)


PNG = PictureFormat((".png",), None, write_png)
TIFF = PictureFormat((".tif", ".tiff"), 16, write_tiff, (DISPLAY_P3,))

EXR = PictureFormat((EXR_SUFFIX,), None, write_exr)

PICTURE_FORMATS = {"png": PNG, "tiff": TIFF, "exr": EXR}
"""Formats by name, as in ``pair --format``."""

FRAME_FORMAT = PNG
"""The format of a run's finished frames, and of frames extracted from a video.

Frames made from EXR are stored as EXR.
"""


def frame_format(source: Path) -> PictureFormat:
    """Return the format of the finished frame of a source."""
    return EXR if is_exr(source) else FRAME_FORMAT


def format_of(path: Path) -> PictureFormat | None:
    """Return the format that a path's suffix names; None if pictures are not written in it."""
    suffix = path.suffix.lower()
    return next((f for f in PICTURE_FORMATS.values() if suffix in f.suffixes), None)
