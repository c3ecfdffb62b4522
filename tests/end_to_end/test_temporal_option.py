"""The option --temporal: on by default, named in the plan, the same frames on a cluster."""

from __future__ import annotations

from pathlib import Path

from batch_analogy.config.run import ANCHOR_FRAMES
from tests.support.command_line import APART, QUICK, Call, finished_frames, write_frames


def test_a_film_is_coherent_by_default(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "in", 4)
    steady, apart = tmp_path / "steady.mp4", tmp_path / "apart.mp4"
    here = ["--address", "none"]
    what = ["timelapse", reference, frames, "-o"]
    assert "temporal  on" in call(*what, steady, *QUICK, "--dry-run").out
    call(*what, steady, *QUICK, *here).assert_ended(0)
    assert "temporal  off" in call(*what, apart, *APART, "--dry-run").out
    mirrored = call(*what, apart, *QUICK, "--mirror", "--dry-run").out
    assert "temporal  off" in mirrored
    assert "leave the option out for a steady film" in " ".join(mirrored.split())
    call(*what, apart, *APART, *here).assert_ended(0)
    on, off = (finished_frames(film.with_suffix(".run")) for film in (steady, apart))
    assert on.keys() == off.keys()
    assert on != off


def test_the_number_of_workers_changes_no_pixel_of_a_coherent_film(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = write_frames(tmp_path / "in", ANCHOR_FRAMES + 2)  # two spans
    here, there = tmp_path / "here.mp4", tmp_path / "there.mp4"
    options = [*QUICK, "--shots", "off"]
    call("timelapse", reference, frames, "-o", here, *options, "--address", "none").assert_ended(0)
    ended = call("timelapse", reference, frames, "-o", there, *options, "--workers", "2")
    ended.assert_ended(0, "2 segments", "dashboard: http://")
    # One worker may do everything before the other is ready.
    assert "styler-0 is ready" in ended.err or "styler-1 is ready" in ended.err
    assert ended.out == f"{there}\n"
    assert finished_frames(here.with_suffix(".run")) == finished_frames(there.with_suffix(".run"))
    assert here.read_bytes() == there.read_bytes()
