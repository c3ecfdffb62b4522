"""Whole runs on RAW files of cameras."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.cli.console import Console
from batch_analogy.cli.plan_text import print_plan
from batch_analogy.errors import InputError
from batch_analogy.jobs.drive.open_run import dry_plan
from batch_analogy.media.stills import read_depth, read_still, write_png
from tests.support.raw import light, write_dng
from tests.support.runs import picture, run_here, sample_config


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_png(tmp_path / "reference.png", picture(40, 70, 66))
    for index, neutral in enumerate([(0.5, 1.0, 0.6), (0.5, 1.0, 0.8)]):
        write_dng(tmp_path / f"in/{index}.dng", light(), neutral)
    return tmp_path


def test_raw_frames_have_sixteen_bits_and_the_first_ones_white_balance(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rawpy", reason="the extra 'raw' is not installed")
    config = sample_config(source, 0, output=source / "out/%06d.tif", deflicker="auto")
    result, _ = run_here(config)
    assert result.done == 2
    pictures = sorted((source / "out").iterdir())
    assert [read_depth(path) for path in pictures] == [16, 16]
    assert read_still(pictures[0]).shape == (64, 80, 3)
    plan = json.loads((config.run_dir / "plan.json").read_text())
    np.testing.assert_allclose(plan["white_balance"][:3], [2, 1, 1 / 0.6], atol=1e-4)
    assert dry_plan(config).white_balance == tuple(plan["white_balance"])
    print_plan(Console(False), config, dry_plan(config))
    assert "the white balance of the first (2.000 : 1.000 : 1.667)" in capsys.readouterr().out
    again, _ = run_here(config)
    assert (again.done, again.films) == (2, result.films)


def test_raw_files_need_the_optional_package(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(InputError, match=r"none of the 2 frames.*pip install 'batch-analogy\[raw"):
        dry_plan(sample_config(source, 0))
