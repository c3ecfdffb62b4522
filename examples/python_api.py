"""One pair of pictures from Python: tensors in, a result out.

python examples/python_api.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from make_pictures import fit, sample_pictures
from torch import Tensor

from batch_analogy import AnalogyConfig, deep_image_analogy, patchmatch
from batch_analogy.media.stills import write_png


def to_tensor(name: str, longer_px: int) -> Tensor:
    """Return a sample picture as (1, 3, H, W) float32 RGB in [0, 1]."""
    pixels = torch.from_numpy(fit(sample_pictures()[name], longer_px))
    return pixels.permute(2, 0, 1)[None].float() / 255


def main(folder: Path, longer_px: int = 200) -> None:
    """Style two portraits after each other, and match two feature maps."""
    a, bp = to_tensor("astronaut", longer_px), to_tensor("hopper", longer_px)
    result = deep_image_analogy(a, bp, config=AnalogyConfig(quality="draft"))
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in (("a_prime", result.a_prime), ("b", result.b)):
        write_png(folder / f"{name}.png", picture[0].permute(1, 2, 0).numpy())
        print(folder / f"{name}.png")
    flow = result.flow_ab()
    print(f"A's centre is matched {flow[flow.shape[0] // 2, flow.shape[1] // 2]} px (dx, dy) away")

    features = torch.rand(1, 16, 20, 24, generator=torch.Generator().manual_seed(0))
    shifted = features.roll(3, dims=3)
    nnf = patchmatch(features, shifted).nnf
    print(f"a map rolled by 3 cells: cell (10, 10) is found at {tuple(nnf[0, :, 10, 10].tolist())}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/python_api"))
