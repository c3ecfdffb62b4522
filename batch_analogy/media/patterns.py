"""Glob patterns in paths that may hold the patterns' own letters: a path that exists is a path.

``One [abc].mp4`` and ``Photos [2024]/*.jpg`` are names of files and folders before they are
patterns, so only the part of a source that does not exist is matched.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from pathlib import Path

_SYSTEM_FOLDERS = frozenset(
    {
        *("@eadir", "#recycle", "#snapshot", "@tmp"),  # Synology
        *(".@__thumb", "@recycle", "@recently-snapshot", ".@upload_cache"),  # QNAP
        *("__macosx", ".appledouble", ".trashes", ".spotlight-v100", ".fseventsd"),  # macOS
        *("$recycle.bin", "system volume information", "recycler"),  # Windows
        *(".thumbnails", ".thumbs", ".thumb", ".trash", "lost+found"),  # Linux
        *("thumbnails", "thumbs", "thumb", "thmbnl"),  # web galleries, cameras
        *(".picasaoriginals", ".dtrash", ".xvpics", "_gsdata_", "captureone"),  # programs
        *(".snapshot", ".snapshots", ".zfs", "~snapshot"),  # snapshots of disks
    }
)
"""Folders of thumbnails, deleted files and snapshots, in lower case."""
_SYSTEM_KINDS = re.compile(r"\.trash-\d+|.+\.lrdata")
"""Like folders whose names vary: of users, and of Lightroom's catalogues."""


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

    Brackets are letters if files are called so, else a choice of letters. Folders in which storage
    boxes, cameras and operating systems keep thumbnails and deleted files are left out, unless the
    pattern names them.
    """
    path, pattern = split_pattern(source)
    if not pattern:
        return [path]
    inside = os.path.join(glob.escape(path), "")
    literal = pattern.replace("[", "[[]")
    found = glob.glob(inside + literal, recursive=True)
    if not found and literal != pattern:
        found = glob.glob(inside + pattern, recursive=True)
    named = {part.casefold() for part in Path(pattern).parts}
    below = len(inside)
    return [
        one
        for one in found
        if not any(is_system_folder(name) and name not in named for name in _folders(one[below:]))
    ]


def is_system_folder(name: str) -> bool:
    """Return whether a folder holds thumbnails or deleted files, by its name.

    >>> is_system_folder("@eaDir"), is_system_folder("day1")
    (True, False)
    """
    folded = name.casefold()
    return folded in _SYSTEM_FOLDERS or _SYSTEM_KINDS.fullmatch(folded) is not None


def _folders(path: str) -> list[str]:
    return path.casefold().split(os.sep)[:-1]


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
