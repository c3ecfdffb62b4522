"""The CPU PatchMatch kernel, compared with the reference and the limit of the machine.

    python -m benchmarks.kernel [--side 448] [--runs 3]

Limit: multiply-adds a second of dot products within the first-level cache, on all cores. It is
measured, as a virtual machine may report a wrong clock rate and vector width. Work: the
multiply-adds of the published search (cells × patch² × channels × candidates), which the PyTorch
reference performs in full. The kernel skips candidates that provably cannot win. Its share of the
limit counts skipped work as done, so it may exceed 1. Fewer channels: a field found with
``search_channels`` is compared with that of the full search, by its cost in all channels and by
time.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import skimage.data
import torch
from numba import njit, prange
from torch import Tensor

from batch_analogy.analogy.correspondence.channel_pca import project_terms
from batch_analogy.analogy.correspondence.patchmatch import SearchSpec, cpu, reference
from batch_analogy.analogy.features.pictures import encode_picture, unit_features
from batch_analogy.analogy.features.vgg import LEVEL_SPECS, load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.config.matching import (
    SEARCH_ITERATIONS,
    AnalogyConfig,
)
from benchmarks.common import as_tensor, report, timed

_DOT_LENGTH = 2048  # 16 KB for both vectors
_DOT_TIMES = 400_000


@njit(parallel=True, fastmath=True)
def _dots(s, t, times, out):  # type: ignore[no-untyped-def]
    for core in prange(out.size):
        total = np.float32(0.0)
        for _ in range(times):
            dot = np.float32(0.0)
            for k in range(s.size):
                dot += s[k] * t[k]
            total += dot
            s[core] = -s[core]  # stops the compiler from hoisting the loop
        out[core] = total


def limit_macs_per_second() -> float:
    """Measure multiply-adds a second of cached dot products, on all threads."""
    s, t = np.ones(_DOT_LENGTH, np.float32), np.ones(_DOT_LENGTH, np.float32)
    out = np.zeros(torch.get_num_threads(), np.float32)
    _dots(s, t, 10, out)
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        _dots(s, t, _DOT_TIMES, out)
        best = max(best, out.size * _DOT_TIMES * _DOT_LENGTH / (time.perf_counter() - start))
    return best


def against_reference() -> dict[str, Any]:
    """Compare the kernel with the reference on random features, and across thread counts."""
    generator = torch.Generator().manual_seed(0)
    source = unit_features(torch.rand(1, 32, 48, 40, generator=generator))
    target = unit_features(torch.rand(1, 32, 44, 52, generator=generator))
    start = initial_nnf((48, 40), (44, 52))
    spec = SearchSpec(patch=5, radius=16, iterations=10, seed=1)
    nnf, cost = reference.search(source, target, start, spec)
    threads, fields = torch.get_num_threads(), []
    for count in (1, 2, 4):
        torch.set_num_threads(count)
        fields.append(cpu.search(source, target, start, spec))
    torch.set_num_threads(threads)
    again = reference.patch_cost(source[0], target[0], fields[0][0][0].long(), spec.reach)
    return {
        "largest_cost_difference": float((fields[0][1][0, 0] - again).abs().max()),
        "mean_cost_ratio": float(fields[0][1].mean() / cost.mean()),
        "share_of_equal_matches": float((fields[0][0] == nnf).all(dim=1).float().mean()),
        "same_bits_on_1_2_4_threads": all(
            torch.equal(field, fields[0][0]) and torch.equal(c, fields[0][1]) for field, c in fields
        ),
    }


def published_macs(source: Tensor, spec: SearchSpec) -> float:
    """Count the multiply-adds of the search if no candidate is skipped."""
    _, channels, height, width = source.shape
    candidates = 1 + spec.iterations * (16 + len(spec.radii))
    return float(height * width * spec.patch**2 * channels * candidates)


def at_level(level: int, side: int, runs: int, limit: float) -> dict[str, Any]:
    """Measure one level's search between photographs, in all channels and in fewer."""
    network = load_network(resolve_weights())
    config = AnalogyConfig(max_area_px=side * side)
    pictures = (
        skimage.data.astronaut()[:side, :side],
        skimage.data.chelsea()[:300, :300].repeat(2, 0).repeat(2, 1)[:side, :side],
        skimage.data.coffee()[: side // 2, : side // 2].repeat(2, 0).repeat(2, 1),
        skimage.data.rocket()[: side // 2, 100 : 100 + side // 2].repeat(2, 0).repeat(2, 1),
    )
    a, b, c, d = (
        encode_picture(network, as_tensor(np.ascontiguousarray(p)), config).features[level]
        for p in pictures
    )
    spec = LEVEL_SPECS[level]
    spec_of = SearchSpec(
        patch=spec.patch,
        radius=spec.radius or side // 16,
        iterations=SEARCH_ITERATIONS["standard"],
        seed=1,
    )
    full = project_terms((a, c), (b, d), None)
    few = project_terms((a, c), (b, d), spec.search_channels["standard"])
    start = initial_nnf((a.shape[2], a.shape[3]), (b.shape[2], b.shape[3]))
    costs, times = [], []
    for maps in (full, few):
        nnf, _ = cpu.search(*maps, start, spec_of)
        found = reference.patch_cost(full[0][0], full[1][0], nnf[0].long(), spec_of.reach)
        costs.append(float(found.mean()))
        times.append(timed(lambda maps=maps: cpu.search(*maps, start, spec_of), runs))
    macs = published_macs(full[0], spec_of)
    return {
        "channels": [int(maps[0].shape[1]) for maps in (full, few)],
        "seconds": [t["median_seconds"] for t in times],
        "speedup": round(times[0]["median_seconds"] / times[1]["median_seconds"], 2),
        "cost_ratio_in_all_channels": round(costs[1] / costs[0], 5),
        "published_gmacs": round(macs / 1e9, 1),
        "share_of_limit": [round(macs / t["median_seconds"] / limit, 3) for t in times],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=448)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    limit = limit_macs_per_second()
    results: dict[str, Any] = {
        "limit_gmacs_per_second": round(limit / 1e9, 1),
        "against_reference": against_reference(),
    }
    for level in sorted(level for level, spec in LEVEL_SPECS.items() if spec.search_channels):
        results[f"conv{level}_1"] = at_level(level, options.side, options.runs, limit)
    report("kernel", results)


if __name__ == "__main__":
    main()
