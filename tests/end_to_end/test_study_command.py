"""The study in a real browser: drag, reload and save; then evaluate the answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import DESK, PHONE, load_playwright
from tests.support.command_line import Call
from tests.support.comparison import CASES, METHODS, write_comparison
from tests.support.processes.paced import PATIENCE_SECONDS

playwright = load_playwright()

Open = Callable[..., Any]
"""The fixture ``open_page``: opens the study, with a fragment of the address such as #seed=7."""


@pytest.fixture
def study(call: Call, tmp_path: Path) -> Path:
    """Make the page of a study, beside its comparison."""
    write_comparison(tmp_path / "compared")
    page = tmp_path / "study.html"
    call("study", "make", tmp_path / "compared", "-o", page).assert_ended(0, str(page), "key to")
    return page


@pytest.fixture
def open_page(chromium: Any, study: Path) -> Iterator[Open]:
    """Open the study as a new person; any error in the page fails the test."""
    errors: list[str] = []
    contexts: list[Any] = []

    def opened(fragment: str = "", *, touch: bool = False) -> Any:
        size = PHONE if touch else DESK
        context = chromium.new_context(viewport=size, has_touch=touch, accept_downloads=True)
        contexts.append(context)
        context.set_default_timeout(1000 * PATIENCE_SECONDS)
        context.on("request", lambda request: _check_local(request.url, errors))
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text))
        page.goto(study.as_uri() + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def _check_local(url: str, errors: list[str]) -> None:
    if not url.startswith(("file:", "data:", "blob:")):
        errors.append(f"asked for {url}")


def order(page: Any) -> list[str]:
    """Return the pictures of the open case, best first."""
    found = page.eval_on_selector_all("#ranking li", "all => all.map(one => one.dataset.picture)")
    return list(found)


def assert_order(page: Any, expected: list[str]) -> None:
    """Wait until the pictures of the open case are in this order."""
    page.wait_for_function(
        "expected => [...document.querySelectorAll('#ranking li')]"
        ".map(one => one.dataset.picture).join() === expected",
        arg=",".join(expected),
    )
    assert order(page) == expected


def assert_text(page: Any, selector: str, expected: Any) -> None:
    """Wait until an element shows this text, or matches a pattern."""
    playwright.expect(page.locator(selector)).to_have_text(
        expected, timeout=1000 * PATIENCE_SECONDS
    )


def wait_for_pictures(page: Any) -> None:
    """Wait until the pictures of the open case are loaded, because loading moves the rest."""
    page.wait_for_function(
        "[...document.querySelectorAll('#case img')].every(one => one.complete && one.naturalWidth)"
    )


def drag(page: Any, start: Any, picture: str, to: str) -> None:
    """Drag the card of a picture onto another with the mouse."""
    wait_for_pictures(page)
    box, there = (page.locator(f"[data-picture='{p}']").bounding_box() for p in (picture, to))
    x, y = box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 8, y + 8)
    page.mouse.move(x + there["x"] - box["x"], y + there["y"] - box["y"], steps=4)
    page.mouse.up()


def save(page: Any, folder: Path) -> Path:
    """Press the button that saves, and store the downloaded file."""
    with page.expect_download() as download:
        page.click("#save")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_rankings_by_mouse_and_keyboard_survive_a_reload_and_are_evaluated(
    open_page: Open, call: Call, tmp_path: Path
) -> None:
    page = open_page("#seed=7")
    page.click("#begin")
    first, second, third = order(page)
    drag(page, (0.5, 0.3), first, third)
    assert_order(page, [second, third, first])
    drag(page, (0.5, 0.3), first, second)
    assert_order(page, [first, second, third])
    drag(page, (0.4, 0.5), third, second)
    by_mouse = [first, third, second]
    assert_order(page, by_mouse)
    page.click("#next")

    assert_text(page, "#place", "2 of 3")
    keyed = order(page)
    page.locator(f"[data-picture='{keyed[2]}']").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    by_keys = [keyed[2], keyed[0], keyed[1]]
    assert_order(page, by_keys)
    assert_text(page, "#said", re.compile(r"place 1 of 3$"))
    page.reload()
    assert_text(page, "#place", "2 of 3")
    assert_order(page, by_keys)
    page.click("#back")
    assert_order(page, by_mouse)
    page.click("#next")
    assert_text(page, "#place", "2 of 3")
    page.click("#next")

    assert_text(page, "#place", "3 of 3")
    page.locator("#ranking li").first.locator("button.later").press("Enter")
    by_button = order(page)
    page.click("#next")
    assert_text(page, "#end", re.compile("That was all"))
    path = save(page, tmp_path)
    saved = json.loads(path.read_text())
    assert [answer["ranked"] for answer in saved["answers"]] == [by_mouse, by_keys, by_button]
    assert [answer["moves"] for answer in saved["answers"]] == [3, 2, 1]
    assert (saved["seed"], saved["cases"]) == (7, 3)
    assert json.loads(page.locator("#text").input_value())["answers"] == saved["answers"]

    result = tmp_path / "result.json"
    ended = call("study", "add", tmp_path / "compared", path, "-o", result)
    ended.assert_ended(0, "1 person, 3 rankings", "mean rank", *METHODS)
    key = json.loads((tmp_path / "compared" / f"study-{saved['study']}.json").read_text())
    pictures = {name: m for case in key["cases"] for name, m in case["pictures"].items()}
    ranks = {
        method: sum([pictures[p] for p in ranked].index(method) + 1 for ranked in
                    (by_mouse, by_keys, by_button)) / 3
        for method in METHODS
    }  # fmt: skip
    found = {m["method"]: m["mean_rank"] for m in json.loads(result.read_text())["methods"]}
    assert found == pytest.approx(ranks)


def test_a_touch_drags_by_the_grip(open_page: Open) -> None:
    page = open_page("#seed=3", touch=True)
    page.click("#begin")
    before = order(page)
    wait_for_pictures(page)
    grip = page.locator(f"[data-picture='{before[0]}'] .grip").bounding_box()
    there = page.locator(f"[data-picture='{before[1]}'] .grip").bounding_box()
    session = page.context.new_cdp_session(page)
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": px, "y": py} for px, py in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", (x, y))
    for share in (0.1, 0.5, 1.0):
        touch("touchMove", (x, y + share * (there["y"] - grip["y"])))
    touch("touchEnd")
    page.wait_for_function(
        "first => document.querySelector('#ranking li').dataset.picture !== first", arg=before[0]
    )
    assert_order(page, [before[1], before[0], before[2]])


def test_the_order_differs_between_people_and_repeats_with_a_seed(open_page: Open) -> None:
    def orders(fragment: str) -> list[list[str]]:
        page = open_page(fragment)
        page.click("#begin")
        seen = []
        for number, _ in enumerate(CASES, 1):
            assert_text(page, "#place", f"{number} of {len(CASES)}")
            seen.append(order(page))
            page.click("#next")
        return seen

    shown = [orders(f"#seed={seed}") for seed in range(3)]
    assert len({str(one) for one in shown}) > 1
    assert len({str(sorted(one)) for one in shown}) > 1  # also within a case, not only of cases
    assert orders("#seed=2") == shown[2]
    assert open_page().evaluate("sheet.seed") != open_page().evaluate("sheet.seed")


def test_stop_continue_and_start_as_another_person(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    page.click("#begin")
    page.click("#next")
    assert_text(page, "#place", "2 of 3")
    page.click("#stop")
    assert_text(page, "#answered", re.compile("1 of 3"))
    early = json.loads(save(page, tmp_path).read_text())
    assert len(early["answers"]) == 1
    page.click("#again")
    assert_text(page, "#place", "2 of 3")
    page.click("#stop")
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#another")
    playwright.expect(page.locator("#welcome")).to_be_visible()
    page.click("#begin")
    page.click("#next")
    page.click("#stop")
    other = json.loads(save(page, tmp_path).read_text())
    assert other["person"] != early["person"]


def test_rejects_bad_input(call: Call, tmp_path: Path) -> None:
    write_comparison(tmp_path / "compared")
    page = tmp_path / "study.html"
    make = ["study", "make", tmp_path / "compared", "-o"]
    call(*make, tmp_path / "study.txt").assert_failed(2, "is not an HTML file")
    call(*make, page).assert_ended(0)
    call(*make, page).assert_failed(2, "exists", "--overwrite")
    call(*make, page, "--overwrite").assert_ended(0)
    call("study", "make", tmp_path, "-o", page, "--overwrite").assert_failed(2, "no finished")
    answers = tmp_path / "answers.json"
    values = {"kind": "batch-analogy study answers", "format": 1, "study": "other", "person": "p"}
    answers.write_text(json.dumps(values))
    add = ["study", "add", tmp_path / "compared", answers]
    call(*add).assert_failed(2, "answers.json", "study other", "not made from this comparison")
    answers.write_text("[")
    call(*add).assert_failed(1, "truncated")
