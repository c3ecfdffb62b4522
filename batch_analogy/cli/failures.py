"""Exceptions reported as a message on stderr and an exit code.

| code | meaning |
| --- | --- |
| 0 | everything is done |
| 1 | failed |
| 2 | wrong usage, or existing files would be lost |
| 3 | partial: some frames failed, the rest is done |
| 4 | this machine or cluster cannot do it |
| 130 | interrupted |
"""

from __future__ import annotations

import errno
import functools
import os
import traceback
from collections.abc import Callable
from typing import ParamSpec

import typer

from batch_analogy import errors
from batch_analogy.cli.console import Console, OutputClosedError
from batch_analogy.files import machine_error

DONE, FAILED, USAGE, PARTIAL, ENVIRONMENT, INTERRUPTED = 0, 1, 2, 3, 4, 130

EXIT_CODES: dict[type[BaseException], int] = {
    errors.UsageError: USAGE,
    errors.InputError: FAILED,
    errors.JobError: FAILED,
    errors.MachineError: ENVIRONMENT,
    errors.BatchAnalogyError: FAILED,
    KeyboardInterrupt: INTERRUPTED,
}
"""Exception class → exit code. A class that is not listed has the code of its nearest parent."""

DEBUG_VARIABLE = "BATCH_ANALOGY_DEBUG"

P = ParamSpec("P")


def exit_code(error: BaseException) -> int:
    """Return the exit code of an exception: that of its class or nearest listed parent, else 1."""
    return next((EXIT_CODES[c] for c in type(error).__mro__ if c in EXIT_CODES), FAILED)


def reports_failures(command: Callable[P, int]) -> Callable[P, None]:
    """Decorate a command that returns an exit code, so that it reports its errors and exits.

    The command must have a ``json_lines`` keyword, which decides whether the failure is also
    written to stdout as a JSON line.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        console = Console(json_lines=bool(kwargs.get("json_lines", False)))
        try:
            code, _ = code_and_message(console, lambda: command(*args, **kwargs))
        except OutputClosedError:
            code = FAILED
            console.note("stopped: the reader of the output has ended")
        raise typer.Exit(code)

    return guarded


def code_and_message(console: Console, action: Callable[[], int]) -> tuple[int, str]:
    """Return the exit code that an action returns, or that of its error, which is reported.

    Returns:
        The code, and the message of the error; an empty one if there was none.

    Raises:
        OutputClosedError: the reader of stdout has ended.
    """
    try:
        return action(), ""
    except errors.BatchAnalogyError as error:
        return _report(console, error, str(error))
    except KeyboardInterrupt as error:
        return _report(console, error, "interrupted; give the same command again to continue")
    except OutputClosedError:
        raise
    except OSError as error:  # where nothing more specific was said: limits of machine and disk
        known = machine_error(error) or _long_name_error(error)
        return _report(console, known or error, str(known or _bug_message(error)))
    except (RuntimeError, MemoryError) as error:
        limit = _limit_error(error)
        return _report(console, limit or error, str(limit or _bug_message(error)))
    except Exception as error:  # noqa: BLE001 - a bug is reported in one line too
        return _report(console, error, _bug_message(error))


def _report(console: Console, error: BaseException, message: str) -> tuple[int, str]:
    code = exit_code(error)
    if os.environ.get(DEBUG_VARIABLE):
        console.note("".join(traceback.format_exception(error)).rstrip())
    message = " ".join(line.strip() for line in message.splitlines() if line.strip())
    console.note(f"error: {message}")
    console.event("error", error=type(error).__name__, message=message, exit_code=code)
    return code, message


def _limit_error(error: RuntimeError | MemoryError) -> errors.MachineError | None:
    """Return an error for users if a limit of the machine caused this one, else None."""
    if isinstance(error, MemoryError):
        number = errno.ENOMEM
    elif "can't start new thread" in str(error):  # Python has no class for it
        number = errno.EAGAIN
    else:
        return None
    return machine_error(OSError(number, str(error)))


def _long_name_error(error: OSError) -> errors.UsageError | None:
    """Return an error for users if a name was too long for the disk, else None."""
    if error.errno != errno.ENAMETOOLONG:
        return None
    return errors.UsageError(f"the name {error.filename} is too long for this disk; shorten it")


def _bug_message(error: Exception) -> str:
    return (
        f"a bug in batch-analogy: {type(error).__name__}: {error}. Run it again with "
        f"{DEBUG_VARIABLE}=1 to see the traceback, and please report that."
    )
