"""Random films: damaged containers, odd videos, damaged stills and damaged run folders.

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
from tests.support.random_inputs.videos import make_clips


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    compile_all(tmp_path_factory.mktemp("plain"))


@pytest.mark.timeout(ENDS_WITHIN_SECONDS, func_only=True)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", seeds_of("container", "video", "stills", "run"))
def test_a_random_film(
    clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert_case_ends_well(seed, tmp_path, clips)
