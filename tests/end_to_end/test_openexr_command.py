"""EXR through the command line: light beyond white comes back where the presets keep detail."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.colour import to_srgb
from batch_analogy.media.openexr import read_exr, write_exr
from batch_analogy.media.stills import read_depth
from batch_analogy.media.video import probe_video
from tests.support.command_line import HERE, QUICK, Call, picture

OpenImageIO = pytest.importorskip("OpenImageIO")

PHOTO = ("--preset", "photo-to-photo")


def scene(path: Path, index: int = 0, depth: int = 16) -> np.ndarray:
    """Write light from 0 to 16; return it as it was stored."""
    light = (picture(index).astype(np.float32) / 255) ** 4 * 16
    path.parent.mkdir(parents=True, exist_ok=True)
    write_exr(path, to_srgb(light, clip=False), depth)
    return stored(path)


def stored(path: Path) -> np.ndarray:
    """Read an EXR without the code under test."""
    image = OpenImageIO.ImageInput.open(str(path))
    pixels = np.array(image.read_image(0, 0, 0, 3, OpenImageIO.FLOAT))
    image.close()
    return pixels


def assert_within_half_steps(path: Path, wanted: np.ndarray) -> None:
    found = stored(path)
    steps = np.spacing(wanted.astype(np.float16)).astype(np.float32)
    assert found.max() > 15
    assert (np.abs(found - wanted) / steps).max() <= 1


@pytest.mark.parametrize("depth", [16, 32])
def test_a_photo_in_its_own_light_comes_back(tmp_path: Path, call: Call, depth: int) -> None:
    wanted = scene(tmp_path / "a.exr", depth=depth)
    pair = ("pair", tmp_path / "a.exr", tmp_path / "a.exr", "-o", tmp_path / "out", *PHOTO, *QUICK)
    call(*pair).assert_ended(0, "a_prime.exr", "b.exr")
    for name in ("a_prime", "b"):
        assert read_depth(tmp_path / f"out/{name}.exr") == depth
        assert_within_half_steps(tmp_path / f"out/{name}.exr", wanted)


@pytest.mark.parametrize("temporal", ["on", "off"])
def test_frames_in_their_own_light_come_back(tmp_path: Path, call: Call, temporal: str) -> None:
    wanted = scene(tmp_path / "frames/a0.exr")
    shutil.copy(tmp_path / "frames/a0.exr", tmp_path / "frames/a1.exr")
    reference = shutil.copy(tmp_path / "frames/a0.exr", tmp_path / "reference.exr")
    out = tmp_path / "out/%03d.exr"
    what = ("timelapse", reference, tmp_path / "frames", "-o", out, *PHOTO, *QUICK)
    run = (*what, "--address", "none", "--temporal", temporal)
    call(*run).assert_ended(0, "2 of 2 frames done")
    for index in range(2):
        assert_within_half_steps(tmp_path / f"out/{index:03d}.exr", wanted)
    call(*run).assert_ended(0, "2 of 2 frames done")  # finished frames are found again
    film = tmp_path / "film.mp4"
    call("assemble", tmp_path / "out.run", "-o", film).assert_ended(0)
    assert probe_video(film).frame_count == 2


def test_the_plan_says_what_a_film_cuts(tmp_path: Path, call: Call, reference: Path) -> None:
    scene(tmp_path / "frames/a0.exr")
    plan = ("plan", reference, tmp_path / "frames", "--dry-run", *QUICK, *PHOTO)
    call(*plan).assert_ended(0, "brighter than white is cut", "%06d.exr")
    call(*plan, "-o", tmp_path / "o/%06d.exr").assert_ended(0, "brighter than white is kept")


def test_a_painted_look_is_written_as_exr_too(tmp_path: Path, call: Call, reference: Path) -> None:
    scene(tmp_path / "frames/a0.exr")
    out = tmp_path / "out/%03d.exr"
    call("stylize", reference, tmp_path / "frames", "-o", out, *HERE).assert_ended(0)
    assert read_exr(tmp_path / "out/000.exr").min() >= 0
