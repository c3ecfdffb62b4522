"""The command ``plan``: shows what a run will do and cost before it starts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, reports_failures
from batch_analogy.cli.film_queue import note_input, plan_films, print_plans
from batch_analogy.cli.options import general
from batch_analogy.cli.options.film import FilmOptions
from batch_analogy.cli.options.groups import takes_groups
from batch_analogy.cli.options.look import LookOptions, TargetOption
from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.cli.options.painting import PaintOptions
from batch_analogy.cli.options.region import EdgeOptions
from batch_analogy.cli.options.share import ShareOptions
from batch_analogy.cli.outcome import resume_command
from batch_analogy.cli.plan_text import print_plan
from batch_analogy.cli.run_config import AnyPresetOption, AsOption, FilmArguments, requested_run
from batch_analogy.cli.run_watcher import RunWatcher
from batch_analogy.config.run import RunConfig

EPILOG = """Examples:

batch-analogy plan reference.jpg frames/ -o night.mp4

batch-analogy plan painting.jpg clip.mp4 --as stylize --dry-run

batch-analogy plan frames/ --as analogy --keys painted/

batch-analogy plan night.run

plan.json may be edited: leave out frames, or move the borders of segments and shots."""


@reports_failures
@takes_groups(annotations={"preset": AnyPresetOption})
def plan(
    context: typer.Context,
    arguments: FilmArguments,
    look: LookOptions,
    share: ShareOptions,
    edge: EdgeOptions,
    paint: PaintOptions,
    film: FilmOptions,
    machine: MachineOptions,
    command: AsOption = "timelapse",
    target: TargetOption = RunConfig.target,
    dry_run: general.DryRunOption = False,
    overwrite: general.OverwriteOption = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Show what a run will do and cost, and write a plan.json that you may edit.

    With a run folder alone, show the plan of that run, and check edits of it.
    """
    from batch_analogy import api
    from batch_analogy.jobs.store import RunStore

    console = Console(json_lines)
    asked = requested_run(
        context, arguments, command, look, share, edge, paint, film, machine, target
    )
    if isinstance(asked, Path):
        config = api.read_config(asked)
        execution = dataclasses.replace(config.execution, **machine.changes())
        config = dataclasses.replace(config, execution=execution)
        return print_plan(console, config, api.read_plan(asked))
    if dry_run:
        return print_plans(console, asked, overwrite=overwrite)
    if len(asked) > 1:
        plan_films(console, asked, overwrite=overwrite)
    for number, config in enumerate(asked, start=1):
        note_input(console, config, number, len(asked))
        with RunWatcher(console) as watcher:
            planned = api.plan_film(config, write=True, overwrite=overwrite, on_event=watcher)
        print_plan(console, api.read_config(config.run_dir), planned)
        edited = RunStore(config.run_dir).plan
        console.note(f"the plan may be edited before the run starts: {edited}")
        console.note(f"to start: {resume_command(config.run_dir)}")
    return DONE
