"""Noticing that the cluster has died under the driver, before Ray ends the driver for it.

A process that has not reached the head for ``RAY_gcs_rpc_server_reconnect_timeout_s`` (a minute by
default) is ended by Ray at once, by ``_exit``: nothing is said to the person, nothing written down,
and the exit code is 1. Until then, calls that ask the head block. So the driver knocks at the
head's port before such calls and now and then, and gives up in time to leave in good order.

A head that is started afresh at the same port is another cluster. Ray ends a process that asks it
for its nodes, by a failed check in C++: hence the comparison of the clusters' ids.

Ray says nothing when the raylet beside the driver ends: no worker can be started any more, and the
driver would wait for ever.
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

KNOCK_SECONDS = 2.0  # how long an answer may take
KNOCK_EVERY_SECONDS = 1.0
LOOK_EVERY_SECONDS = 10.0  # for the raylet


class Lifeline:
    """The connection to a cluster; Ray must be connected already.

    Args:
        address: where the cluster was joined; None for one that was started here.
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
        self._knocked_at = self._looked_at = time.monotonic()

    def watch(self) -> None:
        """Look whether the cluster is there, if it is time to.

        Raises:
            ClusterError: its head has been silent for too long, or the node here has ended.
        """
        now = time.monotonic()
        if now - self._knocked_at < KNOCK_EVERY_SECONDS:
            return
        if self._knock() and now - self._looked_at >= LOOK_EVERY_SECONDS:
            self._look()

    def require(self) -> frozenset[str]:
        """Wait until the head answers; to be called before whatever would block without it.

        Returns:
            The ids of the nodes that are alive.

        Raises:
            ClusterError: as ``watch``.
        """
        while not self._knock():
            time.sleep(KNOCK_EVERY_SECONDS / 4)
        return self._look()

    def _knock(self) -> bool:
        unheard = time.monotonic() - self._knocked_at
        try:
            socket.create_connection(self._head, KNOCK_SECONDS).close()
            if self._silent_since is not None or unheard > 3 * KNOCK_EVERY_SECONDS:
                self._require_same_cluster()
        except OSError as error:
            self._knocked_at = time.monotonic()
            self._silent_since = self._silent_since or self._knocked_at
            if self._knocked_at - self._silent_since >= self._patience:
                raise self._gone(
                    f"has not answered for {self._patience:g} s ({error.strerror or error}): its "
                    "head was stopped, killed or cut off"
                ) from error
            return False
        self._silent_since, self._knocked_at = None, time.monotonic()
        return True

    def _require_same_cluster(self) -> None:
        """Raises OSError where the head listens and does not answer yet."""
        try:
            found = GcsClient(address=self._gcs_address).cluster_id
        except ray.exceptions.RayError as error:
            raise OSError(str(error)) from error
        if found != self._cluster:
            raise self._gone("was started afresh and knows nothing of this command any more")

    def _look(self) -> frozenset[str]:
        self._looked_at = time.monotonic()
        alive = frozenset(alive_nodes())
        if self._node not in alive:
            raise self._gone(
                "counts the machine that this command runs on as dead: its raylet was stopped, "
                "killed or cut off"
            )
        return alive

    def _gone(self, what: str) -> ClusterError:
        kept = "Finished frames are kept:"
        if self._address is None:
            return ClusterError(
                f"the Ray that this command started on this machine died: it {what}. Often memory "
                f"had run out. {kept} run the command again"
            )
        return ClusterError(
            f"the Ray at {self._address} is lost: it {what}. {kept} see that Ray runs and repeat "
            "the command, with the --address that Ray has then"
        )


def _patience(reconnect_seconds: float) -> float:
    """How long the head may be silent, where Ray ends this process after so many seconds."""
    return max(reconnect_seconds - LEAVING_SECONDS, reconnect_seconds / 4)
