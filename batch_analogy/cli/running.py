"""Carrying out a run and telling how it ended; what timelapse, stylize and resume share."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, FAILED, INTERRUPTED, PARTIAL
from batch_analogy.cli.progress import RunWatcher, duration
from batch_analogy.config import RunConfig

if TYPE_CHECKING:
    from batch_analogy.jobs.run import Run, RunResult

SHOWN_FAILURES = 10


def open_and_finish(config: RunConfig, console: Console, *, overwrite: bool) -> int:
    """Open a run, carry it out and report; returns the exit code."""
    from batch_analogy.jobs.run import open_run

    with RunWatcher(console) as watcher:
        run = open_run(config, overwrite=overwrite, on_event=watcher)
        result = _execute(run, console, watcher)
    return report(console, run.config, result)


def load_and_finish(run_dir: Path, console: Console, changes: Mapping[str, Any]) -> int:
    """Take up the run of a folder, with some of its execution settings changed."""
    from batch_analogy.jobs.run import load_run

    with RunWatcher(console) as watcher:
        run = load_run(run_dir, changes=changes, on_event=watcher)
        result = _execute(run, console, watcher)
    return report(console, run.config, result)


def _execute(run: Run, console: Console, watcher: RunWatcher) -> RunResult:
    try:
        return run.execute(watcher)
    except BaseException:  # a bug too leaves frames to go on with
        console.note(how_to_go_on(run.config.run_dir))
        raise


def report(console: Console, config: RunConfig, result: RunResult) -> int:
    """Say how a run ended: films on stdout, all else on stderr; returns the exit code."""
    code = exit_code_of(result)
    for index, name, message in result.failed[:SHOWN_FAILURES]:
        console.note(f"frame {index} ({name}) is missing: {message}")
    if len(result.failed) > SHOWN_FAILURES:
        console.note(f"… and {len(result.failed) - SHOWN_FAILURES} more, see batch-analogy status")
    console.note(f"{result.done} of {result.total} frames done in {duration(result.seconds)}")
    sheet = sheet_of(config.run_dir)
    if sheet is not None:
        console.note(f"contact sheet: {sheet}")
    console.note(f"run folder: {config.run_dir}")
    for film in result.films:
        console.result(str(film))
    if code != DONE:
        console.note(how_to_go_on(config.run_dir))
    console.event(
        "result",
        command=config.command,
        films=result.films,
        sheet=sheet,
        run_dir=config.run_dir,
        total=result.total,
        done=result.done,
        failed=[{"index": i, "name": n, "message": m} for i, n, m in result.failed],
        seconds=round(result.seconds, 2),
        exit_code=code,
    )
    return code


def exit_code_of(result: RunResult) -> int:
    """Interrupted, failed altogether, partial or done."""
    if result.interrupted:
        return INTERRUPTED
    if result.failed:
        return PARTIAL if result.done else FAILED
    return DONE


def sheet_of(run_dir: Path) -> Path | None:
    """The contact sheet of a run, if it has got one yet."""
    from batch_analogy.jobs.store import RunStore

    sheet = RunStore(run_dir).sheet_preview
    return sheet if sheet.is_file() else None


def how_to_go_on(run_dir: Path) -> str:
    """The command that continues a run, to be copied into a shell."""
    return f"to go on: batch-analogy resume {shlex.quote(str(run_dir))}"
