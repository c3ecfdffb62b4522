"""The uses of Semantic Image Analogy, each with its preset, from Python.

    python examples/semantic_uses.py [FOLDER] [--side 96] [--iterations 120]

Each sheet shows a picture and what was made of it, over their maps. By command:

    batch-analogy semantic img.png label.png cond/ -o out/ --preset removal
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from make_maps import COLOURS, Use, uses
from make_pictures import Picture

from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.analogy.semantic.detail import Detail
from batch_analogy.analogy.semantic.label_maps import Palette, read_classes
from batch_analogy.analogy.semantic.model import SemanticModel
from batch_analogy.analogy.semantic.trainer import Trainer
from batch_analogy.config.semantic import SEMANTIC_PRESETS, SemanticConfig, SemanticPreset
from batch_analogy.media.stills import to_uint8, write_png

SHOWN = 3


def trained(
    use: Use, preset: SemanticPreset, network: FeatureExtractor, iterations: int
) -> SemanticModel:
    """Train a network on one picture."""
    config = SemanticConfig.for_quality("draft", preset, iterations=iterations)
    colours = COLOURS[np.unique(use.label)]
    palette = Palette(tuple((int(r), int(g), int(b)) for r, g, b in colours))
    classes = read_classes(COLOURS[use.label], palette, name=preset)
    image = torch.from_numpy(use.picture.astype(np.float32) / 255).permute(2, 0, 1)[None]
    trainer = Trainer(image.contiguous(), torch.from_numpy(classes)[None], palette, config, network)
    torch.set_num_threads(config.threads)  # rounding of gradients depends on their number
    while not trainer.finished:
        trainer.step()
    return trainer.model()


def made(model: SemanticModel, target: Picture) -> Picture:
    """Make the picture of another map, with its detail."""
    classes = torch.from_numpy(model.read(target))[None]
    image = Detail(model).add(model.apply(classes), classes)
    return to_uint8(np.ascontiguousarray(image[0].permute(1, 2, 0).numpy()))


def sheet(columns: list[tuple[Picture, Picture]]) -> Picture:
    """Return pictures above their maps, side by side, as large as the first."""
    height, width = columns[0][0].shape[:2]
    shown = np.full((2 * height, len(columns) * width, 3), 255, np.uint8)
    for index, pair in enumerate(columns):
        for row, cell in enumerate(pair):
            part = cell[:height, :width]
            top, left = row * height, index * width
            shown[top : top + part.shape[0], left : left + part.shape[1]] = part
    return shown


def main() -> None:
    """Write a sheet for each preset and print its path."""
    parser = argparse.ArgumentParser(description="Semantic Image Analogy, use by use.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("out/semantic-uses"))
    parser.add_argument("--side", type=int, default=96, help="longer side, pixels")
    parser.add_argument("--iterations", type=int, default=120)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    network = load_network(resolve_weights())
    examples = uses(options.side, SHOWN)
    for preset in SEMANTIC_PRESETS:
        use = examples[preset]
        model = trained(use, preset, network, options.iterations)
        targets = [COLOURS[target] for target in use.targets[:SHOWN]]
        columns = [(use.picture, COLOURS[use.label]), *((made(model, t), t) for t in targets)]
        path = options.folder / f"{preset}.png"
        write_png(path, sheet(columns))
        print(path)


if __name__ == "__main__":
    main()
