"""Simulated machines: Linux namespaces with their own addresses, in which Ray really runs.

This needs Linux, and a user who may create namespaces. Processes in a namespace end with it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
MACHINES = ROOT / "tests" / "support/processes/machines.sh"
NAMESPACES = [
    *("unshare", "--user", "--map-root-user", "--mount", "--mount-proc", "--net", "--pid"),
    *("--fork", "--kill-child"),
]
START_SECONDS = 280.0

RAY = (sys.executable, "-m", "ray.scripts.scripts")
QUICK_TO_NOTICE = {
    # A node counts as dead after about five seconds instead of one minute, …
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
    # … and so is, for nodes and drivers, the head.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "20",
}


def require_namespaces() -> None:
    """Skip the test if namespaces cannot be created."""
    missing = [name for name in ("unshare", "nsenter", "ip", "pkill") if not shutil.which(name)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} of Linux")
    tried = subprocess.run(
        [*NAMESPACES, "ip", "link", "add", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        pytest.skip(f"namespaces are not allowed here: {tried.stderr.strip()}")


@dataclass
class Machines:
    """Machines joined by a switch; number 1 is the head of a Ray cluster.

    They share the disk of this machine, except for the folder ``own``: each has one of its own.
    """

    world: int  # process id of the namespaces around all machines
    inits: list[str]  # process ids of the machines' first processes, as seen in the world
    own: Path  # Ray's folder, different on each machine
    home: Path
    environment: Mapping[str, str]
    started: list[subprocess.Popen[Any]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Address of Ray's head."""
        return "10.99.0.1:6379"

    def on(self, machine: int, *command: str) -> list[str]:
        """Return the command line that runs a command on a machine, counted from 1."""
        inside = ["nsenter", "--target", self.inits[machine - 1], "--net", "--pid", "--mount"]
        return [*self._in_world(), *inside, f"--wd={ROOT}", "--", *command]

    def plug(self, machine: int, *, cable: bool) -> None:
        """Unplug a machine's network cable, or plug it in again."""
        state = "up" if cable else "down"
        link = ["ip", "link", "set", f"cable-{machine}", state]
        subprocess.run([*self._in_world(), *link], check=True)

    def start(self, machine: int, *command: str) -> subprocess.Popen[bytes]:
        """Start a command on a machine and leave it running."""
        log = (self.home / f"machine-{machine}.log").open("ab")
        with log:
            process = subprocess.Popen(
                self.on(machine, *command), stdout=log, stderr=log, env=self.environment
            )
        self.started.append(process)
        return process

    def start_head(self, *options: str) -> None:
        """Start Ray's head, which has no cores for work."""
        head = ["--head", "--port=6379", "--num-cpus=0", "--include-dashboard=false", *options]
        self._ray_start(1, *head)

    def start_node(self, machine: int) -> subprocess.Popen[bytes]:
        """Start a node of one core, and return at once.

        It is restarted if it ends, as under systemd or Kubernetes.
        """
        again = 'while sleep 0.5; do "$@"; done'
        start = self._start_command(machine, f"--address={self.address}", "--num-cpus=1", "--block")
        return self.start(machine, "bash", "-c", again, "bash", *start)

    def kill_ray(self, machine: int) -> None:
        """Kill the raylet and workers of one machine at once."""
        kill = self.on(machine, "pkill", "-KILL", "--full", "raylet|gcs_server|ray::")
        subprocess.run(kill, check=True, capture_output=True)

    def stop_ray(self, machine: int) -> None:
        """End all of Ray's processes on one machine, as ``ray stop --force`` does."""
        stop = self.on(machine, *RAY, "stop", "--force")
        subprocess.run(stop, check=True, capture_output=True, env=self.environment)

    def _ray_start(self, machine: int, *options: str) -> None:
        command = self.on(machine, *self._start_command(machine, *options))
        started = subprocess.run(
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment,
            timeout=START_SECONDS,
        )
        assert started.returncode == 0, started.stdout.decode()

    def _start_command(self, machine: int, *options: str) -> list[str]:
        return [
            *(*RAY, "start", *options, f"--node-ip-address=10.99.0.{machine}"),
            *("--object-store-memory=80000000", "--disable-usage-stats"),
        ]

    def _in_world(self) -> list[str]:
        spaces = ["--user", "--preserve-credentials", "--net", "--pid", "--mount"]
        return ["nsenter", "--target", str(self.world), *spaces, "--"]


@contextlib.contextmanager
def machines(count: int) -> Iterator[Machines]:
    """Make machines without Ray, and kill all their processes afterwards."""
    require_namespaces()
    short = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # Ray's sockets need a short path
    ready = 'echo "$MACHINES"; exec sleep infinity'
    world = subprocess.Popen(
        [*NAMESPACES, "bash", str(MACHINES), str(count), "bash", "-c", ready],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert world.stdout is not None
        inits = world.stdout.readline().split()
        assert len(inits) == count, "the machines did not start"
        children = Path(f"/proc/{world.pid}/task/{world.pid}/children").read_text().split()
        own, home = short / "own", short / "home"
        made = Machines(int(children[0]), inits, own, home, _environment(own, home))
        home.mkdir()
        own.mkdir()
        for machine in range(1, count + 1):
            (short / f"own-{machine}").mkdir()
            mount = ("mount", "--bind", str(short / f"own-{machine}"), str(own))
            subprocess.run(made.on(machine, *mount), check=True)
        yield made
    finally:
        world.kill()  # ends every process in its namespaces
        world.wait()
        if world.stdout is not None:
            world.stdout.close()
        for process in made.started:
            process.wait()
        shutil.rmtree(short)


def _environment(own: Path, home: Path) -> dict[str, str]:
    """Return a machine's environment, without the settings and tokens of Ray on the host."""
    outside = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    paths = {"HOME": str(home), "RAY_TMPDIR": str(own), "PYTHONPATH": str(ROOT)}
    return {**outside, **QUICK_TO_NOTICE, **paths, "TERM": "dumb"}
