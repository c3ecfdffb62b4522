"""Folders to which pictures are added: what is finished stays, and equals a run of all at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.config.painting import GuideFiles, PaintConfig
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import PlanChangedError
from batch_analogy.jobs.drive import rearrange
from batch_analogy.jobs.drive.open_run import dry_plan, open_run
from batch_analogy.jobs.events import InputGrew, RunEvent
from batch_analogy.jobs.folder.run_status import read_status
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import write_png
from batch_analogy.media.video import probe_video
from tests.support.painted import SIZE, camera_frame, keys, paint, painted_config, write_clip
from tests.support.runs import (
    frame_bytes,
    frame_identity,
    picture,
    run_here,
    sample_config,
    worked_on,
)


def run_and_grow(config: RunConfig, *, overwrite: bool = False) -> tuple[list[int], InputGrew]:
    """Run again after the folder has changed; return what was made, and what was said."""
    seen: list[RunEvent] = []
    run = open_run(config, overwrite=overwrite, on_event=seen.append)
    result = run.execute(seen.append)
    assert result.done == result.total
    assert read_status(config.run_dir).state == "finished"
    return worked_on(seen), next(event for event in seen if isinstance(event, InputGrew))


def all_at_once(config: RunConfig, root: Path) -> dict[str, bytes]:
    """Return the frames of a run of all pictures that are there now."""
    fresh = dataclasses.replace(config, run_dir=root / "fresh.run", output=root / "fresh.mp4")
    run_here(fresh)
    return frame_bytes(fresh.run_dir)


def without(root: Path, *numbers: int) -> RunConfig:
    """Return a run of seven frames but some, which lie in ``root`` for later."""
    config = sample_config(root, 7)
    for number in numbers:
        (root / "in" / f"img{number}.png").rename(root / f"img{number}.png")
    return config


def add(root: Path, *numbers: int) -> None:
    for number in numbers:
        (root / f"img{number}.png").rename(root / "in" / f"img{number}.png")


def test_appended_frames_are_made_and_the_film_again(tmp_path: Path) -> None:
    config = without(tmp_path, 5, 6)
    run_here(config)
    before = frame_identity(config.run_dir)
    add(tmp_path, 5, 6)
    assert len(dry_plan(config).frames) == 7
    made, grew = run_and_grow(config)
    assert made == [5, 6]
    assert grew == InputGrew(before=5, now=7, kept=5, again=0)
    assert frame_identity(config.run_dir).items() > before.items()
    assert probe_video(config.output).frame_count == 7
    assert frame_bytes(config.run_dir) == all_at_once(config, tmp_path)
    _, events = run_here(config)
    assert worked_on(events) == []
    assert not any(isinstance(event, InputGrew) for event in events)


def test_frames_move_when_others_are_added_before_them(tmp_path: Path) -> None:
    config = without(tmp_path, 0, 3)
    run_here(config)
    before = frame_bytes(config.run_dir)
    add(tmp_path, 0, 3)
    made, grew = run_and_grow(config)
    assert made == [0, 3]
    assert (grew.kept, grew.again) == (5, 0)
    after = frame_bytes(config.run_dir)
    assert after["a_prime/000001.png"] == before["a_prime/000000.png"]
    assert after == all_at_once(config, tmp_path)


@pytest.mark.parametrize("missing", [(5, 6), (0,), (3,)])
def test_a_coherent_film_of_a_grown_folder_is_that_of_all_frames_at_once(
    tmp_path: Path, missing: tuple[int, ...]
) -> None:
    config = dataclasses.replace(
        without(tmp_path, *missing), temporal="on", segment_frames=None, anchor_frames=2
    )
    run_here(config)
    add(tmp_path, *missing)
    run_and_grow(config)
    assert frame_bytes(config.run_dir) == all_at_once(config, tmp_path)


def test_removed_and_changed_frames_need_overwrite_and_cost_no_others(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 5)
    run_here(config)
    before = frame_bytes(config.run_dir)
    (tmp_path / "in/img1.png").unlink()
    with pytest.raises(PlanChangedError, match="there were 5 frames, there are 4"):
        open_run(config)
    write_png(tmp_path / "in/img4.png", picture(40))
    made, grew = run_and_grow(config, overwrite=True)
    assert made == [3]
    assert (grew.before, grew.now, grew.kept) == (5, 4, 3)
    after = frame_bytes(config.run_dir)
    assert sorted(after) == [f"a_prime/00000{n}.png" for n in range(4)]
    assert after["a_prime/000001.png"] == before["a_prime/000002.png"]


def test_references_stay_at_their_frames(tmp_path: Path) -> None:
    config = without(tmp_path, 6)
    for number in range(2):
        write_png(tmp_path / f"looks/{number}.png", picture(30 + number, 70, 66))
    config = dataclasses.replace(config, reference=tmp_path / "looks")
    run_here(config)
    add(tmp_path, 6)
    made, _ = run_and_grow(config)
    assert made == [6]
    plan = read_plan(RunStore(config.run_dir).plan)
    assert plan is not None
    assert [reference.frame for reference in plan.references] == [0, 5]
    _, events = run_here(config)
    assert worked_on(events) == []


@pytest.mark.parametrize("killed", ["before the marker", "after it", "while moving"])
def test_a_driver_that_is_killed_while_it_moves_frames_costs_none(
    tmp_path: Path, killed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = without(tmp_path, 0)
    run_here(config)
    add(tmp_path, 0)

    class KilledError(Exception):
        """Ends the driver."""

    def die(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        if killed == "before the marker":
            patched.setattr(rearrange, "write_json", die)
        elif killed == "while moving":
            patched.setattr(rearrange.shutil, "rmtree", die)
        else:
            finish = rearrange.finish_rearranging
            calls: list[RunStore] = []

            def finish_or_die(store: RunStore) -> None:
                calls.append(store)
                if len(calls) == 2:
                    die()
                finish(store)

            patched.setattr(rearrange, "finish_rearranging", finish_or_die)
        with pytest.raises(KilledError):
            open_run(config)
    _, events = run_here(config)
    assert worked_on(events) == [0]
    assert not (config.run_dir / "rearranged").exists()
    assert frame_bytes(config.run_dir) == all_at_once(config, tmp_path)


def painted(root: Path, *missing: int) -> RunConfig:
    """Return a painted run in which each of seven frames has a guide and a mask of its own."""
    write_clip(root, 7)
    for index in range(7):
        upper = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
        upper[: 20 + index] = 1
        write_png(root / "mask" / f"img{index:02d}.png", upper)
        write_png(root / "guides" / f"img{index:02d}.png", paint(camera_frame(index)))
    guide = GuideFiles(source=str(root / "guides"), target=str(root / "guides"), weight=2)
    painting = PaintConfig(
        keys=keys(root, 2), meaning=0.0, guides=(guide,), mask=str(root / "mask")
    )
    for index in missing:
        (root / "in" / f"img{index:02d}.png").rename(root / f"img{index:02d}.png")
    return painted_config(root, painting, segment_frames=None, anchor_frames=2)


@pytest.mark.parametrize("missing", [(5, 6), (0,)])
def test_a_painted_film_with_guides_and_masks_of_its_frames_grows(
    tmp_path: Path, missing: tuple[int, ...]
) -> None:
    config = painted(tmp_path, *missing)
    run_here(config)
    before = set(frame_bytes(config.run_dir).values())
    for index in missing:
        (tmp_path / f"img{index:02d}.png").rename(tmp_path / "in" / f"img{index:02d}.png")
    _, grew = run_and_grow(config)
    assert (grew.before, grew.now) == (7 - len(missing), 7)
    assert grew.kept > 0
    after = frame_bytes(config.run_dir)
    assert len(before & set(after.values())) >= grew.kept
    assert after == all_at_once(config, tmp_path)


def test_a_changed_mask_of_one_frame_needs_overwrite_and_costs_few_others(tmp_path: Path) -> None:
    config = painted(tmp_path)
    run_here(config)
    write_png(tmp_path / "mask" / "img06.png", np.ones((SIZE[1], SIZE[0], 3), np.float32))
    with pytest.raises(PlanChangedError, match="the guides or the mask have changed"):
        open_run(config)
    made, grew = run_and_grow(config, overwrite=True)
    assert 6 in made
    assert grew.kept >= 3
    assert frame_bytes(config.run_dir) == all_at_once(config, tmp_path)
