"""A driver that is killed while it encodes leaves nothing beside the film."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import UsageError
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.json_files import to_plain
from tests.support.processes.paced import PATIENCE_SECONDS
from tests.support.runs import run_here, sample_config

KILLED = """
import json, os, signal, sys
from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.events import FilmProgress
from batch_analogy.json_files import from_plain

def end(event):
    if isinstance(event, FilmProgress) and event.done == 2:
        os.kill(os.getpid(), signal.SIGKILL)

open_run(from_plain(json.loads(sys.argv[1]), RunConfig)).execute(end)
"""


@pytest.fixture
def other_disk() -> Iterator[Path]:
    """Make a folder that is not on the disk of ``tmp_path``."""
    shared_memory = Path("/dev/shm")
    if not shared_memory.is_dir():
        pytest.skip("this machine has no second disk to write to")
    with tempfile.TemporaryDirectory(dir=shared_memory) as folder:
        yield Path(folder)


def run_and_kill(config: RunConfig) -> None:
    """Run a driver that kills itself when it has encoded two frames of the film."""
    command = [sys.executable, "-c", KILLED, json.dumps(to_plain(config))]
    ended = subprocess.run(command, check=False, timeout=PATIENCE_SECONDS)
    assert ended.returncode == -9


@pytest.mark.parametrize("name", ["film.mp4", "%06d.tif"])
def test_nothing_is_left_beside_a_film_on_the_disk_of_its_run(tmp_path: Path, name: str) -> None:
    config = sample_config(tmp_path, 3, output=tmp_path / "out" / name)
    run_and_kill(config)
    finished = {"000000.tif", "000001.tif"} if name != "film.mp4" else set()
    assert {path.name for path in (tmp_path / "out").iterdir()} <= finished
    result, _ = run_here(config)
    assert result.films == [config.output]
    assert not (config.run_dir / "films").exists()


@pytest.mark.parametrize("name", ["film.mp4", "%06d.png"])
def test_the_next_start_deletes_what_was_left_on_another_disk(
    tmp_path: Path, other_disk: Path, name: str
) -> None:
    config = sample_config(tmp_path, 3, output=other_disk / name)
    if other_disk.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one disk only")
    run_and_kill(config)
    assert any(path.name.startswith(".tmp-") for path in other_disk.iterdir())
    open_run(config).close()
    assert not any(path.name.startswith(".") for path in other_disk.iterdir())
    run_here(config)
    assert not any(path.name.startswith(".") for path in other_disk.iterdir())


def test_an_output_that_can_never_be_written_is_refused_before_the_first_frame(
    tmp_path: Path,
) -> None:
    config = sample_config(tmp_path, 1)
    (tmp_path / "file").write_text("x")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "no-such-folder" / "film.mp4")
    for output, words in (
        (tmp_path / "file" / "film.mp4", "part of that path is a file"),
        (tmp_path / "new" / f"{'x' * 300}.mp4", "longer than the 255 bytes"),
        (tmp_path / ("y" * 300) / "film.mp4", "longer than the 255 bytes"),
        (config.reference.with_suffix(".mp4"), "is the reference itself"),
        (tmp_path / "link.mp4", "a link leads there, and its folder does not exist"),
    ):
        given = dataclasses.replace(config, output=output)
        if "reference" in words:
            output.write_bytes(config.reference.read_bytes())
            given = dataclasses.replace(given, reference=output)
        with pytest.raises(UsageError, match=words):
            open_run(given, overwrite=True)
    assert not config.run_dir.exists()
    assert not (tmp_path / "new").exists()
