"""Time-lapses in which the camera's orientation tag changes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.cli.plan_text import plan_notes
from batch_analogy.config.run import Orientation, RunConfig
from batch_analogy.errors import InputError, PlanChangedError
from batch_analogy.jobs.drive.open_run import dry_plan, open_run
from batch_analogy.jobs.plan.frame_pictures import frame_pictures
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import read_still
from tests.support.runs import run_here, sample_config, worked_on

SIZE = (48, 64)


def tagged(root: Path, *tags: int, suffix: str = ".jpg") -> RunConfig:
    """Return a run of frames that are stored alike but have different orientation tags."""
    config = sample_config(root, 1)
    for path in (root / "in").iterdir():
        path.unlink()
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    for index, tag in enumerate(tags):
        stored = np.stack([255 * (x < 20), 255 * (y < 16), 128 + 40 * np.sin(x / 5)], axis=2)
        exif = Image.Exif()
        exif[0x0112] = tag
        path = root / "in" / f"img{index}{suffix}"
        Image.fromarray(stored.astype(np.uint8)).save(path, exif=exif, quality=95)
    return config


def turned(config: RunConfig, orientation: Orientation) -> RunConfig:
    return dataclasses.replace(config, orientation=orientation)


def test_changing_tags_are_named_and_one_orientation_is_offered(tmp_path: Path) -> None:
    config = tagged(tmp_path, 1, 1, 6, 1)
    plan = dry_plan(config)
    assert "orientation tag (6) says" in str(plan.frames[2].error)
    notes = list(plan_notes(config, plan))
    said = "by their orientation tags frame 2 is turned otherwise than the first, from img2.jpg on"
    assert any(said in note and "--orientation first" in note for note in notes)
    half = tagged(tmp_path / "half", 1, 1, 3, 3)  # upside down: of one size
    notes = list(plan_notes(half, dry_plan(half)))
    assert any("2 frames are turned otherwise" in note for note in notes)
    alike = tagged(tmp_path / "alike", 6, 6, 6)
    assert not any("orientation" in note for note in plan_notes(alike, dry_plan(alike)))


def test_no_size_prevails(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="their orientation tags differ: --orientation first"):
        dry_plan(tagged(tmp_path, 1, 6))


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
@pytest.mark.parametrize(
    ("orientation", "tags", "size"),
    [("first", (6, 1, 8, 3), (64, 48)), ("stored", (6, 1, 8, 2), (48, 64))],
)
def test_all_frames_are_turned_alike(
    tmp_path: Path,
    suffix: str,
    orientation: Orientation,
    tags: tuple[int, ...],
    size: tuple[int, int],
) -> None:
    config = turned(tagged(tmp_path, *tags, suffix=suffix), orientation)
    plan = dry_plan(config)
    assert {(frame.height, frame.width) for frame in plan.frames} == {size}
    result, _ = run_here(config)
    assert result.failed == []
    shown = frame_pictures(plan, RunStore(config.run_dir), range(4), tmp_path / "shown")
    first, *others = (read_still(shown[index])[..., :2] for index in range(4))
    assert first.shape[:2] == size
    for other in others:
        assert float(np.abs(other - first).mean()) < 0.03
    store = RunStore(config.run_dir)
    made = [read_still(store.frame("a_prime", index)) for index in range(4)]
    assert made[0].shape[:2] == size
    for one in made[1:]:  # the same pixels, so the same look
        assert np.array_equal(one, made[0])


def test_the_orientation_belongs_to_the_run(tmp_path: Path) -> None:
    config = turned(tagged(tmp_path, 6, 1, 6), "first")
    run_here(config)
    _, events = run_here(config)
    assert worked_on(events) == []
    with pytest.raises(PlanChangedError, match="orientation was first, is stored"):
        open_run(turned(config, "stored"))
