"""Transparent frames through the command line: kept, or their loss is told in the plan."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from batch_analogy.media.stills import read_opacity, read_still
from batch_analogy.media.video import probe_video
from tests.support.command_line import HERE, QUICK, Call, picture


def cutout(path: Path, index: int = 0) -> np.ndarray:
    """Write a picture whose left half is transparent white; return its alpha channel."""
    alpha = np.full((64, 80), 255, np.uint8)
    alpha[:, : 30 + index] = 0
    alpha[:, 30 + index : 38 + index] = 128
    pixels = picture(index)
    pixels[alpha == 0] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.dstack([pixels, alpha])).save(path)
    return alpha


@pytest.mark.parametrize("pattern", ["%06d.png", "%06d.tif"])
def test_numbered_pictures_are_as_transparent_as_the_frames(
    tmp_path: Path, call: Call, reference: Path, pattern: str
) -> None:
    alphas = [cutout(tmp_path / f"frames/{n}.png", n) for n in range(2)]
    out = tmp_path / "out" / pattern
    call("stylize", reference, tmp_path / "frames", "-o", out, *HERE).assert_ended(0)
    for index, alpha in enumerate(alphas):
        opacity = read_opacity(Path(str(out) % index))
        assert opacity is not None
        np.testing.assert_allclose(opacity, alpha / 255, atol=1e-6)


def test_white_under_transparency_is_not_styled_in(
    tmp_path: Path, call: Call, reference: Path
) -> None:
    cutout(tmp_path / "frames/0.png")
    out = tmp_path / "out/%06d.png"
    call("stylize", reference, tmp_path / "frames", "-o", out, *HERE).assert_ended(0)
    with Image.open(tmp_path / "out/000000.png") as image:
        made = np.asarray(image)
    hidden, shown = made[:, :20, :3].mean(), made[:, 50:, :3].mean()
    assert abs(hidden - shown) < 60  # white would be matched with white, far from the rest


def test_prores_in_is_prores_4444_out(tmp_path: Path, call: Call, reference: Path) -> None:
    cutout(tmp_path / "a.png")
    film, out = tmp_path / "in.mov", tmp_path / "out.mov"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-loop", "1", "-t", "0.3"]
    command += ["-framerate", "10", "-i", str(tmp_path / "a.png"), "-c:v", "prores_ks"]
    command += ["-profile:v", "4444", "-pix_fmt", "yuva444p10le", str(film)]
    subprocess.run(command, check=True)
    planned = call("plan", reference, film, "--dry-run", "--codec", "prores", "-o", out, *QUICK)
    planned.assert_ended(0, "as transparent as the frames", "ProRes 4444")
    call("stylize", reference, film, "--codec", "prores", "-o", out, *HERE).assert_ended(0)
    info = probe_video(out)
    assert info.tags.has_alpha
    assert info.frame_count == 3
    run = out.with_suffix(".run")  # its frames are deleted; the finished ones tell
    assert not (run / "input").exists()
    call("plan", run).assert_ended(0, "as transparent as the frames")


def test_the_plan_says_what_h264_loses(tmp_path: Path, call: Call, reference: Path) -> None:
    cutout(tmp_path / "frames/0.png")
    words = ("over white", "prores", "%06d.png")
    frames = tmp_path / "frames"
    call("plan", reference, frames, "--dry-run", *QUICK).assert_ended(0, *words)
    out = tmp_path / "film.mp4"
    call("stylize", reference, frames, "-o", out, *HERE).assert_ended(0, *words)


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_pair_carries_both_alphas(tmp_path: Path, call: Call, format: str) -> None:
    alpha, other = cutout(tmp_path / "a.png"), cutout(tmp_path / "bp.png", 9)
    out = tmp_path / "out"
    pictures = (tmp_path / "a.png", tmp_path / "bp.png")
    made = call("pair", *pictures, "-o", out, "--format", format, *QUICK)
    made.assert_ended(0)
    suffix = {"png": "png", "tiff": "tif"}[format]
    for name, wanted in (("a_prime", alpha), ("b", other)):
        opacity = read_opacity(out / f"{name}.{suffix}")
        assert opacity is not None
        np.testing.assert_allclose(opacity, wanted / 255, atol=1e-6)
    assert read_still(out / f"a_prime.{suffix}")[:, :28].min() == 1.0
