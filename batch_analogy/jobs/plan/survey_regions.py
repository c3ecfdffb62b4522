"""Find the masks of a matched run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.plan.paint_inputs import Region
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.plan.survey_painting import MASK, find_pictures, pictures_of_frames
from batch_analogy.media.label_pictures import load_map
from batch_analogy.media.sequence import find_stills

DECODERS = 2


def with_region(plan: Plan, config: RunConfig, previous: Plan | None) -> Plan:
    """Return the plan with the masks of its frames, if there are any.

    The frames of a video are counted by its header in a dry run, so one mask is looked at then.

    Args:
        plan: the plan without them.
        config: the configuration that names them.
        previous: the plan in the run folder; its masks were decoded already.

    Raises:
        UsageError: a frame has no mask.
        InputError: a mask is no picture, damaged, or has another shape than its frame.
    """
    if config.mask is None:
        return plan
    path = str(config.mask)
    if plan.estimated and not config.mask.is_file():
        path = find_stills(path)[0]
    mask = find_pictures(path, pictures_of_frames(plan), MASK)
    before = previous.region.mask.hashes if previous and previous.region else ()
    known = {"", *before}
    new = {h: Path(p) for p, h in zip(mask.paths, mask.hashes, strict=True) if h not in known}
    with ThreadPoolExecutor(DECODERS) as decoders:  # a damaged one would fail its frame later
        for _ in decoders.map(_check, new.values()):
            pass
    return msgspec.structs.replace(plan, region=Region(mask, config.feather))


def _check(path: Path) -> None:
    load_map(path)
