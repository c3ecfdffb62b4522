"""The pictures of a run in the sizes that the page shows, made when they are asked for.

Everything is decoded by the readers of ``media`` and named by a layer and a number, never by a
path. What is made is kept in memory up to a limit; nothing is written into the run folder.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from batch_analogy.errors import FrameError, InputError
from batch_analogy.jobs.plan.frame_pictures import frame_pictures
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.camera_raw import WhiteBalance
from batch_analogy.media.decoding import turn_upright
from batch_analogy.media.orientation import UPRIGHT
from batch_analogy.media.picture_formats import FRAME_FORMAT
from batch_analogy.media.stills import Uint8Pixels, read_still, to_uint8

Size = Literal["thumb", "screen", "full"]
SIDES_PX: dict[str, int] = {"thumb": 240, "screen": 1600}
QUALITY: dict[str, int] = {"thumb": 82, "screen": 92}
CACHE_BYTES = 48 << 20
KEPT_VIDEO_FRAMES = 200  # extracted again from a video whose frames were deleted


@dataclass(frozen=True)
class Source:
    """The file of a picture, and how it is read."""

    path: Path
    turn: int = UPRIGHT
    white_balance: WhiteBalance | None = None
    is_result: bool = False  # written by the run: sent as it is, if a browser can show it

    def tag(self) -> str:
        """Return what changes when the file does.

        Raises:
            InputError: the file is gone.
        """
        try:
            facts = self.path.stat()
        except OSError as error:
            raise InputError(f"{self.path.name} is not there: {error.strerror}") from error
        return f"{facts.st_mtime_ns:x}-{facts.st_size:x}"


@dataclass(frozen=True)
class WebPicture:
    """A picture as a browser shows it: its data, or the file that holds it."""

    content_type: str
    data: bytes = b""
    file: Path | None = None


class Pictures:
    """Finds pictures of one run, and reduces them.

    Args:
        store: the run folder.
        cache: pictures that were made before; several runs may share one.
    """

    def __init__(self, store: RunStore, cache: PictureCache) -> None:
        self._store = store
        self._cache = cache
        self._again = tempfile.TemporaryDirectory(
            prefix="batch-analogy-page-", ignore_cleanup_errors=True
        )
        self._one = threading.Lock()  # extractions from a video

    def close(self) -> None:
        """Delete the frames that were extracted again."""
        self._again.cleanup()

    def input(self, plan: Plan, index: int) -> Source:
        """Return the picture of a frame before it was styled.

        Raises:
            InputError: it is gone, or the video that it came from.
        """
        if plan.video is None:
            frame = plan.frames[index]
            return Source(Path(frame.source), frame.turn, plan.white_balance)
        name = FRAME_FORMAT.file_name(index)
        kept = next((p / name for p in (self._store.input, self._folder) if (p / name).exists()), 0)
        if isinstance(kept, Path):
            return Source(kept)
        with self._one:
            self._make_room()
            return Source(frame_pictures(plan, self._store, [index], self._folder)[index])

    def result(self, output: str, index: int) -> Source:
        """Return a finished picture; it need not exist yet."""
        return Source(self._store.frame(output, index), is_result=True)

    def look(self, plan: Plan, number: int) -> Source | None:
        """Return a reference or a painted picture; None if there is no such number."""
        if plan.painting is not None:
            files = [key.painted for key in plan.painting.keys]
        else:
            files = [one.fingerprint for layer in plan.layers for one in layer]
        return Source(Path(files[number].path)) if 0 <= number < len(files) else None

    def show(self, source: Source, size: Size) -> WebPicture:
        """Return a picture in a size.

        Raises:
            InputError: it is gone or cannot be read.
        """
        if size == "full" and source.is_result and self._is_plain(source.path):
            return WebPicture("image/png", file=source.path)
        key = f"{source.path}|{size}|{source.tag()}"
        known = self._cache.get(key)
        if known is None:
            known = _encoded(_read(source, size), size)
            self._cache.put(key, known)
        return known

    @property
    def _folder(self) -> Path:
        return Path(self._again.name)

    def _make_room(self) -> None:
        kept = sorted(self._folder.glob("*"), key=lambda path: path.stat().st_mtime)
        for path in kept[: max(0, len(kept) - KEPT_VIDEO_FRAMES + 1)]:
            path.unlink(missing_ok=True)

    def _is_plain(self, path: Path) -> bool:
        """Return True for a PNG that lies in the run's folder of frames, not only by a link."""
        frames = self._store.frames.resolve()
        return path.suffix == ".png" and path.resolve().is_relative_to(frames) and path.is_file()


class PictureCache:
    """Pictures that were made, the most recently used ones, up to a number of bytes."""

    def __init__(self, limit_bytes: int = CACHE_BYTES) -> None:
        self._limit = limit_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, WebPicture] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> WebPicture | None:
        """Return a picture, if it is kept."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: str, picture: WebPicture) -> None:
        """Keep a picture, unless it is larger than a quarter of the limit."""
        if len(picture.data) > self._limit // 4:
            return
        with self._lock:
            if key not in self._kept:
                self._kept[key] = picture
                self._bytes += len(picture.data)
            while self._bytes > self._limit:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped.data)


def _read(source: Source, size: Size) -> Uint8Pixels:
    side = SIDES_PX.get(size)
    try:
        pixels = read_still(source.path, at_least_px=side, white_balance=source.white_balance)
    except FrameError as error:
        raise InputError(str(error)) from error
    pixels = np.ascontiguousarray(turn_upright(pixels, source.turn))
    longest = max(pixels.shape[:2])
    if side is not None and longest > side:
        width, height = (max(1, round(n * side / longest)) for n in pixels.shape[1::-1])
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    return to_uint8(pixels)


def _encoded(pixels: Uint8Pixels, size: Size) -> WebPicture:
    """Encode a picture, without loss in full."""
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    if size == "full":
        _, data = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        return WebPicture("image/png", data.tobytes())
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY[size]])
    return WebPicture("image/jpeg", data.tobytes())


def step_back() -> None:
    """Let the calling thread give way to the run's own work, where the system can do so."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
