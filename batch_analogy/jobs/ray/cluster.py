"""Find a Ray, join it, and describe what it has."""

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

CONNECT_SECONDS = 10.0


def join(address: str) -> str | None:
    """Connect to the cluster at an address; return its dashboard's address, if it has one.

    Raises:
        ClusterError: there is no cluster.
    """
    _require_reachable(address)
    return _init({"address": address}, f"at {address}")


def start_local(cpus: int | None, *, dashboard: bool = True) -> str | None:
    """Start a Ray on this machine; return its dashboard's address, if it has one.

    Args:
        cpus: number of cores for workers; None: all. dashboard: whether to start one.

    Raises:
        ClusterError: it does not start.
    """
    options = {"address": "local", "num_cpus": cpus, "include_dashboard": dashboard}
    try:
        return _init(options, "on this machine")
    except ClusterError as error:
        # Ray gives a node 30 s to start, its dashboard a minute, and has no setting for either. A
        # machine that is busy, or reads Ray from the disk for the first time, may need longer, and
        # less the second time. A dashboard that does not start then (None) is done without.
        cause = error.__cause__
        if cause is None or not start_timed_out(cause):
            raise
        kill_late_node(cause)
        as_it_may = {"include_dashboard": None if dashboard else False}
        return _init({**options, **as_it_may}, "on this machine")


def leave() -> None:
    """Disconnect from a Ray that was joined, or end one that was started here."""
    ray.shutdown()
    _let_ray_print(True)


def dashboard_here() -> str | None:
    """Return the dashboard's address of the Ray that this process is connected to."""
    return _dashboard_of(ray.get_runtime_context())


def token_hint() -> str | None:
    """Return how to log in to a dashboard, if this version of Ray asks for a token."""
    major, minor = ray.__version__.split(".")[:2]
    return TOKEN_HINT if (int(major), int(minor)) >= (2, 59) else None


def alive_nodes() -> dict[str, dict[str, float]]:
    """Return node id → resources, such as ``{"CPU": 8.0, "GPU": 1.0, …}``."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def work_nodes() -> list[dict[str, float]]:
    """Return the resources of each node that takes work; a head often takes none."""
    return [has for has in alive_nodes().values() if has.get("CPU", 0) or has.get("GPU", 0)]


def require_machines(what: str) -> None:
    """Check that the cluster has machines from which a number can be derived.

    An autoscaler starts machines for what it is asked for. Before there are any, nobody can guess
    how many that should be.

    Args:
        what: the option that answers the question.

    Raises:
        ClusterError: no node of this cluster takes work.
    """
    if work_nodes():
        return
    raise ClusterError(
        f"this cluster has no machine for work yet, only a head, so nothing can be counted: give "
        f"{what}, and machines are started for what you ask for"
    )


def count_gpus(address: str) -> int:
    """Return the number of whole GPUs that a cluster has now.

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
        A description: seconds, cores, GPUs and whether the dashboard started.

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
    """Start or join Ray; return the dashboard's address, if there is one."""
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


def printable_name(path: Path) -> str:
    """Return a folder's name as text, as Ray needs it: a file name may hold other bytes."""
    return path.name.encode(errors=NON_UTF8_ERRORS).decode()


def start_timed_out(error: BaseException) -> bool:
    """Whether Ray gave up waiting for a node, or for its dashboard.

    It raises a plain ``Exception`` then, for a dashboard with the end of its log.
    """
    return type(error) is Exception


def kill_late_node(error: BaseException) -> None:
    """Kill the processes of a node that Ray gave up; it leaves them running until this one ends.

    Only the frames of the traceback still know the node.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        node = frame.f_locals.get("self")
        if isinstance(node, ray._private.node.Node):
            node.kill_all_processes(check_alive=False, allow_graceful=False)
            return


def _let_ray_print(allowed: bool) -> None:
    """Set whether Ray writes about ended nodes and raylets to stdout, where films and JSON belong.

    It does so even with ``log_to_driver=False``. There is no setting; Ray's debugger does the same.
    """
    ray._private.worker._worker_logs_enabled = allowed


def _require_reachable(address: str) -> None:
    """Connect to host:port first: Ray itself goes on trying for minutes, whatever is there."""
    if address.startswith("ray://"):
        raise ClusterError(
            f"{address} is a Ray Client address, which cannot stream results; run this on the "
            "cluster itself with `ray job submit … --address auto`"
        )
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit()):
        return  # "auto" and the like, which Ray resolves without a network
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() not in ("1", "true"):
                _require_http2(connection)
    except (OSError, OverflowError) as error:
        raise _no_ray(f"at {address}", error) from error


def _require_http2(connection: socket.socket) -> None:
    """Send the greeting of HTTP/2, which Ray's head speaks, and check the answer.

    Both sides begin with a SETTINGS frame (RFC 9113, section 3.4); its type is the fourth byte.

    Raises:
        OSError: something else is there, or nothing answers.
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
