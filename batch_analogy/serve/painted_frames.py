"""Painted frames that are dropped on the page, and the frames that it suggests to paint."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from batch_analogy.errors import UsageError
from batch_analogy.jobs.drive.keyframe_choice import best_keyframes
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.media.sequence import STILL_SUFFIXES
from batch_analogy.media.stills import read_depth, read_size, read_still, write_png
from batch_analogy.serve.run_view import RunView

MAX_PAINTED_BYTES = 96 << 20
SUGGESTED = 5
FOLDER = "painted"  # in the run folder; never deleted


def suggested(view: RunView) -> list[dict[str, Any]]:
    """Return the frames of a painted run that are worth painting next, the best first."""
    plan = view.plan
    if plan is None or plan.painting is None:
        return []
    found = best_keyframes(plan, view.misfits(), SUGGESTED)
    return [
        {"index": one.index, "name": one.name, "misfit": one.misfit, "gain": one.gain}
        for one in found
    ]


async def receive(parts: AsyncIterator[bytes], suffix: str, folder: Path) -> Path:
    """Write a file that is being sent into a folder, as long as it is not too large.

    Args:
        parts: its content.
        suffix: the ending of its name, like ``.png``, which says how it is read.
        folder: where it is written.

    Raises:
        UsageError: it is no picture by its name, or too large.
    """
    if suffix not in STILL_SUFFIXES:
        raise UsageError("this file is no picture by its name; drop a PNG, TIFF or JPEG")
    path, size = folder / f"painted{suffix}", 0
    with path.open("xb") as file:
        async for part in parts:
            size += len(part)
            if size > MAX_PAINTED_BYTES:
                raise UsageError(
                    f"the file is larger than {MAX_PAINTED_BYTES >> 20} MiB; save it as PNG or JPEG"
                )
            file.write(part)
    return path


def keep_painted(plan: Plan | None, run_dir: Path, index: int, file: Path) -> Path:
    """Check a painted frame, and keep its pixels in the run folder.

    Args:
        plan: the plan of the run.
        run_dir: the run folder.
        index: the frame that was painted over.
        file: the picture, in any format that ``media`` reads.

    Returns:
        The picture in the run folder.

    Raises:
        UsageError: the run is not painted, lacks the frame, or the picture has another size.
        InputError: the file is no picture.
    """
    if plan is None or plan.painting is None:
        raise UsageError("this run is not painted; only an analogy follows painted frames")
    if not 0 <= index < len(plan.frames):
        raise UsageError(f"there is no frame {index}")
    frame, size = plan.frames[index], read_size(file)
    if size != (frame.height, frame.width):
        raise UsageError(
            f"the picture is {size[1]}×{size[0]} px and frame {index} is "
            f"{frame.width}×{frame.height} px; paint over the frame in its own size"
        )
    kept = run_dir / FOLDER / f"frame-{index:06d}.png"
    kept.parent.mkdir(exist_ok=True)
    write_png(kept, read_still(file), 16 if read_depth(file) == 16 else 8)
    return kept


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for one file that is being received."""
    return tempfile.TemporaryDirectory(prefix="batch-analogy-painted-", ignore_cleanup_errors=True)
