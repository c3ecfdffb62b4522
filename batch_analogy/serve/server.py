"""Serve the page of a run until the command is interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from batch_analogy.errors import MachineError, UsageError
from batch_analogy.jobs.store import RunStore
from batch_analogy.serve.access import Access
from batch_analogy.serve.application import Page
from batch_analogy.serve.run_view import RunView

END_SECONDS = 1.0
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True)
class Place:
    """Where the page is served.

    Raises:
        UsageError: the prefix is no path.
    """

    host: str = "127.0.0.1"
    port: int = 0  # 0: a free one
    prefix: str = ""  # path under which a proxy shows it, like /night

    def __post_init__(self) -> None:
        if _PREFIX.fullmatch(self.prefix) is None:
            raise UsageError(f"prefix {self.prefix} is not a path; write it like /night")


def serve(
    run_dir: Path,
    place: Place,
    on_ready: Callable[[str], None],
    *,
    against: Path | None = None,
    read_only: bool = False,
) -> None:
    """Serve a run's page until SIGINT or SIGTERM.

    Args:
        run_dir: the run folder, or a folder that holds one.
        place: address, port and prefix.
        on_ready: called with the page's address, token included, once it answers.
        against: another run of the same frames.
        read_only: the page changes nothing.

    Raises:
        UsageError: there is no run in the folder, or the runs have other frames.
        MachineError: the port is taken, or the address is not this machine's.
    """
    view = RunView(find_run(run_dir))
    other = None if against is None else RunView(find_run(against))
    if other is not None:
        _check_same_frames(view, other)
    page = Page(view, Access(place.prefix, read_only=read_only), other)
    asyncio.run(_serve(page, place, on_ready))


async def _serve(page: Page, place: Place, on_ready: Callable[[str], None]) -> None:
    runner = web.AppRunner(
        page.application(),
        handler_cancellation=True,  # a picture that is scrolled away is not made
        access_log=None,
        shutdown_timeout=END_SECONDS,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, place.host, place.port)
        try:
            await site.start()
        except OSError as error:
            raise _bind_error(error, place) from error
        with _interruption() as ended:
            on_ready(_address(runner, page.access, place))
            await ended.wait()
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def _interruption() -> Iterator[asyncio.Event]:
    """Give an event that SIGINT and SIGTERM set."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, ended.set)
    try:
        yield ended
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _address(runner: web.AppRunner, access: Access, place: Place) -> str:
    port = runner.addresses[0][1]
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"http://{host}:{port}{place.prefix}/?token={access.token}"


def _bind_error(error: OSError, place: Place) -> MachineError:
    reason = {
        errno.EADDRINUSE: "the port is taken; choose another with --port, or 0 for a free one",
        errno.EACCES: "you may not use this port; choose one above 1023 with --port",
        errno.EADDRNOTAVAIL: "this machine has no such address; choose another with --host",
    }.get(error.errno or 0, error.strerror or str(error))
    return MachineError(f"cannot serve at {place.host}:{place.port}: {reason}")


def find_run(folder: Path) -> Path:
    """Return a run folder: the folder itself, or the only one in it.

    Raises:
        UsageError: it holds several, which are named.
    """
    if RunStore(folder).exists() or not folder.is_dir():
        return folder
    inside = sorted(path for path in folder.iterdir() if RunStore(path).exists())
    if len(inside) > 1:
        names = ", ".join(path.name for path in inside[:5])
        raise UsageError(
            f"{folder} holds {len(inside)} runs ({names}{' …' if len(inside) > 5 else ''}); name "
            "one of them"
        )
    return inside[0] if inside else folder


def _check_same_frames(view: RunView, other: RunView) -> None:
    if view.plan is None or other.plan is None:
        raise UsageError("a run that is still being planned cannot be compared; wait for its plan")
    counts = len(view.plan.frames), len(other.plan.frames)
    if counts[0] != counts[1]:
        raise UsageError(
            f"{view.store.run_dir} has {counts[0]} frames and {other.store.run_dir} has "
            f"{counts[1]}; only runs of the same frames can be compared"
        )
