"""What the latent solve buys: known pairs at several iteration counts, levels and precisions.

    python -m benchmarks.solve_study [--variants NAME ...] [--pairs NAME ...] [--width 256]

Each variant replaces the iteration counts of standard quality. Prints each variant's mean scores
and seconds, and its seconds as a multiple of the unsolved variant's in the same run. What the
numbers do not show, pictures do: docs/solve-study.md has both.
"""

from __future__ import annotations

import argparse
from typing import Any

from batch_analogy.analogy.features import FeatureNetwork, load_network
from batch_analogy.analogy.weights import resolve_weights
from batch_analogy.config import SOLVE_ITERATIONS, AnalogyConfig
from benchmarks.common import report
from benchmarks.known import KnownPair, evaluate, means, plain_pairs

UNSOLVED = "unsolved"
VARIANTS: dict[str, tuple[tuple[int, int, int, int], str]] = {  # iterations at levels 5, 4, 3, 2
    UNSOLVED: ((0, 0, 0, 0), "auto"),
    "5: 3": ((3, 0, 0, 0), "auto"),
    "5: 4": ((4, 0, 0, 0), "auto"),
    "5: 2, 4: 2": ((2, 2, 0, 0), "auto"),
    "5: 4, 4: 2": ((4, 2, 0, 0), "auto"),
    "5: 8, 4: 8": ((8, 8, 0, 0), "auto"),
    "5: 8, 4: 8, float32": ((8, 8, 0, 0), "float32"),
    "all: 8": ((8, 8, 8, 8), "auto"),
    "all: 25": ((25, 25, 25, 25), "auto"),
    "paper: 100": ((100, 100, 100, 100), "auto"),
}


def measure(
    variants: list[str], pairs: list[KnownPair], network: FeatureNetwork
) -> dict[str, dict[str, Any]]:
    """Scores and seconds of each variant, means over the pairs."""
    results: dict[str, dict[str, Any]] = {}
    usual = SOLVE_ITERATIONS["standard"]
    for name in variants:
        counts, precision = VARIANTS[name]
        SOLVE_ITERATIONS["standard"] = dict(zip((5, 4, 3, 2), counts, strict=True))
        try:
            config = AnalogyConfig(quality="standard", precision=precision)  # type: ignore[arg-type]
            scored = evaluate(config, pairs, network)
        finally:
            SOLVE_ITERATIONS["standard"] = usual
        results[name] = {
            "iterations": list(counts),
            **means(scored),
            "within_2_percent": {pair: s["share_within_2_percent"] for pair, s in scored.items()},
        }
    if UNSOLVED in results:
        base = results[UNSOLVED]["seconds"]
        for result in results.values():
            result["times_unsolved"] = round(result["seconds"] / base, 2)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = [name for name in VARIANTS if name not in ("all: 25", "paper: 100")]
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=usual)
    parser.add_argument(
        "--pairs", nargs="+", help="names of known pairs; all plain ones if left out"
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
