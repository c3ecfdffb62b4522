"""The command ``resume``: continues a run."""

from __future__ import annotations

from typing import Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.options import general
from batch_analogy.cli.options.groups import takes_groups
from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.cli.options.painting import parse_key
from batch_analogy.cli.outcome import resume_and_report

EPILOG = """Examples:

batch-analogy resume night.run

batch-analogy resume painted.run --key 12=painted12.png

batch-analogy resume night.run --workers 8 --address auto

batch-analogy resume night.run --notify 'notify-send "$BATCH_ANALOGY_TEXT"'"""


@reports_failures
@takes_groups()
def resume(
    run_dir: general.RunFolder,
    machine: MachineOptions,
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="A frame of an analogy that was painted, or repainted, since the run began. Only "
            "the frames that depend on it are made again. Repeatable.",
            metavar="FRAME=PAINTED",
            show_default=False,
        ),
    ] = None,
    notify: general.NotifyOption = None,
    json_lines: general.JsonOption = False,
) -> int:
    """Continue a run that was planned, previewed or interrupted.

    Failed frames are tried again if they may succeed this time. The run keeps its settings. Only
    the options of the machine may change, which change no pixel, and the keyframes of an analogy.
    """
    return resume_and_report(
        general.absolute(run_dir),
        Console(json_lines),
        machine.changes(),
        keys=[parse_key(text) for text in key or ()],
        notify=notify,
    )
