"""Random pictures: odd modes, tags and names, and pairs and paintings of which one may be damaged.

The same seeds give the same inputs. To try others, name a range: ``FUZZ_SEEDS=200:1000``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.random_inputs.checks import (
    ENDS_WITHIN_SECONDS,
    assert_case_ends_well,
    compile_all,
    seeds_of,
)


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    compile_all(tmp_path_factory.mktemp("plain"))


@pytest.mark.timeout(ENDS_WITHIN_SECONDS, func_only=True)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", seeds_of("modes", "tags", "names", "pair", "painting"))
def test_a_random_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert_case_ends_well(seed, tmp_path, {})
