"""Ending an encoding when Ctrl-C was pressed, whoever hears of it first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from batch_analogy.errors import FilmError

Result = TypeVar("Result")


class StoppedEncodingError(Exception):
    """Ends an encoding from within."""


def unless_stopped(work: Callable[[], Result], stopped: Callable[[], bool]) -> Result | None:
    """What work gives that makes films; None if it was stopped meanwhile.

    Args:
        work: asks itself, and raises ``StoppedEncodingError``. Ctrl-C in a terminal also reaches
            the encoder, which then fails by itself.
        stopped: whether it was asked to stop.

    Raises:
        FilmError: a film could not be made, and nobody had asked to stop.
    """
    try:
        return work()
    except (StoppedEncodingError, FilmError):
        if not stopped():
            raise
        return None
