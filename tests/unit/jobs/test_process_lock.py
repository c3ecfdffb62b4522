"""Locks, on a disk that has them and on one that refuses them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from batch_analogy.errors import RunLockedError
from batch_analogy.jobs import process_lock
from batch_analogy.jobs.process_lock import ProcessLock
from batch_analogy.jobs.store import RunStore

HOLD = """
import fcntl, sys
from pathlib import Path
from batch_analogy.jobs.store import RunStore
number = int(sys.argv[2])
def refuse(*_):
    raise OSError(number, "no locks")
fcntl.flock = refuse
store = RunStore(Path(sys.argv[1]))
store.open()
print("locked", flush=True)
sys.stdin.read()
store.close()
"""


@pytest.fixture(params=[errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """A disk without locks; this machine can mount none."""

    def refuse(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr("fcntl.flock", refuse)
    return int(request.param)


@pytest.fixture
def holder(tmp_path: Path, no_locks: int) -> Iterator[subprocess.Popen[str]]:
    """Another process that works in ``run`` on that disk."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run"), str(no_locks)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_without_locks_a_second_process_is_refused_until_the_first_is_killed(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    store = RunStore(tmp_path / "run")
    with pytest.raises(RunLockedError, match=str(holder.pid)):
        store.open()
    assert store.has_driver()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not store.has_driver()
    store.open()
    assert store.lock.read_text() == f"{os.getpid()}\n"
    store.close()
    assert [path.name for path in store.run_dir.iterdir()] == ["run.lock"]


def test_without_locks_a_holder_on_another_machine_is_watched(
    tmp_path: Path, no_locks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_lock, "RENEWAL_SECONDS", 0.05)
    first, second = ProcessLock(tmp_path / "lock"), ProcessLock(tmp_path / "lock")
    assert first.acquire()
    here = process_lock.socket.gethostname()
    monkeypatch.setattr(process_lock.socket, "gethostname", lambda: f"not-{here}")
    assert second.is_held_anywhere()
    assert not second.acquire()
    first.release()
    left = process_lock._Holder("gone", here, os.getpid(), "0")
    first.holder_file.write_bytes(msgspec.json.encode(left))
    monkeypatch.setattr(process_lock, "WATCH_SECONDS", 0.5)
    assert not second.is_held_anywhere()
    assert second.acquire()
    second.release()
    assert not second.holder_file.exists()
