"""Whole runs in this process, with the real analogy on small pictures."""

from __future__ import annotations

import dataclasses
import json
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from batch_analogy.errors import (
    OutputExistsError,
    PlanChangedError,
    UsageError,
)
from batch_analogy.jobs.drive.open_run import dry_plan, load_run, open_run, read_status
from batch_analogy.jobs.events import FilmWritten, FrameFailed
from batch_analogy.media.stills import write_png
from batch_analogy.media.video import probe_video
from tests.support.runs import (
    DRAFT,
    frame_bytes,
    frame_identity,
    opened,
    picture,
    run_here,
    sample_config,
    truncate,
    worked_on,
)

pytestmark = pytest.mark.smoke  # quick, and the first thing that users see


def test_a_run_makes_every_frame_and_a_film(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 5, target="both", fps=Fraction(10))
    result, events = run_here(config)
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


def test_the_same_command_again_does_nothing(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 3)
    run_here(config)
    before, film = frame_identity(config.run_dir), config.output.stat()
    result, events = run_here(config)
    assert result.films == [config.output]
    assert result.done == 3
    assert worked_on(events) == []
    assert not any(isinstance(event, FilmWritten) for event in events)
    assert frame_identity(config.run_dir) == before
    assert config.output.stat() == film


def test_makes_only_missing_frames_again(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 4)
    run_here(config)
    pixels, film = frame_bytes(config.run_dir), config.output.read_bytes()
    (config.run_dir / "frames/a_prime/000002.png").unlink()
    config.output.unlink()
    _, events = run_here(config)
    assert worked_on(events) == [2]
    assert frame_bytes(config.run_dir) == pixels
    assert config.output.read_bytes() == film


def test_adopts_a_finished_frame_that_was_not_journaled(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 4)
    run_here(config)
    before = frame_identity(config.run_dir)
    journal = config.run_dir / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-2]) + lines[-2][:20])
    truncate(config.run_dir / "frames/a_prime/000003.png")
    _, events = run_here(config)
    assert opened(events).adopted == 1
    assert worked_on(events) == [3]
    assert frame_identity(config.run_dir).items() >= {
        (name, identity) for name, identity in before.items() if "000003" not in name
    }


def test_a_broken_frame_is_held_until_it_is_repaired(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 4)
    whole = (tmp_path / "in/img2.png").read_bytes()
    truncate(tmp_path / "in/img2.png")
    result, events = run_here(config)
    assert [(index, name) for index, name, _ in result.failed] == [(2, "img2.png")]
    assert "img2.png" in result.failed[0][2]
    assert probe_video(config.output).frame_count == 4
    assert [e.will_retry for e in events if isinstance(e, FrameFailed)] == [False]
    status = read_status(config.run_dir)
    assert (status.state, status.done, status.left, len(status.failed)) == ("partial", 3, 0, 1)

    result, events = run_here(config)
    assert len(result.failed) == 1, "the same broken frame is not tried again"
    assert not any(isinstance(event, FrameFailed) for event in events)

    (tmp_path / "in/img2.png").write_bytes(whole)
    result, events = run_here(config)
    assert worked_on(events) == [2]
    assert result.failed == []
    assert any(isinstance(event, FilmWritten) for event in events)


@pytest.mark.parametrize(("on_missing", "frames"), [("hold", 4), ("skip", 3), ("error", None)])
def test_films_with_a_missing_frame(tmp_path: Path, on_missing: str, frames: int | None) -> None:
    config = sample_config(tmp_path, 4, on_missing=on_missing)
    truncate(tmp_path / "in/img0.png")
    result, _ = run_here(config)
    assert result.done == 3
    assert len(result.failed) == 1
    if frames is None:
        assert result.films == []
        assert not config.output.exists()
    else:
        assert probe_video(result.films[0]).frame_count == frames


@pytest.mark.parametrize(("on_missing", "frames"), [("hold", 5), ("skip", 3)])
def test_missing_stills_are_held_or_skipped(tmp_path: Path, on_missing: str, frames: int) -> None:
    config = sample_config(tmp_path, 5, on_missing=on_missing)
    for lost in (1, 2):
        (tmp_path / f"in/img{lost}.png").unlink()
    result, _ = run_here(config)
    assert (result.done, result.failed) == (3, [])
    assert probe_video(result.films[0]).frame_count == frames


def test_refuses_a_changed_configuration_unless_it_may_overwrite(
    tmp_path: Path,
) -> None:
    config = sample_config(tmp_path, 2)
    run_here(config)
    pixels = frame_bytes(config.run_dir)
    other = dataclasses.replace(config, analogy=dataclasses.replace(DRAFT, seed=7))
    with pytest.raises(PlanChangedError, match=r"analogy\.seed was 0, is 7"):
        open_run(other)
    assert frame_bytes(config.run_dir) == pixels
    _, events = run_here(other, overwrite=True)
    assert worked_on(events) == [0, 1]
    assert frame_bytes(config.run_dir) != pixels


def test_refuses_changed_input_of_a_finished_frame(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    run_here(config)
    write_png(tmp_path / "in/img1.png", picture(9))
    with pytest.raises(PlanChangedError, match=r"frame 1 \(img1\.png\)"):
        open_run(config)


def test_overwrite_keeps_the_frames_of_an_equal_plan(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    run_here(config)
    before = frame_identity(config.run_dir)
    config.output.write_text("somebody else's")
    with pytest.raises(OutputExistsError):
        open_run(config)
    _, events = run_here(config, overwrite=True)
    assert worked_on(events) == []
    assert frame_identity(config.run_dir) == before
    assert probe_video(config.output).frame_count == 2


def test_another_film_quality_makes_only_the_film_again(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    run_here(config)
    size = config.output.stat().st_size
    _, events = run_here(dataclasses.replace(config, crf=40))
    assert worked_on(events) == []
    assert config.output.stat().st_size < size


def test_refuses_an_existing_film_before_any_work(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    config.output.write_text("precious")
    with pytest.raises(OutputExistsError, match=r"film\.mp4"):
        open_run(config)
    assert config.output.read_text() == "precious"
    assert not config.run_dir.exists()


def test_makes_a_film_again_that_was_not_recorded(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    run_here(config)
    film = config.output.read_bytes()
    records = json.loads((config.run_dir / "film.json").read_text())
    record = records["films"][str(config.output)]
    records["films"][str(config.output)] = {"state": "writing", "key": record["key"]}
    (config.run_dir / "film.json").write_text(json.dumps(records))
    _, events = run_here(config)
    assert any(isinstance(event, FilmWritten) for event in events)
    assert config.output.read_bytes() == film


@pytest.mark.parametrize("name", ["film.txt", "film"])
def test_refuses_an_output_that_is_not_a_film(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="must end in"):
        open_run(sample_config(tmp_path, 1, output=tmp_path / name))


def test_resume_restores_the_configuration_even_of_a_moved_folder(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 3, crf=30, fps=Fraction(24000, 1001))
    open_run(config).close()
    moved = tmp_path / "moved.run"
    shutil.move(config.run_dir, moved)
    with load_run(moved) as opening:
        assert opening.config.crf == 30
        assert opening.config.fps == Fraction(24000, 1001)
        assert opening.execute().done == 3
    with pytest.raises(UsageError, match="there is no run in"):
        load_run(tmp_path / "nothing")


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 5)
    before = sorted(tmp_path.rglob("*"))
    plan = dry_plan(config)
    assert [(s.start, s.stop) for s in plan.segments] == [(0, 2), (2, 4), (4, 5)]
    assert sorted(tmp_path.rglob("*")) == before
