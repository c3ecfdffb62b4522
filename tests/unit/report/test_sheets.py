from __future__ import annotations

import numpy as np
import pytest

from batch_analogy.errors import ConfigError
from batch_analogy.report.sheets import side_by_side


def colour(height: int, width: int, value: int) -> np.ndarray:
    return np.full((height, width, 3), value, dtype=np.uint8)


def test_pictures_are_in_order_at_the_smallest_height() -> None:
    sheet = side_by_side([colour(40, 60, 10), colour(80, 40, 200)], ["A", "B"])
    assert sheet.dtype == np.uint8
    row = sheet[sheet.shape[0] - 8 - 20, :, 0].astype(int)
    assert (row == 10).sum() == 60
    assert (row == 200).sum() == 20
    assert row.tolist().index(10) < row.tolist().index(200)


def test_labels_are_drawn() -> None:
    blank = side_by_side([colour(60, 60, 10)], [""])
    named = side_by_side([colour(60, 60, 10)], ["A'"])
    assert blank.shape == named.shape
    assert (blank != named).any()


def test_inputs_are_not_changed() -> None:
    picture = colour(30, 30, 77)
    side_by_side([picture, colour(60, 60, 3)], ["A", "B"])
    assert (picture == 77).all()


def test_rejects_a_missing_label() -> None:
    with pytest.raises(ConfigError, match="2 pictures and 1 labels"):
        side_by_side([colour(9, 9, 0), colour(9, 9, 0)], ["A"])
    with pytest.raises(ConfigError, match="0 pictures"):
        side_by_side([], [])
