"""Distance between the textures of a picture and the reference, by Gram matrices of VGG-19.

The metric is called ``vgg19_gram``. It is not LPIPS, ArtFID or SIFID, which need other weights.
"""

from __future__ import annotations

import statistics

import numpy as np
import torch
from torch import Tensor

from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import matching_size, resize
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.report.evaluation.frame_metrics import Picture


class StyleDistance:
    """Measure distances of pictures to one reference."""

    def __init__(
        self, network: FeatureExtractor, reference: Picture, config: AnalogyConfig
    ) -> None:
        """Encode the reference.

        Args:
            network: VGG-19; its device is used.
            reference: (H, W, 3) float32 RGB in [0, 1].
            config: decides the size at which pictures are matched, and here compared.
        """
        self._network = network
        self._config = config
        self._wanted = self._grams(reference)

    def __call__(self, picture: Picture) -> float:
        """Compute ``vgg19_gram``: the mean over levels of ‖G(O) − G(S)‖_F / ‖G(S)‖_F.

        G = F Fᵀ / N is the Gram matrix of a level's features divided by its number of cells, as the
        pictures may differ in size. The published loss is the sum of ‖G(O) − G(S)‖²_F / (4C²) over
        levels. There conv4_1 is a thousand times larger than the other levels and dominates the
        sum, so here each level is relative to the style's own Gram matrix.

        Args:
            picture: (H, W, 3) float32 RGB in [0, 1].

        Returns:
            0 for the reference itself; about 1 if nothing agrees.

        Source: Gatys et al., Image Style Transfer Using Convolutional Neural Networks, CVPR 2016,
        eq. (3) to (5).
        """
        pairs = zip(self._grams(picture), self._wanted, strict=True)
        return statistics.fmean(
            float(torch.linalg.norm(found - wanted) / torch.linalg.norm(wanted))
            for found, wanted in pairs
        )

    def _grams(self, picture: Picture) -> list[Tensor]:
        """Compute the Gram matrix of each level, (C, C) float64."""
        image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
        size = matching_size(int(image.shape[2]), int(image.shape[3]), self._config)
        grams = []
        with torch.no_grad():
            resized = resize(image.to(self._network.device), size)
            features = self._network.pyramid(resized, self._network.levels)
            for level in sorted(features):
                cells = features[level][0].flatten(1).double()
                grams.append(cells @ cells.T / cells.shape[1])
        return grams
