"""Edited plans, previews, retries, and films of finished frames: whole runs in this process."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import JobError, OutputExistsError, UsageError
from batch_analogy.jobs.drive.estimate import estimate
from batch_analogy.jobs.drive.open_run import load_finished, load_run, open_run, read_status
from batch_analogy.jobs.drive.preview_run import (
    choose_preview_frames,
    close_as_planned,
    read_run_plan,
    run_preview,
)
from batch_analogy.jobs.drive.resume import Retry
from batch_analogy.jobs.events import FrameDone, RunEvent
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import write_png
from batch_analogy.media.video import probe_video
from tests.support.processes.paced import PATIENCE_SECONDS
from tests.support.runs import (
    frame_bytes,
    frame_identity,
    opened,
    picture,
    run_here,
    sample_config,
    truncate,
    worked_on,
)


def edit(config: RunConfig, **entries: Any) -> None:
    path = config.run_dir / "plan.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def name(index: int) -> str:
    return f"a_prime/{index:06d}.png"


def test_edits_take_effect_and_change_no_pixel(tmp_path: Path) -> None:
    whole = sample_config(tmp_path, 6)
    run_here(whole)
    config = dataclasses.replace(
        whole, run_dir=tmp_path / "edited.run", output=tmp_path / "edited.mp4"
    )
    close_as_planned(open_run(config))
    assert read_status(config.run_dir).state == "planned"
    edit(config, leave_out="0,5", shots=["0-2", "3-5"], segments=["0-2", "3-5"])
    result, events = run_here(config)
    assert (result.total, result.done, result.failed) == (4, 4, [])
    assert opened(events).segments == 2
    assert worked_on(events) == [1, 2, 3, 4]
    expected = frame_bytes(whole.run_dir)
    assert frame_bytes(config.run_dir) == {name(i): expected[name(i)] for i in (1, 2, 3, 4)}
    assert probe_video(config.output).frame_count == 4
    status = read_status(config.run_dir)
    assert (status.state, status.total, status.done, status.left) == ("finished", 4, 4, 0)

    edit(config, leave_out="1")
    before = frame_identity(config.run_dir)
    result, events = run_here(config)
    assert worked_on(events) == [0, 5], "what was left out may be wanted later"
    assert frame_identity(config.run_dir).items() >= before.items(), "and what is not stays"
    assert (result.total, probe_video(config.output).frame_count) == (5, 5)


def test_refuses_invalid_edits_before_any_work(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 4)
    run_here(config)
    before = frame_identity(config.run_dir)
    edit(config, segments=["0-2", "2-3"])
    with pytest.raises(UsageError, match=r"plan\.json: the segments overlap"):
        open_run(config)
    with pytest.raises(UsageError, match="overlap"):
        open_run(config, overwrite=True)  # a typing error must not cost the finished frames
    with pytest.raises(UsageError, match="overlap"):
        read_run_plan(config.run_dir)
    assert frame_identity(config.run_dir) == before


def test_a_film_with_sound_keeps_the_slots_of_left_out_frames(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 4, keep_audio=True)
    close_as_planned(open_run(config))
    edit(config, leave_out="2")
    result, _ = run_here(config)
    assert (result.total, result.done) == (3, 3)
    assert probe_video(config.output).frame_count == 4


def test_a_preview_counts_when_the_run_starts(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 7)
    run = open_run(config)
    events: list[RunEvent] = []
    assert estimate(config, run.plan).seconds is None, "nothing tells yet how long it takes"
    result, sheet = run_preview(run, choose_preview_frames(run.plan, 3), events.append)
    assert (result.total, result.done, result.films) == (3, 3, [])
    assert worked_on(events) == [0, 3, 6]
    assert sheet is not None
    assert sheet.is_file()
    assert not config.output.exists()
    status = read_status(config.run_dir)
    assert (status.state, status.total, status.done, status.left) == ("planned", 7, 3, 4)
    cost = estimate(config, run.plan)
    assert (cost.left, cost.measured, cost.workers) == (4, 3, 1)
    assert cost.seconds == pytest.approx(4 * (cost.seconds_per_frame or 0))

    previewed = frame_identity(config.run_dir)
    result, events = run_here(config)
    assert worked_on(events) == [1, 2, 4, 5]
    assert frame_identity(config.run_dir).items() >= previewed.items()
    assert (result.done, probe_video(config.output).frame_count) == (7, 7)

    again, sheet = run_preview(open_run(config), frozenset({3}))
    assert (again.done, sheet is not None) == (1, True)
    assert read_status(config.run_dir).state == "finished", "a preview leaves it as it stood"


def test_failed_frames_are_tried_again_when_asked(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 4)
    truncate(tmp_path / "in/img2.png")
    result, _ = run_here(config)
    assert [index for index, _, _ in result.failed] == [2]
    events: list[RunEvent] = []
    result = load_run(config.run_dir).execute(events.append)
    assert events[1:] == [], "what cannot succeed is not tried again by itself"
    events.clear()
    result = load_run(config.run_dir, again=Retry(failed=True)).execute(events.append)
    assert [type(event).__name__ for event in events].count("FrameFailed") == 1
    assert [index for index, _, _ in result.failed] == [2]


def test_named_frames_are_made_again_with_the_same_pixels(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 4)
    run_here(config)
    pixels, before = frame_bytes(config.run_dir), frame_identity(config.run_dir)
    truncate(config.run_dir / "frames" / name(3))
    events: list[RunEvent] = []
    load_run(config.run_dir, again=Retry(frames="1,3")).execute(events.append)
    assert worked_on(events) == [1, 3]
    assert frame_bytes(config.run_dir) == pixels
    after = frame_identity(config.run_dir)
    assert [after[name(i)] == before[name(i)] for i in range(4)] == [True, False, True, False]


def test_a_retry_makes_the_film_again_only_where_it_changed_bytes(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 3)
    frame = config.run_dir / "frames" / name(1)
    run_here(config)
    film, intact = config.output.read_bytes(), frame.read_bytes()

    def retry() -> tuple[int, int]:
        before = config.output.stat().st_mtime_ns
        load_run(config.run_dir, again=Retry(frames="1")).execute()
        assert frame.read_bytes() == intact
        return before, config.output.stat().st_mtime_ns

    before, after = retry()
    assert after == before, "the film has the same frames"
    write_png(frame, picture(7))  # another picture, which the next start adopts
    journal = config.run_dir / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if '"index":1,' not in line))
    config.output.unlink()
    run_here(config)
    assert config.output.read_bytes() != film
    before, after = retry()
    assert after > before
    assert config.output.read_bytes() == film


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ("9", "there is no frame 9"),
        ("1", "frame 1 is not wanted: leave_out"),
        ("x", "'x' is not a frame"),
    ],
)
def test_refuses_to_retry_frames_that_do_not_exist_or_are_left_out(
    tmp_path: Path, frames: str, words: str
) -> None:
    config = sample_config(tmp_path, 3)
    close_as_planned(open_run(config))
    edit(config, leave_out="1")
    with pytest.raises(UsageError, match=words):
        load_run(config.run_dir, again=Retry(frames=frames))
    open_run(config).close()


def test_makes_a_film_of_finished_frames_without_the_input(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 4, fps=Fraction(10))
    run = open_run(config)
    run_preview(run, frozenset({0, 2}))
    shutil.rmtree(tmp_path / "in")
    with load_finished(config.run_dir, fps=Fraction(5), crf=30) as run:
        result = run.execute()
    assert (result.total, result.done, result.films) == (4, 2, [config.output])
    info = probe_video(config.output)
    assert (info.fps, info.frame_count) == (5, 4)
    status = read_status(config.run_dir)
    assert (status.state, status.done, status.left) == ("interrupted", 2, 2)
    kept = json.loads((config.run_dir / "run.json").read_text())["config"]
    assert (kept["fps"], kept["crf"]) == ("5", 30), "the run keeps what its own film is like"

    other = tmp_path / "other.mp4"
    films = load_finished(config.run_dir, output=other, on_missing="skip").execute().films
    assert (films, probe_video(other).frame_count) == ([other], 2)
    assert probe_video(config.output).frame_count == 4
    assert json.loads((config.run_dir / "run.json").read_text())["config"] == kept
    assert read_status(config.run_dir).films == (str(config.output),)
    (tmp_path / "mine.mp4").write_text("precious")
    with pytest.raises(OutputExistsError, match=r"mine\.mp4"):
        load_finished(config.run_dir, output=tmp_path / "mine.mp4")


def test_makes_no_film_without_finished_frames(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    close_as_planned(open_run(config))
    with pytest.raises(JobError, match=r"no frame .* is finished"):
        load_finished(config.run_dir)
    with pytest.raises(UsageError, match="there is no run in"):
        load_finished(tmp_path / "nowhere")


def test_chooses_evenly_spaced_frames_for_a_preview(tmp_path: Path) -> None:
    plan = close_as_planned(open_run(sample_config(tmp_path, 5)))
    assert choose_preview_frames(plan, 1) == {2}
    assert choose_preview_frames(plan, 2) == {0, 4}
    assert choose_preview_frames(plan, 99) == {0, 1, 2, 3, 4}
    with pytest.raises(UsageError, match="the number of frames is 0"):
        choose_preview_frames(plan, 0)


def test_updates_previews_during_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in ("LAST_SECONDS", "SHEET_SECONDS", "STATUS_SECONDS"):
        monkeypatch.setattr(f"batch_analogy.jobs.folder.run_progress.{setting}", 0.0)
    config = sample_config(tmp_path, 4)
    seen: list[tuple[int, set[str], int]] = []

    def preview_files() -> set[str]:
        return {path.name for path in (config.run_dir / "preview").glob("[!.]*.jpg")}

    def look(event: RunEvent) -> None:
        if isinstance(event, FrameDone):
            deadline = time.monotonic() + PATIENCE_SECONDS
            # They are written while the next frame is done.
            while len(files := preview_files()) < 2 and event.done > 1:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            seen.append((event.done, files, read_status(config.run_dir).worker_states[0].done))

    open_run(config).execute(look)
    assert seen[0][1] == set()
    assert seen[1:] == [(n, {"last.jpg", "sheet.jpg"}, n - 1) for n in (2, 3, 4)]


def test_a_damaged_status_does_not_stop_a_run_from_continuing(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    run_here(config)
    store = RunStore(config.run_dir)
    store.frame("a_prime", 1).unlink()
    store.status.write_text("")
    with pytest.raises(UsageError, match="delete it: the run writes it anew"):
        read_status(config.run_dir)
    result, events = run_here(config)
    assert (result.done, worked_on(events)) == (2, [1])
    assert read_status(config.run_dir).state == "finished"


def test_while_a_run_is_planned_again_its_status_is_not_the_earlier_one(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    run_here(config)
    seen: list[str] = []

    def look(_: RunEvent) -> None:
        seen.append(read_status(config.run_dir).state)

    open_run(config, on_event=look).close()
    assert seen
    assert set(seen) == {"planning"}
    assert read_status(config.run_dir).state == "finished"
    other = dataclasses.replace(config, source=str(tmp_path / "nowhere"))
    with pytest.raises(UsageError):
        open_run(other)
    assert read_status(config.run_dir).state == "finished"
