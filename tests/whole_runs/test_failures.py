"""Whole runs that meet failing frames, full disks and videos that change."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest

from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import (
    ConfigError,
    JobError,
    OutputDiskError,
    PlanChangedError,
    UsageError,
)
from batch_analogy.files import hash_file
from batch_analogy.jobs.drive.open_run import dry_plan, open_run, read_status
from batch_analogy.jobs.events import FrameDone, FrameFailed, RunEvent
from batch_analogy.jobs.store import RunStore
from batch_analogy.jobs.work.tasks import FrameTask
from batch_analogy.jobs.work.worker import FrameWorker
from batch_analogy.media.stills import write_png
from batch_analogy.media.video import probe_video
from tests.support.runs import (
    fill,
    frame_bytes,
    frame_identity,
    picture,
    run_here,
    sample_config,
    small_disk,
    worked_on,
    write_frames,
)


def test_refuses_two_workers_in_one_process(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 1, execution=ExecutionConfig(address="none", workers=2))
    with pytest.raises(ConfigError, match="one worker"):
        open_run(config).execute()


def test_a_frame_that_fails_unexpectedly_is_tried_again_then_given_up(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 3)
    (config.run_dir / "frames/a_prime").mkdir(parents=True)
    (config.run_dir / "run.lock").touch()
    with open_run(config) as opening:
        (config.run_dir / "frames/a_prime/000001.png").mkdir(parents=True)
        events: list[RunEvent] = []
        result = opening.execute(events.append)
    tries = [event for event in events if isinstance(event, FrameFailed)]
    assert [(t.index, t.attempt, t.will_retry) for t in tries] == [
        (1, 1, True),
        (1, 2, True),
        (1, 3, False),
    ]
    assert result.done == 2
    (config.run_dir / "frames/a_prime/000001.png").rmdir()
    _, events = run_here(config)
    assert worked_on(events) == [1], "what may succeed is tried again by the next run"


def test_a_machine_that_fails_every_frame_ends_the_run(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 12)
    limits = dataclasses.replace(config.execution, max_worker_deaths=2)
    with open_run(dataclasses.replace(config, execution=limits)) as opening:
        for index in range(12):
            (config.run_dir / f"frames/a_prime/{index:06d}.png").mkdir(parents=True)
        with pytest.raises(JobError, match=r"3 workers were lost.*000"):
            opening.execute()
    assert read_status(config.run_dir).state == "failed"


def test_too_many_failed_frames_end_the_run_and_it_can_be_continued(
    tmp_path: Path,
) -> None:
    config = sample_config(tmp_path, 5)
    (tmp_path / "in/img4.png").write_bytes(b"no picture")  # failures found when planning count too
    broken = config.run_dir / "frames/a_prime/000001.png"
    limits = dataclasses.replace(config.execution, max_failed=1)
    with open_run(dataclasses.replace(config, execution=limits)) as opening:
        broken.mkdir(parents=True)
        with pytest.raises(JobError, match=r"2 frames failed, more than --max-failed 1"):
            opening.execute()
    broken.rmdir()
    finished = frame_identity(config.run_dir)
    assert list(finished) == ["a_prime/000000.png"]
    result = open_run(config).execute()
    assert result.done == 4
    assert frame_identity(config.run_dir).items() >= finished.items()


def test_refuses_the_journal_of_another_run(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    open_run(config).execute()
    line = {"event": "failed", "index": 7, "input": None, "message": "", "retryable": True}
    with (config.run_dir / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps(line) + "\n")
    with pytest.raises(UsageError, match=r"mentions frame 7, but the plan has 2 frames"):
        open_run(config)


def test_an_orphaned_worker_does_not_write_into_a_run_begun_afresh(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 3)
    manifest = config.run_dir / "run.json"

    def begin_afresh(event: RunEvent) -> None:
        if isinstance(event, FrameDone) and event.done == 1:
            values = json.loads(manifest.read_text())
            manifest.write_text(json.dumps({**values, "run_id": "another"}))

    result = open_run(config).execute(begin_afresh)
    assert result.done == 1
    assert list(frame_bytes(config.run_dir)) == ["a_prime/000000.png"]


def test_an_orphaned_worker_never_spoils_a_finished_frame(tmp_path: Path) -> None:
    """Its driver died, a frame was replaced, and a second driver finished the run."""
    config = sample_config(tmp_path, 3)
    with open_run(config) as first:
        orphan = FrameWorker(first._spec())
        tasks = [FrameTask(frame) for frame in first.plan.frames]
    heard = orphan.process(tasks)
    assert next(heard).status == "done"  # nobody has taken over yet

    write_png(tmp_path / "in/img1.png", picture(9))
    with open_run(config) as second:
        (unheard,) = orphan.process(tasks[:1])  # the second driver has only just begun
        assert unheard.status == "failed"
        assert "another driver has taken the run folder over" in unheard.message
        assert second.resume_state.done == {0}
        result = second.execute()
    assert result.done == 3
    finished = frame_identity(config.run_dir)
    assert [outcome.status for outcome in orphan.process(tasks)] == ["failed"] * 3
    assert frame_identity(config.run_dir) == finished
    for line in map(json.loads, (config.run_dir / "journal.jsonl").read_text().splitlines()):
        for output, digest in line.get("output_blake2b", {}).items():
            assert hash_file(RunStore(config.run_dir).frame(output, line["index"])) == digest


def test_a_source_that_changes_during_a_run_fails_the_frame(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    with open_run(config) as opening:
        write_png(tmp_path / "in/img1.png", picture(9))
        result = opening.execute()
    assert "has changed since" in result.failed[0][2]
    _, events = run_here(config)
    assert worked_on(events) == [1]


def make_video(path: Path, frames: Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-framerate", "30000/1001"]
    command += ["-i", str(frames / "img%d.png"), "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True)


def test_extracts_a_video_once_and_deletes_its_frames_after_the_film(
    tmp_path: Path,
) -> None:
    write_frames(tmp_path / "shots", 4)
    make_video(tmp_path / "clip.mp4", tmp_path / "shots")
    config = sample_config(tmp_path, 1, source=str(tmp_path / "clip.mp4"))
    plan = dry_plan(config)
    assert plan.estimated
    assert len(plan.frames) == 4

    opening = open_run(config)
    assert len(list((config.run_dir / "input").glob("*.png"))) == 4
    assert opening.execute().done == 4
    assert not (config.run_dir / "input").exists()
    assert probe_video(config.output).fps == Fraction(30000, 1001)

    pixels = frame_bytes(config.run_dir)
    _, events = run_here(config)
    assert worked_on(events) == []
    assert not (config.run_dir / "input").exists()

    (config.run_dir / "frames/a_prime/000001.png").unlink()
    _, events = run_here(config)
    assert worked_on(events) == [1]
    assert frame_bytes(config.run_dir) == pixels


def test_refuses_another_video_before_extracting_it(tmp_path: Path) -> None:
    write_frames(tmp_path / "shots", 4)
    make_video(tmp_path / "clip.mp4", tmp_path / "shots")
    config = sample_config(tmp_path, 1, source=str(tmp_path / "clip.mp4"))
    run_here(config)
    (tmp_path / "clip.mp4").unlink()
    (tmp_path / "shots/img3.png").unlink()
    make_video(tmp_path / "clip.mp4", tmp_path / "shots")
    with pytest.raises(PlanChangedError, match="other frames"):
        open_run(config)
    assert not (config.run_dir / "input").exists()
    result, _ = run_here(config, overwrite=True)
    assert result.total == 3


@pytest.mark.parametrize("leave_bytes", [1 << 13, 1 << 15])
def test_a_full_disk_stops_the_run_and_the_finished_frames_survive(
    tmp_path: Path, request: pytest.FixtureRequest, leave_bytes: int
) -> None:
    disk = small_disk(tmp_path / "disk", "600k")
    root = next(disk)
    request.addfinalizer(lambda: list(disk))
    config = sample_config(tmp_path, 12, run_dir=root / "run")

    def fill_up(event: RunEvent) -> None:
        if isinstance(event, FrameDone) and event.done == 2:
            fill(root / "filler", leave_bytes=leave_bytes)

    with pytest.raises(OutputDiskError, match="full"):
        open_run(config).execute(fill_up)
    finished = frame_identity(config.run_dir)
    assert 2 <= len(finished) < 12
    (root / "filler").unlink()
    result, events = run_here(config)
    assert result.done == 12
    assert 0 not in worked_on(events)
    assert frame_identity(config.run_dir).items() >= finished.items()


def test_an_error_while_planning_leaves_no_folder_behind(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 1, source=str(tmp_path / "nowhere"))
    with pytest.raises(UsageError):
        open_run(config)
    assert not config.run_dir.exists()


@pytest.mark.parametrize("cut", ["plan.json", "run.json"])
def test_a_half_cleared_folder_is_begun_afresh_or_refused(tmp_path: Path, cut: str) -> None:
    config = sample_config(tmp_path, 2)
    run_here(config)
    (config.run_dir / cut).unlink()
    check: Callable[[], object] = lambda: run_here(config)  # noqa: E731
    if cut == "plan.json":
        with pytest.raises(PlanChangedError, match=r"plan\.json is missing"):
            check()
    else:
        config.output.unlink()
        _, events = run_here(config)
        assert worked_on(events) == [0, 1]
