"""Files with names that are not UTF-8, as old archives unpack them, or that contain HTML."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import COMMAND, HERE, Call, environment, write_frames
from tests.support.semantic import write_disc, write_maps

LATIN = os.fsdecode(b"caf\xe9")
"""A name in Latin-1, as computers wrote it in 1998."""
HTML = "<b onload=alert(1)>&amp;'\"}}"


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = write_frames(tmp_path / "frames", 2)
    try:
        (folder / "img1.png").rename(folder / f"img1{LATIN}.png")
    except OSError:
        pytest.skip("this disk has no such names")
    return folder


def test_frames_may_have_names_that_are_not_utf8(
    call: Call, frames: Path, reference: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "film.run"
    what = ["timelapse", reference, frames, "-o", tmp_path / "film.mp4", *HERE]
    ended = call(*what, "--json")
    ended.assert_ended(0, "2 of 2 frames done")
    assert [e["name"] for e in ended.json if e["event"] == "frame-done"][1] == f"img1{LATIN}.png"
    done = (run_dir / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    assert f"img1{LATIN}.png" in {json.loads(line).get("name") for line in done}
    call(*what).assert_ended(0, "2 of 2 frames done")
    (run_dir / "frames" / "a_prime" / "000001.png").unlink()
    call("resume", run_dir).assert_ended(0, "2 of 2 frames done")
    call("status", run_dir, "--json").assert_ended(0)
    call("evaluate", run_dir).assert_ended(0)


def test_the_name_of_a_film_is_printed_byte_for_byte(
    frames: Path, reference: Path, tmp_path: Path
) -> None:
    film = tmp_path / f"{LATIN}.mp4"
    words = ["timelapse", reference, frames, "-o", film, *HERE]
    done = subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, env=environment(), check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == os.fsencode(film) + b"\n"
    assert film.is_file()


@pytest.mark.parametrize("name", [LATIN, HTML])
def test_a_comparison_and_its_study_accept_odd_names(call: Call, tmp_path: Path, name: str) -> None:
    picture, label = write_disc(tmp_path / "in", name)
    maps = write_maps(tmp_path / "maps", 2)
    try:
        shutil.copy(maps / "map001.png", maps / f"map2{name}.png")
    except OSError:
        pytest.skip("this disk has no such names")
    out, page = tmp_path / "compared", tmp_path / "study.html"
    compare = ["compare", picture, label, maps, "-o", out, "--methods", "numbers,deep"]
    call(*compare, "--size", "32").assert_ended(0)
    call("study", "make", out, "-o", page, "--title", HTML).assert_ended(0, "3 cases to rank")
    for made in (out / "compare.html", page):
        text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", made.read_text(encoding="utf-8"))
        assert "<b " not in text
        assert "&amp;amp;" in text or name != HTML
