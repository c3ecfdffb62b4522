"""Metrics of a run on the Prometheus endpoint of Ray's dashboard."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import ray

from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.events import FrameDone, RunEvent
from batch_analogy.jobs.ray.cluster import leave, start_local
from tests.support.processes.paced import PATIENCE_SECONDS
from tests.support.runs import on_ray

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
"""Values after a run of three frames, one of which cannot be written."""

TASKS = {"locate the worker", "load the model", "make frames"}
"""Names of a run's tasks. Ray keeps metrics for each name, so there must be none per frame."""

GRAFANA = Path(__file__).parents[2] / "cluster" / "grafana.json"


Served = dict[str, list[tuple[str, float]]]
"""Name → labels and value."""


def served() -> Served:
    """Read our metrics and Ray's task metrics; return none if the endpoint does not answer."""
    (port,) = [node["MetricsExportPort"] for node in ray.nodes()]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return {}
    found: Served = {}
    for line in lines:
        match = re.match(r"(ray_batch_analogy_\w+|ray_tasks)\{(.*)\} (\S+)$", line)
        if match:
            found.setdefault(match[1], []).append((match[2], float(match[3])))
    return found


def wait_for(enough: Callable[[Served], bool]) -> Served:
    """Collect metrics until a condition holds; those of a dead worker disappear in time."""
    found: Served = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not enough(found):
        assert time.monotonic() < deadline, f"only {found} are served"
        time.sleep(0.5)
        found |= served()
    return found


def values_of(found: Served) -> dict[str, list[float]]:
    """Return metric → values, without the labels."""
    return {name: [value for _, value in rows] for name, rows in found.items()}


def task_names(found: Served) -> set[str]:
    """Return the names of our actors' tasks."""
    labels = "\n".join(label for label, _ in found.get("ray_tasks", []))
    names = re.findall(r'\bName="([^"]*)"', labels)
    return {name for name in names if not name.endswith("StylerActor.__init__")}


def test_serves_every_metric_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_metrics_report_interval_ms", "1000")  # instead of ten seconds
    start_local(1, dashboard=False)
    of_the_worker: Served = {}

    def hold(event: RunEvent) -> None:
        """Wait for the worker's metric, reported once a second: the worker may end sooner."""
        if isinstance(event, FrameDone) and not of_the_worker:
            of_the_worker.update(wait_for(lambda found: "ray_batch_analogy_vram_bytes" in found))

    try:
        config = on_ray(tmp_path, 3, workers=1)
        opening = open_run(config)
        (config.run_dir / "frames/a_prime/000001.png").mkdir(parents=True)  # cannot be replaced
        result = opening.execute(hold)
        assert result.done == 2
        found = wait_for(
            lambda found: (
                found.keys() | of_the_worker.keys() >= NAMES
                and values_of(of_the_worker | found).items() >= AT_THE_END.items()
                and task_names(found) >= TASKS
            )
        )
    finally:
        leave()
    found = of_the_worker | found
    stages = str(found["ray_batch_analogy_frame_seconds_bucket"])
    assert all(f'stage="{stage}"' in stages for stage in ("read", "analogy", "write"))
    assert 'worker="styler-0"' in str(found["ray_batch_analogy_vram_bytes"])
    assert task_names(found) == TASKS


def test_grafana_queries_only_metrics_that_are_served() -> None:
    asked = set(re.findall(r"ray_batch_analogy_\w+", json.dumps(json.loads(GRAFANA.read_text()))))
    assert asked <= NAMES
