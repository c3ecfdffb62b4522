"""Keep finished frames when pictures were added to the folder that they come from.

Frames are files named by their index, so they move when a picture is added before them. The new
arrangement is prepared beside the old one, of hard links, with its journal and plan; then a marker
is written, and everything is moved into place. A driver that is killed before the marker has
changed nothing; what one leaves unfinished after it, the next start finishes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Set
from pathlib import Path

import msgspec

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import PlanChangedError
from batch_analogy.files import disk_errors
from batch_analogy.jobs.drive.execute import dependencies_of
from batch_analogy.jobs.drive.resume import (
    accept_plan,
    delete_frame,
    delete_unjournaled,
    find_edit,
)
from batch_analogy.jobs.events import InputGrew
from batch_analogy.jobs.folder.journal import (
    DoneLine,
    DoneRecord,
    FailedLine,
    History,
    Journal,
    ResetLine,
    read_history,
)
from batch_analogy.jobs.locked_folder import remove_tree
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies, provenance_of
from batch_analogy.jobs.plan.frame_content import contents_of
from batch_analogy.jobs.plan.frame_looks import look_of
from batch_analogy.jobs.plan.growth import Moves, find_growth
from batch_analogy.jobs.plan.plan_file import write_plan
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import ALL_OUTPUTS, RunStore, outputs_of
from batch_analogy.json_files import write_json


def accept_input(
    store: RunStore, old: Plan, new: Plan, *, overwrite: bool
) -> tuple[bool, Moves | None]:
    """Decide how a run goes on with the plan that was made now.

    Returns:
        Whether the finished frames may be kept, and, if the folder has other pictures than before,
        where the earlier ones are now.

    Raises:
        PlanChangedError: it must not go on; nothing has been touched.
    """
    try:
        accept_plan(store, old, new, look=not overwrite)
    except PlanChangedError:
        done = read_history(store.journal).done.keys()
        moves = find_growth(old, new, done=done, overwrite=overwrite)
        if moves is None and not overwrite:
            raise
        return moves is not None, moves
    return True, None


def rearrange(store: RunStore, old: Plan, new: Plan, moves: Moves, config: RunConfig) -> InputGrew:
    """Keep the finished frames whose pixels are the same in the new plan, and drop the others.

    Args:
        store: the run folder, locked.
        old: the plan in it.
        new: the plan that follows.
        moves: as ``growth.find_moves`` returns them.
        config: the configuration of the run.

    Raises:
        OutputDiskError: the disk is full or may not be written to; nothing has changed then.
    """
    history = read_history(store.journal)
    kept = _kept(store, old, new, moves, history)
    with disk_errors(store.frames):
        if len(new.frames) < len(old.frames) or any(before != now for before, now in kept.items()):
            _prepare(store, new, kept, history, moves, config)
            finish_rearranging(store)
        else:
            _drop_in_place(store, new, kept.keys(), history)
        store.clear_anchors()  # they were made with another plan
        store.clear_evaluation()
    return InputGrew(
        before=len(old.frames),
        now=len(new.frames),
        kept=len(kept),
        again=len(history.done) - len(kept),
    )


def finish_rearranging(store: RunStore) -> None:
    """Finish what a killed driver began, or delete what it only prepared.

    Raises:
        OutputDiskError: the disk may not be written to.
    """
    with disk_errors(store.frames):
        if not store.rearranged_marker.exists():
            for output in ALL_OUTPUTS:
                remove_tree(_prepared_frames(store, output))
            remove_tree(store.rearranged)
            return
        for output in ALL_OUTPUTS:
            prepared = _prepared_frames(store, output)
            if prepared.is_dir():
                shutil.rmtree(_real_frames(store, output), ignore_errors=True)
                os.replace(prepared, _real_frames(store, output))
        for path in (store.journal, store.plan):
            with contextlib.suppress(FileNotFoundError):  # it was moved already
                os.replace(store.rearranged / path.name, path)
        store.rearranged_marker.unlink()
        remove_tree(store.rearranged)


def _kept(store: RunStore, old: Plan, new: Plan, moves: Moves, history: History) -> dict[int, int]:
    """Return the finished frames that have the same pixels in both plans: old index → new one."""
    before, after = contents_of(old), contents_of(new)
    dependencies = dependencies_of(old, store)
    kept = {}
    for index in sorted(history.done.keys() & moves.keys() & before.keys()):
        if before[index] != after.get(moves[index]):
            continue
        if find_edit(history.done[index], old, old.frames[index], dependencies) is None:
            kept[index] = moves[index]
    return kept


def _drop_in_place(store: RunStore, new: Plan, kept: Set[int], history: History) -> None:
    """Delete the frames that are made again, where none of the others moves."""
    with Journal(store.journal) as journal:
        for index in sorted(history.done.keys() - kept):  # before the plan is written
            delete_frame(store, ALL_OUTPUTS, index)
            journal.append(ResetLine(index=index, reason="frames around it were added"))
    delete_unjournaled(store, new, history.done.keys())


def _prepare(
    store: RunStore, new: Plan, kept: Moves, history: History, moves: Moves, config: RunConfig
) -> None:
    """Prepare frames, journal and plan, and write the marker last."""
    finish_rearranging(store)
    for output in outputs_of(config):
        prepared = _prepared_frames(store, output)
        prepared.mkdir(parents=True)
        for before, now in kept.items():
            with contextlib.suppress(FileNotFoundError):  # it is gone, and will be made again
                there = store.frame(output, before)
                _link(there, prepared / f"{store.frame(output, now).stem}{there.suffix}")
    dependencies = dependencies_of(new, store)
    with Journal(store.rearranged / store.journal.name) as journal:
        for before, now in kept.items():
            journal.append(_moved_line(history.done[before], new, now, dependencies))
        for before, failed in history.failed.items():
            if before in moves:
                values = {**msgspec.structs.asdict(failed), "index": moves[before]}
                journal.append(FailedLine(name=new.frames[moves[before]].name, **values))
    write_plan(store.rearranged / store.plan.name, new)
    write_json(store.rearranged_marker, {"frames": len(kept)})


def _moved_line(
    record: DoneRecord, new: Plan, index: int, dependencies: FilmDependencies | None
) -> DoneLine:
    values = {
        **msgspec.structs.asdict(record),
        "index": index,
        "shot_start": new.shot_start(index),
        "provenance": provenance_of(new, dependencies, index),
        "look": look_of(new, index),
    }
    return DoneLine(name=new.frames[index].name, **values)


def _link(file: Path, there: Path) -> None:
    try:
        os.link(file, there)
    except FileNotFoundError:
        raise
    except OSError:  # a disk without hard links
        shutil.copy2(file, there)


def _real_frames(store: RunStore, output: str) -> Path:
    """Return the folder of finished pictures; a link to another disk is followed."""
    return Path(os.path.realpath(store.frames / output))


def _prepared_frames(store: RunStore, output: str) -> Path:
    folder = _real_frames(store, output)
    return folder.with_name(f"{folder.name}.next")
