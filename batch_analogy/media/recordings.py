"""Find the videos of a source; recordings that a camera split into several files are one video."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from batch_analogy.errors import UsageError
from batch_analogy.files import expand_user
from batch_analogy.media.container import holds_video
from batch_analogy.media.name_order import natural_key
from batch_analogy.media.patterns import find_matches, has_pattern
from batch_analogy.media.sequence import STILL_SUFFIXES, VIDEO_SUFFIXES, is_video

# GoPro puts the chapter before the number of the recording: GX010042, GX020042; in older models
# GOPR0042 goes on as GP010042.
_CHAPTER = re.compile(r"(G[HXLP])(\d\d)(\d{4})", re.IGNORECASE)
_FIRST_CHAPTER = re.compile(r"GOPR(\d{4})", re.IGNORECASE)


def find_videos(source: str, files: Sequence[str] = ()) -> list[Path]:
    """Return the videos of a source, in the order in which they were recorded.

    Args:
        source: as the user typed it: a video, a pattern, a folder or a picture.
        files: what was named one by one, if there was more than one.

    Returns:
        The videos; none if the source is pictures. A missing ``clip.mp4`` counts as a video. A
        folder is pictures, and so is a pattern that matches both.

    Raises:
        UsageError: some of the files are videos and others are not, or one of them is missing.
    """
    found = [_videos_of(one, alone=not files) for one in files or (source,)]
    videos = [video for group in found for video in group]
    if videos and not all(found):
        other = next(one for one, group in zip(files, found, strict=True) if not group)
        raise UsageError(
            f"{videos[0]} is a video and {other} is not; give videos alone or pictures alone"
        )
    gone = next((video for video in videos if files and not video.exists()), None)
    if gone is not None:
        raise UsageError(
            f"{gone} does not exist; if it is to be the film, write -o {gone}, else give a video"
        )
    # A shell sorts what it makes of a pattern; any other order was chosen by a person.
    names = [str(video) for video in videos]
    by_shell = names in (sorted(names), sorted(names, key=str.casefold))
    return in_recorded_order(videos) if by_shell or not files else videos


def in_recorded_order(videos: Iterable[Path]) -> list[Path]:
    """Sort the parts of recordings: ``GX010042, GX020042, GX010043``; others by natural order.

    >>> [p.stem for p in in_recorded_order(map(Path, ["GX010043", "GX020042", "GX010042"]))]
    ['GX010042', 'GX020042', 'GX010043']
    >>> [p.stem for p in in_recorded_order(map(Path, ["GP010042", "GOPR0042", "GOPR0041"]))]
    ['GOPR0041', 'GOPR0042', 'GP010042']
    """
    return sorted(
        videos,
        key=lambda p: ([natural_key(part) for part in p.parent.parts], natural_key(_by_number(p))),
    )


def is_gopro(path: Path) -> bool:
    """Return whether a file is named as a GoPro does, which puts the chapter before the number.

    >>> is_gopro(Path("GX020042.MP4")), is_gopro(Path("GOPR0042.MP4")), is_gopro(Path("trip.mp4"))
    (True, True, False)
    """
    return bool(_CHAPTER.fullmatch(path.stem) or _FIRST_CHAPTER.fullmatch(path.stem))


def _by_number(path: Path) -> str:
    """Return the name with the number of the recording before its chapter."""
    if found := _CHAPTER.fullmatch(path.stem):
        camera = "GOPR" if found[1].upper() == "GP" else found[1].upper()
        return f"{camera}{found[3]} {found[2]}"
    if found := _FIRST_CHAPTER.fullmatch(path.stem):
        return f"GOPR{found[1]} 00"
    return path.name


def _videos_of(source: str, *, alone: bool) -> list[Path]:
    """Return the videos of one source; an animated picture is one only if it stands alone."""
    path = expand_user(source)
    if not has_pattern(path):
        by_name = path.suffix.lower() in STILL_SUFFIXES and not alone
        return [path] if not by_name and is_video(path) else []
    matches = [Path(match) for match in find_matches(str(path))]
    suffixes = {match.suffix.lower() for match in matches}
    if suffixes & STILL_SUFFIXES:
        return []
    named = [one for one in matches if one.suffix.lower() in VIDEO_SUFFIXES and one.is_file()]
    return named or [one for one in matches if one.is_file() and holds_video(one)]


def split_sources(sources: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the source that stands for several, and these, or none if there is only one.

    It is the first video, or the folder that contains all pictures.

    >>> split_sources(["frames/"]), split_sources(["a/1.png", "a/2.png"])
    (('frames/', ()), ('a', ('a/1.png', 'a/2.png')))
    """
    if len(sources) == 1:
        return sources[0], ()
    if any(Path(one).suffix.lower() not in STILL_SUFFIXES for one in sources):
        videos = find_videos(sources[0], sources)
        if videos:
            return str(videos[0]), tuple(map(str, videos))
    folders = {one if os.path.isdir(one) else os.path.dirname(one) or "." for one in sources}
    if len(folders) == 1:
        return folders.pop(), tuple(sources)
    absolute = [os.path.abspath(expand_user(one)) for one in folders]
    return os.path.commonpath(absolute), tuple(sources)
