"""Commands that a test can stop in the middle of their work on a machine of any speed."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

PATIENCE_SECONDS = 280.0  # pytest's own time-out is longer


class Paced:
    """A command with --json that goes on only as its lines are read.

    What a pipe holds would be a whole small run; a socket with the smallest of buffers holds a few
    lines, and whoever writes more into it waits.

    Args:
        command: of batch-analogy, with ``--json``.
        options: more of ``subprocess.Popen``.
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        ours, theirs = socket.socketpair()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        options = {"stderr": subprocess.PIPE, "text": True, **options}
        self.process = subprocess.Popen(command, stdout=theirs, **options)
        theirs.close()
        self._told = ours.makefile("rb", buffering=0)  # takes no more than is asked for
        ours.close()
        self._reader: threading.Thread | None = None
        self.events: list[dict[str, Any]] = []  # all that were waited for or passed by

    def wait_for(self, name: str) -> dict[str, Any]:
        """Let the command go on to the next event of this name, and a few events further."""
        for line in self._told:
            event: dict[str, Any] = json.loads(line)
            self.events.append(event)
            if event["event"] == name:
                return event
        raise AssertionError(f"it ended without {name}: {self.end()}")

    def let_go(self) -> None:
        """Let the command go on to its end."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._told.readall, daemon=True)
            self._reader.start()

    def end(self) -> str:
        """Let the command go on, wait for its end, and return its stderr if that is a pipe."""
        self.let_go()
        _, said = self.process.communicate(timeout=PATIENCE_SECONDS)
        return said or ""

    def kill(self) -> None:
        """Kill the command."""
        self.process.kill()
        self.end()
