"""Image Analogies: guided patch synthesis by alternating search and vote.

``synthesise`` makes B' from pieces of A' so that A : A' :: B : B'. Pairs of maps, the guides, say
which parts of A and B correspond; A and B themselves are the simplest guides.
"""

from batch_analogy.analogy.guided.spec import Guide, GuidedConfig, Synthesis
from batch_analogy.analogy.guided.synthesis import synthesise

__all__ = ["Guide", "GuidedConfig", "Synthesis", "synthesise"]
