"""Trying frames again that were given up, or that a person names."""

from __future__ import annotations

from dataclasses import dataclass

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import UsageError
from batch_analogy.files import disk_errors
from batch_analogy.jobs.folder.journal import Journal, read_history
from batch_analogy.jobs.plan.ranges import format_frames, parse_frames
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore, outputs_of


@dataclass(frozen=True)
class Retry:
    """Which frames are to be tried again, whatever became of them."""

    failed: bool = False  # all that were given up, also those that cannot succeed
    frames: str = ""  # frame numbers like 3,5-10, finished ones too


def forget(store: RunStore, plan: Plan, journal: Journal, config: RunConfig, again: Retry) -> int:
    """Forget what became of the frames, so that they are done as if for the first time.

    Returns:
        How many frames were forgotten.

    Raises:
        UsageError: a frame is not there, or was left out; nothing has been touched.
    """
    named = parse_frames(again.frames, len(plan.frames))
    if named & plan.leave_out:
        raise UsageError(
            f"frame {format_frames(named & plan.leave_out)} is not wanted: leave_out in "
            f"{store.plan} names it; take it out there first"
        )
    history = read_history(store.journal)
    chosen = named | (history.failed.keys() if again.failed else set())
    known = sorted(chosen & (history.failed.keys() | history.done.keys()))
    with disk_errors(store.frames):
        for index in known:  # the file first: a frame that is journaled without one is done again
            for output in outputs_of(config):
                store.frame(output, index).unlink(missing_ok=True)
            journal.append("reset", index=index, reason="to be tried again")
    return len(known)
