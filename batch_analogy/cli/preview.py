"""The command ``preview``: makes a few frames of a run before the rest."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.options import general
from batch_analogy.cli.options.film import FilmOptions
from batch_analogy.cli.options.groups import takes_groups
from batch_analogy.cli.options.look import LookOptions, TargetOption
from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.cli.options.painting import PaintOptions
from batch_analogy.cli.options.region import EdgeOptions
from batch_analogy.cli.options.share import ShareOptions
from batch_analogy.cli.outcome import (
    exit_code_of,
    note_dashboard,
    note_failures,
    result_fields,
    resume_command,
)
from batch_analogy.cli.plan_text import plan_notes
from batch_analogy.cli.run_config import (
    AnyPresetOption,
    AsOption,
    FilmArguments,
    only_film,
    requested_run,
)
from batch_analogy.cli.run_watcher import RunWatcher, duration
from batch_analogy.config.run import RunConfig

if TYPE_CHECKING:
    from batch_analogy.api import Preview

EPILOG = """Examples:

batch-analogy preview reference.jpg frames/ --frames 5

batch-analogy preview frames/ --as analogy --key 0=painted.png

batch-analogy preview night.run"""


@reports_failures
@takes_groups(annotations={"preset": AnyPresetOption})
def preview(
    context: typer.Context,
    arguments: FilmArguments,
    look: LookOptions,
    share: ShareOptions,
    edge: EdgeOptions,
    paint: PaintOptions,
    film: FilmOptions,
    machine: MachineOptions,
    count: Annotated[
        int, typer.Option("--frames", help="Number of frames to make, evenly spread.", metavar="N")
    ] = 5,
    command: AsOption = "timelapse",
    target: TargetOption = RunConfig.target,
    overwrite: general.OverwriteOption = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Make a few frames of a run, and show them before and after on one sheet.

    The frames belong to the run, which does not make them again.
    """
    from batch_analogy import api

    console = Console(json_lines)
    asked = requested_run(
        context, arguments, command, look, share, edge, paint, film, machine, target
    )
    with RunWatcher(console) as watcher:
        if isinstance(asked, Path):
            run = api.load_run(asked, changes=machine.changes(), on_event=watcher)
        else:
            config = only_film(asked)
            run = api.open_run(config, overwrite=overwrite, on_event=watcher)
            for text in plan_notes(config, run.plan):
                console.note(text)
        made = api.preview_film(run, count, on_event=watcher)
    return _report(console, run.config, made, watcher)


def _report(console: Console, config: RunConfig, made: Preview, watcher: RunWatcher) -> int:
    """Report a preview: its sheet on stdout, the rest on stderr. Return the exit code."""
    result, code = made.result, exit_code_of(made.result)
    note_failures(console, result)
    console.note(f"{result.done} of {result.total} frames done in {duration(result.seconds)}")
    note_dashboard(console, config, watcher)
    if made.sheet is not None:
        console.result(str(made.sheet))
    console.note(f"to see the time it takes: batch-analogy plan {shlex.quote(str(config.run_dir))}")
    console.note(f"to start it: {resume_command(config.run_dir)}")
    console.event(
        "result",
        command="preview",
        sheet=made.sheet,
        run_dir=config.run_dir,
        **result_fields(result, code),
    )
    return code
