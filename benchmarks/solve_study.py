"""Gain by the latent solve: known pairs with several iteration counts and precisions.

    python -m benchmarks.solve_study [--variants NAME ...] [--pairs NAME ...] [--width 256]

The variants draft, standard and paper are the unchanged qualities; every other variant is standard
with other iteration counts. Prints each variant's mean scores and seconds, and its seconds as a
multiple of standard's in the same run. Finished variants are also printed on stderr. Numbers do not
show everything, so docs/benchmarks.md has pictures too.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import sys
from typing import Any, cast, get_args

from batch_analogy.analogy.features.vgg import Vgg19, load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.matching import AnalogyConfig, Precision, Quality
from benchmarks.common import report
from benchmarks.known import KnownPair, evaluate, means, plain_pairs

QUALITIES: tuple[Quality, ...] = get_args(Quality)
COUNTS: dict[str, tuple[tuple[int, int, int, int], Precision]] = {  # iterations at levels 5 … 2
    "unsolved": ((0, 0, 0, 0), "auto"),
    "5: 2, 4: 2": ((2, 2, 0, 0), "auto"),
    "5: 4, 4: 2": ((4, 2, 0, 0), "auto"),
    "5: 8, 4: 8": ((8, 8, 0, 0), "auto"),
    "5: 8, 4: 8, float32": ((8, 8, 0, 0), "float32"),
    "all: 8": ((8, 8, 8, 8), "auto"),
    "all: 25": ((25, 25, 25, 25), "auto"),
}
VARIANTS = (*QUALITIES, *COUNTS)


def measure(
    variants: list[str], pairs: list[KnownPair], network: Vgg19
) -> dict[str, dict[str, Any]]:
    """Return the scores and seconds of each variant, averaged over the pairs."""
    results: dict[str, dict[str, Any]] = {}
    for name in variants:
        scored = _evaluate(name, pairs, network)
        results[name] = {
            **means(scored),
            "within_2_percent": {pair: s["share_within_2_percent"] for pair, s in scored.items()},
        }
        print(name, means(scored), file=sys.stderr, flush=True)
    if "standard" in results:
        base = results["standard"]["seconds"]
        for result in results.values():
            result["times_standard"] = round(result["seconds"] / base, 2)
    return results


def _evaluate(name: str, pairs: list[KnownPair], network: Vgg19) -> dict[str, dict[str, float]]:
    if name not in COUNTS:
        return evaluate(AnalogyConfig(quality=cast(Quality, name)), pairs, network)
    counts, precision = COUNTS[name]
    iterations = {**dict(zip((5, 4, 3, 2), counts, strict=True)), 1: 0}
    network = copy.copy(network)
    network.specs = {
        level: dataclasses.replace(spec, solve_iterations={"standard": iterations[level]})
        for level, spec in network.specs.items()
    }
    return evaluate(AnalogyConfig(quality="standard", precision=precision), pairs, network)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = [name for name in VARIANTS if name not in ("all: 25", "paper")]
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=usual)
    parser.add_argument(
        "--pairs", nargs="+", help="names of known pairs; by default all plain ones"
    )
    parser.add_argument("--width", type=int, default=256)
    options = parser.parse_args()
    pairs = plain_pairs(options.width)
    if options.pairs:
        pairs = [pair for pair in pairs if pair.name in options.pairs]
    network = load_network(resolve_weights())
    evaluate(AnalogyConfig(quality="standard"), pairs[:1], network)  # compiles the kernels
    report("solve_study", measure(options.variants, pairs, network))


if __name__ == "__main__":
    main()
