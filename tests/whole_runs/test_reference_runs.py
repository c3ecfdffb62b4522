"""Films with several references: the same bytes in any order, and clear errors for bad folders."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data

from batch_analogy.cli.console import Console
from batch_analogy.cli.plan_text import print_plan
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import BatchAnalogyError, PlanChangedError, UsageError
from batch_analogy.jobs.drive.open_run import dry_plan, open_run
from batch_analogy.jobs.work.frame_method import LoadedFrame, MadeFrame
from batch_analogy.jobs.work.matched_frames import MatchedAlongMotion, ReferenceCache
from batch_analogy.media.stills import write_png
from tests.support.runs import DRAFT, frame_bytes, run_here, sample_config, truncate

FRAMES = 7
EVERY = 4  # frames from one anchor to the next


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a slow pan and three references without a position in their names."""
    root = tmp_path_factory.mktemp("camera")
    cat = skimage.data.chelsea()
    for index in range(FRAMES):
        view = np.float32([[0.3, 0, -20 - 1.3 * index], [0, 0.3, -8]])
        write_png(root / "in" / f"img{index}.png", cv2.warpAffine(cat, view, (80, 64)))
    coffee = cv2.resize(skimage.data.coffee(), (72, 64))
    for number, look in enumerate((coffee, 255 - coffee, coffee[..., ::-1])):
        write_png(root / "looks" / f"{number}.png", np.ascontiguousarray(look))
    return root


def film(camera: Path, root: Path, **settings: Any) -> RunConfig:
    """Return a run with the folder of references, on copies of all files."""
    shutil.copytree(camera, root, dirs_exist_ok=True)
    usual = {"temporal": "on", "segment_frames": EVERY, "anchor_frames": EVERY}
    usual |= {"reference": root / "looks"}
    return sample_config(root, FRAMES, **{**usual, **settings})


def run(config: RunConfig) -> dict[str, bytes]:
    result, _ = run_here(config)
    assert result.done == FRAMES
    return frame_bytes(config.run_dir)


def name(index: int) -> str:
    return f"a_prime/{index:06d}.png"


@pytest.mark.parametrize(
    ("temporal", "refine"), [("on", "none"), ("on", "affine"), ("off", "none")]
)
def test_no_pixel_depends_on_the_order_of_frames_or_on_their_worker(
    camera: Path, tmp_path: Path, temporal: str, refine: str
) -> None:
    look = dataclasses.replace(DRAFT, refine=refine)
    settings = {"temporal": temporal, "analogy": look}
    whole = run(film(camera, tmp_path / "a", **settings))
    scattered = film(camera, tmp_path / "b", segment_frames=3, **settings)
    with open_run(scattered) as opened:
        opened.only({5}).execute()
    assert run(scattered) == whole
    assert not (scattered.run_dir / "state").exists()
    alone = film(camera, tmp_path / "c", reference=tmp_path / "c" / "looks" / "0.png", **settings)
    with open_run(alone) as opened:
        opened.only({0}).execute()
    assert frame_bytes(alone.run_dir) == {name(0): whole[name(0)]}


def test_uses_only_the_references_that_contribute_to_a_frame(
    camera: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = film(camera, tmp_path)
    encoded: list[int] = []
    asked: list[tuple[int, int]] = []
    get = ReferenceCache.get

    def noted(self: ReferenceCache[Any], number: int) -> Any:
        if number not in self._entries:
            encoded.append(number)
        found = get(self, number)
        assert len(self._entries) <= 2
        return found

    make = MatchedAlongMotion.make

    def counted(self: MatchedAlongMotion, frames: Sequence[LoadedFrame]) -> list[MadeFrame]:
        asked.extend((frame.task.index, len(frame.task.contexts)) for frame in frames)
        return make(self, frames)

    monkeypatch.setattr(ReferenceCache, "get", noted)
    monkeypatch.setattr(MatchedAlongMotion, "make", counted)
    run(config)
    assert asked == [(0, 1), (1, 2), (2, 2), (3, 1), (4, 2), (5, 2), (6, 1)]
    assert encoded == [0, 1, 2]


def test_refuses_another_reference_or_position_and_loses_nothing(
    camera: Path, tmp_path: Path
) -> None:
    config = film(camera, tmp_path)
    with open_run(config) as opened:
        opened.only({0}).execute()
    looks = tmp_path / "looks"
    with open_run(config) as opened:
        assert opened.resume_state.done == {0}
    for number in range(3):
        (looks / f"{number}.png").rename(looks / f"{number}@{number + 1}.png")
    with pytest.raises(PlanChangedError, match="placed at 0, 3, 6, are placed at 1, 2, 3"):
        open_run(config)
    for number, place in ((0, 3), (1, 0), (2, 6)):  # the same pictures at the same places, swapped
        (looks / f"{number}@{number + 1}.png").rename(looks / f"{number}@{place}.png")
    with pytest.raises(PlanChangedError, match=r"the content of the reference .*looks has changed"):
        open_run(config)


def test_a_worker_too_reports_a_damaged_reference(camera: Path, tmp_path: Path) -> None:
    config = film(camera, tmp_path)
    with open_run(config) as opened:
        shutil.copy(tmp_path / "looks" / "0.png", tmp_path / "looks" / "1.png")
        with pytest.raises(BatchAnalogyError, match=r"1\.png has changed since the run began"):
            opened.execute()


def test_refuses_unusable_folders_of_references(camera: Path, tmp_path: Path) -> None:
    config = film(camera, tmp_path)
    looks = tmp_path / "looks"

    def refusal(**changes: Any) -> str:
        with pytest.raises(BatchAnalogyError) as caught:
            dry_plan(film(camera, tmp_path, **changes))
        return str(caught.value)

    (tmp_path / "empty").mkdir()
    assert "empty; it must contain a picture" in refusal(reference=tmp_path / "empty")
    (tmp_path / "empty" / "notes.txt").write_text("dawn, noon, dusk")
    assert "contains no pictures; found: 1 .txt" in refusal(reference=tmp_path / "empty")
    assert "there are references and frames in" in refusal(reference=tmp_path / "in")
    assert "does not exist; give a picture, or a folder" in refusal(reference=tmp_path / "gone")
    for target in ("reference", "both"):
        with pytest.raises(UsageError, match=f"3 references.*--target {target} takes one picture"):
            dry_plan(film(camera, tmp_path, target=target))
    truncate(looks / "1.png")
    with pytest.raises(BatchAnalogyError, match=r"1\.png"):
        dry_plan(config)


def test_a_folder_with_one_reference_equals_that_reference(camera: Path, tmp_path: Path) -> None:
    config = film(camera, tmp_path / "a", temporal="off")
    for number in (1, 2):
        (tmp_path / "a" / "looks" / f"{number}.png").unlink()
    with open_run(config) as opened:
        opened.only({3}).execute()
    alone = film(
        camera, tmp_path / "b", temporal="off", reference=tmp_path / "b" / "looks" / "0.png"
    )
    with open_run(alone) as opened:
        opened.only({3}).execute()
    assert frame_bytes(config.run_dir) == frame_bytes(alone.run_dir)


def test_the_plan_shows_the_position_of_each_reference(
    camera: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = film(camera, tmp_path, hold=2, blend=3)
    print_plan(Console(False), config, dry_plan(config))
    rows = capsys.readouterr().out.splitlines()
    at = next(n for n, row in enumerate(rows) if row.startswith("reference "))
    assert rows[at].endswith("looks: 3, each fading into the next")
    assert [row.strip() for row in rows[at + 1 : at + 4]] == [
        "0.png at frame 0",
        "1.png at frame 3",
        "2.png at frame 6",
    ]
    assert rows[at + 4].endswith("24 frames/s, each the mean of 3 frames, each shown 2 times")
