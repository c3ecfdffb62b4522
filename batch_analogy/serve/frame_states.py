"""The state of each frame of a run, as the journal tells it, and what has changed since a look."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from batch_analogy.jobs.folder.journal import (
    DoneLine,
    FailedLine,
    JournalLine,
    ResetLine,
    RetryLine,
)
from batch_analogy.jobs.plan.run_plan import Plan

WAITING, DONE, FAILED, LEFT_OUT, AGAIN = b".dfxr"
"""Codes of states, one byte a frame. ``AGAIN``: an attempt failed, and another one follows."""


class FrameStates:
    """States, seconds and misfits of a plan's frames.

    Every change has a number, the ``generation``, so that any number of readers can ask what has
    changed since their last look, and nothing is kept for any of them.

    Args:
        plan: the plan of the run.
        generation: the number of the latest change, before these states.
    """

    def __init__(self, plan: Plan, generation: int = 0) -> None:
        count = len(plan.frames)
        self.generation = generation + 1
        self.seconds = np.full(count, np.nan, np.float32)
        self.misfit = np.full(count, np.nan, np.float32)
        self.failed_at: dict[int, int] = {}  # frame → offset in the journal of its last failure
        self._codes = np.full(count, WAITING, np.uint8)
        self._changed = np.full(count, self.generation, np.int64)
        self._base = np.full(count, WAITING, np.uint8)
        self._base[sorted(plan.leave_out)] = LEFT_OUT
        self._base[[frame.index for frame in plan.broken]] = FAILED

    def apply(self, offset: int, line: JournalLine) -> None:
        """Apply one line of the journal, which begins at ``offset`` bytes."""
        if not isinstance(line, DoneLine | FailedLine | ResetLine | RetryLine):
            return
        index = line.index
        if not 0 <= index < len(self._codes):
            return
        if isinstance(line, DoneLine):
            self.seconds[index] = line.seconds
            self.misfit[index] = np.nan if line.misfit is None else line.misfit
            self._set(index, DONE)
        elif isinstance(line, FailedLine):
            self.failed_at[index] = offset
            self._set(index, FAILED)
        elif isinstance(line, RetryLine):
            self.failed_at[index] = offset
            self._set(index, AGAIN)
        else:
            self._set(index, WAITING)

    def _set(self, index: int, code: int) -> None:
        self.generation += 1
        self._codes[index] = code
        self._changed[index] = self.generation

    def codes(self) -> npt.NDArray[np.uint8]:
        """Return the code of each frame; what the plan says of a frame goes first."""
        return np.where(self._base == WAITING, self._codes, self._base)

    def text(self) -> str:
        """Return the codes as text, one character a frame."""
        return self.codes().tobytes().decode("ascii")

    def since(self, generation: int) -> list[tuple[int, str]]:
        """Return frame and code of all frames that changed after a generation."""
        indices = np.flatnonzero(self._changed > generation)
        codes = self.codes()[indices]
        return [(int(index), chr(code)) for index, code in zip(indices, codes, strict=True)]

    def counts(self) -> dict[str, int]:
        """Return the numbers of frames: wanted, done, failed and left."""
        codes = self.codes()
        done, failed = int((codes == DONE).sum()), int((codes == FAILED).sum())
        total = len(codes) - int((codes == LEFT_OUT).sum())
        return {"total": total, "done": done, "failed": failed, "left": total - done - failed}

    def done(self) -> list[int]:
        """Return the frames that are finished."""
        return [int(index) for index in np.flatnonzero(self.codes() == DONE)]

    def failed(self, most: int) -> list[int]:
        """Return the first ``most`` frames that were given up."""
        return [int(index) for index in np.flatnonzero(self.codes() == FAILED)[:most]]

    def times(self, bins: int) -> list[dict[str, Any]]:
        """Return the seconds that frames took, for a plot: mean and highest of each bin of frames.

        Args:
            bins: the largest number of bins; those without a finished frame are left out.
        """
        width = max(1, -(-len(self.seconds) // bins))
        found = []
        for first in range(0, len(self.seconds), width):
            part = self.seconds[first : first + width]
            known = part[np.isfinite(part)]
            if len(known):
                mean, highest = float(known.mean()), float(known.max())
                found.append({"frame": first, "mean": round(mean, 3), "highest": round(highest, 3)})
        return found
