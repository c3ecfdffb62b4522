"""Read a finished run and its input; a video's frames are extracted again if necessary."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import InputError, JobError, UsageError
from batch_analogy.jobs.drive.run_settings import read_config
from batch_analogy.jobs.events import OnEvent
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.folder.run_folder import no_run_error
from batch_analogy.jobs.plan.fingerprints import FileFingerprint, fingerprint_file
from batch_analogy.jobs.plan.kept_videos import video_at_hand
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan
from batch_analogy.jobs.plan.video_source import ensure_video_frames
from batch_analogy.jobs.store import RunStore, outputs_of
from batch_analogy.json_files import read_json


@dataclass(frozen=True)
class FinishedRun:
    """The finished part of a run."""

    store: RunStore
    config: RunConfig
    plan: Plan  # its frames' paths are below the run folder's current location
    done: tuple[int, ...]  # indices of finished frames that are in the plan and on disk, in order
    exposures: Mapping[int, float]  # EV that was added to each finished frame before matching

    @property
    def wide_gamut(self) -> bool:
        """True if the pictures have the primaries of BT.2020."""
        return self.plan.colours.is_wide_gamut

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the pictures that each frame has, see ``outputs_of``."""
        return outputs_of(self.config)


def read_run(run_dir: Path) -> FinishedRun:
    """Read a run folder without locking or changing it.

    Raises:
        UsageError: it is not a run folder.
        JobError: no two consecutive frames are finished.
    """
    config, store = read_config(run_dir), RunStore(run_dir)
    plan = read_plan(store.plan)
    if plan is None:
        raise no_run_error(run_dir)
    if plan.video is not None:  # the folder may have been moved since
        frames = (
            msgspec.structs.replace(frame, source=str(store.input / Path(frame.source).name))
            for frame in plan.frames
        )
        plan = msgspec.structs.replace(plan, frames=tuple(frames))
    records = read_history(store.journal).done
    journaled = (records.keys() - plan.leave_out) & set(range(len(plan.frames)))
    outputs = outputs_of(config)
    done = tuple(
        index for index in sorted(journaled)
        if all(store.frame(output, index).is_file() for output in outputs)
    )  # fmt: skip
    if not any(after - before == 1 for before, after in itertools.pairwise(done)):
        raise JobError(
            f"the run in {run_dir} has {len(done)} of {plan.total} frames finished, but no two in "
            "a row, so there is nothing to compare; continue it with "
            f"batch-analogy resume {run_dir}"
        )
    exposures = {index: records[index].exposure_ev for index in done}
    return FinishedRun(store, config, plan, done, exposures)


def check_same_input(run: FinishedRun, other: FinishedRun) -> None:
    """Check that two runs have the same frames and references.

    Raises:
        UsageError: they differ.
    """
    plans = run.plan, other.plan
    content = [p.video.blake2b if p.video else [f.blake2b for f in p.frames] for p in plans]
    differ = []
    if content[0] != content[1]:
        differ.append("other frames")
    references = [(p.reference.blake2b, [r.frame for r in p.references]) for p in plans]
    if references[0] != references[1]:
        differ.append("another reference")
    if not set(run.outputs) <= set(other.outputs):
        differ.append(f"another target ({other.config.target}, not {run.config.target})")
    if differ:
        raise UsageError(
            f"the run in {other.store.run_dir} has {' and '.join(differ)} than the run in "
            f"{run.store.run_dir}; --against needs a run of the same frames and reference with "
            "other settings"
        )


@contextlib.contextmanager
def input_available(run: FinishedRun, on_event: OnEvent) -> Iterator[None]:
    """Make the input's frames available on disk; extracted frames are deleted afterwards.

    Raises:
        InputError: the input is missing or has changed since the run.
        RunLockedError: frames must be extracted, and another driver works in the folder.
        OutputDiskError: the frames do not fit on the disk.
    """
    _check_reference(run)
    if run.plan.video is None:
        for index in run.done:
            _check_still(run.plan.frames[index])
        yield
    elif _extracted(run):
        yield
    else:
        _check_video(run)
        run.store.open()
        try:
            ensure_video_frames(run.plan, run.store, on_event)
            yield
        finally:
            run.store.clear_input()
            run.store.close()


def _check_reference(run: FinishedRun) -> None:
    for reference in run.plan.all_references:
        _check_file(reference.fingerprint, "the reference")


def _check_still(frame: FramePlan) -> None:
    name = f"frame {frame.index}"
    _check_content(Path(frame.source), frame.bytes, frame.mtime_ns, frame.blake2b, name)


def _check_file(file: FileFingerprint, name: str) -> None:
    _check_content(Path(file.path), file.bytes, file.mtime_ns, file.blake2b, name)


def _check_content(path: Path, size: int, mtime_ns: int, blake2b: str | None, name: str) -> None:
    """Check that a file is unchanged; its content is read only if its time or size differs."""
    if not path.is_file():
        raise InputError(
            f"{name} of the run, {path}, is missing; put it back, as films are compared "
            "with their input"
        )
    stat = path.stat()
    if (stat.st_size, stat.st_mtime_ns) == (size, mtime_ns):
        return
    if fingerprint_file(path).blake2b != blake2b:
        raise InputError(
            f"{name} of the run, {path}, has changed since the run; put the old file back, as "
            "films are compared with their input"
        )


def _extracted(run: FinishedRun) -> bool:
    """Return whether the video's frames are still in the run folder."""
    video = run.plan.video
    owner = read_json(run.store.input_record) or {}
    return (
        video is not None
        and owner.get("video_blake2b") == video.blake2b
        and all(Path(run.plan.frames[index].source).is_file() for index in run.done)
    )


def _check_video(run: FinishedRun) -> None:
    for part, video in enumerate(run.plan.video_files):
        if video_at_hand(video, run.store, part) is None:
            _check_file(video, "the video")
