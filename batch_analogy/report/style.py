"""How far a picture's texture is from the reference's, by the Gram matrices of VGG-19.

The figure is called ``vgg19_gram``: it is not LPIPS, ArtFID or SIFID, which need other weights.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from batch_analogy.analogy.features import PIXELS, FeatureNetwork, matching_size, resize
from batch_analogy.config import LEVELS, AnalogyConfig
from batch_analogy.report.metrics import Picture


class StyleDistance:
    """Distances of pictures to one reference."""

    def __init__(self, network: FeatureNetwork, reference: Picture, config: AnalogyConfig) -> None:
        """Encode the reference.

        Args:
            network: VGG-19; its device is used.
            reference: (H, W, 3) float32 RGB in [0, 1].
            config: the size at which pictures are matched, and so compared.
        """
        self._network = network
        self._config = config
        self._wanted = self._grams(reference)

    def __call__(self, picture: Picture) -> float:
        """``vgg19_gram``: Σ over conv1_1 … conv5_1 of ‖G(O) − G(S)‖²_F / (4C²), G = F Fᵀ / N.

        Each Gram matrix is divided by its own number of cells N, as the two pictures may differ
        in size; for equal sizes it is the published loss.

        Args:
            picture: (H, W, 3) float32 RGB in [0, 1].

        Source: Gatys et al., Image Style Transfer Using Convolutional Neural Networks, CVPR 2016,
        eq. (4) and (5), weights w_l of 1.
        """
        pairs = zip(self._grams(picture), self._wanted, strict=True)
        return sum(
            float((found - wanted).square().sum()) / (4 * len(wanted) ** 2)
            for found, wanted in pairs
        )

    def _grams(self, picture: Picture) -> list[Tensor]:
        """(C, C) float64 of each level."""
        image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
        size = matching_size(int(image.shape[2]), int(image.shape[3]), self._config)
        grams = []
        with torch.no_grad():
            x = self._network.preprocess(resize(image.to(self._network.device), size))
            previous = PIXELS
            for level in sorted(LEVELS):
                x = self._network.forward(x, start=previous, stop=level)
                cells = x[0].flatten(1).double()
                grams.append(cells @ cells.T / cells.shape[1])
                previous = level
        return grams
