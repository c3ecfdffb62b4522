"""Survey the stills of a run: find them, read their headers, hash them and put them in order."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from batch_analogy.config.run import Order, RunConfig
from batch_analogy.errors import InputError
from batch_analogy.jobs.plan.frame_shapes import as_tagged
from batch_analogy.jobs.plan.png_header import hash_and_size
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan
from batch_analogy.media.exif import read_time_and_orientation
from batch_analogy.media.order import Arrangement, arrange
from batch_analogy.media.orientation import UPRIGHT, read_orientation
from batch_analogy.media.sequence import find_stills
from batch_analogy.media.stills import read_size

READERS = 8
"""Threads that read files.

Shared storage takes milliseconds to open a file, and hashing of large files uses all cores.
"""

FRAMES_AT_ONCE = 64  # read by a thread before it reports

OnFrame = Callable[[int, int], None]


def survey_stills(
    config: RunConfig, previous: Plan | None, on_frame: OnFrame | None
) -> list[FramePlan]:
    """Return the stills of a run in the order of the film; those that cannot be used say why.

    Args:
        config: the run, whose source is pictures.
        previous: the plan in the run folder; files whose size and time have not changed are not
            hashed again.
        on_frame: called at intervals with (number of frames read, number of all frames).

    Raises:
        UsageError: the source does not exist.
        InputError: it holds no pictures.
    """
    return _in_order(_survey_all(_stills_of(config), previous, on_frame), config.order)


def _stills_of(config: RunConfig) -> list[str]:
    """Find the pictures of the source; ``**`` does not reach into the run folder."""
    paths = find_stills(config.source, config.files)
    if "**" not in config.source:
        return paths
    run_dir = Path(os.path.realpath(config.run_dir))
    folders = {os.path.dirname(path) for path in paths}
    own = {one for one in folders if Path(os.path.realpath(one)).is_relative_to(run_dir)}
    return [path for path in paths if os.path.dirname(path) not in own]


def _survey_all(
    paths: Sequence[str], previous: Plan | None, on_frame: OnFrame | None
) -> list[FramePlan]:
    before = {frame.source: frame for frame in previous.frames} if previous else {}
    names = _names(paths)

    def survey(start: int) -> list[FramePlan]:
        indices = range(start, min(start + FRAMES_AT_ONCE, len(paths)))
        return [_survey_still(i, paths[i], names[i], before.get(paths[i])) for i in indices]

    frames: list[FramePlan] = []
    with ThreadPoolExecutor(READERS) as readers:
        for found in readers.map(survey, range(0, len(paths), FRAMES_AT_ONCE)):
            frames += found
            if on_frame is not None:
                on_frame(len(frames), len(paths))
    return frames


def _survey_still(index: int, path: str, name: str, before: FramePlan | None) -> FramePlan:
    try:
        facts = os.stat(path)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or error}"
        return FramePlan(index, path, name, 0, 0, 0, 0, None, message)
    size, time_ns = facts.st_size, facts.st_mtime_ns
    unchanged = before and (before.bytes, before.mtime_ns) == (size, time_ns)
    digest = before.blake2b if before and unchanged else None
    if before and digest and before.error is None:
        before = as_tagged(before)
        same = before.index == index and before.name == name
        return before if same else msgspec.structs.replace(before, index=index, name=name)
    try:
        found = None
        if digest is None:
            digest, found = hash_and_size(path, size)
        height, width = found or read_size(Path(path))
    except InputError as error:
        return FramePlan(index, path, name, 0, 0, size, time_ns, digest, str(error))
    taken, orientation = read_time_and_orientation(path)
    if found is None and orientation is None:  # it is not a plain PNG
        with contextlib.suppress(InputError):
            orientation = read_orientation(Path(path))
    return FramePlan(
        *(index, path, name, height, width, size, time_ns, digest),
        taken=taken,
        orientation=orientation or UPRIGHT,
    )


def arrangement_of(frames: Sequence[FramePlan], order: Order) -> Arrangement:
    """Return the order of stills, and what decided it."""
    return arrange(
        [frame.name for frame in frames],
        [frame.taken for frame in frames],
        [frame.error is None for frame in frames],
        order,
    )


def _in_order(frames: list[FramePlan], order: Order) -> list[FramePlan]:
    """Return the frames in the order of the film, renumbered."""
    ranks = arrangement_of(frames, order).order
    return [
        frames[n] if n == index else msgspec.structs.replace(frames[n], index=index)
        for index, n in enumerate(ranks)
    ]


def _names(paths: Sequence[str]) -> list[str]:
    """Name frames by their paths below their common folder, which may then be moved."""
    top = os.path.commonpath({os.path.dirname(path) for path in paths})
    inside = os.path.join(top, "")
    return [
        path[len(inside) :] if inside and path.startswith(inside) else os.path.relpath(path, top)
        for path in paths
    ]
