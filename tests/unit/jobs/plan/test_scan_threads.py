"""How many frames planning decodes at once: by cores, and by memory whatever the cores."""

from __future__ import annotations

import pytest

from batch_analogy.jobs.plan import scan
from batch_analogy.jobs.plan.run_plan import FramePlan


def frame(name: str, height: int, width: int) -> FramePlan:
    return FramePlan(0, f"/in/{name}", name, height, width, 1, 1, "hash")


@pytest.mark.parametrize(
    ("name", "size", "cores", "available", "threads"),
    [
        ("a.png", (1080, 1920), 16, 64e9, 16),
        ("a.png", (4000, 6000), 16, 64e9, 2),
        ("a.png", (4000, 6000), 1, 64e9, 1),
        ("a.png", (1080, 1920), 16, 1e9, 4),
        ("a.png", (16000, 16000), 16, 64e9, 1),
        ("a.JPG", (4000, 6000), 16, 64e9, 11),  # decoded at an eighth of its size
        ("a.png", (0, 0), 16, None, 16),
    ],
)
def test_memory_is_bounded_at_any_number_of_cores(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    size: tuple[int, int],
    cores: int,
    available: float | None,
    threads: int,
) -> None:
    monkeypatch.setattr(scan, "usable_cores", lambda: cores)
    known = None if available is None else int(available)
    monkeypatch.setattr(scan, "available_memory_bytes", lambda: known)
    assert scan._threads([frame("small.png", 48, 64), frame(name, *size)]) == threads
    assert scan._threads([]) == cores
