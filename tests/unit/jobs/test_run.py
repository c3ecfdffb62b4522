"""Whole runs in this process, with the real analogy on small pictures."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest
from run_samples import (
    DRAFT,
    fill,
    frame_bytes,
    frame_identity,
    picture,
    sample_config,
    small_disk,
    write_frames,
)

from batch_analogy.config import ExecutionConfig, RunConfig
from batch_analogy.errors import (
    ConfigError,
    JobError,
    OutputDiskError,
    OutputExistsError,
    PlanChangedError,
    UsageError,
)
from batch_analogy.jobs.events import FilmWritten, FrameDone, FrameFailed, RunEvent, RunOpened
from batch_analogy.jobs.run import RunResult, dry_plan, load_run, open_run, read_status
from batch_analogy.media.stills import write_png
from batch_analogy.media.video import probe_video


def run(config: RunConfig, *, overwrite: bool = False) -> tuple[RunResult, list[RunEvent]]:
    events: list[RunEvent] = []
    result = open_run(config, overwrite=overwrite).execute(events.append)
    return result, events


def worked_on(events: list[RunEvent]) -> list[int]:
    return sorted(event.index for event in events if isinstance(event, FrameDone))


def opened(events: list[RunEvent]) -> RunOpened:
    return next(event for event in events if isinstance(event, RunOpened))


def truncate(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def test_a_run_makes_every_frame_and_a_film(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 5, target="both", fps=Fraction(10))
    result, events = run(config)
    assert (result.total, result.done, result.failed) == (5, 5, [])
    assert not result.interrupted
    assert worked_on(events) == [0, 1, 2, 3, 4]
    assert len(frame_bytes(config.run_dir)) == 10
    assert result.films == [tmp_path / "film.mp4", tmp_path / "film-reference.mp4"]
    info = probe_video(result.films[0])
    assert (info.frame_count, info.fps, info.height, info.width) == (5, 10, 64, 80)
    assert probe_video(result.films[1]).height == 70
    for name in ("preview/last.jpg", "preview/sheet.jpg", "logs/inline.jsonl", "run.json"):
        assert (config.run_dir / name).is_file()
    status = read_status(config.run_dir)
    assert (status.state, status.done, status.left) == ("finished", 5, 0)


def test_run_again_does_nothing(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 3)
    run(config)
    before, film = frame_identity(config.run_dir), config.output.stat()
    result, events = run(config)
    assert result.films == [config.output]
    assert result.done == 3
    assert worked_on(events) == []
    assert not any(isinstance(event, FilmWritten) for event in events)
    assert frame_identity(config.run_dir) == before
    assert config.output.stat() == film


def test_only_what_is_gone_is_done_again(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 4)
    run(config)
    pixels, film = frame_bytes(config.run_dir), config.output.read_bytes()
    (config.run_dir / "frames/a_prime/000002.png").unlink()
    config.output.unlink()
    _, events = run(config)
    assert worked_on(events) == [2]
    assert frame_bytes(config.run_dir) == pixels
    assert config.output.read_bytes() == film


def test_a_finished_frame_that_was_not_journaled_is_adopted(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 4)
    run(config)
    before = frame_identity(config.run_dir)
    journal = config.run_dir / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-2]) + lines[-2][:20])
    truncate(config.run_dir / "frames/a_prime/000003.png")
    _, events = run(config)
    assert opened(events).adopted == 1
    assert worked_on(events) == [3]
    assert frame_identity(config.run_dir).items() >= {
        (name, identity) for name, identity in before.items() if "000003" not in name
    }


def test_a_broken_frame_is_held_and_done_once_it_is_mended(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 4)
    whole = (tmp_path / "in/img2.png").read_bytes()
    truncate(tmp_path / "in/img2.png")
    result, events = run(config)
    assert [(index, name) for index, name, _ in result.failed] == [(2, "img2.png")]
    assert "img2.png" in result.failed[0][2]
    assert probe_video(config.output).frame_count == 4
    assert [e.will_retry for e in events if isinstance(e, FrameFailed)] == [False]
    status = read_status(config.run_dir)
    assert (status.state, status.done, status.left, len(status.failed)) == ("partial", 3, 0, 1)

    result, events = run(config)
    assert len(result.failed) == 1, "the same broken frame is not tried again"
    assert not any(isinstance(event, FrameFailed) for event in events)

    (tmp_path / "in/img2.png").write_bytes(whole)
    result, events = run(config)
    assert worked_on(events) == [2]
    assert result.failed == []
    assert any(isinstance(event, FilmWritten) for event in events)


@pytest.mark.parametrize(("on_missing", "frames"), [("hold", 4), ("skip", 3), ("error", None)])
def test_on_missing(tmp_path: Path, on_missing: str, frames: int | None) -> None:
    config = sample_config(tmp_path, 4, on_missing=on_missing)
    truncate(tmp_path / "in/img0.png")
    result, _ = run(config)
    assert result.done == 3
    assert len(result.failed) == 1
    if frames is None:
        assert result.films == []
        assert not config.output.exists()
    else:
        assert probe_video(result.films[0]).frame_count == frames


def test_a_changed_configuration_is_refused_by_name_and_overwrite_starts_afresh(
    tmp_path: Path,
) -> None:
    config = sample_config(tmp_path, 2)
    run(config)
    pixels = frame_bytes(config.run_dir)
    other = dataclasses.replace(config, analogy=dataclasses.replace(DRAFT, seed=7))
    with pytest.raises(PlanChangedError, match=r"analogy\.seed was 0, is 7"):
        open_run(other)
    assert frame_bytes(config.run_dir) == pixels
    _, events = run(other, overwrite=True)
    assert worked_on(events) == [0, 1]
    assert frame_bytes(config.run_dir) != pixels


def test_changed_input_of_a_finished_frame_is_refused(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    run(config)
    write_png(tmp_path / "in/img1.png", picture(9))
    with pytest.raises(PlanChangedError, match=r"frame 1 \(img1\.png\)"):
        open_run(config)


def test_overwrite_keeps_the_frames_of_an_equal_plan(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    run(config)
    before = frame_identity(config.run_dir)
    config.output.write_text("somebody else's")
    with pytest.raises(OutputExistsError):
        open_run(config)
    _, events = run(config, overwrite=True)
    assert worked_on(events) == []
    assert frame_identity(config.run_dir) == before
    assert probe_video(config.output).frame_count == 2


def test_another_film_quality_makes_only_the_film_again(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    run(config)
    size = config.output.stat().st_size
    _, events = run(dataclasses.replace(config, crf=40))
    assert worked_on(events) == []
    assert config.output.stat().st_size < size


def test_a_film_in_the_way_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    config.output.write_text("precious")
    with pytest.raises(OutputExistsError, match=r"film\.mp4"):
        open_run(config)
    assert config.output.read_text() == "precious"
    assert not config.run_dir.exists()


def test_a_film_whose_driver_was_killed_before_noting_it_is_made_again(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    run(config)
    film = config.output.read_bytes()
    records = json.loads((config.run_dir / "film.json").read_text())
    record = records["films"][str(config.output)]
    records["films"][str(config.output)] = {"state": "writing", "key": record["key"]}
    (config.run_dir / "film.json").write_text(json.dumps(records))
    _, events = run(config)
    assert any(isinstance(event, FilmWritten) for event in events)
    assert config.output.read_bytes() == film


@pytest.mark.parametrize("name", ["film.txt", "film"])
def test_an_output_that_is_no_film_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="must end in"):
        open_run(sample_config(tmp_path, 1, output=tmp_path / name))


def test_two_workers_in_one_process_are_refused(tmp_path: Path) -> None:
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
    _, events = run(config)
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


def test_a_source_that_changes_while_running_is_a_failed_frame(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    with open_run(config) as opening:
        write_png(tmp_path / "in/img1.png", picture(9))
        result = opening.execute()
    assert "has changed since" in result.failed[0][2]
    _, events = run(config)
    assert worked_on(events) == [1]


def test_resume_restores_the_configuration_even_of_a_moved_folder(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 3, crf=30, fps=Fraction(24000, 1001))
    open_run(config).close()
    moved = tmp_path / "moved.run"
    shutil.move(config.run_dir, moved)
    with load_run(moved) as opening:
        assert opening.config.crf == 30
        assert opening.config.fps == Fraction(24000, 1001)
        assert opening.execute().done == 3
    with pytest.raises(UsageError, match="holds no run"):
        load_run(tmp_path / "nothing")


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 5)
    before = sorted(tmp_path.rglob("*"))
    plan = dry_plan(config)
    assert [(s.start, s.stop) for s in plan.segments] == [(0, 2), (2, 4), (4, 5)]
    assert sorted(tmp_path.rglob("*")) == before


def make_video(path: Path, frames: Path) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-framerate", "30000/1001"]
    command += ["-i", str(frames / "img%d.png"), "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True)


def test_a_video_is_extracted_once_and_its_frames_deleted_when_the_film_is_there(
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
    _, events = run(config)
    assert worked_on(events) == []
    assert not (config.run_dir / "input").exists()

    (config.run_dir / "frames/a_prime/000001.png").unlink()
    _, events = run(config)
    assert worked_on(events) == [1]
    assert frame_bytes(config.run_dir) == pixels


def test_another_video_is_refused_before_it_is_extracted(tmp_path: Path) -> None:
    write_frames(tmp_path / "shots", 4)
    make_video(tmp_path / "clip.mp4", tmp_path / "shots")
    config = sample_config(tmp_path, 1, source=str(tmp_path / "clip.mp4"))
    run(config)
    (tmp_path / "clip.mp4").unlink()
    (tmp_path / "shots/img3.png").unlink()
    make_video(tmp_path / "clip.mp4", tmp_path / "shots")
    with pytest.raises(PlanChangedError, match="other frames"):
        open_run(config)
    assert not (config.run_dir / "input").exists()
    result, _ = run(config, overwrite=True)
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
    result, events = run(config)
    assert result.done == 12
    assert 0 not in worked_on(events)
    assert frame_identity(config.run_dir).items() >= finished.items()


def test_an_error_while_planning_leaves_no_folder_behind(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 1, source=str(tmp_path / "nowhere"))
    with pytest.raises(UsageError):
        open_run(config)
    assert not config.run_dir.exists()


@pytest.mark.parametrize("cut", ["plan.json", "run.json"])
def test_a_folder_cleared_half_way_is_begun_afresh_or_refused(tmp_path: Path, cut: str) -> None:
    config = sample_config(tmp_path, 2)
    run(config)
    (config.run_dir / cut).unlink()
    check: Callable[[], object] = lambda: run(config)  # noqa: E731
    if cut == "plan.json":
        with pytest.raises(PlanChangedError, match=r"plan\.json is missing"):
            check()
    else:
        config.output.unlink()
        _, events = run(config)
        assert worked_on(events) == [0, 1]
