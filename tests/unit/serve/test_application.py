"""The page's server: tokens, posts, paths, pictures and events, in a real conversation."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from batch_analogy.jobs.folder.journal import Journal
from batch_analogy.jobs.store import RunStore
from batch_analogy.serve.application import page_files
from tests.support.served import Client, finish_frame, talk, write_run


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_run(tmp_path)


def test_nothing_is_shown_without_the_token(run_dir: Path) -> None:
    async def say(client: Client) -> None:
        for path in ("/", "/api/run", "/page/main.js", "/picture/input/0/full", "/nothing"):
            for query in ({}, {"token": "wrong"}, {"token": ""}):
                answer = await client.raw.get(path, params=query)
                assert answer.status == 401, path
                assert "img0" not in await answer.text()
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]

    talk(run_dir, say)


def test_the_token_becomes_a_cookie_that_scripts_cannot_read(run_dir: Path) -> None:
    async def say(client: Client) -> None:
        answer = await client.get("/")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Path=/night/" in cookie or "Path=/" in cookie
        assert client.access.token not in await answer.text()
        assert (await client.raw.get("/api/run")).status == 200

    talk(run_dir, say)


def test_a_path_prefix_is_part_of_every_address(run_dir: Path) -> None:
    async def say(client: Client) -> None:
        answer = await client.get("/night/")
        assert answer.status == 200
        assert "Path=/night/" in answer.headers["Set-Cookie"]
        assert (await client.get("/night/api/run")).status == 200
        assert (await client.get("/api/run")).status == 404

    talk(run_dir, say, prefix="/night")


def test_every_answer_keeps_other_pages_out(run_dir: Path) -> None:
    async def say(client: Client) -> None:
        for path in ("/", "/api/run", "/page/style.css", "/picture/a_prime/0/full", "/missing"):
            headers = (await client.get(path)).headers
            assert headers["X-Content-Type-Options"] == "nosniff", path
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin"

    talk(run_dir, say)


def test_the_page_names_no_address_outside() -> None:
    for name, content in page_files().items():
        text = content.decode().replace("http://www.w3.org/2000/svg", "")
        assert "//cdn" not in text, name
        assert "https://" not in text, name
        assert "eval(" not in text, name
        assert len(text.splitlines()) <= 400, name
    assert b"<script>" not in page_files()["index.html"]
    assert b" style=" not in page_files()["index.html"]


def test_pictures_come_in_three_sizes_and_are_not_sent_twice(run_dir: Path) -> None:
    async def say(client: Client) -> None:
        whole = await client.get("/picture/a_prime/3/full")
        assert whole.content_type == "image/png"
        expected = RunStore(run_dir).frame("a_prime", 3).read_bytes()
        assert await whole.read() == expected
        thumb = await client.get("/picture/input/3/thumb")
        picture = Image.open(io.BytesIO(await thumb.read()))
        assert (picture.format, picture.size) == ("JPEG", (80, 64))
        again = await client.get(
            "/picture/input/3/thumb", headers={"If-None-Match": thumb.headers["ETag"]}
        )
        assert again.status == 304
        before = Image.open(io.BytesIO(await (await client.get("/picture/input/3/full")).read()))
        source = Image.open(run_dir.parent / "in" / "img3.png")
        assert np.array_equal(np.asarray(before), np.asarray(source.convert("RGB")))

    talk(run_dir, say)


def test_what_is_not_there_is_told(run_dir: Path) -> None:
    async def say(client: Client) -> None:
        for path in (
            "/picture/a_prime/11/full", "/picture/a_prime/999/full", "/picture/input/0/huge",
            "/picture/secret/0/full", "/picture/against/0/full", "/picture/look/7/full",
            "/api/frame/12", "/page/none.js",
        ):  # fmt: skip
            assert (await client.get(path)).status == 404, path

    talk(run_dir, say)


def test_a_link_among_the_frames_leads_nowhere(run_dir: Path) -> None:
    secret = run_dir.parent / "secret.png"
    secret.write_text("secret")
    frame = RunStore(run_dir).frame("a_prime", 2)
    frame.unlink()
    frame.symlink_to(secret)
    logs = RunStore(run_dir).logs
    logs.mkdir()
    (logs / "bad.jsonl").symlink_to(secret)
    (logs / "styler-0.jsonl").write_text("{}\n")

    async def say(client: Client) -> None:
        answer = await client.get("/picture/a_prime/2/full")
        assert answer.status == 404
        assert "secret\n" not in await answer.text()
        found = await (await client.get("/api/log")).json()
        assert found == {"workers": ["styler-0"]}
        for worker in ("bad", "../../secret", "../run", "styler-0/../bad"):
            assert (await client.get("/api/log", params={"worker": worker})).status == 404

    talk(run_dir, say)


def test_another_run_lies_beside_this_one(run_dir: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other")

    async def say(client: Client) -> None:
        facts = await (await client.get("/api/run")).json()
        assert facts["against"] == "film.run"
        answer = await client.get("/picture/against/1/full")
        assert await answer.read() == RunStore(other).frame("a_prime", 1).read_bytes()

    talk(run_dir, say, against=other)


async def message(answer: Any) -> dict[str, Any]:
    """Read the next message of a stream of events."""
    while True:
        line = (await asyncio.wait_for(answer.content.readline(), 60)).decode()
        if line.startswith("data: "):
            found: dict[str, Any] = json.loads(line[6:])
            return found


def test_finished_frames_are_pushed_and_nothing_piles_up(run_dir: Path) -> None:
    async def say(client: Client) -> None:
        facts = await (await client.get("/api/run")).json()
        known = f"{facts['generation']},{facts['plan']}"
        answer = await client.get("/api/events", params={"known": known})
        first = await message(answer)
        assert first["changed"] == []
        with Journal(RunStore(run_dir).journal) as journal:
            finish_frame(RunStore(run_dir), journal, 10)
        news = await message(answer)
        assert news["changed"] == [[10, "d"]]
        assert news["status"]["done"] == 9
        again = await client.get("/api/events", headers={"Last-Event-ID": f"0-{facts['plan']}"})
        assert len((await message(again))["changed"]) == 12

    talk(run_dir, say)


PIECES = (
    "..", "%2e%2e", "/", "//", "\\", "%00", "picture", "input", "edit", "take", "stop",
    "events", "run", "a_prime", "0", "-1", "1e9",
    "999999999999", "full", "thumb", "api", "log", "frame", "page", "run.json", "plan.json",
    "journal.jsonl", "etc", "passwd", "%2fetc%2fpasswd", "main.js", "🎞", "?worker=../x", "#", "~",
)  # fmt: skip
FORM = "multipart/form-data"
KINDS = ("application/json", "text/plain", FORM, f"{FORM}; boundary=", f"{FORM}; boundary=x")
LAST_EVENTS = ("-", "x", "1-2-3", "9" * 400, "9" * 30 + "-1", "0-0")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")


def odd_request(rng: random.Random) -> tuple[str, str, dict[str, Any]]:
    """Return a method, a path and options that nobody would send by chance."""
    path = "/" + "/".join(rng.choices(PIECES, k=rng.randint(1, 6)))
    options: dict[str, Any] = {"headers": {}}
    if rng.random() < 0.5:
        options["data"] = rng.choice((b"", b"{", b"\xff" * 100, b"[" * 5000, b"x" * 200_000))
        options["headers"]["Content-Type"] = rng.choice(KINDS)
    if rng.random() < 0.3:
        options["headers"]["Last-Event-ID"] = rng.choice(
            ("-", "x", "1-2-3", "9" * 400, "9" * 30 + "-1", "0-0")
        )
    if rng.random() < 0.3:
        options["headers"]["Range"] = rng.choice(("bytes=0-", "bytes=9-1", "bytes=-5", "x=1"))
    return rng.choice(METHODS), path, options


def test_odd_requests_find_no_file_no_trace_and_no_hang(run_dir: Path) -> None:
    """``FUZZ_REQUESTS=0:5000`` in the environment tries others."""
    first, stop = map(int, os.environ.get("FUZZ_REQUESTS", "0:400").split(":"))

    async def say(client: Client) -> None:
        for seed in range(first, stop):
            method, path, options = odd_request(random.Random(seed))
            known = {"X-Batch-Analogy": client.access.post_value} if seed % 2 else {}
            options["headers"] |= known
            params = {"token": client.access.token} if seed % 5 else {}
            answer = await asyncio.wait_for(
                client.raw.request(method, path, params=params, **options), 30
            )
            assert answer.status < 500, (seed, method, path)
            if answer.content_type == "text/event-stream":
                answer.close()
                continue
            body = await asyncio.wait_for(answer.read(), 30)
            for leak in (b"Traceback", b"blake2b", b"fixed_hash", b"root:", b"run_id"):
                assert leak not in body, (seed, method, path)

    talk(run_dir, say)


def test_posts_are_refused_from_elsewhere_and_when_read_only(run_dir: Path) -> None:
    async def say(client: Client) -> None:
        path, token = "/api/run", {"token": client.access.token}
        assert (await client.raw.post(path, params=token)).status == 403
        wrong = {"X-Batch-Analogy": client.access.token}
        assert (await client.raw.post(path, params=token, headers=wrong)).status == 403
        cross = await client.post(path, headers={"Sec-Fetch-Site": "cross-site"})
        assert cross.status == 403
        assert (await client.post(path)).status == 405
        assert (await client.raw.post("/api/resume", params=token)).status == 403

    async def say_read_only(client: Client) -> None:
        for name in ("run", "edit", "edit/take", "retry", "resume", "stop"):
            answer = await client.post(f"/api/{name}")
            assert answer.status == 403
        assert "--read-only" in (await answer.json())["error"]
        assert (await (await client.get("/api/run")).json())["post_value"] is None

    talk(run_dir, say)
    talk(run_dir, say_read_only, read_only=True)
