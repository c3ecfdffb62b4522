"""Three ways of crossfading between two references.

    python -m benchmarks.fade [--photos astronaut coffee] [--shares 0.25 0.5] [--keep FOLDER]

Photographs are styled after two painted references, in draft quality. ``mixed`` averages the two
results. ``chosen`` takes each pixel from one of them. ``faded`` is what films use: colours are
averaged and textures are chosen (``motion.temporal.crossfade``). Sharpness and texture are relative
to the mean of the two results; averaging textures lowers both. ``blotches`` is the difference of
local mean colours (windows of about 8 pixels) from the mixed picture's, divided by that between the
two results: 0 is an even fade, and choosing pixel by pixel gives the maximum.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from batch_analogy.analogy.deep import AnalogyResult, deep_image_analogy
from batch_analogy.analogy.deterministic import resize_bilinear
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.analogy.nnf import sides
from batch_analogy.analogy.refine.matrix_fields import box
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.media.stills import write_png
from batch_analogy.motion.temporal.carry import sample_bilinear
from batch_analogy.motion.temporal.crossfade import (
    crossfade_textures,
    transition_noise,
    transition_progress,
)
from batch_analogy.report.evaluation.frame_metrics import Picture, sharpness
from benchmarks import clips, restyle
from benchmarks.common import report

FRAMES = 96  # length of the crossfade
FRAME = slice(0, 320), slice(0, 448)  # of a photograph
WINDOW_RADIUS = 4


def pictures(name: str) -> tuple[Tensor, list[Tensor]]:
    """Return a photograph, and the two that follow it in ``clips.OTHERS``, painted."""
    others = [clips.OTHERS[name], clips.OTHERS[clips.OTHERS[name]]]
    bytes_of = [np.rint(clips.photo(n)).clip(0, 255).astype(np.uint8) for n in (name, *others)]
    frame, *references = (picture[FRAME] for picture in bytes_of)
    return tensor(frame), [tensor(restyle.painted(reference)) for reference in references]


def tensor(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> Tensor:
    return torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()


def pixels(picture: Tensor) -> Picture:
    return np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy())


def ways(results: Sequence[AnalogyResult], a: Tensor, share: float) -> dict[str, Tensor]:
    """Crossfade the two results in each way."""
    first, second = (result.a_prime for result in results)
    when = sample_bilinear(transition_noise(sides(results[0].nnf_ba), 0), results[0].nnf_ab.float())
    turned = resize_bilinear(transition_progress(share, when, FRAMES), sides(a))
    return {
        "mixed": first.lerp(second, share),
        "chosen": first + turned * (second - first),
        "faded": crossfade_textures(first, second, share, a, when, FRAMES),
    }


def texture(picture: Tensor) -> float:
    """Return the root mean square deviation from the local mean."""
    return float((picture - box(picture, WINDOW_RADIUS)).square().mean().sqrt())


def measure(made: Tensor, mixed: Tensor, results: Sequence[AnalogyResult]) -> dict[str, float]:
    ends = [result.a_prime for result in results]
    difference = box(ends[1] - ends[0], WINDOW_RADIUS).abs().mean()
    uneven = box(made - mixed, WINDOW_RADIUS).abs().mean()
    return {
        "sharpness": sharpness(pixels(made)) / mean(sharpness(pixels(end)) for end in ends),
        "texture": texture(made) / mean(map(texture, ends)),
        "blotches": float(uneven / difference),
    }


def mean(values: Any) -> float:
    return float(np.mean(list(values)))


def one(name: str, network: FeatureExtractor, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure one photograph, for each share and way."""
    a, references = pictures(name)
    config = AnalogyConfig.for_preset("photo-to-style", quality="draft")
    results = [deep_image_analogy(a, bp, config=config, network=network) for bp in references]
    found = []
    for share in options.shares:
        made = ways(results, a, share)
        if options.keep:
            for way, picture in made.items():
                write_png(options.keep / f"{name}-{share:g}-{way}.png", pixels(picture))
        found.append({
            "photo": name,
            "share": share,
            **{way: measure(made[way], made["mixed"], results) for way in made},
        })  # fmt: skip
    return found


def summary(cases: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return means over photographs and shares."""
    return {
        way: {
            figure: round(mean(case[way][figure] for case in cases), 4)
            for figure in ("sharpness", "texture", "blotches")
        }
        for way in ("mixed", "chosen", "faded")
    }


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    one_of: Callable[..., Any] = parser.add_argument
    one_of("--photos", nargs="+", choices=list(clips.OTHERS), default=list(clips.OTHERS))
    one_of("--shares", nargs="+", type=float, default=[0.25, 0.5, 0.75])
    one_of("--keep", type=Path, metavar="FOLDER", help="write the pictures there")
    return parser.parse_args(arguments)


def main() -> None:
    options = parse()
    network = load_network(resolve_weights())
    cases = []
    for name in options.photos:
        print(f"{name} …", file=sys.stderr, flush=True)
        cases += one(name, network, options)
    report("fade", {"frames": FRAMES, "means": summary(cases), "cases": cases})


if __name__ == "__main__":
    main()
