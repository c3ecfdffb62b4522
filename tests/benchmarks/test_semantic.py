"""The semantic benchmark: its measures are lower for worse pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import semantic


def test_mean_colours_separate_the_classes() -> None:
    known, own = semantic.picture(), semantic.disc()
    means = np.stack([known[own == label].mean(axis=0) for label in (0, 1)])
    assert (semantic.seen_as(known, means) == own).mean() > 0.98
    elsewhere = semantic.disc(*semantic.PLACES[1])
    assert (semantic.seen_as(known, means) == elsewhere).mean() < 0.85


def test_runs_the_whole_benchmark_with_few_iterations(capsys: pytest.CaptureFixture[str]) -> None:
    quick = ["--iterations", "2", "--repeat-iterations", "2", "--side", "32", "--runs", "1"]
    semantic.main(quick)
    results = json.loads(capsys.readouterr().out)["results"]
    found = results["synthetic"]
    assert found["repeats"]
    assert found["resumes"]
    assert found["moved"]["lowest"]["accuracy"] < 0.9  # nothing has been learnt
    assert found["reconstruction"]["ratio"] > 0.5
    assert results["apply"]["float32"]["maps_per_second"] > 0
