"""The commands ``plan`` and ``preview``: what a night's run will do, and what it will look like."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_analogy.cli import options
from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.options.groups import FilmOptions, LookOptions, MachineOptions, takes_groups
from batch_analogy.cli.outcome import (
    exit_code_of,
    note_dashboard,
    note_failures,
    result_fields,
    resume_command,
)
from batch_analogy.cli.plan_text import plan_notes, print_plan
from batch_analogy.cli.run_watcher import RunWatcher, duration
from batch_analogy.cli.timelapse import Command, run_config
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import UsageError

if TYPE_CHECKING:
    from batch_analogy.jobs.drive.open_run import Run, RunResult

PLAN_EPILOG = """Examples:

batch-analogy plan reference.jpg frames/ -o night.mp4

batch-analogy plan painting.jpg clip.mp4 --as stylize --dry-run

batch-analogy plan night.run

plan.json may be edited: frames left out, segments and shots cut elsewhere."""

PREVIEW_EPILOG = """Examples:

batch-analogy preview reference.jpg frames/ --frames 5

batch-analogy preview night.run"""

ReferenceOrRun = Annotated[
    Path,
    typer.Argument(
        help="The picture whose look is wanted, or a folder of them; or a run folder, alone.",
        metavar="REF|RUN",
    ),
]
Frames = Annotated[
    str | None,
    typer.Argument(
        help="The frames: a folder, a quoted pattern like 'img*.jpg', or a video.",
        metavar="FRAMES",
        show_default=False,
    ),
]
AsOption = Annotated[
    Command,
    typer.Option("--as", help="The command that is going to do it.", rich_help_panel=options.RUN),
]

_ELSEWHERE = {"first", "count", "json_lines"} | {f.name for f in dataclasses.fields(MachineOptions)}
"""Parameters that make sense with a run folder: where it works may be another each time."""


@reports_failures
@takes_groups()
def plan(
    context: typer.Context,
    first: ReferenceOrRun,
    look: LookOptions,
    film: FilmOptions,
    machine: MachineOptions,
    frames: Frames = None,
    command: AsOption = "timelapse",
    target: options.TargetOption = options.DEFAULT_TARGET,
    dry_run: options.DryRunOption = False,
    overwrite: options.OverwriteOption = False,
    json_lines: options.JsonOption = False,
) -> int:
    """Show what a run will do and cost, and write plan.json into its folder, to be edited.

    With a run folder alone it shows that run's plan, and whether edits of it make sense.
    """
    from batch_analogy.jobs.drive import open_run as runs
    from batch_analogy.jobs.drive.preview_run import close_as_planned, plan_of

    console = Console(json_lines)
    if frames is None:
        _refuse_given(context, allowed=_ELSEWHERE)
        run_dir = options.absolute(first)
        begun = runs.read_config(run_dir)
        execution = dataclasses.replace(begun.execution, **machine.changes())
        begun = dataclasses.replace(begun, execution=execution)
        return print_plan(console, begun, plan_of(run_dir))
    config = run_config(command, first, frames, look, film, machine, target)
    if dry_run:
        return print_plan(console, config, runs.dry_plan(config))
    with RunWatcher(console) as watcher:
        run = runs.open_run(config, overwrite=overwrite, on_event=watcher)
        planned = close_as_planned(run)
    code = print_plan(console, run.config, planned)
    console.note(f"the plan may be edited before it starts: {run.store.plan}")
    console.note(f"to start: {resume_command(config.run_dir)}")
    return code


@reports_failures
@takes_groups()
def preview(
    context: typer.Context,
    first: ReferenceOrRun,
    look: LookOptions,
    film: FilmOptions,
    machine: MachineOptions,
    frames: Frames = None,
    count: Annotated[
        int, typer.Option("--frames", help="How many frames, evenly spread.", metavar="N")
    ] = 5,
    command: AsOption = "timelapse",
    target: options.TargetOption = options.DEFAULT_TARGET,
    overwrite: options.OverwriteOption = False,
    json_lines: options.JsonOption = False,
) -> int:
    """Do a few frames before the night, and show them before and after on one sheet.

    They are frames of the run, which does not do them again when it starts.
    """
    from batch_analogy.jobs.drive import open_run as runs
    from batch_analogy.jobs.drive import preview_run

    console = Console(json_lines)
    with RunWatcher(console) as watcher:
        if frames is None:
            _refuse_given(context, allowed=_ELSEWHERE)
            changes = machine.changes()
            run = runs.load_run(options.absolute(first), changes=changes, on_event=watcher)
        else:
            config = run_config(command, first, frames, look, film, machine, target)
            run = runs.open_run(config, overwrite=overwrite, on_event=watcher)
        with run:
            chosen = preview_run.choose_preview_frames(run.plan, count)
            result, sheet = preview_run.rehearse(run, chosen, watcher)
    return _report(console, run, result, sheet, watcher)


def preview_and_report(config: RunConfig, console: Console, count: int, *, overwrite: bool) -> int:
    """Do so many frames of a run and show them; returns the exit code."""
    from batch_analogy.jobs.drive import open_run as runs
    from batch_analogy.jobs.drive import preview_run

    with RunWatcher(console) as watcher:
        run = runs.open_run(config, overwrite=overwrite, on_event=watcher)
        for text in plan_notes(config, run.plan):
            console.note(text)
        with run:
            chosen = preview_run.choose_preview_frames(run.plan, count)
            result, sheet = preview_run.rehearse(run, chosen, watcher)
    return _report(console, run, result, sheet, watcher)


def _report(
    console: Console, run: Run, result: RunResult, sheet: Path | None, watcher: RunWatcher
) -> int:
    code = exit_code_of(result)
    note_failures(console, result)
    console.note(f"{result.done} of {result.total} frames done in {duration(result.seconds)}")
    note_dashboard(console, run.config, watcher)
    if sheet is not None:
        console.result(str(sheet))
    run_dir = run.config.run_dir
    console.note(f"what the run will cost: batch-analogy plan {shlex.quote(str(run_dir))}")
    console.note(f"to start it: {resume_command(run_dir)}")
    console.event(
        "result", command="preview", sheet=sheet, run_dir=run_dir, **result_fields(result, code)
    )
    return code


def _refuse_given(context: typer.Context, *, allowed: Set[str]) -> None:
    """Refuse options that a run folder has settled already.

    Raises:
        UsageError: an option was given that would be passed over.
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        given = source is not None and source.name == "COMMANDLINE"
        if given and parameter.name not in allowed:
            raise UsageError(
                f"{parameter.opts[0]} cannot be given with a run folder, which keeps what it began "
                "with; give REF and FRAMES, or leave it out"
            )
