"""Carrying out a run and telling how it ended; what all commands that do frames share."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, FAILED, INTERRUPTED, PARTIAL
from batch_analogy.cli.plan_text import plan_notes
from batch_analogy.cli.run_watcher import RunWatcher, duration
from batch_analogy.config.run import RunConfig

if TYPE_CHECKING:
    from batch_analogy.jobs.drive.open_run import Run, RunResult
    from batch_analogy.jobs.drive.resume import Retry

MAX_SHOWN_FAILURES = 10


def run_and_report(config: RunConfig, console: Console, *, overwrite: bool) -> int:
    """Open a run, carry it out and report; returns the exit code."""
    from batch_analogy.jobs.drive.open_run import open_run

    with RunWatcher(console) as watcher:
        run = open_run(config, overwrite=overwrite, on_event=watcher)
        for text in plan_notes(config, run.plan):
            console.note(text)
        result = execute(run, console, watcher)
    return report(console, run, result, watcher)


def resume_and_report(
    run_dir: Path, console: Console, changes: Mapping[str, Any], *, again: Retry | None = None
) -> int:
    """Take up the run of a folder, with some of its execution settings changed."""
    from batch_analogy.jobs.drive.open_run import load_run

    with RunWatcher(console) as watcher:
        run = load_run(run_dir, changes=changes, again=again, on_event=watcher)
        result = execute(run, console, watcher)
    return report(console, run, result, watcher)


def execute(run: Run, console: Console, watcher: RunWatcher) -> RunResult:
    """Carry a run out; whatever ends it, say how to go on and where to look."""
    try:
        return run.execute(watcher)
    except BaseException:  # a bug too leaves frames to go on with
        note_dashboard(console, run.config, watcher)
        console.note(resume_hint(run.config.run_dir))
        raise


def report(console: Console, run: Run, result: RunResult, watcher: RunWatcher) -> int:
    """Say how a run ended: films on stdout, all else on stderr; returns the exit code."""
    config, code = run.config, exit_code_of(result)
    note_failures(console, result)
    console.note(f"{result.done} of {result.total} frames done in {duration(result.seconds)}")
    if not (result.films or result.interrupted) and result.done:
        console.note(
            f"no film: {result.total - result.done} frames are missing and --on-missing is "
            f"{config.on_missing}"
        )
    sheet = contact_sheet_of(config.run_dir)
    if sheet is not None:
        console.note(f"contact sheet: {sheet}")
    console.note(f"run folder: {config.run_dir}")
    note_dashboard(console, config, watcher)
    for film in result.films:
        console.result(str(film))
    if code != DONE:
        console.note(resume_hint(config.run_dir))
    console.event(
        "result",
        command=config.command,
        films=result.films,
        sheet=sheet,
        run_dir=config.run_dir,
        **result_fields(result, code),
    )
    return code


def note_failures(console: Console, result: RunResult) -> None:
    """Name the first frames that are missing, and why."""
    for index, name, message in result.failed[:MAX_SHOWN_FAILURES]:
        console.note(f"frame {index} ({name}) is missing: {message}")
    if len(result.failed) > MAX_SHOWN_FAILURES:
        console.note(
            f"… and {len(result.failed) - MAX_SHOWN_FAILURES} more, see batch-analogy status"
        )


def result_fields(result: RunResult, code: int) -> dict[str, Any]:
    """What the last JSON line says of every kind of run."""
    return {
        "total": result.total,
        "done": result.done,
        "failed": [{"index": i, "name": n, "message": m} for i, n, m in result.failed],
        "seconds": round(result.seconds, 2),
        "exit_code": code,
    }


def note_dashboard(console: Console, config: RunConfig, watcher: RunWatcher) -> None:
    """Say where the dashboard is, or that it ended with the Ray that this run had started."""
    pool = watcher.pool
    if pool is None or pool.dashboard_url is None:
        return
    ended = " (it ended with this run)" if config.execution.address is None else ""
    console.note(f"dashboard: {pool.dashboard_url}{ended}")
    if pool.token_hint and not ended:
        console.note(f"dashboard login: {pool.token_hint}")


def exit_code_of(result: RunResult) -> int:
    """Interrupted, failed altogether, partial or done."""
    if result.interrupted:
        return INTERRUPTED
    if result.done < result.total:
        return PARTIAL if result.done else FAILED
    return DONE


def contact_sheet_of(run_dir: Path) -> Path | None:
    """The contact sheet of a run, if it has got one yet."""
    from batch_analogy.jobs.store import RunStore

    sheet = RunStore(run_dir).sheet_preview
    return sheet if sheet.is_file() else None


def resume_hint(run_dir: Path) -> str:
    """The command that continues a run, to be copied into a shell."""
    return f"to go on: {resume_command(run_dir)}"


def resume_command(run_dir: Path) -> str:
    """The command that starts or continues a run."""
    return f"batch-analogy resume {shlex.quote(str(run_dir))}"
