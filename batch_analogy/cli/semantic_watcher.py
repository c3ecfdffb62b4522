"""Show trainings and maps: progress bars on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from batch_analogy.cli.console import Console
from batch_analogy.cli.run_watcher import QUIET_SECONDS, duration
from batch_analogy.cli.watcher import Watcher
from batch_analogy.jobs.semantic import events

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_NAMES: dict[type, str] = {
    events.TrainingOpened: "training-opened",
    events.TrainingStep: "training-step",
    events.TrainingEnded: "training-ended",
    events.TrainingFailed: "training-failed",
    events.WorkersStarted: "workers-started",
    events.MapDone: "map-done",
}


class SemanticWatcher(Watcher):
    """Shows the events of trainings and of maps, a bar for each picture."""

    def __init__(
        self,
        console: Console,
        *,
        terminal: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
        alone: bool = False,  # a single picture, whose failure the command itself reports
    ) -> None:
        super().__init__(console, terminal=terminal, clock=clock)
        self._alone = alone
        self._noted_at: dict[str, float] = {}
        self._bars: dict[str, TaskID] = {}

    def _make_bars(self) -> Progress:
        from rich.console import Console as RichConsole
        from rich.progress import Progress

        return Progress(console=RichConsole(stderr=True), transient=True)

    def __call__(self, event: events.SemanticEvent) -> None:
        """Show an event."""
        fields = {f.name: getattr(event, f.name) for f in dataclasses.fields(event)}
        if isinstance(event, events.TrainingFailed):
            fields["error"] = str(event.error)
        self._console.event(_NAMES[type(event)], **fields)
        if self._alone and isinstance(event, events.TrainingFailed):
            return
        if isinstance(event, events.TrainingStep):
            self._step(event)
        elif isinstance(event, events.MapDone):
            self._map(event)
        elif (text := _describe(event)) is not None:
            self._console.note(text)

    def _step(self, event: events.TrainingStep) -> None:
        left = duration((event.total - event.iteration) * event.seconds)
        text = f"{event.name}: {measures_text(event.measures)}" if event.measures else event.name
        if self._bar(event.name, event.iteration, event.total):
            return
        if event.measures is not None or self._is_time(event.name):
            self._console.note(f"{text}, iteration {event.iteration} of {event.total}, {left} left")

    def _map(self, event: events.MapDone) -> None:
        shown = self._bar("maps", event.done, event.total)
        if not shown and (event.done == event.total or self._is_time("maps")):
            self._console.note(f"{event.done} of {event.total} maps done")

    def _bar(self, name: str, done: int, total: int) -> bool:
        """Move a progress bar; return False if there are no bars."""
        if self._progress is None:
            return False
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._bars[name], completed=done)
        return True

    def _is_time(self, name: str) -> bool:
        now = self._clock()
        if now - self._noted_at.setdefault(name, now) < QUIET_SECONDS:
            return False
        self._noted_at[name] = now
        return True


def measures_text(measures: Mapping[str, Any]) -> str:
    """Describe measures in words."""
    return (
        f"reconstruction error {measures['reconstruction']:.3f}, layouts "
        f"{measures['accuracy']:.0%} correct"
    )


def _describe(event: events.SemanticEvent) -> str | None:
    if isinstance(event, events.WorkersStarted):
        where = f", dashboard: {event.dashboard_url}" if event.dashboard_url else ""
        return f"training {event.at_once} pictures at once on Ray{where}"
    if isinstance(event, events.TrainingOpened):
        begins = f"continues from iteration {event.iteration}" if event.iteration else "begins"
        classes = f"{len(event.colours)} classes ({', '.join(event.colours)})"
        return f"{event.name}: {classes}; training {begins} in {event.folder}"
    if isinstance(event, events.TrainingFailed):
        return f"{event.name} failed: {event.error}"
    if isinstance(event, events.TrainingEnded):
        found = f" ({measures_text(event.measures)})" if event.measures else ""
        return f"{event.name}: {event.ending} after {event.iteration} iterations{found}"
    return None
