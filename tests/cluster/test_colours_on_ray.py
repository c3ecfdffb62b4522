"""HDR, Display P3 and named colour spaces through workers of a real Ray, equal to one process."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.run import ExecutionConfig, RunConfig
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.media.numbered_output import is_pattern
from batch_analogy.media.openexr import read_exr, write_exr
from batch_analogy.media.pixel_spaces import DISPLAY_P3
from batch_analogy.media.stills import read_space
from batch_analogy.media.video import probe_video
from tests.support.hdr_videos import hdr_video
from tests.support.profiles import SRGB_CURVE, profile
from tests.support.runs import INLINE, picture, sample_config

pytestmark = pytest.mark.usefixtures("running_ray")

PHOTO = AnalogyConfig.for_preset("photo-to-photo", quality="draft", min_side_px=64)
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))


def hdr(root: Path) -> RunConfig:
    video = hdr_video(root / "bars.mp4", frames=3)
    return sample_config(root, 1, source=str(video), analogy=PHOTO, codec="h265")


def display_p3(root: Path) -> RunConfig:
    folder = root / "photos"
    folder.mkdir()
    for index in range(3):
        image = Image.fromarray(np.rint(picture(index) * 255).astype(np.uint8))
        image.save(folder / f"{index}.jpg", icc_profile=profile("P3", SRGB_CURVE, P3))
    return sample_config(root, 1, source=str(folder), analogy=PHOTO, output=root / "out/%d.png")


def acescg(root: Path) -> RunConfig:
    pytest.importorskip("PyOpenColorIO")
    pytest.importorskip("OpenImageIO")
    folder = root / "scene"
    folder.mkdir()
    for index in range(3):
        write_exr(folder / f"{index}.exr", picture(index) ** 4 * 16, 16, as_stored=True)
    space: dict[str, Any] = {
        "colour_space_in": "ACEScg",
        "colour_space_out": "ACEScg",
        "ocio": "ocio://default",
    }
    space["reference"] = folder / "0.exr"
    return sample_config(
        root, 1, source=str(folder), analogy=PHOTO, output=root / "out/%d.exr", **space
    )


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("temporal", ["on", "off"])
@pytest.mark.parametrize("make", [hdr, display_p3, acescg])
def test_colours_are_those_of_a_run_in_one_process(
    tmp_path: Path, make: Callable[[Path], RunConfig], temporal: str
) -> None:
    config = dataclasses.replace(make(tmp_path), temporal=temporal)
    workers = ExecutionConfig(gpus_per_worker=0, workers=2)
    on_ray = dataclasses.replace(config, execution=workers)
    assert open_run(on_ray).execute().done == 3
    output = config.output
    other = output.parent / f"alone{output.suffix}"
    if is_pattern(output):
        other = output.parent.with_name("alone") / output.name
    alone = dataclasses.replace(
        config, execution=INLINE, run_dir=tmp_path / "alone.run", output=other
    )
    assert open_run(alone).execute().done == 3
    frames = files_below(config.run_dir / "frames")
    assert frames == files_below(alone.run_dir / "frames")
    assert len(frames) == 3
    if make is hdr:
        assert output.read_bytes() == other.read_bytes()
        assert probe_video(output).tags.transfer == "smpte2084"
        return
    assert files_below(output.parent) == files_below(other.parent)
    first = output.parent / f"0{output.suffix}"
    if make is display_p3:
        assert read_space(first) == DISPLAY_P3
    else:
        assert read_exr(first, as_stored=True).max() > 4
