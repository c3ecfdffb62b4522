"""What the dashboard's Prometheus endpoint serves of a run."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from pathlib import Path

import pytest
import ray
from run_paced import PATIENCE_SECONDS
from run_samples import on_ray

from batch_analogy.jobs.run import open_run

pytestmark = pytest.mark.slow  # starts Ray

NAMES = {
    "ray_batch_analogy_frames_done_total",
    "ray_batch_analogy_frames_failed_total",
    "ray_batch_analogy_frames_retried_total",
    "ray_batch_analogy_frame_seconds_bucket",
    "ray_batch_analogy_vram_bytes",
    "ray_batch_analogy_queue_frames",
}

AT_THE_END = {
    "ray_batch_analogy_frames_done_total": [2.0],
    "ray_batch_analogy_frames_failed_total": [1.0],
    "ray_batch_analogy_frames_retried_total": [2.0],
    "ray_batch_analogy_vram_bytes": [0.0],
    "ray_batch_analogy_queue_frames": [0.0],
}
"""Of three frames, one of which cannot be written; figures are served a while after they change."""

TASKS = {"find a place", "load the model", "make frames"}
"""What a run's tasks are called. Ray keeps figures for each name: frames must not be among them."""

GRAFANA = Path(__file__).parents[2] / "cluster" / "grafana.json"


def served(port: int) -> dict[str, list[tuple[str, float]]]:
    """Our figures at a node's endpoint, and Ray's of tasks: name → (labels, value)."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found: dict[str, list[tuple[str, float]]] = {}
    for line in lines:
        match = re.match(r"(ray_batch_analogy_\w+|ray_tasks)\{(.*)\} (\S+)$", line)
        if match:
            found.setdefault(match[1], []).append((match[2], float(match[3])))
    return found


def values_of(found: dict[str, list[tuple[str, float]]]) -> dict[str, list[float]]:
    """The values alone."""
    return {name: [value for _, value in rows] for name, rows in found.items()}


def task_names(found: dict[str, list[tuple[str, float]]]) -> set[str]:
    """What the tasks of our actors are called."""
    labels = "\n".join(label for label, _ in found.get("ray_tasks", []))
    names = re.findall(r'\bName="([^"]*)"', labels)
    return {name for name in names if not name.endswith("StylerActor.__init__")}


def test_the_figures_are_served_under_the_names_that_grafana_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_metrics_report_interval_ms", "1000")  # instead of ten seconds
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        config = on_ray(tmp_path, 3, workers=1)
        opening = open_run(config)
        (config.run_dir / "frames/a_prime/000001.png").mkdir(parents=True)  # cannot be replaced
        result = opening.execute()
        assert result.done == 2
        (port,) = [node["MetricsExportPort"] for node in ray.nodes()]
        deadline = time.monotonic() + PATIENCE_SECONDS
        found: dict[str, list[tuple[str, float]]] = {}
        while not (
            found.keys() >= NAMES
            and values_of(found).items() >= AT_THE_END.items()
            and task_names(found) >= TASKS
        ):
            found |= served(port)  # a worker that is gone is not served for ever
            assert time.monotonic() < deadline, f"only {found} are served"
            time.sleep(0.5)
    finally:
        ray.shutdown()
    stages = str(found["ray_batch_analogy_frame_seconds_bucket"])
    assert all(f'stage="{stage}"' in stages for stage in ("read", "analogy", "write"))
    assert 'worker="styler-0"' in str(found["ray_batch_analogy_vram_bytes"])
    assert task_names(found) == TASKS


def test_grafana_asks_for_nothing_else() -> None:
    asked = set(re.findall(r"ray_batch_analogy_\w+", json.dumps(json.loads(GRAFANA.read_text()))))
    assert asked <= NAMES
