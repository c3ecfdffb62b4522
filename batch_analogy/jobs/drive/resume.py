"""Taking up a run: which frames are finished, which were given up, which are to be done."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import FrameError, UsageError
from batch_analogy.files import disk_errors
from batch_analogy.jobs.folder.journal import (
    DoneRecord,
    FailedRecord,
    History,
    Journal,
    read_history,
)
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies, provenance_of
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan, check_continues
from batch_analogy.jobs.store import ALL_OUTPUTS, RunStore, outputs_of
from batch_analogy.media.stills import read_still

OnCount = Callable[[int, int], None]


@dataclass(frozen=True)
class ResumeState:
    """How far earlier executions came."""

    done: frozenset[int]
    given_up: dict[int, str]  # index → message; not tried again, for nothing has changed
    to_do: set[int]
    adopted: int  # of the done ones: found on the disk though not journaled


def accept(store: RunStore, old: Plan, new: Plan) -> None:
    """Check that the new plan may take the old one's place, and forget frames that changed.

    Raises:
        PlanChangedError: it may not; nothing has been touched.
    """
    done = set(read_history(store.journal).done)
    changed = check_continues(old, new, done=done)
    if old.painting and new.painting and old.plan_hash != new.plan_hash:
        delete_unjournaled(store, new, done)
    if not changed:
        return
    with Journal(store.journal) as journal, disk_errors(store.frames):
        for index in sorted(changed):  # before the plan is written, so that none is mistaken
            for output in ALL_OUTPUTS:
                store.frame(output, index).unlink(missing_ok=True)
            journal.append("reset", index=index, reason="input changed")
        store.clear_state()  # it may remember what those frames were


def delete_unjournaled(store: RunStore, plan: Plan, done: Set[int]) -> None:
    """Delete frames of which nobody knows what they were made from: which keyframes, which edits.

    Their driver was killed before it journaled them.
    """
    with disk_errors(store.frames):
        for frame in plan.frames:
            if frame.index not in done:
                for output in ALL_OUTPUTS:
                    store.frame(output, frame.index).unlink(missing_ok=True)


def reconcile(
    store: RunStore,
    plan: Plan,
    history: History,
    journal: Journal,
    config: RunConfig,
    dependencies: FilmDependencies | None = None,
) -> ResumeState:
    """Compare the journal with the plan and the disk.

    A frame is done again if what it was made from was edited in the plan; in a steady film
    (``dependencies``) that is other frames too. A journaled frame whose file is gone or has
    another size
    is done again. A frame that is whole on the disk but not journaled (its driver was killed) is
    adopted.
    """
    _refuse_strangers(store, plan, history)
    outputs = outputs_of(config)
    store.remove_torn_frames(outputs)
    done: set[int] = set()
    adopted = 0
    for frame in plan.usable():
        record = history.done.get(frame.index)
        shot_start = plan.shot_start(frame.index)
        edited = None if record is None else _edited(record, plan, frame, dependencies)
        if edited is not None:
            for output in outputs:  # or it would be taken for one that was not journaled
                store.frame(output, frame.index).unlink(missing_ok=True)
            journal.append("reset", index=frame.index, reason=edited)
        elif record is not None and _sizes(store, outputs, frame.index) == record.output_bytes:
            done.add(frame.index)
        elif record is not None:
            journal.append("reset", index=frame.index, reason="its file is gone or was changed")
        elif (sizes := _find_whole(store, plan, outputs, frame.index)) is not None:
            journal.append(
                "done",
                index=frame.index,
                name=frame.name,
                input=frame.blake2b,
                output_bytes=sizes,
                seconds=0.0,
                exposure_ev=frame.exposure_ev,
                shot_start=shot_start,
                provenance=provenance_of(plan, dependencies, frame.index),
                adopted=True,
            )
            done.add(frame.index)
            adopted += 1
    given_up = {
        index: record.message
        for index, record in history.failed.items()
        if index not in done and _stays_failed(plan, record)
    }
    open_frames = {frame.index for frame in plan.usable()} - done - given_up.keys()
    for index in sorted(open_frames & history.failed.keys()):
        journal.append("reset", index=index, reason="tried again")
    return ResumeState(frozenset(done), given_up, open_frames, adopted)


def _edited(
    record: DoneRecord, plan: Plan, frame: FramePlan, dependencies: FilmDependencies | None
) -> str | None:
    """What was edited in the plan so that a finished frame's pixels would be others now."""
    if record.exposure_ev != frame.exposure_ev:
        return "its exposure was edited"
    if record.shot_start != plan.shot_start(frame.index):
        return "its shot was edited"
    if record.provenance is None or (plan.coherent and dependencies is None):
        return None
    if record.provenance != provenance_of(plan, dependencies, frame.index):
        return "a frame or a painted picture that it was made from is another"
    return None


def _refuse_strangers(store: RunStore, plan: Plan, history: History) -> None:
    """Raises UsageError for frames that the plan does not have: the journal is not its own."""
    for index in (*history.done, *history.failed):
        if not 0 <= index < len(plan.frames):
            raise UsageError(
                f"{store.journal} tells of frame {index}, the plan has {len(plan.frames)} frames; "
                "the journal is another run's or was changed: put the right one back, or delete "
                "it, and finished frames are looked for on the disk"
            )


def _stays_failed(plan: Plan, record: FailedRecord) -> bool:
    frame = plan.frames[record.index]
    return frame.error is None and not record.retryable and record.input == frame.blake2b


def _sizes(store: RunStore, outputs: tuple[str, ...], index: int) -> dict[str, int] | None:
    paths = {output: store.frame(output, index) for output in outputs}
    if not all(path.is_file() for path in paths.values()):
        return None
    return {output: path.stat().st_size for output, path in paths.items()}


def _find_whole(
    store: RunStore, plan: Plan, outputs: tuple[str, ...], index: int
) -> dict[str, int] | None:
    """The files' sizes, if all pictures of a frame are on the disk, whole and of the right size."""
    sizes = _sizes(store, outputs, index)
    if sizes is None:
        return None
    for output in outputs:
        try:
            pixels = read_still(store.frame(output, index))
        except FrameError:
            return None
        if pixels.shape[:2] != plan.picture_size(output, index):
            return None
    return sizes
