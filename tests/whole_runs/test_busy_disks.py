"""Disks that refuse for a moment: another program holds a file, a network disk is cut off."""

from __future__ import annotations

import dataclasses
import errno
import fnmatch
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batch_analogy.errors import OutputDiskError
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.folder.run_status import read_status
from tests.support.runs import fill, frame_bytes, run_here, sample_config, small_disk

BUSY = [errno.EBUSY, errno.EACCES, errno.ESTALE]

Refuse = Callable[[str, int, int], list[str]]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Refuse]:
    """Let replacing of files of a name fail so many times each; the refused names are returned."""
    replace = os.replace

    def begin(pattern: str, number: int, times: int) -> list[str]:
        refused: list[str] = []

        def replace_or_refuse(old: Path, new: Path) -> None:
            name = Path(new).name
            if fnmatch.fnmatch(name, pattern) and refused.count(name) < times:
                refused.append(name)
                raise OSError(number, os.strerror(number), str(old), None, str(new))
            replace(old, new)

        monkeypatch.setattr(os, "replace", replace_or_refuse)
        return refused

    yield begin
    monkeypatch.setattr(os, "replace", replace)


@pytest.mark.parametrize("number", BUSY, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", ["status.json", "*.jpg"])
def test_a_progress_file_that_cannot_be_replaced_never_ends_a_run(
    tmp_path: Path, refuse: Refuse, name: str, number: int
) -> None:
    config = sample_config(tmp_path, 2)
    refused = refuse(name, number, 10**6)
    result, _ = run_here(config)
    assert refused
    assert (result.done, result.films) == (2, [config.output])
    assert read_status(config.run_dir).done == 2


@pytest.mark.parametrize("number", BUSY, ids=errno.errorcode.get)
def test_a_frame_that_cannot_be_written_for_a_while_is_no_failure(
    tmp_path: Path, refuse: Refuse, number: int
) -> None:
    config = sample_config(tmp_path, 2)
    quiet = dataclasses.replace(
        config, run_dir=tmp_path / "quiet.run", output=tmp_path / "quiet.mp4"
    )
    run_here(quiet)
    refused = refuse("00000?.png", number, 6)  # more often than a failed frame is tried again
    result, _ = run_here(config)
    assert len(refused) == 12
    assert (result.done, result.failed) == (2, [])
    assert frame_bytes(config.run_dir) == frame_bytes(quiet.run_dir)
    assert "failed" not in (config.run_dir / "journal.jsonl").read_text()


def test_planning_on_a_full_disk_is_an_error_of_the_disk(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    disk = small_disk(tmp_path / "disk", "64k")
    root = next(disk)
    request.addfinalizer(lambda: list(disk))
    config = sample_config(tmp_path, 2, run_dir=root / "run")
    fill(root / "filler")
    with pytest.raises(OutputDiskError, match="the disk is full; free some space"):
        open_run(config)
    (root / "filler").unlink()
    assert os.listdir(root) == []
