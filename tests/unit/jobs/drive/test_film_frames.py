"""The frames that make a film."""

from __future__ import annotations

import pytest

from batch_analogy.config.run import OnMissing
from batch_analogy.jobs.drive.film_frames import film_slots


@pytest.mark.parametrize(
    ("done", "on_missing", "expected"),
    [
        ({0, 1, 2, 3}, "hold", [0, 1, 2, 3]),
        ({0, 3}, "hold", [0, 0, 0, 3]),
        ({2}, "hold", [2, 2, 2, 2]),
        ({2, 1}, "skip", [1, 2]),
        ({0, 1, 2, 3}, "error", [0, 1, 2, 3]),
    ],
)
def test_chooses_a_frame_for_each_slot(
    done: set[int], on_missing: OnMissing, expected: list[int]
) -> None:
    assert [frame for _, frame in film_slots(4, done, on_missing)] == expected
