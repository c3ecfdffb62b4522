"""Which pictures a folder or pattern holds, in the order a person would count them."""

from __future__ import annotations

import glob
import re
from collections import Counter
from pathlib import Path

from PIL import Image

from batch_analogy.errors import InputError, UsageError
from batch_analogy.media.raw import RAW_SUFFIXES, is_raw

# fmt: off
STILL_SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".dib", ".webp", ".gif",
    ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".j2k", ".avif",
}) | RAW_SUFFIXES
VIDEO_SUFFIXES = frozenset({
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".ts",
    ".wmv", ".flv", ".ogv", ".3gp", ".mxf", ".y4m",
})
# fmt: on

NaturalKey = tuple[str, str]

_NUMBER = re.compile(r"[0-9]+")


def natural_key(name: str) -> NaturalKey:
    """A sort key that counts runs of digits as numbers and ignores case.

    Args:
        name: a file name.

    Returns:
        The name with its numbers written so that they sort as numbers, their length first; then
        the name itself to tell ``a1`` from ``a01``. Strings alone: there may be a million.

    >>> sorted(["img10.png", "img2.png", "Img1.png"], key=natural_key)
    ['Img1.png', 'img2.png', 'img10.png']
    """
    return _NUMBER.sub(_as_sorted, name.casefold()), name


def _as_sorted(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0")
    return f"\0{len(digits):03}{digits}"


def is_video(path: Path) -> bool:
    """Whether a path names a video: by its suffix, or because it is a GIF with several frames.

    The file need not exist: a missing ``clip.mp4`` is a missing video.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        return False
    return suffix in VIDEO_SUFFIXES or (suffix == ".gif" and _is_animated(path))


def find_stills(source: str) -> list[Path]:
    """List the pictures of a folder, a glob pattern or a single file.

    Hidden files, videos, sidecars and subfolders are passed over. A picture that turns out to be
    broken is listed all the same: it is a failed frame, not a missing one. A RAW file is passed
    over where the same picture stands beside it developed, as cameras write both.

    Args:
        source: what the person typed; ``**`` in a pattern reaches into subfolders.

    Returns:
        Paths in natural order of their folders and names.

    Raises:
        UsageError: the path does not exist.
        InputError: nothing matches, or there are no pictures among what was found.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        found = _list_folder(path)
    elif path.exists():
        found = [path]
    elif glob.has_magic(source):
        found = [Path(name) for name in glob.glob(str(path), recursive=True)]
        if not found:
            raise InputError(f"nothing matches {source}; check the pattern, or give the folder")
    else:
        raise UsageError(f"{source} does not exist; give a folder, a pattern or a video")
    visible = [item for item in found if not item.name.startswith(".")]
    stills = [p for p in visible if p.suffix.lower() in STILL_SUFFIXES and not p.is_dir()]
    if not stills:
        raise InputError(_describe_nothing(source, visible))
    stills = _without_developed_raws(stills)
    parents = {path.parent for path in stills}
    folders = {parent: [natural_key(part) for part in parent.parts] for parent in parents}
    return sorted(stills, key=lambda p: (folders[p.parent], natural_key(p.name)))


def _without_developed_raws(stills: list[Path]) -> list[Path]:
    if not any(is_raw(path) for path in stills):
        return stills
    developed = {path.with_suffix("") for path in stills if not is_raw(path)}
    return [path for path in stills if not is_raw(path) or path.with_suffix("") not in developed]


def _is_animated(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return bool(getattr(image, "is_animated", False))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False  # whoever reads the picture will say what is wrong with it


def _list_folder(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot list {folder}: {error.strerror or error}") from error


def _describe_nothing(source: str, found: list[Path]) -> str:
    if not found:
        return f"{source} is empty; it must hold at least one picture, such as .jpg, .png or .tif"
    folders = sorted(item.name for item in found if item.is_dir())
    suffixes = Counter(p.suffix.lower() or "without suffix" for p in found if not p.is_dir())
    parts = [f"{count} {suffix}" for suffix, count in sorted(suffixes.items())]
    if folders:
        named = ", ".join(folders[:5]) + (", …" if len(folders) > 5 else "")
        parts.append(f"{len(folders)} folder{'s' if len(folders) > 1 else ''} ({named})")
    text = f"{source} holds no pictures; found: {', '.join(parts)}"
    if VIDEO_SUFFIXES & suffixes.keys():
        return f"{text}; to use a video, give its own path"
    if folders:
        return f"{text}; to use pictures in subfolders, give a pattern such as '{source}/*/*.jpg'"
    return f"{text}; pictures are .jpg, .png, .tif, .webp, .bmp and the like"
