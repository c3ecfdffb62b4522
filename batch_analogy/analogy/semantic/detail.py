"""The picture's own detail in what the network made, at full size.

Departure: the published method ends with the network's picture, at 250 pixels or so, and blurred.
Here an image analogy follows (Hertzmann et al. 2001, "super-resolution"): what the network makes of
P is to I as I' is to the same in full. Both sides have the network's blur and its colours, so the
analogy takes them away; pieces of I are put where I' and P' say.

Each map by itself: for films it is too restless.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.guided import Guide, GuidedConfig, synthesise
from batch_analogy.analogy.semantic.model import SemanticModel

MADE_WEIGHT = 6.0  # of the network's pictures, against 1 for continuing as I does
LABELS_WEIGHT = 4.0
_UNIFORMITY = 500.0  # EbSynth's unit; low, as a thing may be larger than it was
_COHERENCE = 0.5


class Detail:
    """Adds detail to pictures of one model.

    Args:
        model: where I and P are, and what it makes of P.
    """

    def __init__(self, model: SemanticModel) -> None:
        self._model = model
        self._picture = model.image.to(model.device)
        self._made = model.apply(model.classes)
        self._planes = self._encoded(model.classes)

    @torch.no_grad()
    def add(self, made: Tensor, classes: Tensor) -> Tensor:
        """Make a picture anew of pieces of I.

        Args:
            made: (1, 3, H, W) float32 in [0, 1], I' as the network has it.
            classes: (1, H, W) int64, P'.

        Returns:
            (1, 3, H, W) float32 in [0, 1].
        """
        guides = [
            Guide(self._made, made, MADE_WEIGHT),
            Guide(self._planes, self._encoded(classes), LABELS_WEIGHT),
        ]
        config = GuidedConfig(
            uniformity=_UNIFORMITY, coherence=_COHERENCE, seed=self._model.config.seed
        )
        return synthesise(self._picture, guides, config).picture

    def _encoded(self, classes: Tensor) -> Tensor:
        planes = F.one_hot(classes.to(self._picture.device), len(self._model.palette))
        return planes.permute(0, 3, 1, 2).float().contiguous()
