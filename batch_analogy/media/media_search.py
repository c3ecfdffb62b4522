"""Find the videos of a timeline, which may have been moved to another machine since."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from batch_analogy.errors import InputError
from batch_analogy.media.sequence import VIDEO_SUFFIXES


class MediaSearch:
    """Looks for the videos of clips.

    Args:
        beside: the folder of the timeline.
        media_dir: a folder that was named for it; it comes first, and its subfolders too.
    """

    def __init__(self, beside: Path, media_dir: Path | None) -> None:
        self._beside = beside
        self._media_dir = media_dir
        self._below: dict[str, list[Path]] | None = None

    def find(self, clip: Any) -> Path:
        """Return the video of a clip of OpenTimelineIO.

        Raises:
            InputError: there is none, or there are several.
        """
        names = _names(clip)
        if self._media_dir is not None:
            found = list(dict.fromkeys(p for name in names for p in self._find_below(name)))
            if len(found) > 1:
                raise InputError(
                    f"{found[0]} and {found[1]} are both called as the video of clip "
                    f"{clip.name!r}; take one away, or name its folder with --media"
                )
            if found:
                return found[0]
        for path in self._stated(clip):
            if os.path.isfile(path):
                return path
        for name in names:
            for path in _alike(self._beside, name):
                return path
        raise InputError(self.describe_missing(clip))

    def describe_missing(self, clip: Any) -> str:
        """Say that the video of a clip was not found."""
        url = _url(clip)
        if _parts(url).scheme in ("http", "https"):
            return f"the video {url} is an address, which is not opened; download it"
        names = _names(clip)
        looked = self._media_dir or self._beside
        if not names:
            return "an event names no video; export the timeline with the names of its clips"
        return f"the video {names[0]!r} is not in {looked}; name its folder with --media"

    def _stated(self, clip: Any) -> Iterator[Path]:
        """Yield where the timeline says that the video lies."""
        parts = _parts(_url(clip))
        if parts.scheme in ("", "file") and parts.path:
            yield self._beside / unquote(parts.path)
        if not parts.scheme or len(parts.scheme) == 1:  # a drive's letter, or a plain path
            yield self._beside / _url(clip)

    def _find_below(self, name: str) -> list[Path]:
        assert self._media_dir is not None
        if self._below is None:
            if not self._media_dir.is_dir():
                raise InputError(f"--media {self._media_dir} is no folder; give that of the videos")
            self._below = {}
            for folder, _, files in os.walk(self._media_dir):
                for file in sorted(files):
                    path = Path(folder, file)
                    if path.suffix.lower() in VIDEO_SUFFIXES:
                        self._below.setdefault(file.casefold(), []).append(path)
                        self._below.setdefault(path.stem.casefold(), []).append(path)
        return self._below.get(name.casefold(), [])


def _url(clip: Any) -> str:
    return str(getattr(clip.media_reference, "target_url", "") or "")


def _parts(url: str) -> SplitResult:
    """Split an address; what is none is a path."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", url, "", "")


def _names(clip: Any) -> list[str]:
    """Return what the video of a clip may be called, the most certain first."""
    url = unquote(_url(clip))
    stated = re.split(r"[/\\]", url)[-1]
    named = [stated, clip.name, clip.media_reference.name if clip.media_reference else ""]
    for facts in clip.metadata.values():
        if hasattr(facts, "get") and isinstance(facts.get("reel"), str):
            named.append(facts["reel"])
    return list(dict.fromkeys(name for name in named if name))


def _alike(folder: Path, name: str) -> Iterator[Path]:
    """Yield the file of this name in a folder, with or without the ending of a video.

    Raises:
        InputError: the folder cannot be read.
    """
    if os.path.isfile(folder / name):  # unlike Path.is_file, also for names that are too long
        yield folder / name
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"cannot list {folder} ({error.strerror}); allow it, or name the folder of the videos "
            "with --media"
        ) from error
    for path in paths:
        if path.suffix.lower() in VIDEO_SUFFIXES and path.stem.casefold() == name.casefold():
            yield path
