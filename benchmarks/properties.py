"""Properties that every pair should have: B' = A returns A, and no border gets stuck.

python -m benchmarks.properties
"""

from __future__ import annotations

import math
from typing import Any

import skimage.data
from torch import Tensor

from batch_analogy.analogy.deep import deep_image_analogy
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import resize
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.matching import AnalogyConfig
from benchmarks.common import as_tensor, report

BORDER_CELLS = 12


def psnr_db(x: Tensor, y: Tensor) -> float:
    """Return the PSNR of two pictures rounded to 8 bits, in dB; 100 if they are equal."""
    x, y = ((t * 255).round() for t in (x, y))
    error = float((x - y).square().mean())
    return 100.0 if error == 0 else round(10 * math.log10(255**2 / error), 2)


def identity(network: FeatureExtractor, quality: str, refine: str) -> dict[str, float]:
    results = {}
    for name in ("astronaut", "chelsea", "coffee"):
        picture = as_tensor(getattr(skimage.data, name)())
        config = AnalogyConfig(quality=quality, refine=refine)
        result = deep_image_analogy(picture, picture, config=config, network=network)
        results[name] = psnr_db(result.a_prime, picture)
    return results


def unequal(network: FeatureExtractor, quality: str) -> dict[str, Any]:
    """Measure the variety of matches along each border for 600×400 against 320×480.

    A stuck border repeats matches that never improved: few distinct matches, or a high cost.
    """
    a = resize(as_tensor(skimage.data.coffee()), (400, 600))
    bp = resize(as_tensor(skimage.data.astronaut()), (480, 320))
    config = AnalogyConfig(quality=quality)
    result = deep_image_analogy(a, bp, config=config, network=network)
    nnf, n = result.nnf_ab[0].long(), BORDER_CELLS
    key = nnf[0] * 10_000 + nnf[1]
    strips = {
        "top": key[:n], "bottom": key[-n:], "left": key[:, :n], "right": key[:, -n:],
        "middle": key[194:206],
    }  # fmt: skip
    return {
        "distinct_matches_share": {
            name: round(strip.unique().numel() / strip.numel(), 3) for name, strip in strips.items()
        },
        "finite": bool(result.a_prime.isfinite().all() and result.b.isfinite().all()),
        "outputs": [list(result.a_prime.shape[2:]), list(result.b.shape[2:])],
    }


def main() -> None:
    network = load_network(resolve_weights())
    results: dict[str, Any] = {"identity_psnr_db": {}, "unequal_sizes": {}}
    for quality in ("draft", "standard"):
        for refine in ("none", "affine"):
            name = f"{quality}, refine {refine}"
            results["identity_psnr_db"][name] = identity(network, quality, refine)
        results["unequal_sizes"][quality] = unequal(network, quality)
    report("properties", results)


if __name__ == "__main__":
    main()
