"""An edited exposure in a coherent film: only the frames that depend on it are made again."""

from __future__ import annotations

from pathlib import Path

from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.drive.preview_run import close_as_planned
from tests.support.runs import frame_bytes, run_here, sample_config, worked_on

FRAMES = 10
EVERY = 4  # frames from one anchor to the next
EDITED = 6


def steady(root: Path) -> RunConfig:
    short = {"segment_frames": EVERY, "anchor_frames": EVERY}
    return sample_config(root, FRAMES, temporal="on", deflicker="off", **short)


def edit(config: RunConfig) -> None:
    path = config.run_dir / "plan.json"
    told = f'"index":{EDITED},'
    text = path.read_text()
    assert text.count(told) == 1
    path.write_text(text.replace(told, f'"exposure_ev": 0.5, {told}'))


def test_makes_only_the_frames_that_depend_on_an_edit_again(tmp_path: Path) -> None:
    config = steady(tmp_path / "edited later")
    run_here(config)
    before = frame_bytes(config.run_dir)
    edit(config)
    _, events = run_here(config)
    after = frame_bytes(config.run_dir)
    assert worked_on(events) == [5, 6, 7, 8, 9]
    assert worked_on(run_here(config)[1]) == []

    afresh = steady(tmp_path / "edited first")
    close_as_planned(open_run(afresh))
    edit(afresh)
    run_here(afresh)
    assert frame_bytes(afresh.run_dir) == after
    kept = [f"a_prime/{index:06d}.png" for index in range(5)]
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert after[f"a_prime/{EDITED:06d}.png"] != before[f"a_prime/{EDITED:06d}.png"]
