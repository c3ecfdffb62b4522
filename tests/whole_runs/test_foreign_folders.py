"""Run folders written by another version or edited by hand are refused and left unchanged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import PlanChangedError, UsageError
from batch_analogy.jobs.drive.open_run import load_run, open_run, read_status
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.plan.plan_file import read_plan, write_plan
from tests.support.runs import frame_identity, run_here, sample_config, worked_on

FRAMES = 3


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """Return the configuration of a finished run of three frames."""
    made = sample_config(tmp_path, FRAMES)
    run_here(made)
    return made


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def newer_plan(run_dir: Path) -> None:
    plan = read_plan(run_dir / "plan.json")
    assert plan is not None
    write_plan(run_dir / "plan.json", msgspec.structs.replace(plan, version="9.9.0"))


def newer_plan_format(run_dir: Path) -> None:
    rewrite(run_dir / "plan.json", lambda plan: plan.update(format=99))


def newer_setting(run_dir: Path) -> None:
    rewrite(run_dir / "run.json", lambda run: run["config"]["analogy"].update(telepathy=0.5))


def older_setting(run_dir: Path) -> None:
    rewrite(run_dir / "run.json", lambda run: run["config"].pop("crf"))
    rewrite(run_dir / "run.json", lambda run: run["config"].update(film_quality=16))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (newer_plan, r"version was 9\.9\.0, is .*--overwrite"),
        (newer_plan_format, "written by another version.* format is 99, .*--overwrite"),
        (newer_setting, r"config\.analogy\.telepathy: object contains unknown field.*--overwrite"),
        (older_setting, r"config\.film_quality: object contains unknown field.*--overwrite"),
    ],
)
def test_refuses_a_folder_of_another_version_unless_it_may_overwrite(
    config: RunConfig, change: Callable[[Path], None], said: str
) -> None:
    change(config.run_dir)
    before = frame_identity(config.run_dir)
    for take_up in (lambda: open_run(config), lambda: load_run(config.run_dir)):
        with pytest.raises(PlanChangedError, match=said):
            take_up()
    assert frame_identity(config.run_dir) == before
    result, events = run_here(config, overwrite=True)
    assert (result.done, worked_on(events)) == (FRAMES, [0, 1, 2])


GARBAGE = (
    b"\xff\xfe\x00garbage",
    b"[]",
    b"12",
    b'"done"',
    b"null",
    b'{"event": "done"}',
    b'{"event": "done", "index": "first", "input": null, "output_bytes": {}, "seconds": 1}',
    b'{"event": "done", "index": 1e999, "input": null, "output_bytes": {}, "seconds": 1}',
    b'{"event": "done", "index": NaN, "input": null, "output_bytes": {}, "seconds": 1}',
    b'{"event": "done", "index": 1, "input": null, "output_bytes": 7, "seconds": 1}',
    b'{"event": "failed", "index": [1], "input": null, "message": "", "retryable": true}',
    b"[" * 100_000,
)


@pytest.mark.parametrize("garbage", GARBAGE, ids=[repr(line[:40]) for line in GARBAGE])
def test_names_garbage_in_a_journal_and_changes_nothing(config: RunConfig, garbage: bytes) -> None:
    journal = config.run_dir / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    before = frame_identity(config.run_dir)
    journal.write_bytes(b"".join([lines[0], garbage + b"\n", *lines[1:]]))
    for read in (lambda: open_run(config), lambda: read_status(config.run_dir)):
        with pytest.raises(UsageError, match=r"journal\.jsonl line 2 is damaged.*delete that line"):
            read()
    assert frame_identity(config.run_dir) == before

    journal.write_bytes(b"".join(lines) + garbage + b"\n")  # as a crash may leave it: left out
    result, events = run_here(config)
    assert (result.done, worked_on(events)) == (FRAMES, [])
    (config.run_dir / "frames" / "a_prime" / "000002.png").unlink()
    result, events = run_here(config)  # which appends lines
    assert (result.done, worked_on(events)) == (FRAMES, [2])
    assert sorted(read_history(journal).done) == [0, 1, 2]


def test_refuses_an_edited_plan_of_fewer_frames_and_keeps_its_edits(
    tmp_path: Path, config: RunConfig
) -> None:
    plan = config.run_dir / "plan.json"
    rewrite(plan, lambda values: values.update(leave_out="2", segments=["0-1"]))
    edited = plan.read_bytes()
    before = frame_identity(config.run_dir)
    (tmp_path / "in" / "img2.png").unlink()
    with pytest.raises(PlanChangedError, match="were 3 frames, there are 2"):
        open_run(config)
    assert plan.read_bytes() == edited
    assert frame_identity(config.run_dir) == before


def test_an_edited_plan_keeps_its_edits_when_the_folder_grows(
    tmp_path: Path, config: RunConfig
) -> None:
    rewrite(config.run_dir / "plan.json", lambda values: values.update(leave_out="2", segments=[]))
    before = frame_identity(config.run_dir)
    shutil.copy(tmp_path / "in" / "img2.png", tmp_path / "in" / "img3.png")
    with open_run(config) as run:
        assert run.plan.leave_out == {2}
        assert run.resume_state.to_do == {3}
    assert frame_identity(config.run_dir) == before
