"""Cancel an encoding on Ctrl-C, whether ffmpeg or the driver receives it first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from batch_analogy.errors import FilmError

Result = TypeVar("Result")


class StoppedEncodingError(Exception):
    """Raised by an encoding to end itself."""


def unless_stopped(work: Callable[[], Result], stopped: Callable[[], bool]) -> Result | None:
    """Return the result of work that makes films; None if it was stopped.

    Args:
        work: raises ``StoppedEncodingError`` when it notices that it was asked to stop. Ctrl-C in a
            terminal also reaches the encoder, which then fails by itself.
        stopped: returns True once a stop was requested.

    Raises:
        FilmError: a film could not be made, though no stop was requested.
    """
    try:
        return work()
    except (StoppedEncodingError, FilmError):
        if not stopped():
            raise
        return None
