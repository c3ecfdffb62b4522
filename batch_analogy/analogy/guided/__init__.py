"""Guided patch synthesis: Image Analogies, by search and vote.

``synthesise`` makes B' out of A' so that A : A' :: B : B'. What corresponds is said by pairs of
maps, the guides; A and B themselves are the simplest of them.
"""

from batch_analogy.analogy.guided.spec import Guide, GuidedConfig, Synthesis
from batch_analogy.analogy.guided.synthesis import synthesise

__all__ = ["Guide", "GuidedConfig", "Synthesis", "synthesise"]
