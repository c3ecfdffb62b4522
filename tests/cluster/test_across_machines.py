"""Runs on machines with their own addresses: cables are unplugged, clusters die.

The machines are Linux namespaces (``run_machines``); Ray, the command and the work are real.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_analogy.config.run import RunConfig
from batch_analogy.files import hash_file
from batch_analogy.jobs.drive.open_run import open_run, read_status
from batch_analogy.jobs.ray.lifeline import RECONNECT_VARIABLE
from batch_analogy.jobs.store import RunStore
from tests.support.processes.clusters import (
    FRAMES,
    Undisturbed,
    assert_like,
    journal_lines,
    journaled_files,
    wait_until_loaded,
)
from tests.support.processes.machines import Machines, machines
from tests.support.processes.paced import PATIENCE_SECONDS, Paced
from tests.support.runs import DRAFT, frame_bytes, frame_identity, sample_config

COMMAND = (sys.executable, "-m", "batch_analogy")
NODES = (2, 3)
SLOW = dataclasses.replace(DRAFT, min_side_px=160)  # long enough to be disturbed


@pytest.fixture(scope="module")
def cluster() -> Iterator[Machines]:
    """Start a head and two nodes of one core. Nodes restart Ray if it ends."""
    with machines(1 + len(NODES)) as made:
        made.start_head()
        for machine in NODES:
            made.start_node(machine)
        yield made


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Return the frames and the film of ``planned``, made in one process."""
    config = planned(tmp_path_factory.mktemp("undisturbed"))
    assert open_run(config).execute().done == FRAMES
    return frame_bytes(config.run_dir), config.output.read_bytes()


class Command(Paced):
    """The command batch-analogy on the head, continuing the run of a configuration."""

    def __init__(self, cluster: Machines, config: RunConfig, told: Path) -> None:
        self.told = told  # file for its messages to the user
        resume = (*COMMAND, "resume", str(config.run_dir), "--json")
        where = ("--address", cluster.address, "--workers", "2", "--gpus-per-worker", "0")
        with told.open("wb") as stderr:
            super().__init__(cluster.on(1, *resume, *where), stderr=stderr, env=cluster.environment)
        cluster.started.append(self.process)

    def ended(self) -> tuple[int, str]:
        """Wait for the end of the command; return its exit code and stderr."""
        self.end()
        return self.process.returncode, self.told.read_text()


def planned(root: Path) -> RunConfig:
    """Plan a run with settings that no option has; ``resume`` makes it."""
    config = sample_config(root, FRAMES, analogy=SLOW)
    open_run(config).close()
    return config


def assert_each_done_once(run_dir: Path) -> None:
    """Assert that each frame was done exactly once, none failed, and no file has changed."""
    done = journal_lines(run_dir, "done")
    assert sorted(line["index"] for line in done) == list(range(FRAMES))
    for line in done:
        for output, digest in line.get("output_blake2b", {}).items():
            assert hash_file(RunStore(run_dir).frame(output, line["index"])) == digest
    assert journal_lines(run_dir, "failed") == []


def lost_by(command: Command) -> set[str]:
    """Return the workers reported lost while a frame was waited for."""
    return {event["worker"] for event in command.events if event["event"] == "worker-lost"}


def test_continues_when_disconnected_nodes_come_back(
    tmp_path: Path, undisturbed: Undisturbed, cluster: Machines
) -> None:
    """Unplug one cable and then the other: nothing can continue until the nodes are back.

    The workers on these nodes still reach the disk: they finish the frames that they were given,
    and other workers make the same frames later.
    """
    config = planned(tmp_path)
    command = Command(cluster, config, tmp_path / "told")
    command.wait_for("workers-ready")
    wait_until_loaded(config.run_dir, "styler-0", "styler-1")
    command.wait_for("workers-ready")
    command.wait_for("frame-done")
    try:
        cluster.plug(2, cable=False)
        command.wait_for("frame-done")
        cluster.plug(3, cable=False)
        while not lost_by(command) >= {"styler-0", "styler-1"}:
            command.wait_for("worker-lost")
        assert len(journaled_files(config.run_dir)) < FRAMES, "too late for the nodes to be needed"
    finally:
        for machine in NODES:
            cluster.plug(machine, cable=True)

    code, told = command.ended()
    assert code == 0, told
    assert_like(config, undisturbed)
    assert_each_done_once(config.run_dir)
    # A worker may be sent to a lost node before Ray has noticed the loss.
    causes = {line["cause"] for line in journal_lines(config.run_dir, "worker_lost")}
    assert causes == {"node lost"}
    for machine in NODES:
        assert f"(its node 10.99.0.{machine} was stopped or cut off); styler-" in told
    ready = [
        (line["address"], line["node"]) for line in journal_lines(config.run_dir, "worker_ready")
    ]
    assert set(ready[:2]) & set(ready[2:]) == set(), "Ray takes a node that came back for another"


PATIENT = """
import sys, time, ray
from batch_analogy.errors import ClusterError
from batch_analogy.jobs.ray.cluster import join
from batch_analogy.jobs.ray.lifeline import Lifeline
join(sys.argv[1])
lifeline = Lifeline(sys.argv[1])
print(flush=True)
try:
    while True:
        lifeline.watch()
        time.sleep(0.2)
except ClusterError as error:
    print(error)
ray.shutdown()
"""


def start_patient(cluster: Machines) -> subprocess.Popen[str]:
    """Start a driver on the head with time-outs of minutes instead of a ``Command``'s seconds."""
    patient = subprocess.Popen(
        cluster.on(1, sys.executable, "-c", PATIENT, cluster.address),
        stdout=subprocess.PIPE,
        env={**cluster.environment, RECONNECT_VARIABLE: "300"},
        text=True,
    )
    cluster.started.append(patient)
    assert patient.stdout is not None
    assert patient.stdout.readline() == "\n", "it could not join"
    return patient


def test_reports_a_cluster_that_dies_and_continues_on_a_new_one(
    tmp_path: Path, undisturbed: Undisturbed, cluster: Machines
) -> None:
    config = planned(tmp_path)
    command = Command(cluster, config, tmp_path / "told")
    patient = start_patient(cluster)
    for _ in range(3):
        command.wait_for("frame-done")
    for machine in (*NODES, 1):
        cluster.kill_ray(machine)
    code, told = command.ended()
    finished = journaled_files(config.run_dir)
    assert 3 <= len(finished) < FRAMES, "it was not killed half-way"
    assert code == 4, told
    assert not config.output.exists()
    silent = "it has not answered for 5 s (Connection refused)"
    assert f"the Ray at {cluster.address} is lost: {silent}" in told
    assert "Finished frames are kept: make sure that Ray runs, and repeat the command" in told
    assert f"to continue: batch-analogy resume {config.run_dir}" in told
    assert "Traceback" not in told
    assert "rpc_client" not in told, "Ray was quicker to end it"
    status = read_status(config.run_dir)
    assert status.state == "failed"
    assert "has not answered" in status.message

    cluster.stop_ray(1)  # what is left there
    cluster.start_head()
    said, _ = patient.communicate(timeout=PATIENCE_SECONDS)
    assert said.startswith(f"the Ray at {cluster.address} is lost: it was restarted"), said
    code, told = Command(cluster, config, tmp_path / "told again").ended()
    assert code == 0, told
    assert frame_identity(config.run_dir).items() >= finished.items()
    assert_like(config, undisturbed)
    assert_each_done_once(config.run_dir)
