"""The films of a run, and which places they may not have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from batch_analogy.config.painting import GuideFiles, PaintConfig, PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import UsageError
from batch_analogy.jobs.drive.film_outputs import check_outputs, films_of
from batch_analogy.jobs.store import RunStore
from tests.support.runs import sample_config


def test_both_targets_make_two_films(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 1, target="both", output=tmp_path / "night.mov")
    assert [(film.output, film.path.name) for film in films_of(config)] == [
        ("a_prime", "night.mov"),
        ("b", "night-reference.mov"),
    ]


def refusal(config: RunConfig) -> str:
    with pytest.raises(UsageError) as caught:
        check_outputs(config, RunStore(config.run_dir), overwrite=True)
    return str(caught.value)


def touched(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.touch()
    return path


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("reference", "reference"),
        ("reference2", "reference"),
        ("mask", "mask"),
        ("music", "music"),
        ("text_font", "font"),
    ],
)
def test_a_film_may_not_replace_what_it_is_made_of(tmp_path: Path, field: str, named: str) -> None:
    film = touched(tmp_path / "film.webp")
    fields = {"mask": tmp_path / "mask.png", field: film}
    config = sample_config(tmp_path, 1, output=film, codec="webp", **fields)
    assert f"film.webp is the {named} itself" in refusal(config)


def test_a_film_may_not_replace_a_painting_or_a_guide(tmp_path: Path) -> None:
    film = touched(tmp_path / "film.webp")
    key = PaintedKeyframe(painted=str(tmp_path / "p.png"), frame="0")
    guide = GuideFiles(source=str(tmp_path / "a.png"), target=str(film), weight=1.0)
    config = sample_config(tmp_path, 1, output=film, codec="webp")
    for painting, named in (
        (PaintConfig(keys=(replace(key, painted=str(film)),)), "painting"),
        (PaintConfig(keys=(replace(key, frame=None, example=str(film)),)), "example"),
        (PaintConfig(keys=(key,), guides=(guide,)), "guide"),
        (PaintConfig(keys=(key,), mask=str(film)), "mask"),
    ):
        assert f"is the {named} itself" in refusal(
            replace(config, command="analogy", painting=painting)
        )


@pytest.mark.parametrize(("field", "named"), [("reference", "references"), ("mask", "masks")])
def test_pictures_may_not_lie_where_they_would_be_read_the_next_time(
    tmp_path: Path, field: str, named: str
) -> None:
    folder = touched(tmp_path / "inputs/a.png").parent
    fields = {field: folder, "output": folder / "%06d.png"}
    assert f"lies among the {named}" in refusal(sample_config(tmp_path, 1, **fields))
    beside = sample_config(tmp_path, 1, **{**fields, "output": folder / "out/%06d.png"})
    check_outputs(beside, RunStore(beside.run_dir), overwrite=True)
    assert not (folder / "out").exists()


def test_both_targets_have_folders_of_their_own_even_below_the_root(tmp_path: Path) -> None:
    for folder, second in (("/pictures", "/pictures-reference"), ("/", "/-reference")):
        config = sample_config(tmp_path, 1, target="both", output=Path(folder) / "%06d.png")
        assert films_of(config)[1].path == Path(second) / "%06d.png"


def test_a_number_that_makes_names_too_long_is_refused(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 1, output=tmp_path / "out/%0999d.png")
    assert "a name in it is longer than" in refusal(config)
