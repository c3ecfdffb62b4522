"""The Python interface to films: defaults, and a run from the plan to another film of it."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import batch_analogy
from batch_analogy import (
    AnalogyConfig,
    ExecutionConfig,
    PaintConfig,
    PaintedKeyframe,
    RunConfig,
    RunEvent,
    assemble_film,
    events,
    film_config,
    plan_film,
    preview_film,
    read_plan,
    read_status,
    resume_film,
    retry_frames,
    run_film,
)
from batch_analogy.errors import ConfigError, JobError, UsageError


def small_film(folder: Path, frames: int = 3, **fields: Any) -> RunConfig:
    """Return a film of small frames that are matched quickly, each by itself."""
    for name in (*(f"frames/{k}.png" for k in range(frames)), "reference.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.radial_gradient("L").convert("RGB").resize((48, 32)).save(folder / name)
    return film_config(
        "timelapse",
        folder / "frames",
        reference=folder / "reference.png",
        output=folder / "film.mp4",
        analogy=AnalogyConfig(quality="draft", min_side_px=32),
        temporal="off",
        execution=ExecutionConfig(address="none"),
        **fields,
    )


def test_every_public_name_can_be_imported() -> None:
    for name in batch_analogy.__all__:
        assert getattr(batch_analogy, name) is not None
    assert set(batch_analogy.__all__) <= set(dir(batch_analogy))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        batch_analogy.nothing  # noqa: B018


def test_defaults_follow_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lapse = film_config("timelapse", "frames/", reference="dawn.jpg", fps=Fraction(25))
    assert lapse.output == tmp_path / "frames-timelapse.mp4"
    assert lapse.run_dir == tmp_path / "frames-timelapse.run"
    assert (lapse.analogy.refine, lapse.deflicker, lapse.keep_audio) == ("affine", "auto", False)
    assert (lapse.reference, lapse.fps) == (tmp_path / "dawn.jpg", 25)
    clip = film_config("stylize", "clip.mov", reference="p.jpg", codec="prores", output="a/b.mov")
    assert (clip.output, clip.run_dir) == (tmp_path / "a/b.mov", tmp_path / "a/b.run")
    assert (clip.analogy.refine, clip.deflicker, clip.keep_audio) == ("none", "off", True)


def test_a_painted_film_has_its_first_painting_as_reference() -> None:
    keys = (PaintedKeyframe(painted="/painted.png", frame="0"),)
    painted = film_config("analogy", "frames", painting=PaintConfig(keys=keys))
    assert (painted.reference, painted.keep_audio) == (Path("/painted.png"), True)


def test_rejects_a_film_without_reference_or_with_the_wrong_kind() -> None:
    with pytest.raises(UsageError, match="stylize has no reference"):
        film_config("stylize", "clip.mp4")
    keys = (PaintedKeyframe(painted="p.png", frame="0"),)
    with pytest.raises(ConfigError, match="timelapse has painted pictures"):
        film_config("timelapse", "frames", painting=PaintConfig(keys=keys))
    with pytest.raises(ConfigError, match="command is 'film'; it must be one of timelapse"):
        film_config("film", "frames", reference="p.jpg")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="crf is 77"):
        film_config("stylize", "clip.mp4", reference="p.jpg", crf=77)


def test_a_run_from_its_plan_to_another_film(tmp_path: Path) -> None:
    config = small_film(tmp_path)
    assert len(plan_film(config).frames) == 3
    assert not config.run_dir.exists()
    plan_film(config, write=True)
    assert read_status(config.run_dir).state == "planned"
    assert read_plan(config.run_dir).total == 3
    with pytest.raises(JobError, match="no frame"):
        assemble_film(config.run_dir)

    preview = preview_film(config.run_dir, 1)
    assert (preview.result.done, preview.result.films) == (1, [])
    assert preview.sheet is not None
    assert preview.sheet.is_file()

    heard: list[RunEvent] = []
    result = resume_film(config.run_dir, on_event=heard.append, max_failed=0)
    assert (result.done, result.films) == (3, [config.output])
    assert sum(isinstance(event, events.FrameDone) for event in heard) == 2
    assert read_status(config.run_dir).state == "finished"

    heard.clear()
    retry_frames(config.run_dir, frames="1", on_event=heard.append)
    assert [e.index for e in heard if isinstance(e, events.FrameDone)] == [1]

    slow = assemble_film(config.run_dir, output=tmp_path / "slow.mp4", fps=Fraction(6))
    assert slow.films == [tmp_path / "slow.mp4"]


def test_an_exception_in_the_callback_ends_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    config = small_film(tmp_path, 2)

    def stop(event: RunEvent) -> None:
        if isinstance(event, events.FrameDone):
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        run_film(config, on_event=stop)
    assert read_status(config.run_dir).done == 1
    before = os.stat(config.run_dir / "frames/a_prime/000000.png").st_mtime_ns
    assert run_film(config).done == 2
    assert os.stat(config.run_dir / "frames/a_prime/000000.png").st_mtime_ns == before


@pytest.mark.parametrize(
    "module", ["open_run", "execute", "resume", "preview_run", "suggest_keyframes"]
)
def test_the_command_line_reaches_runs_through_this_interface(module: str) -> None:
    sources = Path(batch_analogy.__file__).parent.joinpath("cli").rglob("*.py")
    assert [str(p) for p in sources if f"jobs.drive.{module} " in p.read_text()] == []
