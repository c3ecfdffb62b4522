"""The ends of the workers' logs."""

from __future__ import annotations

import os
from pathlib import Path

SHOWN_LINES = 200
READ_BYTES = 256 << 10


def worker_names(logs: Path) -> list[str]:
    """Return the names of the workers that have a log in a folder, not only a link to one."""
    try:
        with os.scandir(logs) as found:
            files = [entry.name for entry in found if entry.is_file(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(name.removesuffix(".jsonl") for name in files if name.endswith(".jsonl"))


def last_lines(logs: Path, worker: str) -> list[str]:
    """Return the last lines of a worker's log; ``worker`` is one of ``worker_names``."""
    try:
        with (logs / f"{worker}.jsonl").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - READ_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    lines = text.splitlines()
    return lines[-SHOWN_LINES:] if size <= READ_BYTES else lines[1:][-SHOWN_LINES:]
