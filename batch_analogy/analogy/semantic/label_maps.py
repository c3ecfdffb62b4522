"""Label maps: find their flat colours, and the class of each pixel.

The published code feeds label colours to its network as they are. Its example maps contain up to
4,150 colours where two to five are meant: edges are antialiased, one map is a JPEG, and one target
map uses different greens from its label map. Here pixels become classes first.

Source: docs/method.md, "Label maps".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from batch_analogy.config.semantic import Encoding
from batch_analogy.errors import InputError

Labels = npt.NDArray[np.uint8]
"""(H, W, 3) RGB of a label picture."""
Classes = npt.NDArray[np.int64]
"""(H, W) indices into a palette."""

MAX_CLASSES = 32
MIN_CLASSES = 2

_ALIKE = 24  # largest difference, in any channel, within one flat colour (JPEG)
_FLAT = 16  # largest difference, in any channel, within 3 × 3 pixels of a flat area
_LEAST_SHARE = 0.002  # least share of the picture for a colour with flat areas to be a class
_LEAST_LINES = 0.01  # least share for a colour that only has thin lines
_CLOSELY = 8  # most pixels are this close to a flat colour in a label map, few in a photograph
_LEAST_CERTAIN = 0.7  # least share of a label map that is this close to a flat colour
_BLEND = 20.0  # largest distance of a mixture from the line between its two colours
_NEAR = 72.0  # largest distance of a target map's colour from a known one (other greens)
_CLEARLY = 0.6  # … and largest distance as a share of that to the second nearest colour


@dataclass(frozen=True)
class Palette:
    """The flat colours of a label map, the most frequent first; a class is an index into it."""

    colours: tuple[tuple[int, int, int], ...]

    def __len__(self) -> int:
        return len(self.colours)

    @property
    def names(self) -> tuple[str, ...]:
        """The colours in hexadecimal.

        >>> Palette(((0, 253, 255), (255, 147, 0))).names
        ('#00fdff', '#ff9300')
        """
        return tuple(_name(colour) for colour in self.colours)

    def array(self) -> npt.NDArray[np.float64]:
        """Return the colours as (K, 3), 0 … 255."""
        return np.asarray(self.colours, dtype=np.float64).reshape(-1, 3)

    def paint(self, classes: Classes) -> Labels:
        """Turn (H, W) classes into a label map, (H, W, 3)."""
        return self.array().astype(np.uint8)[classes]


def find_palette(labels: Labels, *, name: str) -> Palette:
    """Find the flat colours of a picture's own label map.

    Args:
        labels: (H, W, 3) uint8; antialiased edges and JPEG noise are tolerated.
        name: name of the map in messages.

    Raises:
        InputError: the map has a single flat colour, or too many, or is a photograph.
    """
    colours = _flat_colours(labels)
    if len(colours) > MAX_CLASSES:
        raise InputError(
            f"{name} has {len(colours)} flat colours; a label map has at most {MAX_CLASSES}, one "
            "for each kind of thing: paint things of one kind in one colour"
        )
    if not colours or _certain(labels, colours, _CLOSELY).mean() < _LEAST_CERTAIN:
        raise InputError(
            f"{name} is not a label map: too few of its pixels have a flat colour. Is it a "
            "photograph? Paint each kind of thing in one colour, without shading"
        )
    if len(colours) < MIN_CLASSES:
        raise InputError(
            f"{name} has only one colour, {_name(colours[0])}; a label map needs at least two, "
            "or there is nothing to move"
        )
    return Palette(tuple(colours))


def read_classes(labels: Labels, palette: Palette, *, name: str) -> Classes:
    """Find the class of each pixel of a label map.

    Pixels between flat areas (antialiased edges, JPEG noise) go to the nearest area, not to the
    nearest colour: half red and half green is not brown.

    Args:
        labels: (H, W, 3) uint8, of any size.
        palette: classes of the picture's own label map.
        name: name of the map in messages.

    Returns:
        (H, W) int64.

    Raises:
        InputError: the map has colours that are not in the palette; the message lists them.
    """
    own = _flat_colours(labels, known=palette.colours)
    classes = [_nearest_known(colour, palette) for colour in own]
    unknown = [c for c, known in zip(own, classes, strict=True) if known is None]
    flat = bool(own) and _certain(labels, own, _CLOSELY).mean() >= _LEAST_CERTAIN
    if unknown or not flat:
        raise InputError(_refusal(name, unknown if flat else [], palette))
    certain = _certain(labels, own, _ALIKE)
    chosen = _closest(labels, own)
    rows, columns = ndimage.distance_transform_edt(
        ~certain, return_distances=False, return_indices=True
    )
    found: Classes = np.asarray(classes, dtype=np.int64)[chosen[rows, columns]]
    return found


def encode(classes: Tensor, palette: Palette, encoding: Encoding) -> Tensor:
    """Encode classes as input of the network.

    Args:
        classes: (B, H, W) int64.
        palette: colours of the classes.
        encoding: ``"one-hot"``, or ``"rgb"`` as published: colours in [-1, 1].

    Returns:
        (B, K, H, W) or (B, 3, H, W) float32.
    """
    if encoding == "one-hot":
        return class_planes(classes, len(palette))
    colours = torch.tensor(palette.colours, dtype=torch.float32, device=classes.device)
    return (colours[classes] / 127.5 - 1.0).permute(0, 3, 1, 2)


def class_planes(classes: Tensor, count: int) -> Tensor:
    """One-hot encode (B, H, W) classes as (B, K, H, W) float32."""
    return F.one_hot(classes, count).permute(0, 3, 1, 2).float()


def channels_of(palette: Palette, encoding: Encoding) -> int:
    """Return the number of channels that ``encode`` gives."""
    return len(palette) if encoding == "one-hot" else 3


def _refusal(name: str, unknown: Sequence[tuple[int, int, int]], palette: Palette) -> str:
    known = f"the picture's label map has {', '.join(palette.names)}"
    if not unknown:
        return f"{name} is not a label map in flat colours: {known}. Is it a photograph?"
    shown = ", ".join(_name(colour) for colour in unknown[:8])
    more = f" and {len(unknown) - 8} more" if len(unknown) > 8 else ""
    return (
        f"{name} has colours that the network never saw: {shown}{more}; {known}: repaint it in "
        "these, or add the colours to the label map and train again"
    )


def _flat_colours(
    labels: Labels, known: Sequence[tuple[int, int, int]] = ()
) -> list[tuple[int, int, int]]:
    """List the colours of flat areas, and of thin lines unless they are mixtures.

    Args:
        labels: (H, W, 3) uint8.
        known: colours that are listed even if they are rare.

    Returns:
        The colours, the most frequent first.
    """
    colours, places, counts = np.unique(
        labels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True
    )
    if len(colours) <= MAX_CLASSES and not _mixtures(colours, counts):
        order = np.argsort(-counts, kind="stable")
        return [_triple(colours[index]) for index in order]
    flat = ndimage.maximum_filter(labels, size=(3, 3, 1)).astype(int)
    flat = (flat - ndimage.minimum_filter(labels, size=(3, 3, 1))).max(axis=2) <= _FLAT
    inside = np.bincount(places.reshape(-1)[flat.reshape(-1)], minlength=len(colours))
    found = _modes(colours, inside, _LEAST_SHARE * flat.size, [], mixtures=True)
    found = _modes(colours, counts, _LEAST_LINES * flat.size, found, mixtures=False)
    listed = {_triple(colour) for colour in colours}
    return found + [c for c in known if c in listed and not any(_alike(c, f) for f in found)]


def _mixtures(colours: npt.NDArray[np.uint8], counts: npt.NDArray[np.int64]) -> bool:
    """Tell whether some colours are mixtures of others, as at antialiased edges."""
    order = [_triple(colours[index]) for index in np.argsort(-counts, kind="stable")]
    return any(
        _is_mixture(colour, order[:place]) or any(_alike(colour, c) for c in order[:place])
        for place, colour in enumerate(order)
    )


def _modes(
    colours: npt.NDArray[np.uint8],
    counts: npt.NDArray[np.integer],
    least: float,
    found: list[tuple[int, int, int]],
    *,
    mixtures: bool,
) -> list[tuple[int, int, int]]:
    """List the most frequent colours, merging similar ones, until too few pixels are left.

    Args:
        colours: (N, 3) uint8.
        counts: (N,), number of pixels of each colour.
        least: least number of pixels of a colour and similar ones.
        found: colours found before, which come first.
        mixtures: accept mixtures of other colours, as a whole area of one is not an edge.
    """
    found, left = list(found), counts.copy()
    values = colours.astype(int)
    for colour in found:
        left[np.abs(values - colour).max(axis=1) <= _ALIKE] = 0
    while len(found) <= MAX_CLASSES and left.sum() >= least:
        peak = values[int(left.argmax())]
        near = np.abs(values - peak).max(axis=1) <= _ALIKE
        if left[near].sum() >= least and (mixtures or not _is_mixture(_triple(peak), found)):
            found.append(_triple(peak))
        left[near] = 0
    return found


def _is_mixture(colour: tuple[int, int, int], found: Sequence[tuple[int, int, int]]) -> bool:
    """Tell whether a colour lies between two others, as antialiasing makes them."""
    point = np.asarray(colour, dtype=float)
    for index, one in enumerate(found):
        for other in found[index + 1 :]:
            start, line = np.asarray(one, float), np.subtract(other, one).astype(float)
            along = float(np.dot(point - start, line) / np.dot(line, line))
            away = float(np.linalg.norm(point - start - np.clip(along, 0, 1) * line))
            if 0.02 < along < 0.98 and away <= _BLEND:
                return True
    return False


def _closest(labels: Labels, colours: Sequence[tuple[int, int, int]]) -> npt.NDArray[np.intp]:
    """Find the nearest colour of each pixel, (H, W)."""
    distances = [
        np.square(labels.astype(np.int32) - np.asarray(c, np.int32)).sum(axis=2) for c in colours
    ]
    nearest: npt.NDArray[np.intp] = np.argmin(distances, axis=0)
    return nearest


def _certain(
    labels: Labels, colours: Sequence[tuple[int, int, int]], within: int
) -> npt.NDArray[np.bool_]:
    """Mark the pixels that have one of the colours, up to ``within`` in each channel, (H, W)."""
    certain = np.zeros(labels.shape[:2], dtype=bool)
    for colour in colours:
        certain |= (
            np.abs(labels.astype(np.int16) - np.asarray(colour, np.int16)).max(axis=2) <= within
        )
    return certain


def _nearest_known(colour: tuple[int, int, int], palette: Palette) -> int | None:
    """Return the class that a colour stands for; None if it is unknown or ambiguous."""
    distances = np.linalg.norm(palette.array() - np.asarray(colour, float), axis=1)
    order = np.argsort(distances, kind="stable")
    nearest = float(distances[order[0]])
    if nearest > _NEAR or nearest > _CLEARLY * float(distances[order[1]]):
        return None
    return int(order[0])


def _alike(one: Sequence[int], other: Sequence[int]) -> bool:
    return all(abs(int(a) - int(b)) <= _ALIKE for a, b in zip(one, other, strict=True))


def _triple(colour: npt.NDArray[np.integer]) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in colour)
    return red, green, blue


def _name(colour: Sequence[int]) -> str:
    return "#" + "".join(f"{value:02x}" for value in colour)
