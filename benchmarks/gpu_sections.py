"""The sections of ``benchmarks.gpu``. Each takes the setting and returns JSON values.

The benchmark fails if one of a section's ``checks`` is false. Sections with long measurements stop
when their budget is used up and report what they left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from batch_analogy.analogy.batching import BatchSize, in_batches
from batch_analogy.analogy.correspondence.patchmatch import SearchSpec, cpu, reference
from batch_analogy.analogy.deep import (
    AnalogyResult,
    deep_image_analogies,
    deep_image_analogy,
)
from batch_analogy.analogy.features.pictures import EncodedPicture, encode_picture
from batch_analogy.analogy.features.vgg import LEVEL_SPECS
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.analogy.reconstruction.latent import feature_residual
from batch_analogy.analogy.reconstruction.solver import least_squares
from batch_analogy.analogy.reconstruction.vote import reference as vote_reference
from batch_analogy.analogy.reconstruction.vote import vote
from batch_analogy.config.matching import AnalogyConfig
from benchmarks.gpu_cases import Search, Setting


def device(setting: Setting) -> dict[str, Any]:
    """Describe the device that is measured."""
    if not setting.gpu:
        return {"name": "cpu", "skipped": "device facts need CUDA"}
    import triton

    facts = torch.cuda.get_device_properties(0)
    return {
        "name": facts.name,
        "capability": f"{facts.major}.{facts.minor}",
        "memory_bytes": facts.total_memory,
        "multiprocessors": facts.multi_processor_count,
        "l2_bytes": getattr(facts, "L2_cache_size", None),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "triton": triton.__version__,
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
    }


def kernels(setting: Setting) -> dict[str, Any]:
    """Compare the device's search with the CPU's compiled one, and with a second run."""
    side = 96 if setting.gpu else 7
    spec = SearchSpec(patch=5, radius=8, iterations=5 if setting.gpu else 1, seed=11)
    results: dict[str, Any] = {}
    checks: dict[str, bool] = {}
    for channels in (32, 70, 512) if setting.gpu else (32, 70):
        for weight in (0.0, 0.05):
            name = f"{channels} channels, {'a' if weight else 'no'} prior"
            case = Search.random(channels, side, spec, batch=2, weight=weight)
            nnf, cost = cpu.search(*case.maps, case.initial, spec, case.prior)
            again = [_device_search(setting, case) for _ in range(2)]
            found_nnf, found_cost = again[0]
            apart = float((found_cost - cost).abs().max())
            equal = float((found_nnf == nnf).all(dim=1).float().mean())
            results[name] = {
                "largest_cost_difference": apart,
                "equal_matches": equal,
                "mean_cost_ratio": float(found_cost.mean() / cost.mean()),
            }
            checks[f"{name}: as the CPU's"] = equal > 0.99 and abs(1 - equal) * apart < 1e-3
            checks[f"{name}: twice the same"] = all(
                torch.equal(one, two) for one, two in zip(*again, strict=True)
            )
    if setting.gpu:
        results["half precision"] = _half_precision(spec, checks)
        results["vote"] = _vote_apart(checks)
    return {**results, "checks": checks}


def _device_search(setting: Setting, case: Search) -> tuple[Tensor, Tensor]:
    if setting.gpu:
        nnf, cost = case.on("cuda")()
        return nnf.cpu(), cost.cpu()
    return reference.search(*case.maps, case.initial, case.spec, case.prior)


def _vote_apart(checks: dict[str, bool]) -> dict[str, float]:
    """Return the largest difference between the device's vote and the reference."""
    generator = torch.Generator().manual_seed(1)
    values = torch.rand(3, 64, 96, 80, generator=generator).cuda()
    nnf = torch.randint(0, 80, (3, 2, 90, 100), generator=generator).int().cuda()
    apart = float((vote(values, nnf, 5) - vote_reference.vote(values, nnf, 5)).abs().max())
    checks["vote: as the plain one's"] = apart < 1e-5
    return {"largest_difference": apart}


def _half_precision(spec: SearchSpec, checks: dict[str, bool]) -> dict[str, float]:
    """Return the true mean cost of fields found in half precision, relative to float32."""
    case = Search.random(512, 96, spec).on("cuda")
    _, cost = case()
    ratios = {}
    for dtype in (torch.float16, torch.bfloat16):
        nnf, _ = case.on("cuda", dtype)()
        true = reference.patch_cost(case.maps[0][0], case.maps[1][0], nnf[0].long(), spec.reach)
        ratios[str(dtype)] = float(true.mean() / cost.mean())
        checks[f"{dtype} maps: cost within 2 %"] = ratios[str(dtype)] < 1.02
    return ratios


def solve(setting: Setting) -> dict[str, Any]:
    """Measure the latent solve: loss in bfloat16 and float32, time, and waits for the GPU."""
    network = setting.network()
    config = setting.config("standard")
    a, bp = (encode_picture(network, p, config) for p in setting.pictures(2))
    results: dict[str, Any] = {}
    checks: dict[str, bool] = {}
    for level in (5, 4):
        target, start = _latent_problem(a, bp, level)
        losses = {}
        for dtype in (torch.float32, torch.bfloat16):
            residual = feature_residual(network.step(level - 2, level), target, dtype)

            def work(residual: Any = residual, start: Tensor = start) -> Tensor:
                return least_squares(residual, start, 8)[1]

            history = work()
            losses[dtype] = float(history[-1] / history[0])
            results[f"level {level}, {dtype}"] = {
                "loss_left": losses[dtype],
                **setting.seconds(work),
            }
            checks[f"level {level}, {dtype}: loss never rises"] = bool(
                (history.diff(dim=0) <= 0).all()
            )
        checks[f"level {level}: bfloat16 within 3 % of float32"] = (
            losses[torch.bfloat16] < 1.03 * losses[torch.float32]
        )
        if setting.gpu:
            results[f"level {level}, waiting"] = waits = _waits(work)
            checks[f"level {level}: no step waits for the GPU"] = waits is None
    return {**results, "checks": checks}


def _waits(work: Callable[[], Any]) -> str | None:
    """Return PyTorch's warning about the first operation that makes the host wait, or None."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        work()
    except RuntimeError as error:
        return str(error)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return None


def _latent_problem(a: EncodedPicture, bp: EncodedPicture, level: int) -> tuple[Tensor, Tensor]:
    """Return the target features of A' at a level, and the start of its solve two levels finer."""
    generator = torch.Generator().manual_seed(level)
    fields = {}
    for at in (level, level - 2):
        field = initial_nnf(a.size(at), bp.size(at))
        shift = torch.randint(-2, 3, field.shape, generator=generator)
        fields[at] = (field + shift).clamp_min(0).minimum(field.amax((2, 3), keepdim=True))
    target, start = (
        vote(bp.features[at], fields[at].int().to(a.network_input.device), 3) for at in fields
    )
    return target, start


def matching(setting: Setting) -> dict[str, Any]:
    """Time every level's search, alone and in a batch, in float32 and half precision."""
    results: dict[str, Any] = {}
    types = (torch.float32, torch.float16) if setting.gpu else (torch.float32,)
    for level in LEVEL_SPECS:
        for batch in (1, setting.batch):
            case = Search.of_level(level, setting.side_px, batch)
            for dtype in types:
                if time.perf_counter() > setting.ends:
                    return {**results, "left_out": f"from level {level} on: budget used up"}
                found = case.on(setting.device, dtype)
                results[f"level {level}, batch {batch}, {dtype}"] = _search_time(setting, found)
    return results


def _search_time(setting: Setting, case: Search) -> dict[str, Any]:
    times = setting.seconds(case, min(3, setting.runs))
    macs, moved = case.multiply_adds(), case.compulsory_bytes()
    floor = max(2 * macs / setting.peak_fp32, moved / setting.peak_bandwidth)
    return {
        **times,
        "multiply_adds_at_most": macs,
        "bytes_at_least": moved,
        "floor_seconds": floor,
        "share_of_floor": floor / times["median_seconds"],
    }


def blocks(setting: Setting) -> dict[str, Any]:
    """Time other tile shapes than the kernel's own."""
    if not setting.gpu:
        return {"skipped": "tile shapes need CUDA"}
    from batch_analogy.analogy.correspondence.patchmatch import cuda

    results: dict[str, Any] = {}
    for level in (1, 2, 3, 5):
        case = Search.of_level(level, setting.side_px).on("cuda")
        own = cuda.block_shape(case.initial[0, 0].numel(), 4)
        results[f"level {level}"] = {"own": str(own)}
        for cells, width, chunk in ((32, 8, 32), (16, 4, 64), (8, 4, 64), (8, 4, 128), (4, 2, 128)):
            block = {"CELLS": cells, "TILE_WIDTH": width, "CHUNK": chunk}

            def work(case: Search = case, block: dict[str, int] = block) -> Any:
                return cuda.search(*case.maps, case.initial, case.spec, case.prior, block)

            if time.perf_counter() < setting.ends:
                times = setting.seconds(work, 3)
                results[f"level {level}"][str(block)] = times["median_seconds"]
    return results


def pairs(setting: Setting) -> dict[str, Any]:
    """Run a pair at each quality: time, memory, work, and whether a second run is equal."""
    network = setting.network()
    a, bp = setting.pictures(2)
    results: dict[str, Any] = {}
    checks: dict[str, bool] = {}
    for quality in ("draft", "standard"):
        config = setting.config(quality)

        def work(config: AnalogyConfig = config) -> AnalogyResult:
            return deep_image_analogy(a, bp, config=config, network=network)

        first, second = work(), work()
        checks[f"{quality}: twice the same pixels"] = torch.equal(first.a_prime, second.a_prime)
        checks[f"{quality}: finite"] = bool(first.a_prime.isfinite().all())
        times = setting.seconds(work)
        results[quality] = {
            **times,
            "precision": config.precision,
            "peak_memory_bytes": setting.peak_memory_bytes(work),
            **_pair_floor(setting, work, config, times["median_seconds"]),
        }
    return {**results, "checks": checks}


def _pair_floor(
    setting: Setting, work: Callable[[], Any], config: AnalogyConfig, seconds: float
) -> dict[str, Any]:
    """Return the least time that a device needs for a pair, and its share of the measured time."""
    with FlopCounterMode(display=False) as counter:
        work()
    network = counter.get_total_flops()
    searches = [Search.of_level(level, setting.side_px) for level in LEVEL_SPECS]
    macs = 2 * sum(case.multiply_adds() for case in searches)  # both directions
    moved = 2 * sum(case.compulsory_bytes() for case in searches)
    half = config.precision == "bfloat16"
    floor = network / (setting.peak_bf16 if half else setting.peak_tf32)
    floor += max(2 * macs / setting.peak_fp32, moved / setting.peak_bandwidth)
    return {
        "network_multiply_adds": network // 2,
        "matching_multiply_adds_at_most": macs,
        "matching_bytes_at_least": moved,
        "floor_seconds": floor,
        "share_of_floor": floor / seconds,
    }


def throughput(setting: Setting) -> dict[str, Any]:
    """Match many A with one B' one by one, over several streams, and in batches."""
    network = setting.network()
    *many, bp = setting.pictures(setting.batch + 1)
    results: dict[str, Any] = {}
    checks: dict[str, bool] = {}
    for quality in ("draft", "standard"):
        config = setting.config(quality)
        shared = encode_picture(network, bp, config)

        def some(
            frames: Sequence[Tensor], config: AnalogyConfig = config, shared: Any = shared
        ) -> list[AnalogyResult]:
            return deep_image_analogies(
                frames, bp, config=config, network=network, reference=shared
            )

        alone, batched = some(many[:1])[0].a_prime, some(many[:2])[0].a_prime
        checks[f"{quality}: the same pixels alone and in a batch"] = torch.equal(alone, batched)
        ways = {"one by one": _over_streams(some, many, 1)}
        if setting.gpu:
            ways["4 streams"] = _over_streams(some, many, 4)
        for at_once in sorted({4, setting.batch}):
            size = BatchSize(at_once)
            ways[f"{at_once} at once"] = _in_batches(some, many, size)
        for name, work in ways.items():
            if time.perf_counter() > setting.ends:
                left_out = f"from {quality}, {name} on: budget used up"
                return {**results, "left_out": left_out, "checks": checks}
            median = setting.seconds(work, min(3, setting.runs))["median_seconds"]
            results[f"{quality}, {name}"] = {
                "pairs_per_second": len(many) / median,
                "peak_memory_bytes": setting.peak_memory_bytes(work),
            }
    return {**results, "checks": checks}


def _in_batches(
    some: Callable[[Sequence[Tensor]], list[AnalogyResult]], many: list[Tensor], size: BatchSize
) -> Callable[[], None]:
    """Process all items as the worker does: in batches that fit the memory."""

    def work() -> None:
        in_batches(many, some, size)

    return work


def _over_streams(
    some: Callable[[Sequence[Tensor]], Any], many: list[Tensor], streams: int
) -> Callable[[], None]:
    """Process all items in several threads, each with its own CUDA stream."""

    def share(first: int) -> None:
        with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
            for a in many[first::streams]:
                some([a])
            torch.cuda.current_stream().synchronize()

    def work() -> None:
        if streams == 1:
            for a in many:
                some([a])
            return
        with ThreadPoolExecutor(streams) as pool:
            list(pool.map(share, range(streams)))

    return work


SECTIONS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "device": device,
    "kernels": kernels,
    "solve": solve,
    "pairs": pairs,
    "throughput": throughput,
    "matching": matching,
    "blocks": blocks,
}
