"""Real pairs in a folder, some of them annotated by hand.

A folder holds, for each pair:

    NAME.a.jpg                      A
    NAME.bp.jpg                     B'
    NAME.json                       optional: the annotation
    NAME.published-a-prime.png      optional: the A' of another program, to look at

NAME is APPLICATION--REST. APPLICATION is one of the presets, for example ``photo-to-style``.

An annotation says which parts of A and B' show the same kind of thing:

    {"labels": {"a": [["head", [[x, y], [x, y], [x, y], …]], …], "bp": […]},
     "points": [["left eye", [xa, ya], [xb, yb]], …]}

Labels are polygons. They are painted in their order, so a later one covers an earlier one. Points
are keypoints of A with their place in B'; there may be none. All coordinates are pixels of each
picture's own size. The label ``other`` marks what has no counterpart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from batch_analogy.config.matching import PRESETS, PresetName
from batch_analogy.errors import InputError
from batch_analogy.json_files import decode_json, describe, json_decoder
from batch_analogy.media.stills import read_size

OTHER = "other"
"""Label of what has no counterpart in the other picture."""

_A, _BP, _PUBLISHED = ".a.jpg", ".bp.jpg", ".published-a-prime.png"

Point = tuple[float, float]
"""(x, y) in pixels."""

Name = Annotated[str, msgspec.Meta(min_length=1)]


class Polygon(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """An area of one picture, and what it shows."""

    label: Name
    corners: Annotated[tuple[Point, ...], msgspec.Meta(min_length=3)]


class Labels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Polygons of both pictures, in the order in which they are painted."""

    a: tuple[Polygon, ...]
    bp: tuple[Polygon, ...]

    @property
    def names(self) -> list[str]:
        """Labels of either picture, sorted."""
        return sorted({polygon.label for polygon in (*self.a, *self.bp)})


class Keypoint(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """One place that both pictures show."""

    name: Name
    a: Point
    bp: Point


class Annotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person marked in A and in B'."""

    labels: Labels
    points: tuple[Keypoint, ...] = ()


@dataclass(frozen=True)
class RealPair:
    """A, B' and what is known of them."""

    name: str
    preset: PresetName
    a: Path
    bp: Path
    annotation: Annotation | None
    published: Path | None  # the A' of another program


def read_pairs(folder: Path, names: Sequence[str] = ()) -> list[RealPair]:
    """Read the pairs of a folder, sorted by name; every annotation is checked.

    Args:
        folder: the folder.
        names: only these pairs, each by its name or by the part of it after ``--``; all by default.

    Raises:
        InputError: the folder has no pair, or not one of these names, a picture is missing or
            cannot be read, a name does not begin with a preset, or an annotation is malformed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; name one that holds NAME{_A} and NAME{_BP}")
    found = sorted(
        {path.name.removesuffix(end) for end in (_A, _BP) for path in folder.glob(f"*{end}")}
    )
    if not found:
        raise InputError(f"{folder} holds no pair; a pair is NAME{_A} and NAME{_BP}")
    return [_read_pair(folder, name) for name in (_chosen(found, names) if names else found)]


def _chosen(found: Sequence[str], names: Sequence[str]) -> list[str]:
    short = {name: name.partition("--")[2] for name in found}
    unknown = [name for name in names if name not in found and name not in short.values()]
    if unknown:
        raise InputError(f"there is no pair {', '.join(unknown)}; there are {', '.join(found)}")
    return [name for name in found if name in names or short[name] in names]


def _read_pair(folder: Path, name: str) -> RealPair:
    a, bp, published = (folder / f"{name}{end}" for end in (_A, _BP, _PUBLISHED))
    for path in (a, bp):
        if not path.exists():
            raise InputError(f"{path} is missing; a pair is NAME{_A} and NAME{_BP}")
    application = name.partition("--")[0]
    preset = next((preset for preset in PRESETS if preset == application), None)
    if preset is None or application == name:
        raise InputError(
            f"{a}: the name must be APPLICATION--REST, where APPLICATION is one of "
            f"{', '.join(PRESETS)}"
        )
    return RealPair(
        name=name,
        preset=preset,
        a=a,
        bp=bp,
        annotation=_read_annotation(folder / f"{name}.json", a, bp),
        published=published if published.exists() else None,
    )


def _read_annotation(path: Path, a: Path, bp: Path) -> Annotation | None:
    """Read and check an annotation; None if there is no file.

    Raises:
        InputError: it is malformed; the message names the file and what is wrong.
    """
    if not path.exists():
        return None
    try:
        annotation = decode_json(path.read_bytes(), json_decoder(Annotation))
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {describe(error)}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error})") from error
    both = {p.label for p in annotation.labels.a} & {p.label for p in annotation.labels.bp}
    if not both - {OTHER}:
        raise InputError(f"{path}: labels: no label but {OTHER} is in both a and bp")
    sizes = read_size(a), read_size(bp)
    for index, keypoint in enumerate(annotation.points):
        for side, (x, y), (height, width) in zip(
            ("a", "bp"), (keypoint.a, keypoint.bp), sizes, strict=True
        ):
            if not (0 <= x <= width and 0 <= y <= height):
                raise InputError(
                    f"{path}: points[{index}] ({keypoint.name}): ({x:g}, {y:g}) lies outside "
                    f"{side}, which is {width}x{height}"
                )
    return annotation
