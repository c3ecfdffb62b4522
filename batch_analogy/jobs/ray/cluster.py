"""Finding a Ray, joining it, and saying what it has."""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import ray
import ray._private.node
import ray._private.worker
import ray.exceptions

from batch_analogy.errors import ClusterError
from batch_analogy.files import NON_UTF8_ERRORS

TOKEN_HINT = "the dashboard may ask for a token: `ray get-auth-token` prints it"

KNOCK_SECONDS = 10.0


def join(address: str) -> str | None:
    """Connect to the cluster at an address. Returns the dashboard's, None where there is none.

    Raises:
        ClusterError: there is no cluster.
    """
    _require_reachable(address)
    return _init({"address": address}, f"at {address}")


def start_local(cpus: int | None, *, dashboard: bool = True) -> str | None:
    """Start a Ray on this machine. Returns the dashboard's address, None where there is none.

    Args:
        cpus: how many cores it may give to workers; None: all.
        dashboard: whether it has one.

    Raises:
        ClusterError: it does not start.
    """
    options = {"address": "local", "num_cpus": cpus, "include_dashboard": dashboard}
    try:
        return _init(options, "on this machine")
    except ClusterError as error:
        # Ray gives a node 30 s to start and has no setting for it, and its dashboard a minute. A
        # machine that is busy, or reads Ray from the disk for the first time, may need longer, and
        # less the second time. Without a dashboard (None: where it does not start) all goes on.
        cause = error.__cause__
        if cause is None or not start_timed_out(cause):
            raise
        kill_late_node(cause)
        as_it_may = {"include_dashboard": None if dashboard else False}
        return _init({**options, **as_it_may}, "on this machine")


def leave() -> None:
    """Disconnect from the Ray that was joined here, or end the one that was started here."""
    ray.shutdown()
    _let_ray_print(True)


def dashboard_here() -> str | None:
    """The dashboard's address of the Ray that this process is connected to."""
    return _dashboard_of(ray.get_runtime_context())


def token_hint() -> str | None:
    """How to log in to a dashboard, where this Ray asks for a token."""
    major, minor = ray.__version__.split(".")[:2]
    return TOKEN_HINT if (int(major), int(minor)) >= (2, 59) else None


def alive_nodes() -> dict[str, dict[str, float]]:
    """Node id → what the node has, as ``{"CPU": 8.0, "GPU": 1.0, …}``."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def work_nodes() -> list[dict[str, float]]:
    """What each node has that takes work; a head often takes none."""
    return [has for has in alive_nodes().values() if has.get("CPU", 0) or has.get("GPU", 0)]


def require_machines(what: str) -> None:
    """Check that there is something to count by, where a number was left open.

    An autoscaler starts machines for what it is asked for; where there are none yet, nobody can
    guess how many that should be.

    Args:
        what: the option that answers the question.

    Raises:
        ClusterError: no node of this cluster takes work.
    """
    if work_nodes():
        return
    raise ClusterError(
        f"this cluster has no machine for work yet, only a head, so there is nothing to count by: "
        f"say {what}, and machines are started for what you ask for"
    )


def count_gpus(address: str) -> int:
    """Whole GPUs that a cluster has now.

    Raises:
        ClusterError: there is no cluster at the address, or it has no machine for work yet.
    """
    joined = not ray.is_initialized()
    if joined:
        join(address)
    try:
        require_machines("--gpus-per-worker 1 (or 0 for machines without GPUs) and --workers N")
        return int(ray.cluster_resources().get("GPU", 0))
    finally:
        if joined:
            leave()


def try_ray() -> str:
    """Start a local Ray and stop it again; for ``doctor``.

    Returns:
        What it found: cores, GPUs and whether the dashboard started.

    Raises:
        ClusterError: it does not start.
    """
    began = time.monotonic()
    url = start_local(None)
    try:
        has = ray.cluster_resources()
    finally:
        leave()
    return (
        f"starts in {time.monotonic() - began:.0f} s with {has.get('CPU', 0):g} CPU and "
        f"{has.get('GPU', 0):g} GPU, {'dashboard at ' + url if url else 'no dashboard'}"
    )


def _init(options: dict[str, Any], where: str) -> str | None:
    """Start or join Ray. Returns the dashboard's address, None where there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # older Rays advertise coming defaults
            context = ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:
        known = (RuntimeError, ValueError, OSError, ray.exceptions.RayError)
        if type(error) is not Exception and not isinstance(error, known):
            raise
        raise _no_ray(where, error) from error
    _let_ray_print(False)
    return _dashboard_of(context)


def shown(path: Path) -> str:
    """A folder's name for Ray, which takes text alone: a file's name may be none."""
    return path.name.encode(errors=NON_UTF8_ERRORS).decode()


def start_timed_out(error: BaseException) -> bool:
    """Whether Ray gave up waiting for a node, or for its dashboard.

    It raises no class of its own then, and of a dashboard the last words of its log.
    """
    return type(error) is Exception


def kill_late_node(error: BaseException) -> None:
    """End the processes of a node that Ray gave up; it would leave them until this process ends.

    Only where it failed is the node still known.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        node = frame.f_locals.get("self")
        if isinstance(node, ray._private.node.Node):
            node.kill_all_processes(check_alive=False, allow_graceful=False)
            return


def _let_ray_print(allowed: bool) -> None:
    """Whether Ray writes to stdout, where films and JSON belong, of nodes and raylets that end.

    It does so even with ``log_to_driver=False`` and has no setting for it; its debugger uses this.
    """
    ray._private.worker._worker_logs_enabled = allowed


def _require_reachable(address: str) -> None:
    """Knock at host:port first: Ray itself goes on knocking for minutes, whoever is there."""
    if address.startswith("ray://"):
        raise ClusterError(
            f"{address} is a Ray Client address, through which results cannot stream; run this "
            "on the cluster itself with `ray job submit … --address auto`"
        )
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit()):
        return  # "auto" and the like, which Ray resolves without a network
    try:
        with socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() not in ("1", "true"):
                _require_http2(connection)
    except (OSError, OverflowError) as error:
        raise _no_ray(f"at {address}", error) from error


def _require_http2(connection: socket.socket) -> None:
    """Greet as HTTP/2 does, which Ray's head speaks, and look for its greeting.

    Both sides begin with a SETTINGS frame (RFC 9113, section 3.4); its kind is the fourth byte.

    Raises:
        OSError: something else is there, or nothing comes.
    """
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
    greeting = b""
    while len(greeting) < 4:
        try:
            more = connection.recv(4 - len(greeting))
        except TimeoutError:
            more = b""
        if not more:
            raise OSError("something accepts connections there and does not answer as Ray does")
        greeting += more
    if greeting[3] != 4:
        raise OSError("what answers there is not Ray")


def _no_ray(where: str, error: Exception) -> ClusterError:
    return ClusterError(
        f"no Ray {where}: {error}. Start one with `ray start --head`, give its --address, or use "
        "--address none to work in this process"
    )


def _dashboard_of(context: Any) -> str | None:
    url = getattr(context, "dashboard_url", None)
    return f"http://{url}" if url else None
