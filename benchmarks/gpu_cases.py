"""Settings, pictures and searches that ``benchmarks.gpu`` measures."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch import Prior, SearchSpec, search
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import resolve_precision, unit_features
from batch_analogy.analogy.features.vgg import LEVEL_SPECS, load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.config.matching import SEARCH_ITERATIONS, AnalogyConfig

_FEATURES = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}  # channels of conv{level}_1


@dataclass(frozen=True)
class Setting:
    """Device, sizes and number of runs of a measurement."""

    device: str
    weights: Path
    side_px: int
    batch: int
    runs: int
    ends: float  # time.perf_counter() after which no measurement starts
    peak_bf16: float  # FLOP/s
    peak_tf32: float
    peak_fp32: float
    peak_bandwidth: float  # bytes/s

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Setting:
        small = options.device == "cpu"
        return cls(
            device=options.device,
            weights=options.weights,
            side_px=64 if small else 448,
            batch=2 if small else options.batch,
            runs=1 if small else options.runs,
            ends=time.perf_counter() + 0.75 * options.budget,
            peak_bf16=options.peak_bf16,
            peak_tf32=options.peak_tf32,
            peak_fp32=options.peak_fp32,
            peak_bandwidth=options.peak_bandwidth,
        )

    @property
    def gpu(self) -> bool:
        return self.device == "cuda"

    def config(self, quality: str) -> AnalogyConfig:
        sides = {"min_side_px": self.side_px, "max_side_px": self.side_px}
        config = AnalogyConfig(quality=quality, **sides)  # type: ignore[arg-type]
        return resolve_precision(config, self.device)

    def network(self) -> FeatureExtractor:
        return load_network(resolve_weights(str(self.weights)), self.device)

    def pictures(self, count: int) -> list[Tensor]:
        """Draw random pictures with structure at every scale, (1, 3, side, side) in [0, 1]."""
        generator = torch.Generator().manual_seed(448)
        total = torch.zeros(count, 3, self.side_px, self.side_px)
        for cells in (4, 9, 21, 50, 120):
            noise = torch.rand(count, 3, cells, cells, generator=generator)
            total += torch.nn.functional.interpolate(noise, size=self.side_px, mode="bicubic") / 5
        return list(total.clamp(0, 1).to(self.device).chunk(count))

    def seconds(self, work: Callable[[], Any], runs: int | None = None) -> dict[str, Any]:
        """Time several runs, each until the device has finished; a GPU gets a warm-up run."""
        if self.gpu:
            self.run(work)
        times = [self.run(work)]
        while len(times) < (runs or self.runs) and time.perf_counter() < self.ends:
            times.append(self.run(work))
        return {
            "median_seconds": statistics.median(times),
            "lowest_seconds": min(times),
            "highest_seconds": max(times),
            "runs": len(times),
        }

    def run(self, work: Callable[[], Any]) -> float:
        self.wait()
        start = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - start

    def wait(self) -> None:
        if self.gpu:
            torch.cuda.synchronize()

    def peak_memory_bytes(self, work: Callable[[], Any]) -> int | None:
        """Return the peak of PyTorch's memory on the GPU during the work; None on a CPU."""
        if not self.gpu:
            return None
        torch.cuda.reset_peak_memory_stats()
        self.run(work)
        return torch.cuda.max_memory_allocated()


@dataclass(frozen=True)
class Search:
    """One PatchMatch search, as in a pair of the measured size."""

    maps: tuple[Tensor, Tensor]
    initial: Tensor
    spec: SearchSpec
    prior: Prior | None = None

    @classmethod
    def random(
        cls, channels: int, side: int, spec: SearchSpec, batch: int = 1, weight: float = 0.0
    ) -> Search:
        """Draw smooth random features on the CPU, in which neighbours have similar matches."""
        generator = torch.Generator().manual_seed(side)
        coarse = torch.rand(2 * batch, channels, -(-side // 3), -(-side // 3), generator=generator)
        fine = torch.nn.functional.interpolate(coarse, size=side, mode="bilinear") - 0.3
        fine = fine.relu().contiguous(memory_format=torch.channels_last)
        source, target = unit_features(fine).chunk(2)
        initial = initial_nnf((side, side), (side, side)).repeat(batch, 1, 1, 1)
        prior = None
        if weight:
            spread = torch.rand(batch, 2, side, side, generator=generator) * 6 - 3
            price = torch.rand(batch, 1, side, side, generator=generator) * weight
            prior = Prior(initial + spread, price, radius=max(1.0, side / 16))
        return cls((source, target), initial, spec, prior)

    @classmethod
    def of_level(cls, level: int, side_px: int, batch: int = 1) -> Search:
        named = LEVEL_SPECS[level]
        channels = (1 if level == max(LEVEL_SPECS) else 2) * _FEATURES[level]
        channels = min(channels, named.search_channels.get(AnalogyConfig().quality, channels))
        radius = named.radius or max(1, side_px // 16)
        spec = SearchSpec(
            patch=named.patch, radius=radius, iterations=SEARCH_ITERATIONS["standard"], seed=level
        )
        return cls.random(channels, -(-side_px // named.stride), spec, batch)

    def on(self, device: str, dtype: torch.dtype = torch.float32) -> Search:
        source, target = (m.to(device, dtype) for m in self.maps)
        prior = self.prior and Prior(
            self.prior.expected.to(device), self.prior.weight.to(device), self.prior.radius
        )
        return Search((source, target), self.initial.to(device), self.spec, prior)

    def __call__(self) -> tuple[Tensor, Tensor]:
        return search(*self.maps, self.initial, self.spec, self.prior)

    def multiply_adds(self) -> int:
        """Return an upper bound of multiply-adds: every candidate computed in full."""
        batch, channels, height, width = self.maps[0].shape
        candidates = 1 + self.spec.iterations * (16 + len(self.spec.radii))
        return batch * height * width * channels * self.spec.patch**2 * candidates

    def compulsory_bytes(self) -> int:
        """Return the bytes of all launches, if each reads both maps and the field only once."""
        launches = 1 + self.spec.iterations * 5
        maps = sum(m.numel() * m.element_size() for m in self.maps)
        return launches * (maps + 2 * 16 * self.initial.numel() // 2)
