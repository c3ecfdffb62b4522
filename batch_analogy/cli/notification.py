"""Tell a person, or another program, how a run fares: by a web address or a command."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from typing import Literal
from urllib.parse import urlsplit

from batch_analogy.errors import UsageError

Happening = Literal["finished", "partial", "failed", "interrupted", "stalled"]

COMMAND_SECONDS = 60.0
_ADDRESS_SECONDS = 20.0
_TRIES = 3
_PAUSE_SECONDS = 2.0
_SHELL = frozenset("|&;<>()$`\\\"'*?[#~=%{}!\n")


@dataclass(frozen=True, kw_only=True)
class Notification:
    """How a run fares."""

    event: Happening
    text: str  # one line, for a person
    run_dir: str
    films: tuple[str, ...] = ()
    done: int = 0
    total: int = 0
    failed: int = 0
    seconds: float = 0.0

    def as_json(self) -> str:
        """Return the fields as JSON; Slack and Mattermost show ``text``, Discord ``content``."""
        return json.dumps({**asdict(self), "content": self.text})

    def as_environment(self) -> dict[str, str]:
        """Return the fields as environment variables for a command."""
        named = {"EVENT": self.event, "TEXT": self.text, "RUN": self.run_dir}
        counts = {"DONE": self.done, "TOTAL": self.total, "FAILED": self.failed}
        named |= {name: str(count) for name, count in counts.items()}
        named["FILM"] = self.films[0] if self.films else ""
        return {f"BATCH_ANALOGY_{name}": value for name, value in named.items()}


class UnsentError(Exception):
    """A notification did not arrive; the message says why."""


def check_target(target: str) -> None:
    """Check, before any work, where notifications go.

    Args:
        target: an address that begins with http:// or https://, or a command for a shell.

    Raises:
        UsageError: it is empty, no address, or names a program that does not exist.
    """
    if not target.strip():
        raise UsageError("--notify is empty; give a command, or an address like https://ntfy.sh/me")
    if _is_address(target):
        try:
            parts = urlsplit(target)
            known = bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            known = False
        if not known or any(letter.isspace() for letter in target):
            raise UsageError(f"--notify {target} is no address; give one like https://ntfy.sh/me")
        return
    if "://" in target.split(maxsplit=1)[0]:
        raise UsageError(f"--notify {target}: an address must begin with http:// or https://")
    program = target.split(maxsplit=1)[0]
    if not _SHELL & set(program) and not _exists(program):
        raise UsageError(
            f"--notify {target}: there is no command {program}; give one that exists, or an "
            "address like https://ntfy.sh/me"
        )


def send(target: str, notification: Notification) -> None:
    """Send a notification.

    Args:
        target: as for ``check_target``.
        notification: posted as JSON to an address; given to a command as environment variables
            (``BATCH_ANALOGY_TEXT`` and so on), and as JSON on its standard input.

    Raises:
        UnsentError: the address did not answer, or the command failed.
    """
    if _is_address(target):
        _post(target, notification)
    else:
        _call(target, notification)


def _exists(program: str) -> bool:
    """Return whether the shell knows a program, or has it built in."""
    asked = ["/bin/sh", "-c", 'command -v "$1"', "sh", program]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _is_address(target: str) -> bool:
    return target.lower().startswith(("http://", "https://"))


def _post(address: str, notification: Notification) -> None:
    request = urllib.request.Request(
        address,
        data=notification.as_json().encode(),
        headers={"Content-Type": "application/json", "User-Agent": "batch-analogy"},
        method="POST",
    )
    host = urlsplit(address).hostname  # the rest of an address may be a secret
    reason = ""
    for attempt in range(_TRIES):
        time.sleep(_PAUSE_SECONDS * attempt)
        try:
            with urllib.request.urlopen(request, timeout=_ADDRESS_SECONDS):
                return
        except urllib.error.HTTPError as error:
            reason = f"{host} answered {error.code} {error.reason}"
            error.close()
            if error.code < 500 and error.code != 429:
                break  # asking again would not help
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = f"{host} did not answer ({getattr(error, 'reason', None) or error})"
    raise UnsentError(reason)


def _call(command: str, notification: Notification) -> None:
    name = shlex.quote(command)
    try:
        done = subprocess.run(
            command,
            shell=True,  # it is the user's own command line
            input=notification.as_json().encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **notification.as_environment()},
            timeout=COMMAND_SECONDS,
            start_new_session=True,  # Ctrl-C is for the run
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnsentError(f"{name} took longer than {COMMAND_SECONDS:g} s") from None
    except (OSError, ValueError) as error:
        raise UnsentError(f"{name} cannot be started: {error}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = f": {said[-1]}" if said else ""
        raise UnsentError(f"{name} ended with {done.returncode}{why}")
