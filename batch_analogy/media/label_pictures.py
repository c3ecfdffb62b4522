"""Read masks and label maps: pictures whose colours or numbers name classes.

Three things in files hide classes if they are read as photographs. Transparent parts are a class
too. Class numbers (0, 1, 2 … 255) are nearly one colour, so each gets a colour of its own, the same
in every map. And a map may have been turned, or not, unlike its picture; its shape shows which.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from batch_analogy.errors import InputError
from batch_analogy.media.animation import animation_notes
from batch_analogy.media.class_colours import (
    BLACK,
    TRANSPARENT,
    WHITE,
    Colour,
    class_colour,
    class_colours,
)
from batch_analogy.media.decoding import (
    decoding,
    has_alpha,
    is_deep,
    key_opacity,
    load,
    opened,
    orientation_of,
    stored_orientation,
    turn_upright,
)
from batch_analogy.media.orientation import read_orientation, special_orientation, turned_back
from batch_analogy.media.stills import FloatPixels, read_opacity, read_size, read_still

Size = tuple[int, int]
Codes = npt.NDArray[np.int64]

_APART = 48  # grey levels; closer ones may be merged as one colour
_MAX_NUMBERS = 256
_NEAR_EXTREME = 40  # levels from black or white that count as such
_LEAST_SHARE = 0.001  # of the opaque pixels, for a colour to be present
_HALF = 128  # opacity
_MAX_SKEW = 1.1  # between a map's aspect ratio and its picture's
_SHOWN = 8  # numbers in a note
_OTHER: Colour = (-1, -1, -1)  # any colour but black and white


@dataclass(frozen=True)
class LabelPicture:
    """A map, read."""

    pixels: FloatPixels  # (H, W, 3) float32 RGB in [0, 1], flat colours
    exact: bool = False  # each colour is a class, however rare
    notes: tuple[str, ...] = ()  # what the user should know about how it was read


@dataclass(frozen=True)
class StoredMap:
    """A map as it is in its file, upright by its tag."""

    path: Path
    orientation: int  # of the tag, which was applied
    codes: Codes | None  # (H, W) if it may hold numbers
    numbered: bool  # … and surely does
    colours: npt.NDArray[np.uint8] | None  # (H, W, 3), under transparency too; None: as shown
    opaque: npt.NDArray[np.bool_] | None  # (H, W); None: everywhere


def read_map(
    path: Path,
    *,
    picture: Path | None = None,
    palette: Collection[Colour] = (),
) -> LabelPicture:
    """Read a label map.

    Args:
        path: the map.
        picture: the picture that it belongs to, whose shape it must have.
        palette: the colours of the label map that it is to agree with.

    Raises:
        FrameError: it is not a picture, or is damaged, too small or too large.
        InputError: it has another shape than its picture.
    """
    return _read_together([path], [picture], palette)[0]


def read_masks(paths: Sequence[Path], pictures: Sequence[Path]) -> list[LabelPicture]:
    """Read maps that must agree in their colours, each with its picture.

    Raises:
        FrameError, InputError: as for ``read_map``.
    """
    return _read_together(paths, pictures, ())


def _read_together(
    paths: Sequence[Path], pictures: Sequence[Path | None], palette: Collection[Colour]
) -> list[LabelPicture]:
    stored = [load_map(path) for path in paths]
    numbered, binary = _hold_numbers(stored, palette), _are_binary(stored, palette)
    drawn = [
        _paint(one, numbers, binary=binary) for one, numbers in zip(stored, numbered, strict=True)
    ]
    grounds = _grounds(stored, drawn, palette)
    read = []
    for one, painted, numbers, ground, picture in zip(
        stored, drawn, numbered, grounds, pictures, strict=True
    ):
        notes, pixels = [*animation_notes(one.path)], painted
        if numbers:
            notes.append(_numbers_note(one))
        if one.opaque is not None:
            behind = np.asarray(ground, np.float32) / np.float32(255)
            pixels = np.where(one.opaque[..., None], painted, behind)
            notes.append(f"{one.path.name}: transparent parts count as {_name(ground)}")
        pixels, turned = _for_picture(np.asarray(pixels, np.float32), one, picture)
        read.append(LabelPicture(np.ascontiguousarray(pixels), numbers, (*notes, *turned)))
    return read


def load_map(path: Path) -> StoredMap:
    """Read the codes, colours and opacity of a map.

    Raises:
        FrameError: it is not a picture, or is damaged, too small or too large.
    """
    read_size(path)  # refuses what is no picture, too small or too large
    if (turn := special_orientation(path)) is not None:
        opacity = read_opacity(path)
        solid = None if opacity is None else opacity >= _HALF / 255
        return StoredMap(path, turn, None, False, None, solid)
    with decoding(path), opened(path) as image:
        before = stored_orientation(image)
        transparent, deep, lossy = has_alpha(image), is_deep(image), image.format in ("JPEG", "MPO")
        load(image)
        now = orientation_of(image)
        values = _values(image)
    orientation = before or now
    if values is None:
        return StoredMap(path, orientation, None, False, None, None)
    values = turn_upright(values, now)
    opaque = values[..., -1] >= _HALF if transparent and values.shape[2] in (2, 4) else None
    if opaque is not None and bool(opaque.all()):
        opaque = None
    colours = values[..., : 1 if values.shape[2] < 3 else 3]
    codes = None if lossy else _codes(colours, opaque)
    numbered = codes is not None and _are_numbers(codes, opaque, 257 if deep else 1)
    shown = None
    if opaque is not None and not deep:
        shown = np.broadcast_to(colours, (*colours.shape[:2], 3)).astype(np.uint8)
    return StoredMap(path, orientation, codes, numbered, shown, opaque)


def _values(image: Image.Image) -> npt.NDArray[np.int64] | None:
    """Return the stored values, (H, W, 1 to 4); None for kinds that hold no classes."""
    if image.mode.startswith("I") and (key := key_opacity(image)) is not None:
        return np.stack([np.asarray(image), key * 255], axis=2).astype(np.int64)
    if image.mode in ("1", "P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA" if has_alpha(image) else "RGB")
    if image.mode == "F":
        floats = np.nan_to_num(np.asarray(image))
        if not np.array_equal(floats, np.rint(floats)) or floats.min() < 0:
            return None
        return np.asarray(floats.astype(np.int64)[..., None])
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I", "I;16", "I;16B", "I;16L"):
        return None
    values = np.asarray(image).astype(np.int64)
    return np.asarray(values[..., None] if values.ndim == 2 else values)


def _codes(values: Codes, opaque: npt.NDArray[np.bool_] | None) -> Codes | None:
    """Return the one channel that varies, (H, W): grey, or one of three with the others at 0."""
    if values.shape[2] == 1:
        return np.asarray(values[..., 0])
    shown = values if opaque is None else values[opaque][:, None]
    if (shown == shown[..., :1]).all():
        return np.asarray(values[..., 0])
    used = [n for n in range(3) if shown[..., n].any()]
    return np.asarray(values[..., used[0]]) if len(used) == 1 else None


def _are_numbers(codes: Codes, opaque: npt.NDArray[np.bool_] | None, step: int) -> bool:
    """Tell class numbers from shades: few levels, some nearly alike, most of them in flat areas."""
    shown = codes if opaque is None else codes[opaque]
    found = np.unique(shown)
    if not 2 <= len(found) <= _MAX_NUMBERS or int(np.diff(found).min()) >= _APART * step:
        return False
    flat = _is_flat(codes)
    if opaque is not None:
        flat &= opaque
    return 2 * len(np.unique(codes[flat])) >= len(found)


def _is_flat(codes: Codes) -> npt.NDArray[np.bool_]:
    """Mark the pixels that equal all eight around them."""
    height, width = codes.shape
    padded = np.pad(codes, 1, mode="edge")
    flat = np.ones(codes.shape, dtype=bool)
    for down, right in itertools.product(range(3), repeat=2):
        flat &= padded[down : down + height, right : right + width] == codes
    return flat


def _hold_numbers(stored: Sequence[StoredMap], palette: Collection[Colour]) -> list[bool]:
    """Tell which maps hold numbers, given those that they must agree with."""
    coloured = set(palette) - {BLACK, WHITE, TRANSPARENT}
    expected = bool(coloured) and coloured <= set(class_colours())
    together = expected or any(one.numbered for one in stored)
    return [one.codes is not None and together for one in stored]


def _paint(stored: StoredMap, numbers: bool, *, binary: bool) -> FloatPixels:
    """Return the colours of a map, numbers as the colours of their classes."""
    if numbers and stored.codes is not None:
        found, places = np.unique(stored.codes, return_inverse=True)
        colours = [class_colour(255 if binary and n else int(n)) for n in found]
        table = np.asarray(colours, np.float32) / np.float32(255.0)
        return table[places.reshape(stored.codes.shape)]
    if stored.colours is not None and stored.opaque is not None:
        return stored.colours.astype(np.float32) / np.float32(255.0)
    return read_still(stored.path)


def _are_binary(stored: Sequence[StoredMap], palette: Collection[Colour]) -> bool:
    """Return whether numbers are only 0 and 1, or 0 and 255."""
    found = [set(np.unique(one.codes).tolist()) for one in stored if one.codes is not None]
    return set(palette) <= {BLACK, WHITE} and all(f <= {0, 1} or f <= {0, 255} for f in found)


def _grounds(
    stored: Sequence[StoredMap], drawn: Sequence[FloatPixels], palette: Collection[Colour]
) -> list[Colour]:
    """Choose the colour of transparent parts: one that no visible part has, alike in all maps."""
    own = [_extremes(pixels, one.opaque) for one, pixels in zip(stored, drawn, strict=True)]
    if palette:
        known = [colour for colour in (TRANSPARENT, BLACK, WHITE) if colour in set(palette)]
        return [next((c for c in known if c not in has), _ground(has)) for has in own]
    clear: set[Colour] = set()
    solid: set[Colour] = set()
    for one, has in zip(stored, own, strict=True):
        (solid if one.opaque is None else clear).update(has)
    shared = [colour for colour in (BLACK, WHITE) if colour in solid and colour not in clear]
    return [shared[0] if shared else _ground(clear)] * len(stored)


def _ground(present: Collection[Colour]) -> Colour:
    if BLACK in present:
        return WHITE if set(present) == {BLACK} else TRANSPARENT
    return BLACK if WHITE in present else WHITE


def _extremes(pixels: FloatPixels, opaque: npt.NDArray[np.bool_] | None) -> set[Colour]:
    """Return which of black, white and others the visible parts have; others as a mark."""
    shown = pixels.reshape(-1, 3) if opaque is None else pixels[opaque]
    if not len(shown):
        return set()
    levels = np.rint(shown * 255)
    black = (levels <= _NEAR_EXTREME).all(axis=1)
    white = (levels >= 255 - _NEAR_EXTREME).all(axis=1)
    shares = {BLACK: black.mean(), WHITE: white.mean(), _OTHER: (~black & ~white).mean()}
    return {colour for colour, share in shares.items() if share > _LEAST_SHARE}


def _for_picture(
    pixels: FloatPixels, stored: StoredMap, picture: Path | None
) -> tuple[FloatPixels, tuple[str, ...]]:
    """Turn a map, and scale it, to the shape of its picture; return also notes."""
    name = stored.path.name
    if picture is None:
        turned = f"{name} is turned as its orientation tag says"
        return pixels, (turned,) if stored.orientation != 1 else ()
    size = read_size(picture)
    pixels, note = turn_to(pixels, stored.orientation, read_orientation(picture), size)
    notes = (f"{name} {note}",) if note else ()
    height, width = pixels.shape[:2]
    if not is_alike((height, width), size):
        raise InputError(
            f"{stored.path} is {width}×{height} px, but {picture} is {size[1]}×{size[0]} px; a map "
            "has the shape of its picture, as it says what each pixel shows"
        )
    return pixels, notes


def turn_to(
    pixels: FloatPixels, own: int, other: int, size: Size | None
) -> tuple[FloatPixels, str]:
    """Turn a map so that it has the shape of its picture; return also how, if that is not plain.

    Args:
        pixels: (H, W, C), turned by its own tag.
        own: orientation of its tag. other: that of its picture's tag, which was applied.
        size: of the picture, upright; None: unknown.
    """
    if size is None or is_alike(pixels.shape[:2], size):
        if own not in (1, other):
            return pixels, "is turned as its orientation tag says"
        as_stored = own == 1 and other != 1 and size is not None
        if as_stored and is_alike(turn_upright(pixels, other).shape[:2], size or (1, 1)):
            return pixels, "has no orientation tag, but its picture has one: check that they agree"
        return pixels, ""
    stored = turn_upright(pixels, turned_back(own))
    if own != 1 and is_alike(stored.shape[:2], size):
        return stored, "is not turned by its orientation tag, as only so it has its picture's shape"
    turned = turn_upright(stored, other)
    if own == 1 and is_alike(turned.shape[:2], size):
        return turned, "is turned like its picture, whose orientation tag it lacks"
    return pixels, ""


def is_alike(size: tuple[int, ...], other: Size) -> bool:
    """Return whether two sizes, (height, width), have about the same aspect ratio."""
    skew = size[0] * other[1] / (size[1] * other[0])
    return 1 / _MAX_SKEW <= skew <= _MAX_SKEW


def _numbers_note(stored: StoredMap) -> str:
    assert stored.codes is not None
    found = np.unique(stored.codes if stored.opaque is None else stored.codes[stored.opaque])
    shown = ", ".join(map(str, found[:_SHOWN])) + (" …" if len(found) > _SHOWN else "")
    return f"{stored.path.name} holds class numbers ({shown}); each is a class"


def _name(colour: Colour) -> str:
    names = {BLACK: "black", WHITE: "white"}
    return names.get(colour, "a class of their own")
