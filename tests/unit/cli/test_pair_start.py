"""The start of ``pair``: a pair of small pictures should not wait long for what it never uses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

PAIR = """
import gc, json, sys
from batch_analogy.cli import main

searches = 0

def count(phase, _):
    global searches
    torch = sys.modules.get("torch")
    searches += phase == "start" and torch is not None and torch.__spec__._initializing

gc.callbacks.append(count)
try:
    main()
except SystemExit as ended:
    assert not ended.code
json.dump(
    {
        "modules": sorted(sys.modules),
        "kept": gc.get_freeze_count(),
        "searches": searches,
        "searching": gc.isenabled(),
    },
    sys.stderr,
)
"""
NEVER_NEEDED = {
    "PIL.ImageFont",
    "batch_analogy.api",
    "batch_analogy.jobs.drive.driver",
    "batch_analogy.jobs.plan",
    "batch_analogy.jobs.work",
    "batch_analogy.motion",
    "imageio",
    "matplotlib",
    "pandas",
    "ray",
    "rich",
    "scipy.linalg",
    "scipy.sparse",
    "skimage",
    "sympy",
    "torch._dynamo",
    "torch._inductor",
    "torchvision",
}
"""Modules that a pair without refinement does not use, and that take long to import."""


@pytest.fixture(scope="module")
def after_a_pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run a pair of narrow pictures, which are not enlarged much, and look at its process."""
    folder = tmp_path_factory.mktemp("pair")
    random = np.random.default_rng(0)
    for name in ("a.png", "bp.png"):
        pixels = random.integers(0, 256, (16, 640, 3), np.uint8)
        assert cv2.imwrite(str(folder / name), pixels)
    arguments = ["pair", "a.png", "bp.png", "-o", "out", "--quality", "draft"]
    done = subprocess.run(
        [sys.executable, "-c", PAIR, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(folder / "out" / "b.png").is_file()
    state: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
    return state


def test_a_pair_imports_nothing_slow_that_it_never_uses(after_a_pair: dict[str, Any]) -> None:
    assert "torch" in after_a_pair["modules"]
    assert NEVER_NEEDED & set(after_a_pair["modules"]) == set()


def test_python_does_not_search_pytorch_for_garbage(after_a_pair: dict[str, Any]) -> None:
    assert after_a_pair["searches"] == 0  # while it was imported
    assert after_a_pair["searching"]  # afterwards: long work may leave some
    assert after_a_pair["kept"] > 100_000
