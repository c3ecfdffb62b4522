"""The benchmark of guided synthesis, on tiny pictures."""

from __future__ import annotations

import argparse

import pytest
import torch

from batch_analogy.analogy.guided import Synthesis

pytest.importorskip("skimage", reason="the sample pictures come with scikit-image")

from benchmarks.guided import CASES, Bench, configured, crowds, numbered


def bench(*changes: str) -> Bench:
    options = argparse.Namespace(height=32, runs=1, pictures=None, set=list(changes))
    return Bench(options)


def test_every_case_is_a_method() -> None:
    assert all(callable(getattr(Bench, case)) for case in CASES)


def test_parses_settings() -> None:
    config = configured(["uniformity=500.5", "patch=7"])
    assert (config.uniformity, config.patch) == (500.5, 7)


def test_most_pixels_match_their_own_label() -> None:
    assert bench("rounds=2").numbers()["own_label"] > 0.9


def test_enlarged_pictures_are_compared_with_their_input() -> None:
    for found in bench("rounds=1").enlarged().values():
        assert found["right"]["psnr"] == 100
        assert found["bicubic"]["steepness"] < found["right"]["steepness"]
        assert found["made"]["steepness"] > found["bicubic"]["steepness"]


def test_both_layouts_contain_every_label() -> None:
    _, labels, wanted = numbered(40)
    for layout in (labels, wanted):
        assert len(torch.unique(layout[0].flatten(1), dim=1).T) == 3


def test_measures_how_often_pixels_are_used() -> None:
    """Eight matches in a source of four pixels: a fair share is two, and one pixel has five."""
    field = torch.tensor([[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0, 1, 1]]).view(1, 2, 2, 4)
    made = Synthesis(torch.zeros(1, 1, 2, 4), field.int(), torch.zeros(1, 1, 2, 4))
    found = crowds(made, torch.zeros(1, 1, 2, 2), 1)
    assert found["most_used_pixel"] == 2.5
    assert found["used_pixels"] == 0.75
