"""The commands ``status`` and ``resume``: looking at a run folder, and going on with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_analogy.cli import options
from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, reports_failures
from batch_analogy.cli.progress import duration
from batch_analogy.cli.running import SHOWN_FAILURES, load_and_finish, sheet_of

if TYPE_CHECKING:
    from batch_analogy.jobs.status import RunStatus

STATUS_EPILOG = """Examples:

batch-analogy status night.run

batch-analogy status night.run --json"""

RESUME_EPILOG = """Examples:

batch-analogy resume night.run

batch-analogy resume night.run --workers 8 --address auto"""

RunFolder = Annotated[
    Path,
    typer.Argument(help="The run folder of a timelapse or stylize, like night.run.", metavar="RUN"),
]


@reports_failures
def status(run_dir: RunFolder, json_lines: options.JsonOption = False) -> int:
    """Show how a run is going, or how it ended. It may be running meanwhile."""
    from batch_analogy.jobs.status import read_status

    console = Console(json_lines)
    run_dir = options.absolute(run_dir)
    found = read_status(run_dir)
    for name, value in _rows(found, sheet_of(run_dir)):
        console.result(f"{name:10}{value}")
    console.event("result", command="status", status=found.to_json(), exit_code=DONE)
    return DONE


def _rows(found: RunStatus, sheet: Path | None) -> list[tuple[str, str]]:
    rows = [
        ("state", found.state + (f": {found.message}" if found.message else "")),
        ("frames", f"{found.done} of {found.total} done, {found.left} left"),
        ("command", f"{found.command} {found.source}"),
    ]
    if found.rate:
        left = "" if found.eta_seconds is None else f", {duration(found.eta_seconds)} left"
        rows.append(("rate", f"{1 / found.rate:.1f} s a frame, {found.workers} workers{left}"))
    if found.dashboard_url:
        rows.append(("dashboard", found.dashboard_url))
    rows += [("film", film) for film in found.films]
    if sheet is not None:
        rows.append(("sheet", str(sheet)))
    if found.updated_at:
        rows.append(("updated", f"{duration(max(0.0, time.time() - found.updated_at))} ago"))
    for frame in found.failed[:SHOWN_FAILURES]:
        rows.append(("failed", f"frame {frame.index} ({frame.name}): {frame.message}"))
    if len(found.failed) > SHOWN_FAILURES:
        rows.append(("", f"… and {len(found.failed) - SHOWN_FAILURES} more; --json lists all"))
    return rows


@reports_failures
def resume(
    run_dir: RunFolder,
    workers: options.WorkersOption = None,
    gpus_per_worker: options.ResumeGpusOption = None,
    address: options.ResumeAddressOption = None,
    json_lines: options.JsonOption = False,
) -> int:
    """Go on with a run that was interrupted, or try its failed frames again.

    It keeps the settings it began with; only where it works may change, which changes no pixel.
    """
    changes: dict[str, object] = {}
    if workers is not None:
        changes["workers"] = workers
    if gpus_per_worker is not None:
        changes["gpus_per_worker"] = gpus_per_worker
    if address is not None:
        changes["address"] = options.cluster_address(address)
    return load_and_finish(options.absolute(run_dir), Console(json_lines), changes)
