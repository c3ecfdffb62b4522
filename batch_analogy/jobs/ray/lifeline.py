"""Detect that the cluster has died, before Ray ends the driver for that reason.

Ray ends a process that has not reached the head for ``RAY_gcs_rpc_server_reconnect_timeout_s`` (a
minute by default). It calls ``_exit``: no message appears, nothing is saved, and the exit code is
1. Until then, calls to the head block. The driver therefore connects to the head's port before such
calls and about once a second, and gives up early enough to end in good order.

A head that is restarted at the same port is a new cluster. If a process of the old one asks it for
its nodes, a failed check in Ray's C++ code ends the process. The ids of the clusters are therefore
compared first.

Ray does not report that the raylet on the driver's machine has ended. No worker can then be
started any more, and the driver would wait for ever.
"""

from __future__ import annotations

import os
import socket
import time

import ray
import ray._private.worker
from ray._raylet import GcsClient  # type: ignore[attr-defined]  # not in the stub beside it

from batch_analogy.errors import ClusterError
from batch_analogy.jobs.ray.cluster import alive_nodes

RECONNECT_VARIABLE = "RAY_gcs_rpc_server_reconnect_timeout_s"
RECONNECT_SECONDS = 60.0  # Ray's default
LEAVING_SECONDS = 15.0  # to end in good order; ``ray.shutdown`` takes 5 if no head answers

CONNECT_SECONDS = 2.0  # time-out
CONNECT_EVERY_SECONDS = 1.0
LIST_NODES_EVERY_SECONDS = 10.0


class Lifeline:
    """Watches the connection to a cluster; Ray must be connected already.

    Args:
        address: address of the cluster that was joined; None for a Ray that was started here.
    """

    def __init__(self, address: str | None) -> None:
        context = ray.get_runtime_context()
        self._address = address
        self._node = context.get_node_id()
        host, _, port = context.gcs_address.rpartition(":")
        self._head = (host.strip("[]"), int(port))
        self._gcs_address = context.gcs_address
        self._cluster = ray._private.worker.global_worker.gcs_client.cluster_id
        reconnect_seconds = float(os.environ.get(RECONNECT_VARIABLE, RECONNECT_SECONDS))
        self._max_silence = _max_silence(reconnect_seconds)
        self._silent_since: float | None = None
        self._checked_at = self._listed_at = time.monotonic()

    def watch(self) -> None:
        """Check that the cluster is alive, if a check is due.

        Raises:
            ClusterError: the head was silent for too long or belongs to a new cluster, or the node
                on this machine has ended.
        """
        now = time.monotonic()
        if now - self._checked_at < CONNECT_EVERY_SECONDS:
            return
        if self._connect() and now - self._listed_at >= LIST_NODES_EVERY_SECONDS:
            self._list_nodes()

    def require(self) -> frozenset[str]:
        """Wait until the head answers; call this before anything that would block without it.

        Returns:
            Ids of the live nodes.

        Raises:
            ClusterError: for the reasons of ``watch``.
        """
        while not self._connect():
            time.sleep(CONNECT_EVERY_SECONDS / 4)
        return self._list_nodes()

    def _connect(self) -> bool:
        since_check = time.monotonic() - self._checked_at
        try:
            socket.create_connection(self._head, CONNECT_SECONDS).close()
            if self._silent_since is not None or since_check > 3 * CONNECT_EVERY_SECONDS:
                self._require_same_cluster()
        except OSError as error:
            self._checked_at = time.monotonic()
            self._silent_since = self._silent_since or self._checked_at
            if self._checked_at - self._silent_since >= self._max_silence:
                raise self._gone(
                    f"has not answered for {self._max_silence:g} s ({error.strerror or error}): "
                    "its head was stopped, killed or cut off"
                ) from error
            return False
        self._silent_since, self._checked_at = None, time.monotonic()
        return True

    def _require_same_cluster(self) -> None:
        """Check that the head belongs to the cluster that was joined.

        Raises:
            ClusterError: it belongs to a new one.
            OSError: it listens but does not answer yet.
        """
        try:
            found = GcsClient(address=self._gcs_address).cluster_id
        except ray.exceptions.RayError as error:
            raise OSError(str(error)) from error
        if found != self._cluster:
            raise self._gone("was restarted and no longer knows this command")

    def _list_nodes(self) -> frozenset[str]:
        self._listed_at = time.monotonic()
        alive = frozenset(alive_nodes())
        if self._node not in alive:
            raise self._gone(
                "counts the machine of this command as dead: its raylet was stopped, killed or "
                "cut off"
            )
        return alive

    def _gone(self, what: str) -> ClusterError:
        if self._address is None:
            return ClusterError(
                f"the Ray that this command started on this machine died: it {what}. A common "
                "cause is lack of memory. Finished frames are kept: run the command again"
            )
        return ClusterError(
            f"the Ray at {self._address} is lost: it {what}. Finished frames are kept: make sure "
            "that Ray runs, and repeat the command with its current --address"
        )


def _max_silence(reconnect_seconds: float) -> float:
    """Return how long the head may be silent, given Ray's own limit; both in seconds."""
    return max(reconnect_seconds - LEAVING_SECONDS, reconnect_seconds / 4)
