"""Films that one command makes one after the other: planned together, reported together."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import (
    DONE,
    ENVIRONMENT,
    FAILED,
    INTERRUPTED,
    PARTIAL,
    code_and_message,
)
from batch_analogy.cli.notification import check_target
from batch_analogy.cli.outcome import run_and_report
from batch_analogy.cli.plan_text import print_plan
from batch_analogy.cli.run_watcher import RunWatcher
from batch_analogy.config.run import RunConfig
from batch_analogy.garbage import importing

if TYPE_CHECKING:
    from batch_analogy.api import Plan, RunResult

_ENDS = {DONE: "done", PARTIAL: "partial", INTERRUPTED: "interrupted"}


def run_films(
    configs: Sequence[RunConfig],
    console: Console,
    *,
    dry_run: bool,
    overwrite: bool,
    notify: str | None = None,
) -> int:
    """Make films one after the other, or only print their plans. Return the exit code.

    All are planned before the first is begun. One that fails while it is made does not stop the
    others.

    Raises:
        UsageError: an input cannot be used; nothing was begun.
    """
    if notify is not None:
        check_target(notify)
    if dry_run:
        return print_plans(console, configs, overwrite=overwrite)
    if len(configs) == 1:
        return run_and_report(configs[0], console, overwrite=overwrite, notify=notify)
    plan_films(console, configs, overwrite=overwrite)
    return _run_queue(configs, console, overwrite=overwrite, notify=notify)


def print_plans(console: Console, configs: Sequence[RunConfig], *, overwrite: bool) -> int:
    """Print the plans of films that are not begun, and return the exit code.

    Raises:
        UsageError: an input cannot be used.
    """
    with importing():
        from batch_analogy import api

    if len(configs) == 1:
        return print_plan(console, configs[0], api.plan_film(configs[0], overwrite=overwrite))
    plans = plan_films(console, configs, overwrite=overwrite)
    for number, (config, plan) in enumerate(zip(configs, plans, strict=True), start=1):
        console.result(f"film {number} of {len(configs)}: {_label(config)}")
        print_plan(console, config, plan)
    return DONE


def plan_films(console: Console, configs: Sequence[RunConfig], *, overwrite: bool) -> list[Plan]:
    """Plan films without writing anything, and report all that is wrong with their inputs.

    Raises:
        UsageError: an input cannot be used.
    """
    with importing():
        from batch_analogy import api

    def refuse(config: RunConfig, error: Exception) -> None:
        text = " ".join(str(error).split())
        console.note(f"{_label(config)}: {text}")
        console.event("refused", source=config.source, error=type(error).__name__, message=text)

    with RunWatcher(console) as watcher:
        return api.plan_all(configs, overwrite=overwrite, on_refused=refuse, on_event=watcher)


def note_input(console: Console, config: RunConfig, number: int, count: int) -> None:
    """Print which film follows, if there are several."""
    if count > 1:
        console.note(f"film {number} of {count}: {_label(config)}")
        console.event(
            "film", number=number, count=count, source=config.source, output=config.output
        )


@dataclass
class _Entry:
    """A film of the queue, and how it ended."""

    config: RunConfig
    code: int | None = None  # None: it was not begun
    message: str = ""  # of the error that ended it
    result: RunResult | None = None

    @property
    def end(self) -> str:
        """How it ended, in words."""
        return "not begun" if self.code is None else _ENDS.get(self.code, "failed")

    @property
    def line(self) -> str:
        """One line about it."""
        result, told = self.result, [f"{self.end}: {_label(self.config)}"]
        if result is not None:
            told.append(f"{result.done} of {result.total} frames")
            told += map(str, result.films)
        return ", ".join([*told, self.message] if self.message else told)


def _run_queue(
    configs: Sequence[RunConfig], console: Console, *, overwrite: bool, notify: str | None
) -> int:
    from batch_analogy.jobs.drive.pool_choice import KeptRay

    entries = [_Entry(config) for config in configs]
    with KeptRay(configs[0].execution) as kept:
        for number, entry in enumerate(entries, start=1):
            note_input(console, entry.config, number, len(entries))
            entry.code, entry.message = code_and_message(
                console, functools.partial(_run, entry, console, overwrite, notify)
            )
            if entry.code == INTERRUPTED:
                break
            if entry.code == ENVIRONMENT:
                kept.leave()  # it may be Ray that is gone; the next film starts it again
    return _report(entries, console)


def _report(entries: Sequence[_Entry], console: Console) -> int:
    """Print how each film ended, and return the exit code of all."""
    code = queue_code([entry.code for entry in entries])
    whole = sum(entry.code == DONE for entry in entries)
    console.note(f"{whole} of {len(entries)} films are whole")
    for entry in entries:
        console.note(entry.line)
    films = [
        {
            "source": entry.config.source,
            "output": entry.config.output,
            "run_dir": entry.config.run_dir,
            "end": entry.end,
            "message": entry.message,
            "exit_code": entry.code,
        }
        for entry in entries
    ]
    console.event("queue", films=films, exit_code=code)
    return code


def _run(entry: _Entry, console: Console, overwrite: bool, notify: str | None) -> int:
    def keep(result: RunResult) -> None:
        entry.result = result

    return run_and_report(entry.config, console, overwrite=overwrite, notify=notify, on_result=keep)


def queue_code(codes: Sequence[int | None]) -> int:
    """Return the exit code of several films: theirs if it is the same, else that some failed.

    >>> queue_code([0, 0]), queue_code([0, 1]), queue_code([1, 1]), queue_code([4, 2])
    (0, 3, 1, 1)
    >>> queue_code([0, 130, None])
    130
    """
    found = set(codes)
    if INTERRUPTED in found:
        return INTERRUPTED
    if len(found) == 1:
        return found.pop() or DONE
    return PARTIAL if found & {DONE, PARTIAL} else FAILED


def _label(config: RunConfig) -> str:
    """Name the input of a film."""
    if len(config.files) > 1:
        return f"{config.source} ({len(config.files)} files)"
    return config.source
