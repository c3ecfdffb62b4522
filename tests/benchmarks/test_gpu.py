"""The GPU benchmark itself: all code at tiny sizes, failed sections, and a missing device."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from batch_analogy.analogy.features.weights import resolve_weights

ROOT = Path(__file__).resolve().parents[2]


def run_benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(1200)
def test_every_section_runs_on_the_cpu() -> None:
    weights = str(resolve_weights().path)
    few = ("--runs", "1", "--batch", "4")
    done = run_benchmark("--weights", weights, "--device", "cpu", "--budget", "4000", *few)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(done.stdout)["results"]
    assert results.pop("failures") == {}
    assert results.pop("ran_on") == "cpu"
    assert results.pop("device")["name"] == "cpu"
    assert set(results) == {"kernels", "solve", "pairs", "throughput", "matching", "blocks"}
    checks = [held for section in results.values() for held in section.get("checks", {}).values()]
    assert len(checks) > 10
    assert all(checks)
    assert results["pairs"]["standard"]["network_multiply_adds"] > 3e9
    for way in ("one by one", "4 at once"):
        assert results["throughput"][f"draft, {way}"]["pairs_per_second"] > 0


def test_records_a_failed_section_and_runs_the_others(tmp_path: Path) -> None:
    damaged = tmp_path / "vgg19.safetensors"
    damaged.write_bytes(b"not a file of tensors")
    only = ("--only", "solve", "blocks")
    done = run_benchmark("--weights", str(damaged), "--device", "cpu", "--budget", "4000", *only)
    assert done.returncode == 1
    results = json.loads(done.stdout)["results"]
    assert set(results["failures"]) == {"solve"}
    assert "cannot be read" in "\n".join(results["solve"]["stderr"])
    assert results["blocks"]["skipped"] == "tile shapes need CUDA"


def test_records_a_section_that_exceeds_its_budget(tmp_path: Path) -> None:
    weights = tmp_path / "vgg19.bin"
    weights.touch()
    only = ("--only", "blocks")
    done = run_benchmark("--weights", str(weights), "--device", "cpu", "--budget", "0.1", *only)
    assert done.returncode == 1
    assert "not done within" in json.loads(done.stdout)["results"]["blocks"]["error"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device on this machine")
def test_reports_a_missing_cuda_device(tmp_path: Path) -> None:
    done = run_benchmark("--weights", str(tmp_path / "any.bin"))
    assert done.returncode == 2
    assert "no CUDA device" in done.stderr
