"""Simulated machines: namespaces in which Slurm scripts and Ray's commands really run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.launch_files.cluster_files import ROOT, OnMachines
from tests.support.processes.machines import MACHINES, NAMESPACES, require_namespaces

FAKES = Path(__file__).parent / "fake_slurm"


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """Make a folder for PATH with batch-analogy of this source and the fake Slurm."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "batch-analogy"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m batch_analogy "$@"\n')
    command.chmod(0o755)
    for fake in ("srun", "scontrol"):
        shutil.copy(FAKES / fake, folder / fake)
    return folder


@pytest.fixture
def environment(tmp_path: Path, commands: Path) -> dict[str, str]:
    """Return the environment of a job on a machine with one core and no GPU."""
    home = tmp_path / "home"
    home.mkdir()
    own = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "SLURM_"))}
    return {
        **own,
        "HOME": str(home),
        "PATH": f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SLURM_JOB_ID": "77",
        "SLURM_CPUS_PER_TASK": "1",
    }


@pytest.fixture
def on_machines(tmp_path: Path, environment: dict[str, str]) -> Iterator[OnMachines]:
    """Return a function that runs a command next to a number of simulated machines."""
    require_namespaces()
    short = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # Ray's sockets want a short path

    def run(count: int, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*NAMESPACES, "bash", str(MACHINES), str(count), *command],
            cwd=tmp_path,
            env={**environment, "RAY_TMPDIR": short, **variables},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )

    yield run
    shutil.rmtree(short)
