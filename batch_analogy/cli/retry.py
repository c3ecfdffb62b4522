"""The command ``retry``: makes chosen frames of a run again."""

from __future__ import annotations

from typing import Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.options import general
from batch_analogy.cli.options.groups import takes_groups
from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.cli.outcome import resume_and_report
from batch_analogy.errors import UsageError

EPILOG = """Examples:

batch-analogy retry night.run --failed

batch-analogy retry night.run --frames 3,5-10"""


@reports_failures
@takes_groups()
def retry(
    run_dir: general.RunFolder,
    machine: MachineOptions,
    failed: Annotated[
        bool,
        typer.Option("--failed", help="Try every failed frame again, whatever the reason."),
    ] = False,
    frames: Annotated[
        str,
        typer.Option(
            "--frames",
            help="Make these frames again, finished or not, like 3,5-10. The first frame is 0.",
            metavar="LIST",
            show_default=False,
        ),
    ] = "",
    notify: general.NotifyOption = None,
    json_lines: general.JsonOption = False,
) -> int:
    """Make chosen frames again, finished or failed, and continue the run."""
    from batch_analogy import api

    if not failed and not frames:
        raise UsageError("no frames were given; give --failed, or --frames like 3,5-10")
    again = api.Retry(failed=failed, frames=frames)
    return resume_and_report(
        general.absolute(run_dir),
        Console(json_lines),
        machine.changes(),
        again=again,
        notify=notify,
    )
