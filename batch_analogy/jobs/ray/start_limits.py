"""Check, before Ray is started here, the limits of this machine that Ray itself names late.

With too few processes or open files its parts end one after the other, and where the path of its
sockets is too long it tries for minutes.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from batch_analogy.errors import ClusterError
from batch_analogy.jobs.resources import available_processes, raise_open_files

SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
LONGEST_SESSION = "ray/session_2026-11-30_20-42-29_123456_1234567/sockets/plasma_store"
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")

# Measured with Ray 2.60: 20 processes with 405 threads on 2 cores; 70 open files in the busiest.
THREADS, THREADS_PER_CORE = 330, 40
FILES, FILES_PER_CORE = 200, 16

_OTHERWISE = "or work without Ray: --address none"

_log = logging.getLogger(__name__)


def check_limits(cores: int) -> None:
    """Check that Ray may have the processes and open files that it needs on this machine.

    Raises:
        ClusterError: it may not.
    """
    files, needed = raise_open_files(), FILES + FILES_PER_CORE * cores
    if files is not None and files < needed:
        raise ClusterError(
            f"a process may open {files} files here, and Ray needs about {needed}; raise the limit "
            f"(ulimit -n), {_OTHERWISE}"
        )
    left, needed = available_processes(), THREADS + THREADS_PER_CORE * cores
    if left is not None and left < needed:
        raise ClusterError(
            f"{left} more processes and threads may be started here, and Ray needs about {needed}; "
            f"raise the limit (ulimit -u, or the container's pids limit), {_OTHERWISE}"
        )


def short_folder() -> str | None:
    """Return a folder for Ray's files whose sockets have short paths; None: Ray's own choice.

    Raises:
        ClusterError: there is none, or the chosen one may not be written to.
    """
    named = next((name for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)), None)
    if named is None:
        return None
    chosen = os.environ[named]
    length = len(os.fsencode(os.path.join(chosen, LONGEST_SESSION)))
    usable = os.path.isdir(chosen) and os.access(chosen, os.W_OK)
    if usable and length <= SOCKET_PATH_BYTES:
        return None
    reason = f"is too long by {length - SOCKET_PATH_BYTES} letters for Ray's sockets"
    if not usable:
        reason = "is not a folder that may be written to"
    other = next((f for f in SHORT_FOLDERS if os.path.isdir(f) and os.access(f, os.W_OK)), None)
    if other is None:
        raise ClusterError(f"{named}={chosen} {reason}; set RAY_TMPDIR to another, {_OTHERWISE}")
    _log.warning("%s=%s %s; Ray keeps its files in %s instead", named, chosen, reason, other)
    return str(Path(other) / "ray")
