"""Execution and report of a run, common to all commands that make frames."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, FAILED, INTERRUPTED, PARTIAL
from batch_analogy.cli.notifier import Notifier
from batch_analogy.cli.plan_text import plan_notes
from batch_analogy.cli.run_watcher import RunWatcher, duration
from batch_analogy.config.painting import PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.garbage import importing

if TYPE_CHECKING:
    from batch_analogy.api import Retry, Run, RunResult

MAX_SHOWN_FAILURES = 10


def run_and_report(
    config: RunConfig,
    console: Console,
    *,
    overwrite: bool,
    notify: str | None = None,
    on_result: Callable[[RunResult], None] | None = None,
) -> int:
    """Open a run, execute it and report; ``on_result`` is told too. Return the exit code."""
    with importing():
        from batch_analogy import api

    stall_seconds = config.execution.stall_timeout_seconds
    with (
        Notifier(notify, console, config.run_dir, stall_seconds) as notifier,
        RunWatcher(console, also=notifier.heard) as watcher,
    ):
        run = api.open_run(config, overwrite=overwrite, on_event=watcher)
        for text in plan_notes(config, run.plan):
            console.note(text)
        result = execute(run, console, watcher)
        notifier.tell_result(result, duration(result.seconds))
    if on_result is not None:
        on_result(result)
    return report(console, run, result, watcher)


def resume_and_report(
    run_dir: Path,
    console: Console,
    changes: Mapping[str, Any],
    *,
    again: Retry | None = None,
    keys: Sequence[PaintedKeyframe] = (),
    notify: str | None = None,
) -> int:
    """Continue a run, with some execution settings changed, and report. Return the exit code."""
    with importing():
        from batch_analogy import api

    stall_seconds = changes.get("stall_timeout_seconds")
    with (
        Notifier(notify, console, run_dir, stall_seconds) as notifier,
        RunWatcher(console, also=notifier.heard) as watcher,
    ):
        run = api.load_run(run_dir, changes=changes, again=again, keys=keys, on_event=watcher)
        result = execute(run, console, watcher)
        notifier.tell_result(result, duration(result.seconds))
    return report(console, run, result, watcher)


def execute(run: Run, console: Console, watcher: RunWatcher) -> RunResult:
    """Execute a run; if an error ends it, print how to resume it."""
    try:
        return run.execute(watcher)
    except BaseException:  # even after a bug, the finished frames remain
        note_dashboard(console, run.config, watcher)
        console.note(resume_hint(run.config.run_dir))
        raise


def report(console: Console, run: Run, result: RunResult, watcher: RunWatcher) -> int:
    """Report how a run ended: films on stdout, the rest on stderr. Return the exit code."""
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
    timelines = timelines_beside(config)
    for path in timelines:
        console.note(f"timeline: {path}")
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
        **({"timelines": timelines} if timelines else {}),
        **result_fields(result, code),
    )
    return code


def timelines_beside(config: RunConfig) -> list[Path]:
    """Return the timelines of a run that are written."""
    from batch_analogy.jobs.drive.film_outputs import films_of

    timelines = (film.timeline for film in films_of(config))
    return [one for one in timelines if one is not None and one.is_file()]


def note_failures(console: Console, result: RunResult) -> None:
    """Print the first missing frames, with the reasons."""
    for index, name, message in result.failed[:MAX_SHOWN_FAILURES]:
        console.note(f"frame {index} ({name}) is missing: {message}")
    if len(result.failed) > MAX_SHOWN_FAILURES:
        console.note(
            f"… and {len(result.failed) - MAX_SHOWN_FAILURES} more, see batch-analogy status"
        )


def result_fields(result: RunResult, code: int) -> dict[str, Any]:
    """Return the fields that the last JSON line has for every kind of run."""
    return {
        "total": result.total,
        "done": result.done,
        "failed": [{"index": i, "name": n, "message": m} for i, n, m in result.failed],
        "seconds": round(result.seconds, 2),
        "exit_code": code,
    }


def note_dashboard(console: Console, config: RunConfig, watcher: RunWatcher) -> None:
    """Print the dashboard's address, and whether it ended together with this run's own Ray."""
    pool = watcher.pool
    if pool is None or pool.dashboard_url is None:
        return
    ended = " (it ends with this command)" if config.execution.address is None else ""
    console.note(f"dashboard: {pool.dashboard_url}{ended}")
    if pool.token_hint and not ended:
        console.note(f"dashboard login: {pool.token_hint}")


def exit_code_of(result: RunResult) -> int:
    """Return the exit code of a run: interrupted, failed, partial or done."""
    if result.interrupted:
        return INTERRUPTED
    if result.done < result.total:
        return PARTIAL if result.done else FAILED
    return DONE


def contact_sheet_of(run_dir: Path) -> Path | None:
    """Return the contact sheet of a run, or None if it has none yet."""
    from batch_analogy.jobs.store import RunStore

    sheet = RunStore(run_dir).sheet_preview
    return sheet if sheet.is_file() else None


def resume_hint(run_dir: Path) -> str:
    """Return a line with the command that continues a run."""
    return f"to continue: {resume_command(run_dir)}"


def resume_command(run_dir: Path) -> str:
    """Return the command that starts or continues a run, quoted for a shell."""
    return f"batch-analogy resume {shlex.quote(str(run_dir))}"
