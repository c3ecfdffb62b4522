"""Name the inputs of a run that are gone, when it is continued from its folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import UsageError
from batch_analogy.jobs.plan.kept_videos import videos_kept_of
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.patterns import has_pattern


def check_inputs(config: RunConfig, plan: Plan | None, store: RunStore) -> None:
    """Check that what a run was given still lies where it was.

    Raises:
        UsageError: something does not, and no copy of it was kept.
    """
    gone = next(gone_inputs(config, plan, store), None)
    if gone is not None:
        run_dir = shlex.quote(str(config.run_dir))
        raise UsageError(
            f"{gone} is gone; put it back, or give the run's first command once more with the new "
            f"places and --run-dir {run_dir}. The finished frames are kept: batch-analogy assemble "
            f"{run_dir} -o FILM makes a film of them"
        )


def gone_inputs(config: RunConfig, plan: Plan | None, store: RunStore) -> Iterator[str]:
    """Yield what a run was given and is no longer there, in words; patterns are not looked into."""
    if not videos_kept_of(config, plan, store):
        for source in config.files or (config.source,):
            if not os.path.lexists(source) and not has_pattern(source):
                yield f"{source}, of which the run is made,"
    given = {"the mask": config.mask, "the second reference": config.reference2}
    if config.painting is None:
        given = {"the reference": config.reference, **given}
    else:
        for key in config.painting.keys:
            yield from _painted(key.painted, key.example)
    for name, path in given.items():
        if path is not None and not os.path.lexists(path) and not has_pattern(path):
            yield f"{name} of the run, {path},"


def _painted(painted: str, example: str | None) -> Iterator[str]:
    for name, path in (("the painted picture", painted), ("the picture A", example)):
        if path is not None and not os.path.lexists(path):
            yield f"{name} of the run, {path},"
