"""How the look is laid over each frame: in full, in part, or in some regions.

This is done after a frame is matched or painted, so a change of it concerns single frames.
"""

from __future__ import annotations

from typing import Any

from batch_analogy.config.amounts import WHOLE, LookShare
from batch_analogy.jobs.plan.dependencies import fingerprint
from batch_analogy.jobs.plan.references import amount_at
from batch_analogy.jobs.plan.run_plan import Plan


def share_of(plan: Plan, index: int) -> LookShare:
    """Return how much of the look a frame gets."""
    return LookShare(
        amount_at(plan.strength, index) if plan.strength else WHOLE.strength,
        amount_at(plan.keep_colours, index) if plan.keep_colours else WHOLE.colours_kept,
    )


def settings_of_looks(plan: Plan) -> object:
    """Return everything that ``look_of`` depends on, to be compared."""
    region = plan.region
    return plan.strength, plan.keep_colours, region and (region.mask.hashes, region.feather)


def look_of(plan: Plan, index: int) -> str | None:
    """Return a hash of how the look is laid over a frame; None if in full."""
    share = share_of(plan, index)
    content: list[Any] = [] if share.is_whole else [share.strength, share.colours_kept]
    if plan.region is not None:
        content += [plan.region.mask.hash_of(index), plan.region.feather]
    return fingerprint(content) if content else None
