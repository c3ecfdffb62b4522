"""The command ``status``: shows the state of a run, once or until the run ends."""

from __future__ import annotations

import shlex
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, reports_failures
from batch_analogy.cli.options import general
from batch_analogy.cli.outcome import MAX_SHOWN_FAILURES, contact_sheet_of
from batch_analogy.cli.run_watcher import QUIET_SECONDS, duration

if TYPE_CHECKING:
    from rich.live import Live

    from batch_analogy.jobs.folder.run_status import RunStatus
    from batch_analogy.jobs.folder.worker_states import WorkerState

EPILOG = """Examples:

batch-analogy status night.run

batch-analogy status night.run --watch

batch-analogy status night.run --json"""

WATCH_SECONDS = 2.0
MAX_SHOWN_WORKERS = 12


@reports_failures
def status(
    run_dir: general.RunFolder,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Keep showing the progress until the run ends. Ctrl-C ends the display, not the "
            "run.",
        ),
    ] = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Show the progress of a run, even while it is running, or how it ended."""
    console = Console(json_lines)
    run_dir = general.absolute(run_dir)
    found = StatusWatch(run_dir, console).watch_until_end() if watch else _read(run_dir)
    if found is not None:
        _print(console, run_dir, found)
    return DONE


def _read(run_dir: Path) -> RunStatus:
    from batch_analogy.jobs.folder.run_status import read_status

    return read_status(run_dir)


def _print(console: Console, run_dir: Path, found: RunStatus) -> None:
    for line in _lines(found, contact_sheet_of(run_dir)):
        console.result(line)
    console.event("result", command="status", status=found.to_json(), exit_code=DONE)


@dataclass
class StatusWatch:
    """Display of a run until it ends: redrawn on a terminal, otherwise a line about every 30 s.

    With JSON, a line is written whenever something has changed.
    """

    run_dir: Path
    console: Console
    terminal: bool | None = None  # None: true if stdout is a terminal
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def watch_until_end(self) -> RunStatus | None:
        """Show the run until it ends. Return how it ended, or None after Ctrl-C."""
        self._told: tuple[object, ...] = ()
        self._told_at = 0.0
        try:
            terminal = sys.stdout.isatty() if self.terminal is None else self.terminal
            if terminal and not self.console.json_lines:
                with _live() as live:
                    return self._watch(lambda found: live.update(self._text(found), refresh=True))
            return self._watch(self._tell)
        except KeyboardInterrupt:
            self.console.note("no longer watching; the run continues")
            return None

    def _watch(self, show: Callable[[RunStatus], None]) -> RunStatus:
        from batch_analogy.jobs.folder.run_status import ACTIVE_STATES

        while (found := _read(self.run_dir)).state in ACTIVE_STATES:
            show(found)
            self.sleep(WATCH_SECONDS)
        return found

    def _text(self, found: RunStatus) -> str:
        return "\n".join(_lines(found, contact_sheet_of(self.run_dir)))

    def _tell(self, found: RunStatus) -> None:
        news = (found.state, found.message, found.done, len(found.failed), found.workers)
        if news == self._told:
            return
        waited = self.clock() - self._told_at
        other_state = not self._told or news[0] != self._told[0]
        if self.console.json_lines or other_state or waited >= QUIET_SECONDS:
            self._told, self._told_at = news, self.clock()
            self.console.event("status", status=found.to_json())
            self.console.result(summary(found))


def summary(found: RunStatus) -> str:
    """Return the state of a run in one line."""
    if not found.total:  # the run is still being planned
        return _state(found)
    failed = f", {len(found.failed)} failed" if found.failed else ""
    pace = _pace(found)
    return f"{found.state}: {found.done} of {found.total} done{failed}{pace and f', {pace}'}"


def _pace(found: RunStatus) -> str:
    """Return pace, workers and time left, or "" while no pace is known."""
    if not found.rate:
        return ""
    left = "" if found.eta_seconds is None else f", {duration(found.eta_seconds)} left"
    return f"{1 / found.rate:.1f} s per frame, {found.workers} workers{left}"


def _lines(found: RunStatus, sheet: Path | None) -> list[str]:
    return [f"{name:10}{value}" for name, value in summary_rows(found, sheet)]


def summary_rows(found: RunStatus, sheet: Path | None) -> list[tuple[str, str]]:
    """Return the rows of the display as (name, value)."""
    rows = [("state", _state(found))]
    if found.total:
        rows.append(("frames", f"{found.done} of {found.total} done, {found.left} left"))
        rows.append(("segments", _segments(found)))
    rows.append(("command", f"{found.command} {found.source}"))
    if pace := _pace(found):
        rows.append(("rate", pace))
    # The driver notes when workers report, by its own clock, which may be another machine's.
    now = time.time() if _is_here(found) else found.updated_at
    rows += [("worker", _worker(state, now)) for state in found.worker_states[:MAX_SHOWN_WORKERS]]
    if len(found.worker_states) > MAX_SHOWN_WORKERS:
        rows.append(
            ("", f"… and {len(found.worker_states) - MAX_SHOWN_WORKERS} more; --json lists all")
        )
    if found.dashboard_url:
        rows.append(("dashboard", found.dashboard_url))
    if found.token_hint:
        rows.append(("login", found.token_hint))
    rows += [("film", film + _place_note(film, found)) for film in found.films]
    if sheet is not None:
        rows.append(("sheet", str(sheet)))
    if found.updated_at:
        rows.append(("updated", _updated(found)))
    for frame in found.failed[:MAX_SHOWN_FAILURES]:
        rows.append(("failed", f"frame {frame.index} ({frame.name}): {frame.message}"))
    if len(found.failed) > MAX_SHOWN_FAILURES:
        rows.append(("", f"… and {len(found.failed) - MAX_SHOWN_FAILURES} more; --json lists all"))
    return rows


def _place_note(film: str, found: RunStatus) -> str:
    """Return a note if a film of a run that was driven here has been moved or deleted."""
    path = Path(film)
    place = path.parent if "%" in path.name else path  # numbered pictures
    if place.exists() or not _is_here(found):
        return ""
    again = f"batch-analogy assemble {shlex.quote(found.run_dir)}"
    return f", which is no longer there; to make it again: {again}"


def _state(found: RunStatus) -> str:
    return found.state + (f": {found.message}" if found.message else "")


def _segments(found: RunStatus) -> str:
    shots = f", in {found.shots} shots" if found.shots > 1 else ""
    return f"{found.segments_done} of {found.segments} done{shots}"


def _is_here(found: RunStatus) -> bool:
    """Return whether the run is driven from this machine."""
    return found.host == socket.gethostname()


def _updated(found: RunStatus) -> str:
    """Return when the driver last wrote its status, by its own machine's clock."""
    age = time.time() - found.updated_at
    if _is_here(found):
        return f"{duration(max(0.0, age))} ago"
    return f"{duration(abs(age))} {'ago' if age >= 0 else 'ahead'} by the clock of {found.host}"


def _worker(state: WorkerState, now: float) -> str:
    """Return the state of a worker in one line."""
    if state.lost is not None:
        return f"{state.name} was lost: {state.lost}"
    parts = [f"{state.name} on {state.node} ({state.device}): {state.done} done"]
    if state.failed:
        parts.append(f"{state.failed} failed")
    if state.last_seconds is not None:
        parts.append(f"frame {state.last_frame} in {state.last_seconds:.1f} s")
    heard = duration(max(0.0, now - state.heard_at))
    return ", ".join([*parts, f"last seen {heard} ago"])


def _live() -> Live:
    from rich.console import Console as RichConsole
    from rich.live import Live

    return Live(console=RichConsole(markup=False, highlight=False), auto_refresh=False)
