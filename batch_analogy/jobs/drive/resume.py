"""Continue a run: find the frames that are finished, given up, or still to be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import FrameError, UsageError
from batch_analogy.files import disk_errors, hash_file
from batch_analogy.jobs.drive.recorder import done_line
from batch_analogy.jobs.folder.journal import (
    DoneRecord,
    FailedRecord,
    History,
    Journal,
    ResetLine,
    read_history,
)
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies, provenance_of
from batch_analogy.jobs.plan.frame_looks import look_of, settings_of_looks
from batch_analogy.jobs.plan.plan_changes import check_continues
from batch_analogy.jobs.plan.ranges import format_frames, parse_frames
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan
from batch_analogy.jobs.store import ALL_OUTPUTS, RunStore, outputs_of
from batch_analogy.jobs.work.tasks import OutputFile
from batch_analogy.json_files import read_json
from batch_analogy.media.stills import read_still


@dataclass(frozen=True)
class Retry:
    """Frames to be tried again, even if they are finished."""

    failed: bool = False  # all frames that were given up, even if they cannot succeed
    frames: str = ""  # frame numbers like 3,5-10, finished ones too


@dataclass(frozen=True)
class ResumeState:
    """Progress of earlier executions."""

    done: frozenset[int]
    given_up: dict[int, str]  # index → message; not tried again, for nothing has changed
    to_do: set[int]
    adopted: int  # of the done ones: found on the disk though not journaled
    retried: dict[int, dict[str, str]] = field(default_factory=dict)
    """Finished frames that were tried again on request: index → output → BLAKE2b of its first
    file, which films may contain."""


def accept_plan(store: RunStore, old: Plan, new: Plan, *, look: bool = True) -> None:
    """Check that the new plan may replace the old one, and delete frames whose input changed.

    Args:
        store: the run folder.
        old: the plan in it.
        new: the plan made now.
        look: as for ``check_continues``.

    Raises:
        PlanChangedError: it may not; nothing has been touched.
    """
    done = set(read_history(store.journal).done)
    changed = check_continues(old, new, done=done, look=look)
    repainted = old.painting and new.painting and old.plan_hash != new.plan_hash
    if repainted or settings_of_looks(old) != settings_of_looks(new):
        delete_unjournaled(store, new, done)
    if not changed:
        return
    with Journal(store.journal) as journal, disk_errors(store.frames):
        for index in sorted(changed):  # before the plan is written, lest one is adopted
            delete_frame(store, ALL_OUTPUTS, index)
            journal.append(ResetLine(index=index, reason="input changed"))
        store.clear_anchors()  # they may have been made from the old frames


def delete_unjournaled(store: RunStore, plan: Plan, done: Set[int]) -> None:
    """Delete frames whose driver was killed before it journaled them.

    It is unknown which keyframes and which edits of the plan they were made from.
    """
    with disk_errors(store.frames):
        for frame in plan.frames:
            if frame.index not in done:
                delete_frame(store, ALL_OUTPUTS, frame.index)


def forget_frames(
    store: RunStore, plan: Plan, journal: Journal, config: RunConfig, retry: Retry
) -> int:
    """Delete frames, so that they are made as if for the first time.

    Returns:
        The number of frames.

    Raises:
        UsageError: a frame does not exist, or was left out; nothing has been touched.
    """
    named = parse_frames(retry.frames, len(plan.frames))
    if named & plan.leave_out:
        raise UsageError(
            f"frame {format_frames(named & plan.leave_out)} is not wanted: leave_out in "
            f"{store.plan} names it; take it out there first"
        )
    history = read_history(store.journal)
    chosen = named | (history.failed.keys() if retry.failed else set())
    known = sorted(chosen & (history.failed.keys() | history.done.keys()))
    outputs = outputs_of(config)
    with disk_errors(store.frames):
        for index in known:  # the file first: a frame that is journaled without one is made again
            replaced = _hashes(store, outputs, index)
            delete_frame(store, outputs, index)
            journal.append(ResetLine(index=index, reason="retry requested", replaced=replaced))
    return len(known)


def changed_by_retry(
    store: RunStore, retried: Mapping[int, Mapping[str, str]], done: Set[int]
) -> dict[int, dict[str, str]]:
    """Return the finished frames whose bytes a retry changed: index → output → BLAKE2b.

    Args:
        store: the run folder.
        retried: as ``ResumeState.retried``.
        done: indices of finished frames.
    """
    changed = {}
    for index in sorted(done & retried.keys()):
        now = _hashes(store, tuple(retried[index]), index)
        if now != retried[index]:
            changed[index] = now
    return changed


def reconcile(
    store: RunStore,
    plan: Plan,
    history: History,
    journal: Journal,
    config: RunConfig,
    dependencies: FilmDependencies | None = None,
) -> ResumeState:
    """Compare the journal with the plan and the disk.

    A frame is made again if what it was made from was edited in the plan, or if its file is gone
    or has another size. A frame that is whole on the disk but not journaled, because its driver
    was killed, is adopted: it is journaled now.

    Args:
        store: the run folder.
        plan: the plan of the run.
        history: the content of its journal.
        journal: the journal, to which changes are appended.
        config: the configuration of the run.
        dependencies: the dependencies of a coherent film, where an edit may affect other frames
            too; None: such edits are not looked for.

    Raises:
        UsageError: the journal belongs to another run.
    """
    _require_own_journal(store, plan, history)
    outputs = outputs_of(config)
    store.remove_torn_frames(outputs)
    done = {frame.index for frame in plan.usable() if frame.index in history.done}
    for index, reason in _no_longer_done(store, plan, history, outputs, dependencies):
        done.discard(index)
        journal.append(ResetLine(index=index, reason=reason))
    adopted = set()
    for frame in plan.usable():
        if frame.index in history.done:
            continue
        found = _find_whole(store, plan, outputs, frame.index)
        if found is not None:
            misfit = _noted_misfit(store, frame.index)
            line = done_line(plan, dependencies, frame.index, found, misfit=misfit, adopted=True)
            journal.append(line)
            adopted.add(frame.index)
    done |= adopted
    given_up = {
        index: record.message
        for index, record in history.failed.items()
        if index not in done and _stays_failed(plan, record)
    }
    to_do = {frame.index for frame in plan.usable()} - done - given_up.keys()
    for index in sorted(to_do & history.failed.keys()):
        journal.append(ResetLine(index=index, reason="tried again"))
    return ResumeState(frozenset(done), given_up, to_do, len(adopted), history.retried)


def _no_longer_done(
    store: RunStore,
    plan: Plan,
    history: History,
    outputs: tuple[str, ...],
    dependencies: FilmDependencies | None,
) -> Iterator[tuple[int, str]]:
    """Find journaled frames that have to be made again; yield each with the reason."""
    for frame in plan.usable():
        record = history.done.get(frame.index)
        if record is None:
            continue
        edit = find_edit(record, plan, frame, dependencies)
        if edit is not None:
            delete_frame(store, outputs, frame.index)  # or it would be adopted by the next start
            yield frame.index, edit
        elif _sizes(store, outputs, frame.index) != record.output_bytes:
            yield frame.index, "its file is gone or was changed"


def find_edit(
    record: DoneRecord, plan: Plan, frame: FramePlan, dependencies: FilmDependencies | None
) -> str | None:
    """Return a description of the edit that would change a finished frame's pixels, if any."""
    if record.exposure_ev != frame.exposure_ev:
        return "its exposure was edited"
    if record.look != look_of(plan, frame.index):
        return "its strength, kept colours or mask has changed"
    if record.shot_start != plan.shot_start(frame.index):
        return "its shot was edited"
    if record.provenance is None or (plan.coherent and dependencies is None):
        return None
    if record.provenance != provenance_of(plan, dependencies, frame.index):
        return "a frame or a painted picture that it was made from has changed"
    return None


def _require_own_journal(store: RunStore, plan: Plan, history: History) -> None:
    for index in (*history.done, *history.failed):
        if not 0 <= index < len(plan.frames):
            raise UsageError(
                f"{store.journal} mentions frame {index}, but the plan has {len(plan.frames)} "
                "frames: the journal belongs to another run or was edited. Put the right one "
                "back, or delete it: finished frames are then found on the disk"
            )


def _stays_failed(plan: Plan, record: FailedRecord) -> bool:
    frame = plan.frames[record.index]
    return frame.error is None and not record.retryable and record.input == frame.blake2b


def delete_frame(store: RunStore, outputs: tuple[str, ...], index: int) -> None:
    """Delete the pictures of a frame."""
    for output in outputs:
        store.frame(output, index).unlink(missing_ok=True)


def _sizes(store: RunStore, outputs: tuple[str, ...], index: int) -> dict[str, int] | None:
    paths = {output: store.frame(output, index) for output in outputs}
    if not all(path.is_file() for path in paths.values()):
        return None
    return {output: path.stat().st_size for output, path in paths.items()}


def _hashes(store: RunStore, outputs: tuple[str, ...], index: int) -> dict[str, str]:
    paths = {output: store.frame(output, index) for output in outputs}
    return {output: hash_file(path) for output, path in paths.items() if path.is_file()}


def _find_whole(
    store: RunStore, plan: Plan, outputs: tuple[str, ...], index: int
) -> dict[str, OutputFile] | None:
    """Return a frame's files if all of them are on the disk, whole and of the right size."""
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
    hashes = _hashes(store, outputs, index)
    return {
        output: OutputFile(str(store.frame(output, index)), size, hashes[output])
        for output, size in sizes.items()
    }


def _noted_misfit(store: RunStore, index: int) -> float | None:
    """Return the misfit that a worker noted before it wrote a painted frame."""
    misfit = (read_json(store.frame_note(index)) or {}).get("misfit")
    return float(misfit) if isinstance(misfit, int | float) else None
