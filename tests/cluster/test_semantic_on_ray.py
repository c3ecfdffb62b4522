"""Train several pictures at once on a real local Ray, and kill workers."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_analogy.config.run import ExecutionConfig
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import ClusterError
from batch_analogy.jobs.ray import semantic_training
from batch_analogy.jobs.semantic.events import (
    SemanticEvent,
    TrainingEnded,
    TrainingStep,
    WorkersStarted,
)
from batch_analogy.jobs.semantic.model_files import load_model
from batch_analogy.jobs.semantic.train_many import train_all
from batch_analogy.jobs.semantic.training import TrainJob
from batch_analogy.jobs.semantic.training_folder import TrainingFolder
from tests.support.processes.paced import PATIENCE_SECONDS
from tests.support.semantic import QUICK, write_disc


def jobs_in(folder: Path, **changes: object) -> list[TrainJob]:
    """Return the jobs of two pictures, and of one that cannot be trained."""
    config = SemanticConfig(**{**QUICK, **changes})
    jobs = []
    for name in ("one", "two", "bad"):
        picture, label = write_disc(folder, name)
        label = picture if name == "bad" else label
        place = folder / f"{name}.semantic"
        jobs.append(TrainJob(picture=picture, label=label, folder=place, config=config))
    return jobs


def weights_of(job: TrainJob) -> bytes:
    tensors = load_model(job.folder).tensors()
    return b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors))


@pytest.mark.usefixtures("running_ray")
def test_killed_workers_do_not_change_the_models(tmp_path: Path) -> None:
    alone = jobs_in(tmp_path / "alone", iterations=12)
    train_all(alone, ExecutionConfig(address="none"))
    jobs, told, killed = jobs_in(tmp_path / "ray", iterations=12), [], []

    def listen(event: SemanticEvent) -> None:
        told.append(event)
        if isinstance(event, TrainingStep) and event.iteration >= 4 and not killed:
            one = next(job for job in jobs if job.name == event.name)
            killed.append(int(TrainingFolder(one.folder).lock.read_text()))
            os.kill(killed[0], signal.SIGKILL)

    trained = train_all(jobs, ExecutionConfig(workers=2), on_event=listen)
    assert killed
    assert {one.name for one in trained.ended} == {"one", "two"}
    assert [one.name for one in trained.failed] == ["bad"]
    assert [e.at_once for e in told if isinstance(e, WorkersStarted)] == [2]
    for ours, theirs in zip(jobs[:2], alone[:2], strict=True):
        assert weights_of(ours) == weights_of(theirs)


@pytest.mark.usefixtures("running_ray")
def test_does_not_replace_a_worker_that_dies_after_its_last_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lingering(semantic_training.TrainerActor):
        def train(self) -> Iterator[SemanticEvent]:
            yield from super().train()
            time.sleep(PATIENCE_SECONDS)

    def kill(event: SemanticEvent) -> None:
        if isinstance(event, TrainingEnded):
            os.kill(int(TrainingFolder(event.folder).lock.read_text()), signal.SIGKILL)

    monkeypatch.setattr(semantic_training, "TrainerActor", Lingering)
    trained = train_all(jobs_in(tmp_path)[:1], ExecutionConfig(), on_event=kill)
    assert [(one.name, one.ending) for one in trained.ended] == [("one", "finished")]
    assert trained.failed == ()


@pytest.mark.usefixtures("running_ray")
def test_a_stopped_training_can_be_continued(tmp_path: Path) -> None:
    jobs = jobs_in(tmp_path, iterations=100_000)[:1]
    heard: list[SemanticEvent] = []
    trained = train_all(
        jobs, ExecutionConfig(), on_event=heard.append, stopped=lambda: len(heard) > 2
    )
    assert trained.interrupted
    assert (jobs[0].folder / "state" / "checkpoint.safetensors").is_file()
    other = dataclasses.replace(jobs[0], config=SemanticConfig(**QUICK), overwrite=True)
    assert [one.ending for one in train_all([other], ExecutionConfig()).ended] == ["finished"]


@pytest.mark.usefixtures("running_ray")
def test_reports_that_gpus_are_missing(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="--gpus-per-worker is 2, but"):
        train_all(jobs_in(tmp_path), ExecutionConfig(gpus_per_worker=2))
