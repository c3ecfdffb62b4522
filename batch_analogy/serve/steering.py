"""What the page asks for: edits of the plan, and commands that continue or stop the run.

An edit is written to ``plan.json`` as a person would write it, and taken by the next start of the
run. Frames are made by the command itself, in a process of its own that outlives the page.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from batch_analogy.errors import JobError, UsageError
from batch_analogy.files import disk_errors
from batch_analogy.jobs.folder.run_status import ACTIVE_STATES, written_status
from batch_analogy.jobs.plan.plan_edits import (
    PlanChange,
    PlanEdit,
    apply_edit,
    frames_made_again,
)
from batch_analogy.jobs.plan.plan_file import read_plan, write_plan
from batch_analogy.jobs.plan.ranges import format_frames, parse_frames
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.serve.painted_frames import keep_painted
from batch_analogy.serve.run_view import RunView

SAID_BYTES = 4000  # of the end of what a command said
COMMAND = [sys.executable, "-m", "batch_analogy"]

Facts = dict[str, Any]


class Steering:
    """Edits the plan of a run, and starts and stops its driver.

    Args:
        view: the run.
    """

    def __init__(self, view: RunView) -> None:
        self._view, self._store = view, view.store
        self._process: subprocess.Popen[bytes] | None = None
        self._said = self._store.logs / "page.log"
        self._lock = threading.Lock()  # one request at a time

    def show_edit(self, values: object) -> Facts:
        """Return how an edit would change the plan, without taking it.

        Raises:
            UsageError: the edit is not allowed.
        """
        change = apply_edit(self._plan(), _edit(values))
        again = frames_made_again(change, self._view.done())
        return {
            "lines": change.lines,
            "again": len(again),
            "again_frames": format_frames(again[:2000]),
            "digest": _digest(change),
        }

    def take_edit(self, values: object, digest: str) -> Facts:
        """Write an edit that was shown, if it still does the same.

        Raises:
            UsageError: the edit is not allowed, or the plan has changed since it was shown.
            RunLockedError: the run goes on.
        """
        edit = _edit(values)
        with self._lock:
            store = RunStore(self._store.run_dir)
            store.open()
            try:
                change = apply_edit(self._plan(), edit)
                if _digest(change) != digest:
                    raise UsageError("the plan has changed since this was shown; look at it again")
                write_plan(store.plan, change.after)
            finally:
                store.close()
        return {"lines": change.lines}

    def resume(self) -> Facts:
        """Continue the run, as the command ``resume`` does.

        Raises:
            JobError: the run goes on already.
        """
        return self._start("resume")

    def retry(self, frames: str) -> Facts:
        """Make frames again, as the command ``retry`` does.

        Args:
            frames: their numbers, like 3,5-10; "" for all that failed.

        Raises:
            UsageError: there is no such frame, or it is left out.
            JobError: the run goes on already.
        """
        if not frames.strip():
            return self._start("retry", "--failed")
        plan = self._plan()
        named = parse_frames(frames, len(plan.frames))
        if named & plan.leave_out:
            raise UsageError(
                f"frame {format_frames(named & plan.leave_out)} is left out; take it back first"
            )
        return self._start("retry", f"--frames={format_frames(named)}")

    def check_at_rest(self) -> None:
        """Check that the run is not going on.

        Raises:
            JobError: it is.
        """
        if self._store.has_driver():
            raise JobError("the run is going on; stop it first")

    def paint(self, index: int, file: Path) -> Facts:
        """Let a painted run follow one more painted frame; only what depends on it is made again.

        Args:
            index: the frame that was painted over.
            file: the painted picture, which is copied.

        Raises:
            UsageError: the run is not painted, or the picture does not fit the frame.
            InputError: the file is no picture.
            JobError: the run goes on already.
        """
        self.check_at_rest()
        plan = self._plan()
        kept = keep_painted(plan, self._store.run_dir, index, file)
        return self._start("resume", f"--key={plan.frames[index].name}={kept}")

    def stop(self) -> Facts:
        """Ask the driver to stop, as the first Ctrl-C does: frames in progress are finished.

        Raises:
            JobError: nothing runs, or it is driven from another machine or by another user.
        """
        status = written_status(self._store)
        if status is None or status.state not in ACTIVE_STATES or not self._store.has_driver():
            raise JobError("the run is not going on, so there is nothing to stop")
        if status.host != socket.gethostname():
            raise JobError(f"the run is driven from {status.host}; stop it there with Ctrl-C")
        if self._store.owner() != str(status.pid):
            raise JobError("the run is just changing hands; try again in a moment")
        try:
            os.kill(status.pid, signal.SIGINT)
        except OSError as error:
            raise JobError(f"the run cannot be stopped: {error.strerror}") from error
        return {"stopping": True}

    def command(self) -> Facts | None:
        """Return what became of the command that this page started last, if any."""
        process = self._process
        if process is None:
            return None
        code = process.poll()
        return {"running": code is None, "code": code, "said": "" if code is None else self._end()}

    def _start(self, *words: str) -> Facts:
        with self._lock:
            self.check_at_rest()
            with disk_errors(self._said):
                self._said.parent.mkdir(exist_ok=True)
                with self._said.open("wb") as said:
                    self._process = subprocess.Popen(
                        [*COMMAND, words[0], str(self._store.run_dir), *words[1:]],
                        stdin=subprocess.DEVNULL,
                        stdout=said,
                        stderr=said,
                        start_new_session=True,  # Ctrl-C ends the page, not the run
                    )
        return {"started": words[0]}

    def _end(self) -> str:
        try:
            data = self._said.read_bytes()
        except OSError:
            return ""
        return data[-SAID_BYTES:].decode(errors="replace").strip()

    def _plan(self) -> Plan:
        plan = read_plan(self._store.plan)
        if plan is None:
            raise UsageError("the run has no plan yet")
        return plan


def _edit(values: object) -> PlanEdit:
    try:
        return msgspec.convert(values, PlanEdit)
    except msgspec.ValidationError as error:
        raise UsageError(f"this is no edit of a plan: {error}") from error


def _digest(change: PlanChange) -> str:
    text = repr((change.before.plan_hash, change.before.leave_out, change.lines))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
