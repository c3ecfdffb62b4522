"""What the first still decides about the colours of all."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from batch_analogy.errors import InputError
from batch_analogy.jobs.plan.run_plan import FramePlan
from batch_analogy.media.camera_raw import WhiteBalance, is_raw_file, read_white_balance
from batch_analogy.media.openexr import is_exr
from batch_analogy.media.pixel_spaces import DISPLAY_P3
from batch_analogy.media.stills import read_space


def is_display_p3(frames: Sequence[FramePlan]) -> bool:
    """Return whether the first still is Display P3, and none is brighter than white."""
    if any(is_exr(Path(frame.source)) for frame in frames):
        return False
    first = next((frame for frame in frames if frame.error is None), None)
    with contextlib.suppress(InputError):  # it was deleted meanwhile; its worker will report it
        return first is not None and read_space(Path(first.source)) == DISPLAY_P3
    return False


def white_balance_of(frames: Sequence[FramePlan]) -> WhiteBalance | None:
    """Return the white balance of the first RAW file, which is used for all of them."""
    raws = (frame.source for frame in frames if frame.error is None and is_raw_file(frame.source))
    first = next(raws, None)
    return None if first is None else read_white_balance(Path(first))
