"""Clusters whose nodes join, leave and fail."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest
import ray

from batch_analogy.errors import ClusterError
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.events import FrameDone, RunEvent, WorkerLost
from tests.support.processes.clusters import (
    FRAMES,
    Undisturbed,
    add_node,
    assert_like,
    cluster_of,
    journal_lines,
    node_ids,
    node_of,
    stop_the_other,
)
from tests.support.processes.drivers import freezer, wait_until_gone, worker_pid
from tests.support.runs import on_ray


def test_makes_frames_of_a_lost_node_elsewhere_and_leaves_the_cluster_running(
    tmp_path: Path, uninterrupted: Undisturbed
) -> None:
    with cluster_of({"num_cpus": 1}, {"num_cpus": 1}) as cluster, freezer() as frozen:
        config = on_ray(tmp_path, FRAMES, workers=2, address=cluster.address)
        lost: list[WorkerLost] = []

        def lose_node(event: RunEvent) -> None:
            if isinstance(event, WorkerLost):
                lost.append(event)
                frozen.go_on()
            if isinstance(event, FrameDone) and event.done == 3:
                stop_the_other(frozen, config.run_dir, event.worker)
                # End the node of the worker that has just made a frame, as the other may still be
                # starting. A machine that loses power loses all its processes at once. A worker
                # outliving its raylet for seconds could finish its work, and no loss would be seen.
                pid = worker_pid(config.run_dir, event.worker)
                os.kill(pid, signal.SIGSTOP)
                cluster.remove_node(
                    node_of(cluster, config.run_dir, event.worker), allow_graceful=False
                )
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

        result = open_run(config).execute(lose_node)
        assert lost[0].cause in ("died", "unreachable", "node lost"), "Ray may notice any first"
        # Until Ray has noticed the loss, it may send replacements to the lost node.
        assert {event.cause for event in lost[1:]} <= {"node lost"}
        worked = {line["worker"] for line in journal_lines(config.run_dir, "done")}
        assert len(worked & {event.worker for event in lost}) == 1
        assert result.failed == []
        assert_like(config, uninterrupted)
        ray.init(address=cluster.address, log_to_driver=False)
        assert ray.cluster_resources()["CPU"] >= 1


def test_ends_a_stalled_worker_and_gives_its_frames_to_a_new_node(
    tmp_path: Path, uninterrupted: Undisturbed
) -> None:
    """Freeze the only worker half-way, and add a node with room for another.

    On a busy machine a healthy worker may also be silent for this long. Ending it too does no harm.
    """
    lost: list[WorkerLost] = []
    stopped, joined = [], []
    with cluster_of({"num_cpus": 1}) as cluster:
        config = on_ray(
            tmp_path, FRAMES, workers=2, address=cluster.address, stall_timeout_seconds=25.0
        )

        def stop_it(event: RunEvent) -> None:
            if isinstance(event, WorkerLost):
                lost.append(event)
            if isinstance(event, FrameDone) and event.done == 3:
                stopped.append((event.worker, worker_pid(config.run_dir, event.worker)))
                os.kill(stopped[0][1], signal.SIGSTOP)
                joined.append(add_node(cluster, num_cpus=1).node_id)

        result = open_run(config).execute(stop_it)
        assert result.failed == []
        wait_until_gone(stopped[0][1])
    assert_like(config, uninterrupted)
    assert {event.cause for event in lost} == {"stalled"}
    assert stopped[0][0] in {event.worker for event in lost}
    assert "--stall-timeout" in lost[0].message
    nodes = node_ids(config.run_dir)
    assert nodes[stopped[0][0]] != joined[0]
    assert joined[0] in {nodes[line["worker"]] for line in journal_lines(config.run_dir, "done")}


def test_reports_a_node_with_other_versions_before_any_frame(tmp_path: Path) -> None:
    old = tmp_path / "old" / "numba-0.0.1.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: numba\nVersion: 0.0.1\n")
    path = os.pathsep.join([str(old.parent), os.environ.get("PYTHONPATH", "")])
    with cluster_of({"num_cpus": 1, "env_vars": {"PYTHONPATH": path}}) as cluster:
        config = on_ray(tmp_path, 1, workers=1, address=cluster.address)
        with pytest.raises(ClusterError, match=r"could be started.*numba 0\.0\.1 instead of"):
            open_run(config).execute()
    assert journal_lines(config.run_dir, "worker_lost")[0]["cause"] == "broke"
