"""Clusters whose nodes come, go and fail."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray
from run_clusters import FRAMES, Undisturbed, assert_like, cluster_of, node_of
from run_samples import on_ray

from batch_analogy.jobs.events import FrameDone, RunEvent, WorkerLost
from batch_analogy.jobs.run import open_run

pytestmark = pytest.mark.slow  # each starts Ray


def test_a_lost_node_of_a_cluster_costs_nothing_and_the_cluster_is_left_running(
    tmp_path: Path, uninterrupted: Undisturbed
) -> None:
    with cluster_of({"num_cpus": 1}, {"num_cpus": 1}) as cluster:
        config = on_ray(tmp_path, FRAMES, workers=2, address=cluster.address)
        lost: list[WorkerLost] = []

        def lose_node(event: RunEvent) -> None:
            if isinstance(event, WorkerLost):
                lost.append(event)
            if isinstance(event, FrameDone) and event.done == 3:
                # The worker that has just worked: the other one may still be starting, and a
                # run that ends before a node is missed has lost nothing.
                cluster.remove_node(
                    node_of(cluster, config.run_dir, event.worker), allow_graceful=False
                )

        result = open_run(config).execute(lose_node)
        assert len(lost) == 1
        assert lost[0].cause in ("node lost", "unreachable"), "which of them is noticed first"
        assert result.failed == []
        assert_like(config, uninterrupted)
        ray.init(address=cluster.address, log_to_driver=False)
        assert ray.cluster_resources()["CPU"] >= 1
