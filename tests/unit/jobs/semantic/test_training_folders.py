"""Training in a folder: interrupted, continued, refused, diverged; and many pictures."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from batch_analogy.analogy.semantic.trainer import IterationResult, Trainer
from batch_analogy.analogy.semantic.validation import Patience
from batch_analogy.config.run import ExecutionConfig
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import (
    ConfigError,
    InputError,
    JobError,
    PlanChangedError,
    RunLockedError,
    UsageError,
)
from batch_analogy.jobs.semantic.events import SemanticEvent, TrainingOpened, TrainingStep
from batch_analogy.jobs.semantic.model_files import load_model, read_state, write_state
from batch_analogy.jobs.semantic.train_many import find_pairs, train_all
from batch_analogy.jobs.semantic.training import TrainJob, is_trained, train
from batch_analogy.jobs.semantic.training_folder import TrainingFolder
from tests.support.semantic import QUICK, write_disc, write_maps

HERE = ExecutionConfig(address="none")


@pytest.fixture
def job(tmp_path: Path) -> TrainJob:
    picture, label = write_disc(tmp_path)
    folder = tmp_path / "disc.semantic"
    return TrainJob(picture=picture, label=label, folder=folder, config=SemanticConfig(**QUICK))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train ``job`` without interruption."""
    root = tmp_path_factory.mktemp("whole")
    picture, label = write_disc(root)
    config = SemanticConfig(**QUICK)
    train(TrainJob(picture=picture, label=label, folder=root / "disc.semantic", config=config))
    return root / "disc.semantic"


def after(iterations: int) -> tuple[Callable[[SemanticEvent], None], Callable[[], bool]]:
    """Return a listener, and a ``stopped`` that is true after ``iterations`` calls."""
    asked: list[None] = []

    def stopped() -> bool:
        asked.append(None)
        return len(asked) > iterations

    return lambda event: None, stopped


def assert_same_models(one: Path, other: Path) -> None:
    ours, theirs = (load_model(folder).tensors() for folder in (one, other))
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_writes_a_model_curves_and_a_preview(job: TrainJob) -> None:
    heard: list[SemanticEvent] = []
    ended = train(job, on_event=heard.append)
    assert (ended.ending, ended.iteration, ended.name) == ("finished", 4, "disc")
    assert is_trained(job.folder)
    assert isinstance(heard[0], TrainingOpened)
    assert [e.iteration for e in heard if isinstance(e, TrainingStep) and e.measures] == [2, 4]
    store = TrainingFolder(job.folder)
    points = json.loads(store.curves.read_text())["points"]
    assert [point["iteration"] for point in points] == [2, 4]
    assert {"adversarial", "reconstruction"} <= points[0]["losses"].keys()
    assert store.last_preview.stat().st_size > 1000


@pytest.mark.parametrize("iterations", [1, 3])
def test_interrupted_training_equals_uninterrupted_training(job: TrainJob, iterations: int) -> None:
    whole = dataclasses.replace(job, folder=job.folder.with_name("whole.semantic"))
    train(whole)
    on_event, stopped = after(iterations)
    assert train(job, on_event=on_event, stopped=stopped).ending == "interrupted"
    assert not is_trained(job.folder)
    assert train(job).ending == "finished"
    assert_same_models(job.folder, whole.folder)
    curves = [TrainingFolder(one.folder).curves.read_text() for one in (job, whole)]
    assert curves[0] == curves[1]


def test_does_not_repeat_a_finished_training(job: TrainJob) -> None:
    train(job)
    before = load_model(job.folder).tensors()
    heard: list[SemanticEvent] = []
    assert train(job, on_event=heard.append).ending == "finished before"
    assert len(heard) == 1
    assert all(torch.equal(before[k], v) for k, v in load_model(job.folder).tensors().items())


def test_continues_after_pictures_and_folder_were_moved(job: TrainJob, tmp_path: Path) -> None:
    stopped = after(2)[1]
    assert train(job, stopped=stopped).ending == "interrupted"
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in (job.picture, job.label, job.folder):
        path.rename(moved / path.name)
    there = dataclasses.replace(
        job,
        picture=moved / job.picture.name,
        label=moved / job.label.name,
        folder=moved / job.folder.name,
    )
    heard: list[SemanticEvent] = []
    assert train(there, on_event=heard.append).ending == "finished"
    assert isinstance(heard[0], TrainingOpened)
    assert heard[0].iteration == 2


def test_refuses_the_folder_of_another_training(job: TrainJob) -> None:
    train(job)
    other = dataclasses.replace(job, config=SemanticConfig(**{**QUICK, "seed": 7}))
    with pytest.raises(PlanChangedError, match=r"other settings: seed 0 \(now 7\).*--overwrite"):
        train(other)
    assert train(dataclasses.replace(other, overwrite=True)).ending == "finished"
    write_disc(job.picture.parent, "new")
    job.picture.write_bytes(job.picture.with_name("new-label.png").read_bytes())
    with pytest.raises(PlanChangedError, match="other input: picture"):
        train(other)


def test_refuses_a_second_training_of_one_folder(job: TrainJob) -> None:
    store = TrainingFolder(job.folder)
    store.open()
    try:
        with pytest.raises(RunLockedError, match=r"name another folder with --model"):
            train(job)
    finally:
        store.close()


def test_leaves_a_folder_with_other_files_alone(job: TrainJob) -> None:
    job.folder.mkdir()
    (job.folder / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"holiday\.jpg\); name another with --model"):
        train(dataclasses.replace(job, overwrite=True))
    assert [path.name for path in job.folder.iterdir()] == ["holiday.jpg"]


def diverge(monkeypatch: pytest.MonkeyPatch, iteration: int) -> None:
    """Let a loss become NaN in one iteration."""
    step = Trainer.step

    def diverging(self: Trainer) -> IterationResult:
        done = step(self)
        if done.iteration != iteration:
            return done
        return dataclasses.replace(done, losses={**done.losses, "adversarial": math.nan})

    monkeypatch.setattr(Trainer, "step", diverging)


def test_divergence_keeps_the_last_good_checkpoint(
    job: TrainJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    diverge(monkeypatch, 3)
    message = r"iteration 3 \(adversarial is nan\).*iteration 2, is kept.*--learning-rate.*0.00025"
    with pytest.raises(JobError, match=message):
        train(job)
    tensors, facts = read_state(TrainingFolder(job.folder).checkpoint)
    assert facts["trainer"]["iteration"] == 2
    assert all(bool(t.isfinite().all()) for t in tensors.values())
    assert load_model(job.folder).generator is not None


def test_detects_divergence_of_weights(job: TrainJob, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.step

    def broken(self: Trainer) -> IterationResult:
        done = step(self)
        if done.iteration == 2:
            with torch.no_grad():
                next(self.discriminator.parameters()).fill_(math.inf)
        return done

    monkeypatch.setattr(Trainer, "step", broken)
    with pytest.raises(JobError, match=r"weights are not finite.*no checkpoint had been written"):
        train(job)


def test_training_stops_early_without_gain(job: TrainJob) -> None:
    config = SemanticConfig(**{**QUICK, "iterations": 50, "learning_rate": 1e-7, "patience": 2})
    ended = train(dataclasses.replace(job, config=config))
    assert ended.ending == "stopped early"
    assert ended.iteration < 50
    assert is_trained(job.folder)


def test_patience_counts_validations_without_gain() -> None:
    patience = Patience().after(1.0).after(0.999).after(1.2)
    assert (patience.best, patience.without_gain) == (1.0, 2)
    assert patience.after(0.5) == Patience(0.5, 0)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def change_values(path: Path, **facts: object) -> None:
    tensors, before = read_state(path)
    write_state(path, tensors, {**before, **facts})


DAMAGES: dict[str, tuple[str, Callable[[TrainingFolder], None], str]] = {
    "checkpoint": ("interrupted", lambda store: truncate(store.checkpoint), "damaged"),
    "misfit": ("interrupted", lambda s: change_values(s.checkpoint, trainer={}), "does not fit"),
    "model": ("finished", lambda store: truncate(store.model), "damaged"),
    "version": ("finished", lambda store: change_values(store.model, version=0), "version 0"),
    "status": ("finished", lambda store: truncate(store.status), "cannot be read"),
    "manifest": ("interrupted", lambda store: truncate(store.manifest), "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_refuses_damaged_or_old_files_and_overwrites_them_on_request(
    job: TrainJob, whole: Path, damage: str
) -> None:
    ending, spoiling, message = DAMAGES[damage]
    stopped = after(2)[1] if ending == "interrupted" else lambda: False
    assert train(job, stopped=stopped).ending == ending
    spoiling(TrainingFolder(job.folder))
    with pytest.raises((InputError, UsageError), match=rf"{message}.*--overwrite"):
        train(job)
    assert train(dataclasses.replace(job, overwrite=True)).ending == "finished"
    assert_same_models(job.folder, whole)
    curves = [TrainingFolder(one).curves.read_text() for one in (job.folder, whole)]
    assert curves[0] == curves[1]


def test_one_bad_picture_does_not_stop_the_others(tmp_path: Path, job: TrainJob) -> None:
    bad = dataclasses.replace(job, label=job.picture, folder=tmp_path / "bad.semantic")
    trained = train_all([bad, job], HERE)
    assert [one.name for one in trained.ended] == ["disc"]
    assert [one.name for one in trained.failed] == ["bad"]
    assert "not a label map" in str(trained.failed[0].error)
    with pytest.raises(ConfigError, match="--address none"):
        train_all([job], ExecutionConfig(address="none", workers=2))


def test_finds_pictures_in_folders_and_side_by_side(tmp_path: Path) -> None:
    write_disc(tmp_path, "a10")
    write_disc(tmp_path, "a2")
    picture, label = write_disc(tmp_path / "lake")
    picture.rename(tmp_path / "lake" / "img.png")
    label.rename(tmp_path / "lake" / "label.png")
    write_maps(tmp_path / "maps", 2)
    assert [name for name, _, _ in find_pairs(tmp_path)] == ["a2", "a10", "lake"]
    with pytest.raises(InputError, match="contains no picture with a label map"):
        find_pairs(tmp_path / "maps")
    write_disc(tmp_path, "lake")
    with pytest.raises(InputError, match=r"name lake, .*lake/img\.png and .*/lake\.png, and"):
        find_pairs(tmp_path)


def test_thumbnails_of_storage_boxes_are_not_trained_on(tmp_path: Path) -> None:
    write_disc(tmp_path, "one")
    for name in ("img.png", "label.png"):
        (tmp_path / "@eaDir" / name).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(tmp_path / "@eaDir" / name / "SYNOPHOTO_THUMB_M.jpg")
        Image.new("RGB", (40, 40)).save(tmp_path / "@eaDir" / name.replace("png", "jpg"))
    assert [name for name, _, _ in find_pairs(tmp_path)] == ["one"]
