"""``ray job submit`` of the real command against a running cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster
from run_clusters import journal_lines
from run_drivers import PATIENCE_SECONDS
from run_samples import frame_bytes, sample_config

import batch_analogy

pytestmark = pytest.mark.slow  # starts Ray with its dashboard

FEW = 4


def test_a_submitted_job_makes_what_the_command_makes(tmp_path: Path) -> None:
    config = sample_config(tmp_path, FEW)

    def command(film: Path, address: str) -> list[str]:
        return [
            *(sys.executable, "-m", "batch_analogy", "timelapse", str(config.reference)),
            *(
                config.source,
                "-o",
                str(film),
                "--quality",
                "draft",
                "--refine",
                "none",
                "--gpus-per-worker",
                "0",
            ),
            *("--address", address),
        ]

    subprocess.run(command(tmp_path / "here.mp4", "none"), check=True, capture_output=True)
    head = {"num_cpus": 2, "include_dashboard": True, "dashboard_port": 0}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        here = str(Path(batch_analogy.__file__).parents[1])  # a job has a working folder of its own
        env = json.dumps({"env_vars": {"PYTHONPATH": here}})
        submit = [sys.executable, "-m", "ray.scripts.scripts", "job", "submit"]
        submit += ["--address", f"http://{cluster.head_node.webui_url}"]
        submit += ["--runtime-env-json", env, "--", *command(tmp_path / "there.mp4", "auto")]
        job = subprocess.run(
            submit, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )
    finally:
        cluster.shutdown()
    assert job.returncode == 0, job.stdout + job.stderr
    there = tmp_path / "there.run"
    assert {line["worker"] for line in journal_lines(there, "worker_ready")} >= {"styler-0"}
    assert len(frame_bytes(there)) == FEW
    assert frame_bytes(there) == frame_bytes(tmp_path / "here.run")
    assert (tmp_path / "there.mp4").read_bytes() == (tmp_path / "here.mp4").read_bytes()
