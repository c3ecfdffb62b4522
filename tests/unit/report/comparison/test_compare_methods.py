"""Comparisons that are interrupted and resumed, and their page."""

from __future__ import annotations

from pathlib import Path

from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.report.comparison.compare_methods import PictureMade, compare
from batch_analogy.report.comparison.inputs import CompareJob
from batch_analogy.report.comparison.page import COMPARED_METRICS, best_of
from tests.support.semantic import QUICK, write_disc, write_maps


def job(root: Path, out: str, **changes: object) -> CompareJob:
    picture, label = write_disc(root)
    targets = tuple(sorted(write_maps(root / "maps", 2).iterdir()))
    config = SemanticConfig(**QUICK)
    settings = {"methods": ("numbers", "semantic"), **changes}
    return CompareJob(
        image=picture, label=label, targets=targets, folder=root / out, config=config, **settings
    )


def content(root: Path) -> dict[str, bytes]:
    """Read all pictures, and the page without times."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*.png")}


def test_a_comparison_resumed_twice_gives_the_same_results(tmp_path: Path) -> None:
    """It is stopped after the first picture, and again while training after the second."""
    whole = compare(job(tmp_path, "whole"))
    assert whole is not None
    for after in (1, 2):
        made: list[PictureMade] = []
        found = compare(
            job(tmp_path, "parts"),
            on_picture=made.append,
            stopped=lambda made=made, after=after: len(made) >= after,
        )
        assert found is None
        assert len(made) == after
    assert not (tmp_path / "parts" / "compare.json").exists()
    again: list[PictureMade] = []
    second = compare(job(tmp_path, "parts"), on_picture=again.append)
    assert second is not None
    assert [one.seconds is None for one in again] == [True, True, False, False]
    assert content(tmp_path / "whole") == content(tmp_path / "parts")
    for case, other in zip(whole.values["cases"], second.values["cases"], strict=True):
        for method in whole.methods:
            own, there = case["figures"][method], other["figures"][method]
            assert own.keys() == there.keys()
            assert {**own, "seconds": 0} == {**there, "seconds": 0}
            assert there["seconds"] > 0  # also of those that were made before


def test_best_methods_of_each_metric() -> None:
    sifd, _, layout, seconds = COMPARED_METRICS
    figures = {
        "x": {"vgg19_sifd": 1.0, "layout_accuracy": 0.9, "seconds": 1.0},
        "y": {"vgg19_sifd": 2.0, "layout_accuracy": 0.9, "seconds": None},
    }
    assert best_of(sifd, figures) == {"x"}
    assert best_of(layout, figures) == {"x", "y"}
    assert best_of(seconds, figures) == set()
    assert best_of(sifd, {"x": figures["x"]}) == set()
