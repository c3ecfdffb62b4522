"""Edits and commands that the page asks for, in a real conversation."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from batch_analogy.errors import JobError, RunLockedError, UsageError
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.serve.run_view import RunView
from batch_analogy.serve.steering import Steering
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
