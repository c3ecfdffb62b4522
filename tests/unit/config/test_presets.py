"""Names that are written twice, in a type and in a table, are the same names."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from batch_analogy.cli.pair_files import Format
from batch_analogy.config.matching import PRESETS, AnalogyConfig, PresetName
from batch_analogy.config.painting import PAINT_PRESETS, PaintPreset
from batch_analogy.config.run import default_matching
from batch_analogy.config.semantic import SEMANTIC_PRESETS, SemanticPreset
from batch_analogy.media.picture_formats import PICTURE_FORMATS


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (PresetName, PRESETS),
        (PaintPreset, PAINT_PRESETS),
        (SemanticPreset, SEMANTIC_PRESETS),
        (Format, PICTURE_FORMATS),
    ],
    ids=["deep image analogy", "painting", "semantic", "picture formats"],
)
def test_the_type_names_what_the_table_holds(names: Any, table: dict[str, Any]) -> None:
    assert set(get_args(names)) == set(table)


def test_no_preset_of_painting_is_called_like_one_of_matching() -> None:
    assert not set(PRESETS) & set(PAINT_PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_paper_quality_has_the_published_sizes_and_no_smoothness(name: PresetName) -> None:
    paper = AnalogyConfig.for_preset(name, quality="paper")
    published = 0.5 if name == "style-to-photo" else 1.0
    assert (paper.ratio, paper.smoothness, paper.min_side_px) == (published, 0.0, 200)
    assert AnalogyConfig.for_preset(name, quality="paper", ratio=0.7).ratio == 0.7
    assert AnalogyConfig.for_preset(name, quality="draft").ratio <= 0.5


def test_painting_uses_unscaled_sizes() -> None:
    assert default_matching("analogy") == AnalogyConfig()
    assert default_matching("timelapse") == AnalogyConfig.for_preset("photo-to-photo")
