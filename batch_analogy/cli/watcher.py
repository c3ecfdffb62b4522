"""Base class of progress displays: a console, a clock, and bars if stderr is a terminal."""

from __future__ import annotations

import abc
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from batch_analogy.cli.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress

Watching = TypeVar("Watching", bound="Watcher")


class Watcher(abc.ABC):
    """Shows events on stderr and, with JSON, writes each as a line to stdout.

    Args:
        console: the streams.
        terminal: draw bars; None draws them if stderr is a terminal.
        clock: a function that returns seconds; it limits how often lines are printed.
    """

    def __init__(
        self,
        console: Console,
        *,
        terminal: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._clock = clock
        self._progress: Progress | None = None

    @abc.abstractmethod
    def _make_bars(self) -> Progress:
        """Return the bars, not yet shown."""

    def __enter__(self: Watching) -> Watching:
        if self._terminal:
            self._progress = self._make_bars()
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
