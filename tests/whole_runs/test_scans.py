"""The scan of every frame when planning: shots, exposures, and its cache."""

from __future__ import annotations

import dataclasses
import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import ConfigError, UsageError
from batch_analogy.jobs.drive.open_run import dry_plan, open_run
from batch_analogy.jobs.drive.preview_run import close_as_planned
from batch_analogy.jobs.events import PlanProgress, RunEvent
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.json_files import from_plain, to_plain
from batch_analogy.media.film import encode_film
from batch_analogy.motion.shots.deflicker import apply_exposure
from tests.support.runs import frame_bytes, run_here, sample_config, worked_on, write_png

SIZE = (64, 80)


def view(name: str, shift: int) -> np.ndarray:
    """Return part of a photograph, (64, 80, 3) float32, moved by ``shift`` px."""
    photo = getattr(skimage.data, name)()[::3, ::3]
    return photo[20 : 20 + SIZE[0], 10 + shift : 10 + shift + SIZE[1]].astype(np.float32) / 255


def write_film(folder: Path, names: list[str], flicker: list[float] | None = None) -> None:
    """Write img0.png …, one for each name, with these exposures, and a reference beside them."""
    write_png(folder.parent / "reference.png", view("retina", 0))
    for index, name in enumerate(names):
        ev = flicker[index] if flicker else 0.0
        write_png(folder / f"img{index}.png", apply_exposure(view(name, index), ev))


def planned(config: RunConfig, *, overwrite: bool = False) -> tuple[Plan, list[int]]:
    """Plan a run; return the plan and the number of scanned frames at each event."""
    events: list[RunEvent] = []
    plan = close_as_planned(open_run(config, overwrite=overwrite, on_event=events.append))
    scans = [e for e in events if isinstance(e, PlanProgress) and e.step == "scanning"]
    return plan, [event.done for event in scans]


def film_config(root: Path, **overrides: Any) -> RunConfig:
    write_film(root / "in", ["astronaut"] * 6 + ["coffee"] * 6)
    return sample_config(root, 12, segment_frames=4, **overrides)


def flickering(root: Path, **overrides: Any) -> RunConfig:
    ev = np.random.default_rng(3).uniform(-0.3, 0.3, 20)
    write_film(root / "in", ["coffee"] * 20, list(ev))
    return sample_config(root, 20, **overrides)


def starts(plan: Plan) -> list[int]:
    return [shot.start for shot in plan.shots]


def test_finds_shots_and_segments_stay_within_them(tmp_path: Path) -> None:
    config = film_config(tmp_path)
    plan, _ = planned(config)
    assert starts(plan) == [0, 6]
    assert [(s.start, s.stop) for s in plan.segments] == [(0, 4), (4, 6), (6, 10), (10, 12)]
    assert starts(dry_plan(config)) == [0, 6]


def test_shots_may_be_given_or_turned_off(tmp_path: Path) -> None:
    config = film_config(tmp_path, shots="off")
    plan, scanned = planned(config)
    assert (starts(plan), scanned) == ([0], [])
    given = dataclasses.replace(config, shots=(0, 3, 6), run_dir=tmp_path / "given.run")
    plan, scanned = planned(given)
    assert (starts(plan), scanned) == ([0, 3, 6], [])
    assert from_plain(json.loads(json.dumps(to_plain(given))), RunConfig) == given
    beyond = dataclasses.replace(config, shots=(0, 12), run_dir=tmp_path / "beyond.run")
    with pytest.raises(UsageError, match="a shot at frame 12: the 12 frames are numbered 0 to 11"):
        planned(beyond)


@pytest.mark.parametrize(
    "wrong", [{"shots": (3, 3)}, {"shots": "some"}, {"deflicker": 1.5}, {"deflicker": "much"}]
)
def test_refuses_wrong_settings(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"shots|deflicker"):
        sample_config(tmp_path, 1, **wrong)


def test_scans_each_frame_once(tmp_path: Path) -> None:
    config = film_config(tmp_path)
    _, scanned = planned(config)
    assert scanned == list(range(1, 13))
    assert planned(config)[1] == []
    write_png(tmp_path / "in/img3.png", view("astronaut", 30))
    plan, scanned = planned(config)
    assert (starts(plan), scanned) == ([0, 6], [12])  # only the changed one
    reseeded = dataclasses.replace(
        config, analogy=dataclasses.replace(config.analogy, seed=1), shots="detect"
    )
    plan, scanned = planned(reseeded, overwrite=True)
    assert (starts(plan), scanned) == ([0, 6], [])  # scans do not depend on the seed


def test_a_damaged_cache_changes_no_shots(tmp_path: Path) -> None:
    config = film_config(tmp_path)
    planned(config)
    cache = config.run_dir / "scan.bin"
    cache.write_bytes(cache.read_bytes()[:500])
    (config.run_dir / "plan.json").unlink()
    (config.run_dir / "run.json").unlink()
    plan, scanned = planned(config)
    assert (starts(plan), len(scanned)) == ([0, 6], 12)


def test_interrupted_planning_continues_where_it_stopped(tmp_path: Path) -> None:
    config = film_config(tmp_path)

    def interrupt(event: RunEvent) -> None:
        if isinstance(event, PlanProgress) and event.step == "scanning" and event.done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_run(config, on_event=interrupt)
    cache = config.run_dir / "scan.bin"
    assert cache.stat().st_size > 0
    cache.write_bytes(cache.read_bytes() + b"torn")
    plan, scanned = planned(config)
    assert starts(plan) == [0, 6]
    assert 0 < len(scanned) < 12
    assert scanned[-1] == 12


def test_a_dry_run_writes_nothing_and_uses_earlier_scans(tmp_path: Path) -> None:
    config = film_config(tmp_path)
    planned(config)
    cache = (config.run_dir / "scan.bin").read_bytes()
    write_png(tmp_path / "in/img3.png", view("astronaut", 30))
    events: list[RunEvent] = []
    assert starts(dry_plan(config, on_event=events.append)) == [0, 6]
    scanned = [e for e in events if isinstance(e, PlanProgress) and e.step == "scanning"]
    assert [event.done for event in scanned] == [12]
    assert (config.run_dir / "scan.bin").read_bytes() == cache


def test_skips_a_broken_frame(tmp_path: Path) -> None:
    config = film_config(tmp_path)
    data = (tmp_path / "in/img8.png").read_bytes()
    (tmp_path / "in/img8.png").write_bytes(data[: len(data) // 2])  # its header is whole
    (tmp_path / "in/img2.png").write_text("shopping list")
    assert starts(planned(config)[0]) == [0, 6]


def test_reduces_flicker_by_exposures_in_the_plan(tmp_path: Path) -> None:
    config = flickering(tmp_path, deflicker="auto")
    plan, _ = planned(config)
    exposures = [frame.exposure_ev for frame in plan.frames]
    assert sum(ev != 0 for ev in exposures) >= 18
    assert 0.1 < max(map(abs, exposures)) < 0.7
    assert [frame.exposure_ev for frame in plan.frames] == exposures
    assert read_plan(config.run_dir / "plan.json") == plan
    assert planned(config)[0] == plan
    without = dataclasses.replace(config, deflicker="off", run_dir=tmp_path / "off.run")
    plain, _ = planned(without)
    assert not any(frame.exposure_ev for frame in plain.frames)
    assert plain.plan_hash != plan.plan_hash


def test_auto_changes_no_steady_films_and_no_albums(tmp_path: Path) -> None:
    config = film_config(tmp_path, deflicker="auto")
    assert not any(frame.exposure_ev for frame in planned(config)[0].frames)
    names = ["astronaut", "coffee", "chelsea", "rocket", "retina"]
    write_film(tmp_path / "album", names * 3)
    album = dataclasses.replace(
        config, source=str(tmp_path / "album"), run_dir=tmp_path / "album.run", shots="off"
    )
    assert not any(frame.exposure_ev for frame in planned(album)[0].frames)


def test_an_edited_exposure_makes_only_that_frame_again(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 3)
    run_here(config)
    before = frame_bytes(config.run_dir)
    path = config.run_dir / "plan.json"
    text = path.read_text().replace('"index":1,', '"exposure_ev":0.5,"index":1,')
    path.write_text(text)
    _, events = run_here(config)
    after = frame_bytes(config.run_dir)
    assert worked_on(events) == [1]
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["a_prime/000001.png"]
    assert worked_on(run_here(config)[1]) == []


def test_a_frame_that_was_not_journaled_is_made_again_after_an_edit(tmp_path: Path) -> None:
    """The driver was killed before it journaled the frame, and then the plan was edited."""
    config = sample_config(tmp_path, 3)
    run_here(config)
    before = frame_bytes(config.run_dir)
    journal = config.run_dir / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    told = [line for line in lines if '"event":"done"' in line and '"index":1,' in line]
    assert len(told) == 1
    journal.write_text("".join(line for line in lines if line not in told))
    path = config.run_dir / "plan.json"
    path.write_text(path.read_text().replace('"index":1,', '"exposure_ev":0.5,"index":1,'))
    _, events = run_here(config)
    assert worked_on(events) == [1]
    after = frame_bytes(config.run_dir)
    assert [name for name in before if before[name] != after[name]] == ["a_prime/000001.png"]


@pytest.mark.parametrize("value", ["much", 9, True, None])
def test_refuses_an_invalid_exposure(tmp_path: Path, value: object) -> None:
    config = sample_config(tmp_path, 2)
    planned(config)
    path = config.run_dir / "plan.json"
    values = json.loads(path.read_text())
    values["frames"][1]["exposure_ev"] = value
    path.write_text(json.dumps(values))
    with pytest.raises(UsageError, match=r"exposure_ev.*(number from -8|expected float)"):
        planned(config)


def test_does_not_scan_a_video_again_when_its_frames_are_gone(tmp_path: Path) -> None:
    write_film(tmp_path / "frames", ["astronaut"] * 5 + ["coffee"] * 5)
    pictures = [tmp_path / "frames" / f"img{k}.png" for k in range(10)]
    encode_film(pictures, tmp_path / "clip.mp4", fps=Fraction(10))
    config = sample_config(tmp_path, 0, source=str(tmp_path / "clip.mp4"))
    plan, scanned = planned(config)
    assert (starts(plan), scanned) == ([0, 5], list(range(1, 11)))
    shutil.rmtree(config.run_dir / "input")  # as after the film is made
    assert planned(config) == (plan, [])
    whole = dataclasses.replace(config, deflicker="auto")
    plan, scanned = planned(whole, overwrite=True)
    assert (starts(plan), scanned) == ([0, 5], [])
