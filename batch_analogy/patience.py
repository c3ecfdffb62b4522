"""Try again where a disk refuses for a moment.

A network disk is cut off and comes back; a virus scanner, an indexer or a backup holds a file open.
Such errors pass within seconds or minutes, and must not end a night's work.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Collection
from typing import TypeVar

from batch_analogy.errors import BatchAnalogyError

PATIENCE_SECONDS = 180.0
FRAME_PATIENCE_SECONDS = 300.0  # less than the shortest time after which a worker counts as stuck

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 10.0
_TOLD_AFTER_SECONDS = 1.6

_LOST_CONNECTION = (
    errno.ESTALE,
    errno.ENOTCONN,
    errno.ETIMEDOUT,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EIO,  # what a network disk that was mounted "soft" says
)
PASSING_ON_READING = frozenset((*_LOST_CONNECTION, errno.EBUSY, errno.EAGAIN))
PASSING = PASSING_ON_READING | {errno.ETXTBSY, errno.EACCES, errno.EPERM}
"""Errors of writing. A file that another program holds open is refused like a forbidden one."""

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


def passes(error: BaseException, passing: Collection[int] = PASSING) -> bool:
    """Return True if an error, or the one that caused it, is one of the disk that may pass."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in passing:
            return True
        seen = seen.__cause__
    return False


def patiently(
    work: Callable[[], Result],
    seconds: float | None = None,
    *,
    passing: Collection[int] = PASSING,
    again: Callable[[], None] = lambda: None,
) -> Result:
    """Return the result of work, which is repeated while a passing error of the disk ends it.

    Args:
        work: what may be done repeatedly.
        seconds: how long; None: ``PATIENCE_SECONDS``.
        passing: numbers of the errors that may pass.
        again: called before each repetition.

    Raises:
        OSError, BatchAnalogyError: the last error of the work.
    """
    deadline = time.monotonic() + (PATIENCE_SECONDS if seconds is None else seconds)
    wait, told = _FIRST_WAIT_SECONDS, False
    while True:
        try:
            return work()
        except (OSError, BatchAnalogyError) as error:
            left = deadline - time.monotonic()
            if left <= 0 or not passes(error, passing):
                raise
            if not told and wait >= _TOLD_AFTER_SECONDS and left > _LONGEST_WAIT_SECONDS:
                told = True
                _log.warning("%s; it is tried again for %.0f s", error, left)
        time.sleep(min(wait, left))
        wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
        again()
