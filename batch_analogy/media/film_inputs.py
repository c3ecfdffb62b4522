"""Tell which of the paths that a person named are one film, and which are films of their own.

A shell makes many paths of ``frames/*.png``, and cameras split one recording into several files:
those are one film. Several folders, or videos that have nothing to do with each other, are a queue.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from batch_analogy.config.run import Films
from batch_analogy.errors import UsageError
from batch_analogy.files import expand_user
from batch_analogy.media.patterns import has_pattern
from batch_analogy.media.recordings import is_gopro
from batch_analogy.media.sequence import STILL_SUFFIXES, is_video
from batch_analogy.media.timeline_reading import is_timeline


def group_inputs(sources: Sequence[str], films: Films = "auto") -> list[list[str]]:
    """Group paths by the film that they are for, in the order of the first of each.

    Args:
        sources: folders, patterns, pictures and videos, as a person or a shell wrote them.
        films: ``"auto"`` makes one film of all pictures, and of videos in one folder whose names
            differ in numbers alone; each folder, pattern and other video is a film of its own.

    Raises:
        UsageError: there are pictures beside folders or videos.

    >>> group_inputs(["a/1.png", "a/2.png"]), group_inputs(["a", "b.mp4"], "one")
    ([['a/1.png', 'a/2.png']], [['a', 'b.mp4']])
    >>> group_inputs(["GX010042.MP4", "trip.mp4", "GX020042.MP4"])
    [['GX010042.MP4', 'GX020042.MP4'], ['trip.mp4']]
    """
    if len(sources) == 1 or films == "one":
        return [list(sources)]
    if films == "each":
        return [[source] for source in sources]
    kinds = [_kind(source) for source in sources]
    if "picture" in kinds:
        wholes = [s for s, kind in zip(sources, kinds, strict=True) if kind in ("whole", "video")]
        if wholes:
            picture = sources[kinds.index("picture")]
            raise UsageError(
                f"{picture} is a picture and {wholes[0]} is not; give the pictures of one film, or "
                "folders and videos, each a film of its own. The film's name follows -o"
            )
        return [list(sources)]
    groups: dict[object, list[str]] = {}
    for place, (source, kind) in enumerate(zip(sources, kinds, strict=True)):
        key = _series(source) if kind == "video" else place
        groups.setdefault(key, []).append(source)
    return list(groups.values())


def _kind(source: str) -> Literal["picture", "video", "whole", "other"]:
    """Return the kind of a path; a folder, a pattern or a timeline is the whole of a film."""
    path = expand_user(source)
    if path.is_dir() or has_pattern(path) or is_timeline(path):
        return "whole"
    if path.suffix.lower() in STILL_SUFFIXES:
        return "picture"
    return "video" if is_video(path) else "other"


def _series(video: str) -> tuple[str, str]:
    """Return what videos of one recording have in common: folder, and name without numbers.

    >>> _series("day/DJI_0001.MP4") == _series("day/DJI_0002.mp4")
    True
    """
    folder, name = os.path.split(video)
    stem, suffix = os.path.splitext(name.casefold())
    common = "gopro" if is_gopro(Path(name)) else re.sub(r"[0-9]+", "0", stem)
    return folder, common + suffix
