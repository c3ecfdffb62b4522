"""Chapters of a film: places in it that players can jump to."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from batch_analogy.media.ffmpeg import as_url

_TICKS_PER_SECOND = 1000


def write_chapters(path: Path, starts: Sequence[Fraction], duration: Fraction) -> None:
    """Write a file from which ffmpeg takes the chapters of a film.

    Args:
        path: the file.
        starts: when each chapter begins, in seconds, ascending from 0.
        duration: of the film, in seconds.
    """
    lines = [";FFMETADATA1"]
    for number, (start, end) in enumerate(itertools.pairwise([*starts, duration]), start=1):
        lines += ["[CHAPTER]", f"TIMEBASE=1/{_TICKS_PER_SECOND}"]
        lines += [f"START={round(start * _TICKS_PER_SECOND)}"]
        lines += [f"END={round(end * _TICKS_PER_SECOND)}", f"title=Shot {number}"]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def with_chapters(tracks: Sequence[str], chapters: Path) -> list[str]:
    """Add a file of chapters to ffmpeg options whose first input are the pictures.

    Args:
        tracks: further inputs, and then the streams that are taken from them.
        chapters: as ``write_chapters`` wrote it.

    >>> with_chapters(["-i", "song.mp3", "-map", "1:a"], Path("a.txt"))[2:]
    ['-f', 'ffmetadata', '-i', 'file:a.txt', '-map', '1:a', '-map_chapters', '2']
    """
    inputs = [place for place, option in enumerate(tracks) if option == "-i"]
    after = inputs[-1] + 2 if inputs else 0
    source = ["-f", "ffmetadata", "-i", as_url(chapters)]
    # "-map_metadata -1" alone would also drop the chapters' titles.
    rest = ["-map_metadata:g" if option == "-map_metadata" else option for option in tracks[after:]]
    return [*tracks[:after], *source, *rest, "-map_chapters", str(len(inputs) + 1)]
