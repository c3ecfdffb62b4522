"""Two runs that are given one output: neither film is lost in silence."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from batch_analogy.errors import OutputExistsError, RunLockedError
from batch_analogy.jobs.drive.open_run import load_finished, open_run
from batch_analogy.jobs.events import FilmProgress, RunEvent
from tests.support.runs import run_here, sample_config


class _KilledError(Exception):
    """Ends a driver in the middle of its film."""


@pytest.mark.parametrize("name", ["film.mp4", "out/%06d.png"])
def test_a_second_run_of_one_output_is_refused_before_its_first_frame(
    tmp_path: Path, name: str
) -> None:
    first = sample_config(tmp_path, 2, output=tmp_path / name)
    second = dataclasses.replace(first, run_dir=tmp_path / "second.run")
    with open_run(first), pytest.raises(RunLockedError, match="is making"):
        open_run(second, overwrite=True)
    assert not second.run_dir.exists()
    run_here(second)


def test_a_film_that_appeared_meanwhile_is_left_alone(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)

    def on_event(event: RunEvent) -> None:
        if isinstance(event, FilmProgress):
            config.output.write_bytes(b"another's")

    with pytest.raises(OutputExistsError, match=r"finished frames are kept.*assemble"):
        open_run(config).execute(on_event)
    assert config.output.read_bytes() == b"another's"
    other = tmp_path / "other.mp4"
    assert load_finished(config.run_dir, output=other).execute().films == [other]
    assert load_finished(config.run_dir, overwrite=True).execute().films == [config.output]
    assert config.output.stat().st_size > 100


def test_a_film_made_by_another_run_after_this_one_was_killed_is_not_replaced(
    tmp_path: Path,
) -> None:
    config = sample_config(tmp_path, 2)

    def end(event: RunEvent) -> None:
        if isinstance(event, FilmProgress):
            raise _KilledError

    with pytest.raises(_KilledError):
        open_run(config).execute(end)
    other = dataclasses.replace(config, run_dir=tmp_path / "other.run", crf=30)
    run_here(other)
    film = config.output.read_bytes()
    with pytest.raises(OutputExistsError, match="was not made by the run"):
        open_run(config)
    assert config.output.read_bytes() == film


def test_a_film_that_is_a_link_is_made_where_it_leads(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    config = sample_config(tmp_path, 2)
    config.output.symlink_to(disk / "real.mp4")
    for _ in range(2):
        result, _ = run_here(config)
        assert result.films == [config.output]
        assert config.output.is_symlink()
        assert (disk / "real.mp4").stat().st_size > 100
        (disk / "real.mp4").unlink()
