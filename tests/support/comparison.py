"""A small comparison for tests of the study: three methods and three target maps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from batch_analogy.media.stills import write_png
from batch_analogy.report.comparison.results_folder import (
    FORMAT,
    Comparison,
    ComparisonFolder,
    read_comparison,
)

METHODS = ("semantic", "numbers", "deep")
CASES = ("hill", "island", "shore")
HEIGHT, WIDTH = 24, 32


def picture(number: int) -> NDArray[np.uint8]:
    """Make a colour gradient (HEIGHT, WIDTH, 3) that differs for each number."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = (x * 255 // WIDTH, y * 255 // HEIGHT, np.full_like(x, number * 37 % 256))
    return np.stack(planes, axis=-1).astype(np.uint8)


def write_comparison(
    root: Path, methods: tuple[str, ...] = METHODS, cases: tuple[str, ...] = CASES
) -> Comparison:
    """Write the folder that ``compare`` would write."""
    folder = ComparisonFolder(root)
    paths = [folder.source, folder.label, *map(folder.map, cases)]
    paths += [folder.picture(method, case) for method in methods for case in cases]
    for number, path in enumerate(paths):
        write_png(path, picture(number))
    values = {
        "format": FORMAT,
        "methods": {method: {} for method in methods},
        "cases": [{"name": case} for case in cases],
    }
    folder.values.write_text(json.dumps(values))
    return read_comparison(root)
