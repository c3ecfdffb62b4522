"""Glob patterns in paths that may hold the patterns' own letters: a path that exists is a path.

``One [abc].mp4`` and ``Photos [2024]/*.jpg`` are names of files and folders before they are
patterns, so only the part of a source that does not exist is matched.
"""

from __future__ import annotations

import fnmatch
import glob
import os
from pathlib import Path


def split_pattern(source: str | Path) -> tuple[str, str]:
    """Split a source into a path and the pattern below it; the latter is empty without one.

    >>> split_pattern("shots/*/a?.png"), split_pattern("clip.mp4"), split_pattern("*.png")
    (('shots', '*/a?.png'), ('clip.mp4', ''), ('', '*.png'))
    """
    parts = Path(source).parts
    path = ""
    for index, part in enumerate(parts):
        inside = os.path.join(path, part)
        if glob.has_magic(part) and not os.path.lexists(inside):
            return path, os.path.join(*parts[index:])
        path = inside
    return path, ""


def has_pattern(source: str | Path) -> bool:
    """Return whether a source is a pattern, not the path of a file or folder.

    >>> has_pattern("shots/*.png"), has_pattern("shots")
    (True, False)
    """
    return bool(split_pattern(source)[1])


def find_matches(source: str) -> list[str]:
    """List what matches a pattern, unsorted; ``**`` descends into subfolders.

    Brackets are letters if files are called so, else a choice of letters.
    """
    path, pattern = split_pattern(source)
    if not pattern:
        return [path]
    inside = os.path.join(glob.escape(path), "")
    literal = pattern.replace("[", "[[]")
    found = glob.glob(inside + literal, recursive=True)
    if not found and literal != pattern:
        found = glob.glob(inside + pattern, recursive=True)
    return found


def would_match(source: str, path: Path) -> bool:
    """Return whether a pattern would match a path if it existed.

    >>> would_match("shots/*.png", Path("shots/1.png")), would_match("a/**/*.png", Path("a/1.png"))
    (True, True)
    """
    folder, pattern = split_pattern(source)
    whole = os.path.join(glob.escape(folder), pattern)
    if "**" not in pattern:
        return path.match(whole)
    # ** may match no folder; * of fnmatch crosses folders.
    patterns = (whole, whole.replace("**/", ""))
    return any(fnmatch.fnmatchcase(str(path), one) for one in patterns)
