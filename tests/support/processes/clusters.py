"""Real Ray clusters on this machine."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.cluster_utils import Cluster

from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.ray.cluster import kill_late_node, start_timed_out
from tests.support.processes.drivers import Freezer
from tests.support.processes.paced import PATIENCE_SECONDS
from tests.support.runs import frame_bytes, frame_identity

FRAMES = 12

Undisturbed = tuple[dict[str, bytes], bytes]
"""The frames and the film of an undisturbed run."""

Started = TypeVar("Started")


def in_good_time(start: Callable[[], Started]) -> Started:
    """Start a node of a cluster; retry once if it is late, as ``start_local`` does."""
    try:
        return start()
    except Exception as error:
        if not start_timed_out(error):
            raise
        kill_late_node(error)
        return start()


@contextlib.contextmanager
def cluster_of(*nodes: Mapping[str, Any]) -> Iterator[Cluster]:
    """Start a head that does no work, and other nodes; stop them afterwards."""
    head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False}
    cluster = in_good_time(lambda: Cluster(initialize_head=True, head_node_args=head))
    try:
        for node in nodes:
            add_node(cluster, **node)
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def add_node(cluster: Cluster, **options: Any) -> Any:
    """Start one more node."""
    return in_good_time(lambda: cluster.add_node(**options))


def journal_lines(run_dir: Path, event: str) -> list[dict[str, Any]]:
    """Return the journal's lines of one kind, in order."""
    lines = map(json.loads, (run_dir / "journal.jsonl").read_text().splitlines())
    return [line for line in lines if line["event"] == event]


def node_ids(run_dir: Path) -> dict[str, str]:
    """Return worker → the id of the node that it started on."""
    return {line["worker"]: line["node"] for line in journal_lines(run_dir, "worker_ready")}


def node_of(cluster: Cluster, run_dir: Path, worker: str) -> Any:
    """Return the node that a worker is on."""
    (node,) = [n for n in cluster.worker_nodes if n.node_id == node_ids(run_dir)[worker]]
    return node


def wait_until_loaded(run_dir: Path, *workers: str) -> None:
    """Wait until workers have loaded their models and so begun their logs."""
    logs = [run_dir / "logs" / f"{worker}.jsonl" for worker in workers]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not all(log.exists() for log in logs):
        assert time.monotonic() < deadline, f"not all of {workers} have started"
        time.sleep(0.1)


def stop_the_other(frozen: Freezer, run_dir: Path, worker: str) -> None:
    """Freeze that worker of styler-0 and styler-1 that is not ``worker``.

    Before Ray notices that ``worker`` is gone, the other could otherwise finish all frames, and the
    loss would go unnoticed.
    """
    (other,) = {"styler-0", "styler-1"} - {worker}
    wait_until_loaded(run_dir, other)
    frozen.stop(run_dir, other)


def assert_like(config: RunConfig, expected: Undisturbed) -> None:
    """Check that the frames and the film of a run equal those of the undisturbed one."""
    frames, film = expected
    assert frame_bytes(config.run_dir) == frames
    assert config.output.read_bytes() == film


def journaled_files(run_dir: Path) -> dict[str, tuple[int, int]]:
    """Return name → (inode, mtime_ns) of every journaled frame."""
    done = read_history(run_dir / "journal.jsonl").done
    identity = frame_identity(run_dir)
    return {name: identity[name] for name in (f"a_prime/{index:06d}.png" for index in done)}
