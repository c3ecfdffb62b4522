"""Colour spaces of OpenColorIO through the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.media.openexr import read_exr, write_exr
from tests.support.command_line import HERE, Call, picture

pytest.importorskip("PyOpenColorIO")
pytest.importorskip("OpenImageIO")

OCIO = ("--ocio", "ocio://default")


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    (tmp_path / "frames").mkdir()
    Image.fromarray(picture(0)).save(tmp_path / "frames/a0.png")
    return tmp_path / "frames"


def acescg(path: Path, index: int = 0) -> np.ndarray:
    """Write light from 0 to 16 with the primaries of ACES, as programs for effects do."""
    light = (picture(index).astype(np.float32) / 255) ** 4 * 16
    path.parent.mkdir(parents=True, exist_ok=True)
    write_exr(path, light, 16, as_stored=True)
    return read_exr(path, as_stored=True)


def test_frames_in_acescg_come_back_in_it(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = acescg(tmp_path / "frames/a0.exr")
    reference = shutil.copy(tmp_path / "frames/a0.exr", tmp_path / "reference.exr")
    run = ("timelapse", reference, tmp_path / "frames", "-o", tmp_path / "out/%d.exr", *HERE)
    space = ("--colour-space-in", "ACEScg", "--colour-space-out", "ACEScg")
    call(*run, *space, *OCIO, "--dry-run").assert_ended(0, "the frames are ACEScg")
    call(*run, *space, *OCIO).assert_ended(0)
    found = read_exr(tmp_path / "out/0.exr", as_stored=True)
    assert found.max() > 10
    np.testing.assert_allclose(found, wanted, rtol=4e-3, atol=4e-3)
    call(*run, *space, *OCIO).assert_ended(0)  # finished frames are found again
    monkeypatch.setenv("OCIO", "ocio://default")
    call(*run, *space).assert_ended(0)
    other = ("--colour-space-in", "ACES2065-1", "--colour-space-out", "ACEScg")
    call(*run, *other).assert_failed(2, "colour space of the frames", "ACES2065-1")
    film = tmp_path / "film.mp4"
    call("assemble", tmp_path / "out.run", "-o", film).assert_ended(0)


def test_ordinary_frames_are_written_in_a_space(
    tmp_path: Path, call: Call, reference: Path, frames: Path
) -> None:
    run = ("timelapse", reference, frames, "-o", tmp_path / "out/%d.exr", "--strength", "0", *HERE)
    call(*run, *OCIO, "--colour-space-out", "ACES2065-1").assert_ended(0)
    light = read_exr(tmp_path / "out/0.exr", as_stored=True)
    assert light.min() >= 0  # its primaries hold every colour
    assert light.max() <= 1.01


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--colour-space-in", "ACESgc", *OCIO], ["no colour space ACESgc", "ACEScg"]),
        (["--colour-space-out", "ACEScg", *OCIO, "-o", "a.mp4"], ["numbered pictures", "a.mp4"]),
        (["--colour-space-in", "ACEScg"], ["no OpenColorIO configuration", "--ocio"]),
    ],
)
def test_what_does_not_apply_is_refused_while_planning(
    tmp_path: Path,
    call: Call,
    reference: Path,
    frames: Path,
    options: list[str],
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OCIO", raising=False)
    run = ("timelapse", reference, frames, "-o", "out/%d.exr", *HERE, *options)
    call(*run, "--dry-run").assert_failed(2, *words)


def test_a_preview_shows_frames_converted(tmp_path: Path, call: Call, reference: Path) -> None:
    """ACEScct is a curve: its middle grey of 0.41 is 0.18 of light, which sRGB shows as 118."""
    (tmp_path / "frames").mkdir()
    grey = Image.new("RGB", (80, 64), (105, 105, 105))
    grey.save(tmp_path / "frames/a0.png")
    run = tmp_path / "film.run"
    command = ("preview", reference, tmp_path / "frames", "--run-dir", run, "--frames", "1")
    call(*command, "--colour-space-in", "ACEScct", *OCIO, *HERE).assert_ended(0)
    with Image.open(run / "preview/before-after.jpg") as sheet:
        assert abs(sheet.convert("RGB").getpixel((40, sheet.height // 2))[0] - 118) <= 3
