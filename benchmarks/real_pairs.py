"""Matches of real pairs: whether they look right, and what they cost.

    python -m benchmarks.real_pairs FOLDER [--qualities draft standard] [--pairs NAME …]
                                    [--sheets FOLDER] [--runs 3] [--out FILE]

FOLDER holds pairs of pictures that nobody made from each other, some annotated by hand; see
``benchmarks.annotated_pairs`` for its files, and ``benchmarks.pair_scores`` for the scores. The
project has no such pictures, so ``python -m benchmarks`` leaves this benchmark out.

Each pair is matched with its own preset. Seconds are those of one ``deep_image_analogy`` at full
size, weights and kernels loaded: median of the runs. They are also given as multiples of E, the
processor seconds that it takes to encode both pictures once, at the size at which they are matched
with ratio 1. E depends on the machine alone, not on settings, and is measured beside each pair.
Each quality has its own process, so that its peak memory is known. Means of scores are those of the
annotated pairs, means of times those of all. Sheets show A, B', every A', and every B.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import torch
from torch import Tensor

from batch_analogy import AnalogyConfig, deep_image_analogy
from batch_analogy.analogy.features.pictures import matching_size, resize, resolve_precision
from batch_analogy.analogy.features.vgg import Vgg19, load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.matching import Quality
from batch_analogy.errors import BatchAnalogyError
from batch_analogy.media.stills import read_still, to_uint8, write_png
from batch_analogy.report.sheets import side_by_side
from benchmarks.annotated_pairs import RealPair, read_pairs
from benchmarks.common import as_tensor, peak_memory_bytes, report
from benchmarks.pair_scores import NAMES as SCORES
from benchmarks.pair_scores import Flow, PairScores, Pixels, score_pair

TIMES = ("wall_seconds", "processor_seconds", "encoding_processor_seconds", "times_encoding")

_WARM_UP_AREA_PX = 96 * 96


@dataclass(frozen=True)
class Matched:
    """A pair matched with one configuration, and what that took."""

    a_prime: Pixels
    b: Pixels
    flow_ab: Flow
    flow_ba: Flow
    wall_seconds: float  # median of the runs, as the next
    processor_seconds: float
    peak_memory_bytes: int  # of the process, so far


def read_picture(path: Path) -> Pixels:
    """Read a picture, (H, W, 3) uint8 RGB."""
    return to_uint8(read_still(path))


@cache
def network() -> Vgg19:
    """Return this process's network."""
    return load_network(resolve_weights())


def match_pair(pair: RealPair, config: AnalogyConfig, runs: int) -> Matched:
    """Match a pair, after a warm-up at a small size that compiles what has to be compiled."""
    a, bp = (as_tensor(read_picture(path)) for path in (pair.a, pair.bp))
    ratio = 0.5 if config.two_scales else 1.0
    small = replace(config, ratio=ratio, max_area_px=_WARM_UP_AREA_PX, min_side_px=1)
    deep_image_analogy(a, bp, config=small, network=network())
    wall, processor = [], []
    for _ in range(runs):
        wall_start, processor_start = time.perf_counter(), time.process_time()
        result = deep_image_analogy(a, bp, config=config, network=network())
        processor.append(time.process_time() - processor_start)
        wall.append(time.perf_counter() - wall_start)
    return Matched(
        a_prime=_pixels(result.a_prime),
        b=_pixels(result.b),
        flow_ab=result.flow_ab(),
        flow_ba=result.flow_ba(),
        wall_seconds=statistics.median(wall),
        processor_seconds=statistics.median(processor),
        peak_memory_bytes=peak_memory_bytes(),
    )


def encoding_seconds(pair: RealPair, runs: int) -> float:
    """Return E: the processor seconds to compute all levels' features of A and B', a median.

    The network is called directly, so that E stays the same measure if matching learns to encode
    less, or more.
    """
    config = resolve_precision(AnalogyConfig(ratio=1.0), network().device)
    dtype = torch.bfloat16 if config.precision == "bfloat16" else None
    pictures = [as_tensor(read_picture(path)) for path in (pair.a, pair.bp)]
    inputs = [resize(p, matching_size(p.shape[2], p.shape[3], config)) for p in pictures]
    with torch.no_grad():
        network().pyramid(resize(pictures[0], (96, 96)), network().levels, dtype=dtype)
        seconds = []
        for _ in range(runs):
            start = time.process_time()
            for picture in inputs:
                network().pyramid(picture, network().levels, dtype=dtype)
            seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def _pixels(picture: Tensor) -> Pixels:
    return to_uint8(picture[0].permute(1, 2, 0).cpu().numpy())


def write_sheet(path: Path, pair: RealPair, matched: Mapping[str, Matched]) -> None:
    """Write A, B', the A' of each quality, the published A' and each B, at the height of A."""
    shown = {"A": read_picture(pair.a), "B'": read_picture(pair.bp)}
    shown |= {f"A' {quality}": one.a_prime for quality, one in matched.items()}
    if pair.published is not None:
        shown["A' published"] = read_picture(pair.published)
    shown |= {f"B {quality}": one.b for quality, one in matched.items()}
    height = shown["A"].shape[0]
    write_png(path, side_by_side([_at_height(p, height) for p in shown.values()], list(shown)))


def _at_height(picture: Pixels, height: int) -> Pixels:
    width = max(1, round(picture.shape[1] * height / picture.shape[0]))
    method = cv2.INTER_AREA if height < picture.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), dtype=np.uint8)


@dataclass(frozen=True)
class Row:
    """Figures of one pair at one quality."""

    pair: RealPair
    scores: PairScores
    matched: Matched
    encoding_processor_seconds: float

    @property
    def times(self) -> dict[str, float]:
        """Seconds of matching and of encoding, and their ratio in processor time."""
        processor, encoding = self.matched.processor_seconds, self.encoding_processor_seconds
        wall = self.matched.wall_seconds
        return dict(zip(TIMES, (wall, processor, encoding, processor / encoding), strict=True))


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the figures of one quality: means, also by preset, the worst pair, and each pair."""
    presets = sorted({row.pair.preset for row in rows})
    return {
        "means": means(rows),
        "means_by_preset": {
            preset: means([row for row in rows if row.pair.preset == preset]) for preset in presets
        },
        "worst_region": worst_region(rows),
        "peak_memory_bytes": max(row.matched.peak_memory_bytes for row in rows),
        "pairs": {row.pair.name: {**row.scores.rounded(), **_round_all(row.times)} for row in rows},
    }


def means(rows: Sequence[Row]) -> dict[str, float | int | None]:
    """Return the mean of each score over the annotated pairs, and of each time over all pairs."""
    annotated = [row for row in rows if row.pair.annotation is not None]
    scores = {name: _mean(getattr(row.scores, name) for row in annotated) for name in SCORES}
    times = {name: _mean(row.times[name] for row in rows) for name in TIMES}
    return {"pairs": len(rows), "annotated": len(annotated), **_round_all({**scores, **times})}


def worst_region(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return the pair whose region is lowest; None if none is annotated."""
    known = [(row.scores.region, row.pair.name) for row in rows if row.scores.region is not None]
    region, name = min(known, default=(None, None))
    return None if region is None else {"pair": name, "region": round(region, 4)}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _round_all(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in values.items()}


def measure(
    pairs: Sequence[RealPair],
    qualities: Sequence[Quality],
    overrides: Mapping[str, float],
    runs: int,
    sheets: Path | None,
) -> dict[str, Any]:
    """Match every pair at every quality, and return each quality's summary.

    Raises:
        ConfigError: an override is not allowed.
    """
    configs = {
        (pair.name, quality): AnalogyConfig.for_preset(pair.preset, quality=quality, **overrides)
        for pair in pairs
        for quality in qualities
    }
    rows: dict[Quality, list[Row]] = {quality: [] for quality in qualities}
    with contextlib.ExitStack() as stack:
        encoder, *matchers = (stack.enter_context(_own_process()) for _ in range(len(rows) + 1))
        for pair in pairs:
            encoding = encoder.submit(encoding_seconds, pair, runs).result()
            a, bp = read_picture(pair.a), read_picture(pair.bp)
            matched: dict[str, Matched] = {}
            for (quality, done), matcher in zip(rows.items(), matchers, strict=True):
                config = configs[pair.name, quality]
                found = matcher.submit(match_pair, pair, config, runs).result()
                scores = score_pair(pair.annotation, a, bp, found.flow_ab, found.flow_ba)
                done.append(Row(pair, scores, found, encoding))
                matched[quality] = found
                _note(quality, done[-1])
            if sheets is not None:
                write_sheet(sheets / f"{pair.name}.png", pair, matched)
    return {quality: summary(done) for quality, done in rows.items()}


def _own_process() -> Executor:
    """Return a new process that inherits nothing, as a fork of threads may hang."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def _note(quality: str, row: Row) -> None:
    figures = {**{name: getattr(row.scores, name) for name in SCORES}, **row.times}
    known = {name: value for name, value in figures.items() if value is not None}
    text = ", ".join(f"{name} {value:.3f}" for name, value in known.items())
    print(f"{row.pair.name}, {quality}: {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line sets it
    settings = {
        "ratio": options.ratio,
        "smoothness": options.smoothness,
        "two_scales": options.two_scales,
    }
    overrides = {name: value for name, value in settings.items() if value is not None}
    try:
        pairs = read_pairs(options.folder, options.pairs)
        for folder in (options.sheets, options.out and options.out.parent):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        found = measure(pairs, options.qualities, overrides, options.runs, options.sheets)
    except BatchAnalogyError as error:
        sys.exit(f"error: {error}")
    results = {"runs": options.runs, "overrides": overrides, "qualities": found}
    report("real_pairs", results, options.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    qualities = get_args(Quality)
    parser.add_argument("--qualities", nargs="+", choices=qualities, default=["draft", "standard"])
    parser.add_argument("--ratio", type=float, help="of every pair, instead of its preset's")
    parser.add_argument("--two-scales", action="store_true", default=None)
    parser.add_argument("--smoothness", type=float, help="of every pair, instead of the default")
    parser.add_argument("--pairs", nargs="+", default=[], metavar="NAME", help="only these")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER", help="write pictures there")
    parser.add_argument("--runs", type=_positive, default=1, help="of each pair, timed")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the JSON there too")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


if __name__ == "__main__":
    main()
