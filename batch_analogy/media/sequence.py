"""Find the pictures of a folder or pattern, in natural order of their names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from batch_analogy.errors import InputError, UsageError
from batch_analogy.files import expand_user
from batch_analogy.media.animation import is_animation
from batch_analogy.media.camera_raw import RAW_SUFFIXES, is_raw
from batch_analogy.media.container import holds_video
from batch_analogy.media.frame_numbers import number_of
from batch_analogy.media.name_order import natural_key, read_names
from batch_analogy.media.patterns import find_matches, has_pattern, would_match
from batch_analogy.media.picture_kinds import HEIF_SUFFIXES, JPEG_XL_SUFFIXES, kind_of

# fmt: off
STILL_SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".dib", ".webp", ".gif",
    ".apng", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".exr", ".jp2", ".j2k", ".avif",
}) | RAW_SUFFIXES | HEIF_SUFFIXES | JPEG_XL_SUFFIXES
VIDEO_SUFFIXES = frozenset({
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".ts",
    ".wmv", ".flv", ".ogv", ".3gp", ".mxf", ".y4m", ".vob", ".mod", ".tod", ".dv", ".insv", ".360",
    ".m2v", ".m1v", ".asf", ".f4v", ".3g2", ".mpe", ".mpv", ".m2t", ".qt", ".divx", ".ogm", ".nut",
    ".rm", ".rmvb", ".mj2", ".264", ".h264", ".265", ".hevc",
})
_NO_PICTURES = frozenset({
    ".thm", ".lrv", ".xmp", ".aae", ".db", ".ini", ".txt", ".json", ".xml", ".csv", ".html", ".md",
    ".part", ".tmp", ".crdownload", ".download", ".bak", ".old", ".orig", ".log", ".gpx", ".wav",
    ".mp3", ".pdf", ".zip",
})
"""Suffixes of files that are never opened: sidecars, and thumbnails such as those of .thm."""
# fmt: on
_MAX_OPENED = 10_000


def is_video(path: Path) -> bool:
    """Return whether a path is a video: by its suffix, or as an animated picture.

    The file need not exist: a missing ``clip.mp4`` counts as a video. A file whose name tells
    nothing is opened.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        return False
    if suffix in VIDEO_SUFFIXES:
        return True
    if suffix in RAW_SUFFIXES or not path.is_file():
        return False
    if kind_of(path) is not None:  # a picture; ffmpeg would call some of them videos
        return is_animation(path)
    if is_animation(path):
        return True
    return not (suffix in STILL_SUFFIXES and _is_picture(path)) and holds_video(path)


def find_stills(source: str, files: Sequence[str] = ()) -> list[str]:
    """List the pictures of a folder, a glob pattern or a single file.

    Hidden files, videos, sidecar files and subfolders are skipped. Damaged pictures are listed:
    they are failed frames, not missing ones. A RAW or HEIF file is skipped if a picture of the same
    name in a more common format is in the same folder, as many cameras write both. Files whose
    names tell nothing are opened, and listed if they hold pictures.

    Args:
        source: as the user typed it; ``**`` in a pattern descends into subfolders.
        files: what was named one by one, if there was more than one, as a shell does with a
            pattern.

    Returns:
        Paths in natural order of their folders and names; strings, as there may be a million.

    Raises:
        UsageError: the path does not exist.
        InputError: nothing matches, or no match is a picture.
    """
    found = dict.fromkeys(path for one in files or (source,) for path in _list(one))
    stills = {folder: _stills_of(folder, names) for folder, names in _by_folder(found).items()}
    if not any(stills.values()):
        raise InputError(_describe_nothing(source, found))
    in_order = sorted(stills, key=lambda folder: [natural_key(p) for p in Path(folder).parts])
    return [folder + name for folder in in_order for name in stills[folder]]


def _list(source: str) -> list[str]:
    """List what a folder contains, what a pattern matches, or a single file."""
    path = expand_user(source)
    if path.is_dir():
        return _list_folder(path)
    if path.exists():
        return [str(path)]
    if not has_pattern(path):
        raise UsageError(f"{source} does not exist; give a folder, a pattern or a video")
    found = find_matches(str(path))
    if not found:
        raise InputError(f"nothing matches {source}; check the pattern, or give the folder")
    return found


def would_find(source: str, path: Path) -> bool:
    """Return whether ``find_stills`` would list a picture if it existed.

    >>> would_find("shots/*.png", Path("shots/1.png"))
    True
    >>> would_find("shots/a*.png", Path("shots/1.png"))
    False
    """
    if os.path.isdir(source):
        return os.path.realpath(source) == os.path.realpath(path.parent)
    if os.path.exists(source):  # a single file
        return False
    return would_match(source, path)


def name_in_cloud(name: str) -> str | None:
    """Return the name of a picture of which only iCloud's placeholder lies here; else None.

    >>> name_in_cloud(".IMG_0003.HEIC.icloud")
    'IMG_0003.HEIC'
    """
    found = name.startswith(".") and name.endswith(".icloud")
    return name[1 : -len(".icloud")] if found else None


def _by_folder(paths: Iterable[str]) -> dict[str, list[str]]:
    """Group paths: folder, with its separator → names in it."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        name_at = path.rfind(os.sep) + 1
        folders.setdefault(path[:name_at], []).append(path[name_at:])
    return folders


def _stills_of(folder: str, names: Iterable[str]) -> list[str]:
    """Select the pictures among a folder's entries and sort them in natural order."""
    visible = [name for name in names if not name.startswith(".")]
    stills = [name for name in visible if _suffix(name) in STILL_SUFFIXES]
    stills += _pictures_of_other_names(folder, visible, stills)
    if len(stills) == 1:
        stills = [name for name in stills if not os.path.isdir(folder + name)]
    elif stills:  # listing the folder once is faster than a system call for each name
        inside = _folders_in(folder)
        stills = [name for name in stills if name not in inside]
    stills = _without_developed_raws(stills)
    return sorted(stills, key=read_names(stills).key)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _folders_in(folder: str) -> set[str]:
    """Return the names of a folder's subfolders."""
    try:
        with os.scandir(folder or os.curdir) as entries:
            return {entry.name for entry in entries if _is_folder(entry)}
    except OSError as error:
        raise InputError(f"cannot list {folder}: {error.strerror or error}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _pictures_of_other_names(folder: str, names: Sequence[str], stills: Sequence[str]) -> list[str]:
    """Return files that hold pictures though their suffixes do not say so.

    Among known pictures, those are frames only if they are called alike: programs leave copies and
    thumbnails beside pictures.
    """
    others = [n for n in names if _may_hold_picture(n)]
    if not others:
        return []
    series = {number.series[0] for n in stills if (number := number_of(n)) is not None}
    stems = {os.path.splitext(name)[0] for name in stills}

    def is_alike(name: str) -> bool:
        number = number_of(name)
        own = os.path.splitext(name)[0] not in stems
        return own and number is not None and number.series[0] in series

    chosen = [name for name in others if not stills or is_alike(name)]
    return [name for name in chosen[:_MAX_OPENED] if kind_of(folder + name) is not None]


def _may_hold_picture(name: str) -> bool:
    suffix = _suffix(name)
    known = suffix in STILL_SUFFIXES or suffix in VIDEO_SUFFIXES or suffix in _NO_PICTURES
    return not known and not name.endswith(("_original", "~"))


def _without_developed_raws(stills: list[str]) -> list[str]:
    """Remove RAW and HEIF files that have a picture of the same name in a more common format."""
    ranks = {name: _rank(name) for name in stills}
    if not any(ranks.values()):
        return stills
    best: dict[str, int] = {}
    for name, rank in ranks.items():
        stem = os.path.splitext(name)[0]
        best[stem] = min(rank, best.get(stem, rank))
    return [name for name in stills if ranks[name] in (0, best[os.path.splitext(name)[0]])]


def _rank(name: str) -> int:
    """Return 2 for a RAW file, 1 for a HEIF, which cameras write beside others, else 0."""
    return 2 if is_raw(name) else int(_suffix(name) in HEIF_SUFFIXES)


def _is_picture(path: Path) -> bool:
    """Return whether Pillow knows the file's content; the pixels are not read."""
    try:
        with Image.open(path):
            return True
    except Image.DecompressionBombError:
        return True
    except (OSError, SyntaxError, ValueError):
        return False


def _list_folder(folder: Path) -> list[str]:
    inside = "" if folder == Path() else os.path.join(folder, "")
    try:
        return [inside + name for name in os.listdir(folder)]
    except OSError as error:
        raise InputError(f"cannot list {folder}: {error.strerror or error}") from error


def _describe_nothing(source: str, found: Iterable[str]) -> str:
    """Return an error message that lists what was found instead of pictures."""
    visible = [path for path in map(Path, found) if not path.name.startswith(".")]
    if not visible:
        return f"{source} is empty; it must contain a picture, such as .jpg, .png or .tif"
    folders = sorted(item.name for item in visible if item.is_dir())
    suffixes = Counter(p.suffix.lower() or "without suffix" for p in visible if not p.is_dir())
    parts = [f"{count} {suffix}" for suffix, count in sorted(suffixes.items())]
    if folders:
        named = ", ".join(folders[:5]) + (", …" if len(folders) > 5 else "")
        parts.append(f"{len(folders)} folder{'s' if len(folders) > 1 else ''} ({named})")
    text = f"{source} contains no pictures; found: {', '.join(parts)}"
    if os.path.isfile(source):
        if _is_picture(Path(source)):
            return f"{text}; it is a picture, so give its name an ending such as .jpg"
        return f"{text}; it is neither a picture nor a video that can be read here"
    if VIDEO_SUFFIXES & suffixes.keys():
        return f"{text}; to use a video, give its own path, or the paths of all its parts"
    if folders:
        return f"{text}; to use pictures in subfolders, give a pattern such as '{source}/*/*.jpg'"
    return f"{text}; pictures are .jpg, .png, .tif, .webp, .heic and the like"
