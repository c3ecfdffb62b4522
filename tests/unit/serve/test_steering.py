"""Edits and commands that the page asks for, in a real conversation."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch_analogy.config.painting import PaintConfig
from batch_analogy.errors import InputError, JobError, RunLockedError, UsageError
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import read_still, write_png
from batch_analogy.serve import painted_frames
from batch_analogy.serve.painted_frames import keep_painted
from batch_analogy.serve.run_view import RunView
from batch_analogy.serve.steering import Steering
from tests.support.painted import keys, painted_config, write_clip
from tests.support.runs import picture, run_here
from tests.support.served import Client, talk, write_run


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_run(tmp_path)


def test_an_edit_is_shown_and_then_taken(run_dir: Path) -> None:
    before = RunStore(run_dir).plan.read_bytes()

    async def say(client: Client) -> None:
        edit = {"leave_out": "10-11"}
        shown = await (await client.post("/api/edit", json=edit)).json()
        assert shown["lines"] == [["leave_out", "", "10-11"]]
        assert RunStore(run_dir).plan.read_bytes() == before
        taken = await client.post("/api/edit/take", json={"edit": edit, "digest": shown["digest"]})
        assert taken.status == 200
        again = await client.post(
            "/api/edit/take", json={"edit": {"cut": 3}, "digest": shown["digest"]}
        )
        assert again.status == 400
        assert "look at it again" in (await again.json())["error"]

    talk(run_dir, say)
    plan = read_plan(RunStore(run_dir).plan)
    assert plan is not None
    assert plan.leave_out == {10, 11}


def test_a_refused_edit_has_the_words_of_the_command(run_dir: Path) -> None:
    async def say(client: Client) -> None:
        for edit, words in (
            ({"leave_out": "99"}, "there is no frame 99"),
            ({"leave_out": 5}, "this is no edit"),
            ({"strength": 1}, "this is no edit"),
            ([], "the request is no JSON object"),
        ):
            answer = await client.post("/api/edit", json=edit)
            assert answer.status == 400
            assert words in (await answer.json())["error"]
        for data in (b"", b"{", b"\xff", b"[" * 30000):
            answer = await client.post("/api/edit", data=data)
            assert answer.status == 400
        answer = await client.post("/api/edit", data=b" " * 100_000)
        assert answer.status == 413
        answer = await client.post("/api/retry", json={"frames": "3; rm -rf ~"})
        assert answer.status == 400
        answer = await client.post("/api/stop", json={})
        assert answer.status == 409

    talk(run_dir, say)


def test_a_run_that_goes_on_is_not_edited(run_dir: Path) -> None:
    steering = Steering(RunView(run_dir))
    shown = steering.show_edit({"cut": 3})
    driver = RunStore(run_dir)
    driver.open()
    try:
        with pytest.raises(RunLockedError, match="is working in"):
            steering.take_edit({"cut": 3}, shown["digest"])
        with pytest.raises(JobError, match="stop it first"):
            steering.resume()
    finally:
        driver.close()
    steering.take_edit({"cut": 3}, shown["digest"])


def test_frames_that_are_left_out_are_not_retried(run_dir: Path) -> None:
    steering = Steering(RunView(run_dir))
    edit = {"leave_out": "2"}
    steering.take_edit(edit, steering.show_edit(edit)["digest"])
    with pytest.raises(UsageError, match="frame 2 is left out"):
        steering.retry("2")


def test_what_a_command_says_is_told(run_dir: Path) -> None:
    """The frames of this run have other hashes than its plan, so the command refuses to go on."""

    async def say(client: Client) -> None:
        assert (await client.post("/api/resume", json={})).status == 200
        deadline = time.monotonic() + 200
        facts: dict[str, Any] = {}
        while time.monotonic() < deadline:
            facts = (await (await client.get("/api/run")).json())["status"]["started"]
            if not facts["running"]:
                break
            await asyncio.sleep(0.3)
        assert facts["code"] == 2, json.dumps(facts)
        assert "error:" in facts["said"]
        assert "Traceback" not in facts["said"]

    talk(run_dir, say)


def test_only_a_painted_run_takes_painted_frames(run_dir: Path) -> None:
    async def say(client: Client) -> None:
        picture = (run_dir.parent / "in" / "img1.png").read_bytes()
        for query, data, words in (
            ("1?suffix=.png", picture, "only an analogy follows painted frames"),
            ("1?suffix=.sh", picture, "no picture by its name"),
            ("1?suffix=.png%2f..%2f..%2fx", picture, "no picture by its name"),
            ("1", picture, "no picture by its name"),
        ):
            path, _, rest = query.partition("?suffix=")
            params = {"token": client.access.token, "suffix": rest}
            answer = await client.raw.post(
                f"/api/paint/{path}",
                params=params,
                data=data,
                headers={"X-Batch-Analogy": client.access.post_value},
            )
            assert answer.status == 400, query
            assert words in (await answer.json())["error"]

    talk(run_dir, say)
    assert not (run_dir / "painted").exists()


def test_a_painted_frame_must_fit_and_must_be_a_picture(tmp_path: Path) -> None:
    write_clip(tmp_path, 4)
    run_here(painted_config(tmp_path, PaintConfig(keys=keys(tmp_path, 0))))
    folder, plan = tmp_path / "film.run", RunView(tmp_path / "film.run").plan
    write_png(tmp_path / "small.png", picture(0, 20, 30))
    with pytest.raises(UsageError, match="30×20 px and frame 2 is 72×56"):
        keep_painted(plan, folder, 2, tmp_path / "small.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.png"):
        keep_painted(plan, folder, 2, tmp_path / "text.png")
    with pytest.raises(UsageError, match="there is no frame 4"):
        keep_painted(plan, folder, 4, tmp_path / "painted00.png")
    kept = keep_painted(plan, folder, 2, tmp_path / "painted00.png")
    assert np.array_equal(read_still(kept), read_still(tmp_path / "painted00.png"))


def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painted_frames, "MAX_PAINTED_BYTES", 10)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"12345"

    with pytest.raises(UsageError, match="the file is larger than"):
        asyncio.run(painted_frames.receive(parts(), ".png", tmp_path))
