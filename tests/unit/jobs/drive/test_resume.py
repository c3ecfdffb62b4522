"""Reconciling a run's journal with its plan and the disk, and trying frames again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import UsageError
from batch_analogy.files import hash_file
from batch_analogy.jobs.drive.recorder import done_line
from batch_analogy.jobs.drive.resume import (
    ResumeState,
    Retry,
    changed_by_retry,
    forget_frames,
    reconcile,
)
from batch_analogy.jobs.folder.journal import FailedLine, Journal, read_history
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.paint_inputs import PaintedPicture, PaintInputs
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore, outputs_of
from batch_analogy.jobs.work.tasks import OutputFile
from batch_analogy.json_files import write_json
from batch_analogy.media.stills import write_png
from tests.support.plans import plan as sample_plan

FRAMES = 6


@dataclasses.dataclass
class Folder:
    """A run folder with two journaled frames, to which tests add others."""

    root: Path
    plan: Plan
    painting: PaintConfig | None = None

    def __post_init__(self) -> None:
        self.store = RunStore(self.root)
        self.config = RunConfig(
            command="analogy" if self.painting else "timelapse",
            reference=self.root / "reference.png",
            source=str(self.root / "in"),
            output=self.root / "film.mp4",
            run_dir=self.root,
            painting=self.painting,
        )
        self.output = outputs_of(self.config)[0]
        for index in (0, 1):
            self.journal_done(index)

    def write(self, index: int, value: float = 0.5, size: tuple[int, int] = (48, 64)) -> Path:
        path = self.store.frame(self.output, index)
        write_png(path, np.full((*size, 3), value, np.float32))
        return path

    def journal_done(self, index: int) -> None:
        path = self.write(index)
        file = OutputFile(str(path), path.stat().st_size, hash_file(path))
        with Journal(self.store.journal) as journal:
            line = done_line(self.plan, self.dependencies, index, {self.output: file})
            journal.append(line)

    def journal_failed(self, index: int, *, retryable: bool, input: str | None = None) -> None:
        frame = self.plan.frames[index]
        with Journal(self.store.journal) as journal:
            journal.append(
                FailedLine(
                    index=index,
                    input=input or frame.blake2b,
                    message="broken",
                    retryable=retryable,
                )
            )

    @property
    def dependencies(self) -> FilmDependencies | None:
        return FilmDependencies(self.plan) if self.plan.coherent else None

    def reconcile(self) -> ResumeState:
        history = read_history(self.store.journal)
        with Journal(self.store.journal) as journal:
            return reconcile(
                self.store, self.plan, history, journal, self.config, self.dependencies
            )

    def lines(self, event: str) -> list[dict[str, Any]]:
        lines = map(json.loads, self.store.journal.read_text().splitlines())
        return [line for line in lines if line["event"] == event]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "film.run", sample_plan(FRAMES))


def truncate(folder: Folder) -> None:
    path = folder.write(2)
    path.write_bytes(path.read_bytes()[:50])


def fail_once_more(folder: Folder) -> None:
    folder.journal_failed(2, retryable=False)
    folder.journal_done(2)


def expose(folder: Folder) -> None:
    frames = list(folder.plan.frames)
    frames[1] = msgspec.structs.replace(frames[1], exposure_ev=0.5)
    folder.plan = msgspec.structs.replace(folder.plan, frames=tuple(frames))


def leave_out(folder: Folder) -> None:
    folder.plan = msgspec.structs.replace(folder.plan, leave_out=frozenset({1, 5}))


def break_input(folder: Folder) -> None:
    frames = list(folder.plan.frames)
    frames[3] = msgspec.structs.replace(frames[3], error="cannot be read", blake2b=None)
    folder.plan = msgspec.structs.replace(folder.plan, frames=tuple(frames))


CASES: dict[str, tuple[Callable[[Folder], object], set[int], set[int], int]] = {
    # what happened: (change, frames done, frames given up, number of adopted frames)
    "nothing": (lambda f: None, {0, 1}, set(), 0),
    "a file is gone": (lambda f: f.store.frame("a_prime", 1).unlink(), {0}, set(), 0),
    "a file has another size": (
        lambda f: f.store.frame("a_prime", 1).write_bytes(b"short"),
        {0},
        set(),
        0,
    ),
    "an exposure was edited": (expose, {0}, set(), 0),
    "frames were left out": (leave_out, {0}, set(), 0),
    "an input cannot be read": (break_input, {0, 1}, set(), 0),
    "a whole frame was not journaled": (lambda f: f.write(2), {0, 1, 2}, set(), 1),
    "a torn frame was not journaled": (truncate, {0, 1}, set(), 0),
    "a frame of another size was not journaled": (
        lambda f: f.write(2, size=(48, 60)),
        {0, 1},
        set(),
        0,
    ),
    "a frame failed for good": (lambda f: f.journal_failed(2, retryable=False), {0, 1}, {2}, 0),
    "a frame failed by chance": (lambda f: f.journal_failed(2, retryable=True), {0, 1}, set(), 0),
    "a failed frame was replaced": (
        lambda f: f.journal_failed(2, retryable=False, input="earlier"),
        {0, 1},
        set(),
        0,
    ),
    "a failed frame was done later": (fail_once_more, {0, 1, 2}, set(), 0),
}


@pytest.mark.parametrize("happened", CASES)
def test_reconciles_journal_plan_and_disk(folder: Folder, happened: str) -> None:
    change, done, given_up, adopted = CASES[happened]
    change(folder)
    state = folder.reconcile()
    usable = {frame.index for frame in folder.plan.usable()}
    assert state.done == done
    assert state.given_up.keys() == given_up
    assert state.to_do == usable - done - given_up
    assert state.adopted == adopted
    again = folder.reconcile()
    assert (again.done, again.to_do, again.adopted) == (state.done, state.to_do, 0)


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        ("a file is gone", "its file is gone or was changed"),
        ("an exposure was edited", "its exposure was edited"),
        ("a frame failed by chance", "tried again"),
        ("a failed frame was replaced", "tried again"),
    ],
)
def test_journals_why_a_frame_is_made_again(folder: Folder, happened: str, reason: str) -> None:
    CASES[happened][0](folder)
    folder.reconcile()
    assert [line["reason"] for line in folder.lines("reset")] == [reason]


def test_deletes_an_edited_frame_so_that_it_is_never_adopted(folder: Folder) -> None:
    expose(folder)
    folder.reconcile()
    assert not folder.store.frame("a_prime", 1).exists()
    assert folder.store.frame("a_prime", 0).exists()


def test_refuses_the_journal_of_a_longer_run(folder: Folder) -> None:
    folder.journal_done(5)
    folder.plan = sample_plan(3)
    with pytest.raises(UsageError, match="mentions frame 5, but the plan has 3 frames"):
        folder.reconcile()


def test_an_edit_invalidates_every_dependent_frame_of_a_coherent_film(
    tmp_path: Path,
) -> None:
    coherent = sample_plan(FRAMES, pixels={"coherent": True})
    folder = Folder(tmp_path / "film.run", coherent)
    for index in (2, 3, 4, 5):
        folder.journal_done(index)
    assert folder.reconcile().done == set(range(FRAMES))
    expose(folder)
    assert folder.reconcile().done == {0}, "the others depend on frame 1"


def test_an_adopted_frame_keeps_the_misfit_that_its_worker_noted(tmp_path: Path) -> None:
    painted = PaintInputs((PaintedPicture(FileFingerprint("/p.png", 1, 1, "x"), 0),))
    painting = PaintConfig(keys=(PaintedKeyframe(painted="/p.png", frame="0.png"),))
    folder = Folder(tmp_path / "film.run", sample_plan(FRAMES, painting=painted), painting)
    for index in (2, 3):
        folder.write(index)
    write_json(folder.store.frame_note(2), {"misfit": 0.25})
    assert folder.reconcile().adopted == 2
    history = read_history(folder.store.journal)
    assert [history.done[index].misfit for index in (2, 3)] == [0.25, None]
    adopted = folder.lines("done")[-2]
    assert adopted["adopted"]
    assert adopted["output_blake2b"] == {"b_prime": hash_file(folder.store.frame("b_prime", 2))}


def test_a_retry_deletes_frames_and_records_their_hashes(folder: Folder) -> None:
    folder.journal_failed(2, retryable=False)
    before = {"a_prime": hash_file(folder.store.frame("a_prime", 1))}
    with Journal(folder.store.journal) as journal:
        retry = Retry(failed=True, frames="1,4")
        assert forget_frames(folder.store, folder.plan, journal, folder.config, retry) == 2
    state = folder.reconcile()
    assert (state.done, state.given_up) == ({0}, {})
    assert state.retried == {1: before}

    folder.journal_done(1)
    state = folder.reconcile()
    assert changed_by_retry(folder.store, state.retried, state.done) == {}
    now = {"a_prime": hash_file(folder.write(1, value=0.25))}
    assert changed_by_retry(folder.store, state.retried, state.done) == {1: now}
    assert changed_by_retry(folder.store, state.retried, {0}) == {}, "it is not finished"
