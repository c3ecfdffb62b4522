from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.cli.run_config import pair_of
from batch_analogy.errors import UsageError


def test_analogy_takes_frames_or_a_pair_and_frames() -> None:
    assert pair_of(["frames"]) == []
    assert pair_of(["a", "ap", "frames"]) == ["a", "ap"]


@pytest.mark.parametrize("count", [0, 2, 4])
def test_rejects_other_numbers_of_paths(count: int) -> None:
    with pytest.raises(UsageError, match=f"{count} paths were given; give A A' FRAMES"):
        pair_of([str(Path(f"{n}.png")) for n in range(count)])
