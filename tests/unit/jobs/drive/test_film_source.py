"""The key of a film follows whatever it shows, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from batch_analogy.jobs.drive.film_outputs import films_of
from batch_analogy.jobs.drive.film_source import FilmSource
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from tests.support.plans import plan
from tests.support.runs import sample_config


def source(tmp_path: Path, made: Plan | None = None, **fields: Any) -> FilmSource:
    config = sample_config(tmp_path, 1, **fields)
    return FilmSource.of(config, RunStore(config.run_dir), made or plan(), {0, 1, 3})


def key(tmp_path: Path, made: Plan | None = None, **fields: Any) -> str:
    found = source(tmp_path, made, **fields)
    return found.key(films_of(found.config)[0])


def test_tells_what_is_missing_and_which_pictures_are_shown(tmp_path: Path) -> None:
    found = source(tmp_path)
    assert found.missing == (2,)
    shown = [path.stem for (path,) in found.pictures(films_of(found.config)[0])]
    assert shown == ["000000", "000001", "000001", "000003"]


def renamed(index: int, name: str) -> Plan:
    frames = list(plan().frames)
    frames[index] = msgspec.structs.replace(frames[index], name=name)
    return msgspec.structs.replace(plan(), frames=tuple(frames))


def test_texts_are_compared_as_they_are_shown(tmp_path: Path) -> None:
    numbers, names = key(tmp_path, text="{frame}"), key(tmp_path, text="{name}")
    assert len({key(tmp_path), numbers, names}) == 3
    moved = renamed(1, "x.png")
    assert key(tmp_path, moved) == key(tmp_path)
    assert key(tmp_path, moved, text="{frame}") == numbers
    assert key(tmp_path, moved, text="{name}") != names


def test_another_font_in_the_same_file_is_another_film(tmp_path: Path) -> None:
    font = tmp_path / "a.ttf"
    font.write_bytes(b"one")
    before = key(tmp_path, text="{frame}", text_font=font)
    assert key(tmp_path, text="{frame}", text_font=font) == before
    font.write_bytes(b"another")
    assert key(tmp_path, text="{frame}", text_font=font) != before


def test_a_colour_space_is_compared_by_its_conversion(tmp_path: Path) -> None:
    ocio = pytest.importorskip("PyOpenColorIO")
    studio = tmp_path / "studio.ocio"
    config = ocio.Config.CreateFromBuiltinConfig("ocio://default")
    studio.write_text(config.serialize())

    def written(path: Path, **fields: Any) -> str:
        output = {"output": tmp_path / "out/%d.exr", **fields}
        return key(tmp_path, ocio=str(path), colour_space_out="ACEScg", **output)

    before, moved = written(studio), tmp_path / "moved.ocio"
    shutil.copy(studio, moved)
    assert written(moved) == before
    film = tmp_path / "film.mp4"  # it is BT.709, whatever numbered pictures are
    assert written(moved, output=film) == key(tmp_path)
    space = config.getColorSpace("ACEScg")
    space.setTransform(ocio.ExponentTransform([2, 2, 2, 1]), ocio.COLORSPACE_DIR_TO_REFERENCE)
    config.addColorSpace(space)
    edited = tmp_path / "edited.ocio"
    edited.write_text(config.serialize())
    assert written(edited) != before
