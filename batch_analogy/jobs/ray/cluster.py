"""Start, join and leave Ray, and describe its nodes."""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
import warnings
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import ray
import ray._private.node
import ray._private.worker
import ray.exceptions

from batch_analogy.errors import ClusterError
from batch_analogy.files import NON_UTF8_ERRORS
from batch_analogy.jobs.ray.start_limits import check_limits, short_folder
from batch_analogy.jobs.resources import usable_cores

TOKEN_HINT = "the dashboard may ask for a token: `ray get-auth-token` prints it"

CONNECT_SECONDS = 10.0

_kept: ContextVar[bool] = ContextVar("kept", default=False)
_has_connection: ContextVar[bool] = ContextVar("has_connection", default=False)


def join(address: str) -> str | None:
    """Connect to the cluster at an address.

    Returns:
        Address of its dashboard; None if it has none.

    Raises:
        ClusterError: no cluster answers there.
    """
    _require_reachable(address)
    return _init({"address": address}, f"at {address}")


def start_local(cpus: int | None, *, dashboard: bool = True) -> str | None:
    """Start Ray on this machine.

    Args:
        cpus: number of cores that it may give to workers; None: all.
        dashboard: start a dashboard too.

    Returns:
        Address of the dashboard; None if there is none.

    Raises:
        ClusterError: Ray does not start, or a limit of this machine forbids it.
    """
    check_limits(usable_cores() if cpus is None else cpus)
    options = {"address": "local", "num_cpus": cpus, "include_dashboard": dashboard}
    if (folder := short_folder()) is not None:
        options["_temp_dir"] = folder
    try:
        return _init(options, "on this machine")
    except ClusterError as error:
        # Ray gives a node 30 s to start, its dashboard a minute, and has no setting for either. A
        # busy machine, or one that reads Ray from the disk for the first time, may need longer, and
        # less the second time. None: start a dashboard if possible, as a run can do without.
        cause = error.__cause__
        if cause is None or not start_timed_out(cause):
            raise
        kill_late_node(cause)
        optional = {"include_dashboard": None if dashboard else False}
        return _init({**options, **optional}, "on this machine")


def leave() -> None:
    """Disconnect from the cluster that was joined, or stop the Ray that was started."""
    ray.shutdown()
    _let_ray_print(True)


def release() -> None:
    """Leave the Ray that was started or joined, unless it is kept for the runs that follow."""
    if _kept.get():
        _has_connection.set(True)
    else:
        leave()


def keep(wanted: bool) -> None:
    """Decide whether ``release`` keeps Ray for the runs that follow in this process."""
    _kept.set(wanted)


def leave_kept() -> None:
    """Leave the Ray that ``release`` has kept, if any."""
    if _has_connection.get():
        _has_connection.set(False)
        leave()


def dashboard_here() -> str | None:
    """Return the dashboard's address of the Ray that this process is connected to, if any."""
    return _dashboard_of(ray.get_runtime_context())


def token_hint() -> str | None:
    """Return a hint on how to log in, if dashboards of this version of Ray ask for a token."""
    major, minor = ray.__version__.split(".")[:2]
    return TOKEN_HINT if (int(major), int(minor)) >= (2, 59) else None


def alive_nodes() -> dict[str, dict[str, float]]:
    """Return the resources of each live node: id → ``{"CPU": 8.0, "GPU": 1.0, …}``."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def work_nodes() -> list[dict[str, float]]:
    """Return the resources of each node that accepts work; a head often accepts none."""
    return [has for has in alive_nodes().values() if has.get("CPU", 0) or has.get("GPU", 0)]


def require_machines(what: str) -> None:
    """Check that some node accepts work, before a number is derived from the nodes.

    An autoscaler starts machines on request. If there are none yet, the number to request cannot
    be derived from them.

    Args:
        what: option by which the user can give the number instead.

    Raises:
        ClusterError: no node of this cluster accepts work.
    """
    if work_nodes():
        return
    raise ClusterError(
        "this cluster has no machine for work yet, only a head, so the number of workers cannot be "
        f"chosen automatically: give {what}, and the cluster starts machines for them"
    )


def count_gpus(address: str) -> int:
    """Count the whole GPUs that a cluster has now.

    Raises:
        ClusterError: no cluster answers at the address, or none of its nodes accepts work yet.
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
        Time to start, cores, GPUs and the dashboard's address, in words.

    Raises:
        ClusterError: Ray does not start.
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
            warnings.simplefilter("ignore", FutureWarning)  # older versions announce new defaults
            context = ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:
        known = (RuntimeError, ValueError, OSError, ray.exceptions.RayError)
        if type(error) is not Exception and not isinstance(error, known):
            raise
        raise _no_ray(where, error) from error
    _let_ray_print(False)
    return _dashboard_of(context)


def printable_name(path: Path) -> str:
    """Return a folder's name as valid text, for Ray; names on disk may contain any bytes."""
    return path.name.encode(errors=NON_UTF8_ERRORS).decode()


def start_timed_out(error: BaseException) -> bool:
    """Tell whether Ray gave up waiting for a node or for its dashboard.

    Ray then raises a plain ``Exception``, whose text is, for a dashboard, the end of its log.
    """
    return type(error) is Exception


def kill_late_node(error: BaseException) -> None:
    """Kill the processes of a node that Ray gave up waiting for.

    Ray itself would leave them running until this process ends. The traceback of the error is the
    only place that still refers to the node.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        node = frame.f_locals.get("self")
        if isinstance(node, ray._private.node.Node):
            node.kill_all_processes(check_alive=False, allow_graceful=False)
            return


def _let_ray_print(allowed: bool) -> None:
    """Allow or forbid Ray's messages on stdout, which is meant for results alone.

    Ray reports nodes and raylets that end there, even with ``log_to_driver=False``, and has no
    setting for it. Its debugger uses this switch.
    """
    ray._private.worker._worker_logs_enabled = allowed


def _require_reachable(address: str) -> None:
    """Check that a head answers at host:port; Ray itself would go on trying for minutes."""
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
    """Check that the other side speaks HTTP/2, as Ray's head does.

    Both sides begin with a SETTINGS frame (RFC 9113, section 3.4), whose type is its fourth byte.

    Raises:
        OSError: the other side is another server, or does not answer.
    """
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
    greeting = b""
    while len(greeting) < 4:
        try:
            more = connection.recv(4 - len(greeting))
        except TimeoutError:
            more = b""
        if not more:
            raise OSError("a server accepts connections there but does not answer as Ray does")
        greeting += more
    if greeting[3] != 4:
        raise OSError("the server that answers there is not Ray")


def _no_ray(where: str, error: Exception) -> ClusterError:
    return ClusterError(
        f"no Ray {where}: {error}. Start it with `ray start --head` and give its --address, or "
        "use --address none to work in this process"
    )


def _dashboard_of(context: Any) -> str | None:
    url = getattr(context, "dashboard_url", None)
    return f"http://{url}" if url else None
