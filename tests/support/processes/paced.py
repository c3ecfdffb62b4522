"""Commands that a test can hold in the middle of their work, whatever the machine's speed."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

PATIENCE_SECONDS = 280.0  # pytest's own time-out is longer


class Paced:
    """A command with --json that continues only as its output is read.

    A pipe could hold the output of a whole small run. A socket with the smallest buffer holds only
    a few lines; the command waits when it is full.

    Args:
        command: a batch-analogy command line with ``--json``.
        options: further options of ``subprocess.Popen``.
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        ours, theirs = socket.socketpair()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        options = {"stderr": subprocess.PIPE, "text": True, **options}
        self.process = subprocess.Popen(command, stdout=theirs, **options)
        theirs.close()
        self._told = ours.makefile("rb", buffering=0)  # reads no further than it is asked to
        ours.close()
        self._reader: threading.Thread | None = None
        self.events: list[dict[str, Any]] = []  # all events read so far

    def wait_for(self, name: str) -> dict[str, Any]:
        """Let the command continue to the next event of this name, or a few events further."""
        for line in self._told:
            event: dict[str, Any] = json.loads(line)
            self.events.append(event)
            if event["event"] == name:
                return event
        raise AssertionError(f"it ended without {name}: {self.end()}")

    def let_go(self) -> None:
        """Let the command continue to its end."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._told.readall, daemon=True)
            self._reader.start()

    def end(self) -> str:
        """Let the command continue, wait for its end, and return its stderr if it is piped."""
        self.let_go()
        _, said = self.process.communicate(timeout=PATIENCE_SECONDS)
        return said or ""

    def kill(self) -> None:
        """Kill the command."""
        self.process.kill()
        self.end()
