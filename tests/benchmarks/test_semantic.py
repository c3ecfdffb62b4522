"""The semantic benchmark's measures: they must fall where a picture is worse."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import semantic


def test_colours_tell_the_picture_apart_as_its_labels_do() -> None:
    known, own = semantic.picture(), semantic.disc()
    means = np.stack([known[own == label].mean(axis=0) for label in (0, 1)])
    assert (semantic.seen_as(known, means) == own).mean() > 0.98
    elsewhere = semantic.disc(*semantic.PLACES[1])
    assert (semantic.seen_as(known, means) == elsewhere).mean() < 0.85


def test_the_whole_benchmark_in_small(capsys: pytest.CaptureFixture[str]) -> None:
    quick = ["--iterations", "2", "--repeat-iterations", "2", "--side", "32", "--runs", "1"]
    semantic.main(quick)
    results = json.loads(capsys.readouterr().out)["results"]
    found = results["synthetic"]
    assert found["repeats"]
    assert found["resumes"]
    assert found["moved"]["lowest"]["accuracy"] < 0.9  # nothing has been learnt
    assert found["reconstruction"]["ratio"] > 0.5
    assert results["apply"]["float32"]["maps_per_second"] > 0
