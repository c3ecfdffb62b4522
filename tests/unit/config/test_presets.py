"""Names that are written twice, in a type and in a table, are the same names."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from batch_analogy.cli.pair_files import Format
from batch_analogy.config.matching import PRESETS, PresetName
from batch_analogy.config.painting import PAINT_PRESETS, PaintPreset
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
