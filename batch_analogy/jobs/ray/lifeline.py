"""Notice that the cluster has died, before Ray ends the driver's process because of it.

Ray ends a process at once, by ``_exit``, if it has not reached the head for
``RAY_gcs_rpc_server_reconnect_timeout_s`` (a minute by default): the user sees no message, nothing
is written down, and the exit code is 1. Until then, calls that ask the head block. So the driver
connects to the head's port before such calls, and now and then, and gives up early enough to end
in good order.

A head that is restarted at the same port is another cluster. Ray ends a process that asks it for
its nodes, by a failed check in C++: hence the comparison of cluster ids.

Ray reports nothing when the raylet beside the driver ends: then no worker can be started any more,
and the driver would wait for ever.
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
LEAVING_SECONDS = 15.0  # ``ray.shutdown`` alone takes 5 where no head answers

CONNECT_SECONDS = 2.0  # time-out
CONNECT_EVERY_SECONDS = 1.0
LIST_NODES_EVERY_SECONDS = 10.0


class Lifeline:
    """Connection to a cluster; Ray must be connected already.

    Args:
        address: of the cluster; None for one that was started here.
    """

    def __init__(self, address: str | None) -> None:
        context = ray.get_runtime_context()
        self._address = address
        self._node = context.get_node_id()
        host, _, port = context.gcs_address.rpartition(":")
        self._head = (host.strip("[]"), int(port))
        self._gcs_address = context.gcs_address
        self._cluster = ray._private.worker.global_worker.gcs_client.cluster_id
        self._patience = _patience(float(os.environ.get(RECONNECT_VARIABLE, RECONNECT_SECONDS)))
        self._silent_since: float | None = None
        self._answered_at = self._listed_at = time.monotonic()

    def watch(self) -> None:
        """Check that the cluster is alive, if a check is due.

        Raises:
            ClusterError: its head has been silent for too long, or the local node has ended.
        """
        now = time.monotonic()
        if now - self._answered_at < CONNECT_EVERY_SECONDS:
            return
        if self._connect() and now - self._listed_at >= LIST_NODES_EVERY_SECONDS:
            self._list_nodes()

    def require(self) -> frozenset[str]:
        """Wait until the head answers; call it before anything that would block without it.

        Returns:
            The ids of the nodes that are alive.

        Raises:
            ClusterError: as ``watch``.
        """
        while not self._connect():
            time.sleep(CONNECT_EVERY_SECONDS / 4)
        return self._list_nodes()

    def _connect(self) -> bool:
        unheard = time.monotonic() - self._answered_at
        try:
            socket.create_connection(self._head, CONNECT_SECONDS).close()
            if self._silent_since is not None or unheard > 3 * CONNECT_EVERY_SECONDS:
                self._require_same_cluster()
        except OSError as error:
            self._answered_at = time.monotonic()
            self._silent_since = self._silent_since or self._answered_at
            if self._answered_at - self._silent_since >= self._patience:
                raise self._gone(
                    f"has not answered for {self._patience:g} s ({error.strerror or error}): its "
                    "head was stopped, killed or cut off"
                ) from error
            return False
        self._silent_since, self._answered_at = None, time.monotonic()
        return True

    def _require_same_cluster(self) -> None:
        """Compare cluster ids; raise OSError if the head listens but does not answer yet."""
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
        kept = "Finished frames are kept:"
        if self._address is None:
            return ClusterError(
                f"the Ray that this command started on this machine died: it {what}. Often the "
                f"reason is a lack of memory. {kept} run the command again"
            )
        return ClusterError(
            f"the Ray at {self._address} is lost: it {what}. {kept} start Ray again and repeat the "
            "command, with its new --address"
        )


def _patience(reconnect_seconds: float) -> float:
    """Return the longest silence of the head, given the one after which Ray ends this process."""
    return max(reconnect_seconds - LEAVING_SECONDS, reconnect_seconds / 4)
