"""The page of a run in a real browser, served by the command."""

from __future__ import annotations

import importlib
import json
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from batch_analogy.jobs.folder.journal import Journal
from batch_analogy.jobs.folder.run_status import RunStatus, write_status
from batch_analogy.jobs.store import RunStore
from tests.support.browser import DESK, PHONE, load_playwright
from tests.support.command_line import HERE, QUICK, run, start, start_and_wait, write_picture
from tests.support.painted import camera_frame, keys, paint, write_clip
from tests.support.processes.paced import PATIENCE_SECONDS
from tests.support.runs import frame_identity, truncate
from tests.support.served import finish_frame, write_run
from tests.support.served_page import drop, see, wait_for_shown

playwright = load_playwright()

Serve = Callable[..., str]
"""The fixture ``serve``: starts the command, and returns the address that it prints."""

Open = Callable[..., Any]
"""The fixture ``open_page``: opens an address and waits until the page shows the run."""


@pytest.fixture
def serve() -> Iterator[Serve]:
    """End every server with Ctrl-C; each must then end in order and without a traceback."""
    servers: list[subprocess.Popen[str]] = []

    def served(run_dir: Path, *options: str) -> str:
        servers.append(start("serve", run_dir, *options))
        assert servers[-1].stdout is not None
        return servers[-1].stdout.readline().strip()

    yield served
    for server in servers:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=PATIENCE_SECONDS)
        assert server.returncode == 0, said
        assert "Traceback" not in said


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Open]:
    """Open a page; an error in it, or a request to elsewhere, fails the test."""
    errors: list[str] = []
    contexts: list[Any] = []

    def opened(
        address: str, *, phone: bool = False, scheme: str = "dark", loud: bool = False
    ) -> Any:
        context = chromium.new_context(
            viewport=PHONE if phone else DESK, has_touch=phone, color_scheme=scheme
        )
        contexts.append(context)
        context.set_default_timeout(1000 * PATIENCE_SECONDS)
        origin = address.partition("/?")[0]
        context.on("request", lambda asked: _check_local(asked.url, origin, errors))
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        if not loud:  # browsers write each refused request to the console
            page.on("console", lambda message: errors.append(message.text))
        page.goto(address)
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def _check_local(url: str, origin: str, errors: list[str]) -> None:
    if not url.startswith((origin, "data:", "blob:")):
        errors.append(f"asked for {url}")


def test_a_run_at_rest_is_seen_by_keyboard(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(write_run(tmp_path)))
    assert "token" not in page.url
    see(page, "#summary", "8 of 12 frames · 1 failed")
    wait_for_shown(page, "a_prime/0/full")
    page.keyboard.press("ArrowRight")
    wait_for_shown(page, "a_prime/1/full")
    page.keyboard.press("]")
    wait_for_shown(page, "a_prime/5/full")
    page.keyboard.press("[")
    page.keyboard.press("w")
    wait_for_shown(page, "input/0/full", "a_prime/0/full")
    page.keyboard.press("s")
    page.wait_for_function("() => document.querySelectorAll('#stage .pane').length === 2")
    page.keyboard.press("d")
    wait_for_shown(page, "input/0/full", "a_prime/0/full")
    assert page.locator("#stage.difference").count() == 1
    page.keyboard.press("r")
    page.keyboard.press("n")
    see(page, "#stage", "This frame failed.")
    see(page, "#frame-failure", "it is damaged")
    page.locator("#frame-failure summary").click()
    see(page, "#frame-failure pre", "Traceback: it is damaged")
    page.keyboard.press("Home")
    page.keyboard.press("1")
    see(page, "#zoom", "100%")


def test_finished_frames_are_played_and_looked_at_closely(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    page = open_page(serve(write_run(tmp_path)))
    wait_for_shown(page, "a_prime/0/full")
    page.keyboard.press(" ")
    see(page, "#play", "Stop")
    page.wait_for_function("() => Number(document.querySelector('#number').value) >= 5")
    see(page, "#play-rate", "of 24 frames a second")
    page.keyboard.press(" ")
    see(page, "#play", "Play")
    page.keyboard.press("Home")
    wait_for_shown(page, "a_prime/0/full")
    page.wait_for_function("() => location.hash === '#0'")
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    see(page, "#pixel", "x 40 y 32")
    before = page.locator("#zoom").inner_text()
    page.mouse.wheel(0, -400)
    page.wait_for_function("old => document.querySelector('#zoom').textContent !== old", arg=before)
    see(page, "#pixel", "x 40 y 32")
    page.keyboard.press("0")
    see(page, "#zoom", before)
    assert page.locator("#number").input_value() == "0"


def test_frames_appear_as_they_are_finished(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    run_dir = write_run(tmp_path)
    page = open_page(serve(run_dir))
    page.keyboard.press("End")
    see(page, "#stage", "This frame is not made yet")
    with Journal(RunStore(run_dir).journal) as journal:
        finish_frame(RunStore(run_dir), journal, 11)
    wait_for_shown(page, "a_prime/11/full")
    see(page, "#summary", "9 of 12 frames")
    tile = page.locator("#tile-11 img")
    playwright.expect(tile).to_have_attribute("src", re.compile("a_prime/11/thumb"))
    assert page.locator("#number").input_value() == "11"


def test_a_live_run_is_followed_to_its_end(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    write_picture(tmp_path / "ref.png", 40)
    for index in range(6):
        write_picture(tmp_path / "in" / f"img{index}.png", index)
    film = tmp_path / "film.mp4"
    live = start_and_wait(["timelapse", tmp_path / "ref.png", tmp_path / "in", "-o", film, *HERE])
    page = open_page(serve(tmp_path / "film.run"))
    see(page, "#summary", "running")
    live.let_go()
    see(page, "#summary", "finished · 6 of 6 frames")
    see(page, "#facts", "film.mp4")
    live.end()
    assert live.process.returncode == 0


def test_a_run_that_is_being_planned_is_shown_when_it_has_a_plan(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    store = RunStore(tmp_path / "film.run")
    store.open()
    status = RunStatus(
        state="planning", command="timelapse", source="in", output="film.mp4", run_dir="",
        message="checking 3 of 12", host=socket.gethostname(),
    )  # fmt: skip
    write_status(store, status)
    page = open_page(serve(store.run_dir))
    see(page, "#summary", "planning")
    see(page, "#message", "checking 3 of 12")
    see(page, "#stage", "The run is being planned.")
    write_run(tmp_path)
    store.close()
    write_status(store, msgspec.structs.replace(status, state="interrupted", message=""))
    see(page, "#summary", "interrupted · 8 of 12 frames")
    wait_for_shown(page, "a_prime/0/full")
    assert page.locator("#stage .empty").count() == 0


def test_a_killed_run_is_resumed_edited_and_retried(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    write_picture(tmp_path / "ref.png", 40)
    for index in range(6):
        write_picture(tmp_path / "in" / f"img{index}.png", index)
    truncate(tmp_path / "in" / "img4.png")
    film, run_dir = tmp_path / "film.mp4", tmp_path / "film.run"
    live = start_and_wait(["timelapse", tmp_path / "ref.png", tmp_path / "in", "-o", film, *HERE])
    live.kill()
    page = open_page(serve(run_dir))
    see(page, "#summary", "stopped")
    page.locator("#resume").click()
    see(page, "#summary", "partial · 5 of 6 frames · 1 failed")
    see(page, "#failures", "is damaged or truncated")
    write_picture(tmp_path / "in" / "img4.png", 4)
    page.locator("#retry-failed").click()
    see(page, "#summary", "finished · 6 of 6 frames")
    before = frame_identity(run_dir)
    tile = page.locator("#tile-1 img").evaluate("one => one.src")
    page.locator("#edit-frames").fill("1")
    page.locator("#exposure").fill("0.5")
    page.locator("#expose").click()
    see(page, "#diff", "exposure_ev of 1")
    see(page, "#diff", "+ 0.5")
    see(page, "#diff-again", "1 finished frame is made again: 1.")
    page.locator("#take").click()
    see(page, "#steer-said", "resume the run to make it so")
    page.locator("#resume").click()
    page.wait_for_function("old => document.querySelector('#tile-1 img').src > old", arg=tile)
    see(page, "#summary", "finished · 6 of 6 frames")
    after = frame_identity(run_dir)
    assert [name for name in before if before[name] != after[name]] == ["a_prime/000001.png"]


def test_an_anchor_shows_where_a_spot_comes_from(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    write_picture(tmp_path / "ref.png", 40)
    for index in range(3):
        write_picture(tmp_path / "in" / f"img{index}.png", index)
    truncate(tmp_path / "in" / "img2.png")  # a run that lacks a frame keeps its anchors
    words = ["stylize", tmp_path / "ref.png", tmp_path / "in", "-o", tmp_path / "film.mp4"]
    assert run(*words, *QUICK, "--address", "none").code == 3
    page = open_page(serve(tmp_path / "film.run"))
    playwright.expect(page.locator("#match-panel")).to_be_visible(timeout=1000 * PATIENCE_SECONDS)
    page.locator("#stage").hover()
    playwright.expect(page.locator("#match-spot")).to_be_visible(timeout=1000 * PATIENCE_SECONDS)
    page.keyboard.press("n")
    playwright.expect(page.locator("#match-panel")).to_be_hidden(timeout=1000 * PATIENCE_SECONDS)


def test_a_frame_is_downloaded_painted_and_dropped_on_its_tile(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    write_clip(tmp_path, 12)
    key = f"img02.png={keys(tmp_path, 2)[0].painted}"
    film, run_dir = tmp_path / "film.mp4", tmp_path / "film.run"
    words = ["analogy", tmp_path / "in", "--key", key, "-o", film, "--size", "0.0041"]
    assert run(*words, "--address", "none").code == 0
    page = open_page(serve(run_dir))
    page.keyboard.press("End")
    with page.expect_download() as download:
        page.locator("#download").click()
    plain = tmp_path / download.value.suggested_filename
    download.value.save_as(plain)
    assert plain.name == "frame-000011.png"
    frame = np.asarray(Image.open(plain).convert("RGB"))
    assert np.array_equal(frame, camera_frame(11))
    Image.fromarray(paint(frame)).save(plain)
    before = frame_identity(run_dir)
    drop(page, "#tile-11", plain)
    see(page, "#paint-said", "Frame 11 is painted")
    page.wait_for_function("() => document.querySelector('#tile-11 .mark').textContent === 'key'")
    see(page, "#summary", "finished · 12 of 12 frames")
    after = frame_identity(run_dir)
    again = [name for name in before if before[name] != after[name]]
    assert "b_prime/000011.png" in again
    assert len(again) < 12
    painted = np.asarray(Image.open(RunStore(run_dir).frame("b_prime", 11)).convert("RGB"))
    assert np.array_equal(painted, paint(frame))


def test_an_edit_that_is_refused_is_told_and_a_read_only_page_has_none(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    run_dir = write_run(tmp_path)
    page = open_page(serve(run_dir), loud=True)
    page.locator("#edit-frames").fill("3,99")
    page.locator("#leave-out").click()
    see(page, "#steer-said", "there is no frame 99")
    page.locator("#edit-frames").fill("10-11")
    page.locator("#leave-out").click()
    see(page, "#diff", "+ 10-11")
    page.locator("#take").click()
    see(page, "#summary", "8 of 10 frames")
    watching = open_page(serve(run_dir, "--read-only"))
    see(watching, "#summary", "8 of 10 frames")
    for selector in ("#edit-panel", "#steer"):
        assert not watching.locator(selector).is_visible()


def test_a_run_is_stopped_from_the_page(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    write_picture(tmp_path / "ref.png", 40)
    for index in range(30):
        write_picture(tmp_path / "in" / f"img{index}.png", index)
    film = tmp_path / "film.mp4"
    live = start_and_wait(["timelapse", tmp_path / "ref.png", tmp_path / "in", "-o", film, *HERE])
    page = open_page(serve(tmp_path / "film.run"))
    page.locator("#stop").click()
    see(page, "#steer-said", "stopping")
    live.end()
    assert live.process.returncode == 130
    see(page, "#summary", "interrupted")
    playwright.expect(page.locator("#resume")).to_be_visible(timeout=1000 * PATIENCE_SECONDS)


def test_a_long_film_has_few_elements(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(write_run(tmp_path, 600, done=(), failed=())))
    for place in (0.2, 0.6, 0.97):
        page.evaluate("x => { const s = document.querySelector('#strip');"
                      " s.scrollLeft = x * s.scrollWidth; }", place)  # fmt: skip
        page.wait_for_timeout(100)
        assert page.locator(".tile").count() < 40
    page.keyboard.press("End")
    page.wait_for_selector("#tile-599[aria-selected=true]")


def test_the_page_is_whole_on_a_phone_and_by_day(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    address = serve(write_run(tmp_path))
    page = open_page(address, phone=True, scheme="light")
    wait_for_shown(page, "a_prime/0/full")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
    box = page.locator("#stage").bounding_box()
    assert box["width"] == PHONE["width"]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing(tmp_path: Path, serve: Serve, open_page: Open, scheme: str) -> None:
    axe = importlib.import_module("axe_playwright_python.sync_playwright")
    page = open_page(serve(write_run(tmp_path)), scheme=scheme)
    wait_for_shown(page, "a_prime/0/full")
    assert axe.Axe().run(page).generate_snapshot() == ""
    page.keyboard.press("s")
    page.keyboard.press("ArrowRight")
    page.locator("#cut").click()
    see(page, "#diff", "+ 0, 1, 5")
    assert axe.Axe().run(page).generate_snapshot() == ""


def test_the_pixels_on_the_stage_are_those_of_the_frame(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    run_dir = write_run(tmp_path)
    page = open_page(serve(run_dir))
    wait_for_shown(page, "a_prime/0/full")
    page.keyboard.press("1")
    page.wait_for_timeout(400)
    path = tmp_path / "stage.png"
    page.locator(".plane").screenshot(path=path)
    seen = np.asarray(Image.open(path).convert("RGB"), np.int16)
    made = np.asarray(Image.open(RunStore(run_dir).frame("a_prime", 0)).convert("RGB"), np.int16)
    middle = np.s_[8:-8, 30:-30]  # captions lie in the corners
    assert seen.shape == made.shape
    assert np.abs(seen[middle] - made[middle]).max() <= 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gone.run"], "there is no run in"),
        (["film.run", "--prefix", "a b"], "is not a path"),
        (["film.run", "--host", "203.0.113.9"], "this machine has no such address"),
        (["film.run", "--against", "short/film.run"], "only runs of the same frames"),
    ],
)
def test_what_cannot_be_served_is_told(tmp_path: Path, words: list[str], message: str) -> None:
    write_run(tmp_path)
    write_run(tmp_path / "short", 10)
    paths = [str(tmp_path / word) if word.endswith(".run") else word for word in words]
    ended = run("serve", *paths)
    ended.assert_failed(ended.code, message)
    assert ended.code in (2, 4)


def test_json_tells_the_address(tmp_path: Path) -> None:
    server = start("serve", write_run(tmp_path), "--json")
    assert server.stdout is not None
    told = json.loads(server.stdout.readline())
    assert told["event"] == "serving"
    assert told["address"].startswith("http://127.0.0.1:")
    server.send_signal(signal.SIGTERM)
    out, _ = server.communicate(timeout=PATIENCE_SECONDS)
    assert json.loads(out.splitlines()[-1])["exit_code"] == 0
