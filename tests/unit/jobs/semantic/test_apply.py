"""Applying a model to maps, with a film, and interrupting it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from batch_analogy.analogy.semantic.model import SemanticModel
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import FilmError
from batch_analogy.jobs.semantic import apply
from batch_analogy.jobs.semantic.apply import ApplyResult, apply_maps, frames_folder, picture_paths
from batch_analogy.media.video import probe_video
from tests.support.semantic import TWO, disc_classes, write_maps

MAPS = 3


@pytest.fixture
def model() -> SemanticModel:
    """Return an untrained model."""
    torch.manual_seed(4)
    classes = torch.from_numpy(disc_classes(16))[None]
    config = SemanticConfig(size=32, width=4)
    return SemanticModel(torch.rand(1, 3, 40, 48), classes, TWO, config)


def make(model: SemanticModel, root: Path, *, calls: int) -> ApplyResult:
    """Make a film of some maps; ``stopped`` is true after ``calls`` calls."""
    maps = sorted(write_maps(root / "maps", MAPS).iterdir())
    places = [root / f"{index}.png" for index in range(MAPS)]
    asked: list[None] = []

    def stopped() -> bool:
        asked.append(None)
        return len(asked) > calls

    return apply_maps(model, maps, places, film=root / "film.mp4", stopped=stopped)


def test_makes_a_film_of_all_maps(model: SemanticModel, tmp_path: Path) -> None:
    made = make(model, tmp_path, calls=1000)
    assert (made.film, made.interrupted, len(made.pictures)) == (tmp_path / "film.mp4", False, MAPS)
    assert probe_video(tmp_path / "film.mp4").frame_count == MAPS


def test_makes_two_films_of_one_name_at_once(model: SemanticModel, tmp_path: Path) -> None:
    maps = sorted(write_maps(tmp_path / "maps", MAPS).iterdir())

    def film(folder: str, order: list[Path], meanwhile: Callable[[], object] | None) -> bytes:
        output, asked = tmp_path / folder / "film.mp4", list[None]()
        places = picture_paths(output, order, frames_folder(tmp_path / "disc.semantic", output))

        def stopped() -> bool:
            asked.append(None)
            if meanwhile is not None and len(asked) == len(order) + 1:  # all pictures are there
                meanwhile()
            return False

        assert apply_maps(model, order, places, film=output, stopped=stopped).film == output
        return output.read_bytes()

    alone = film("alone", maps, None)
    assert film("one", maps, lambda: film("two", maps[::-1], None)) == alone
    assert (tmp_path / "two" / "film.mp4").read_bytes() != alone


@pytest.mark.parametrize(
    ("calls", "pictures"),
    [(1, 1), (MAPS, MAPS), (MAPS + 2, MAPS)],
    ids=["between maps", "before the film", "within the film"],
)
def test_ctrl_c_leaves_no_film(
    model: SemanticModel, tmp_path: Path, calls: int, pictures: int
) -> None:
    made = make(model, tmp_path, calls=calls)
    assert (made.film, made.interrupted, len(made.pictures)) == (None, True, pictures)
    assert not (tmp_path / "film.mp4").exists()


def test_an_encoder_stopped_by_ctrl_c_is_not_an_error(
    model: SemanticModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*words: object, **options: object) -> None:
        raise FilmError("ffmpeg was ended by signal 2")

    monkeypatch.setattr(apply, "encode_film", ended)
    with pytest.raises(FilmError):
        make(model, tmp_path, calls=1000)
    assert make(model, tmp_path, calls=MAPS + 1).interrupted
