"""The benchmark of planning stills at a small size: real files, planned whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import scanning


def test_plans_all_stills_with_the_threads_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "FOLDER_FRAMES", 5)
    scanning.make_stills(tmp_path, 12, 96, 64)
    for threads in (1, 3):
        found = scanning.plan_stills(tmp_path, 12, threads)
        assert found["threads"] == threads
        assert found["peak_memory_bytes"] >= found["imported_memory_bytes"] > 0
    with pytest.raises(RuntimeError, match="12 of 13 stills"):
        scanning.plan_stills(tmp_path, 13, 4)
