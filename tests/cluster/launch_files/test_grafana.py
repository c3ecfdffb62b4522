"""The Grafana dashboard queries only existing metrics and labels."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest

from tests.cluster.launch_files.cluster_files import CLUSTER, read_yaml

DASHBOARD = json.loads((CLUSTER / "grafana.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]

# Metric → the labels of its own. Ray adds SessionName, a histogram's buckets have le.
METRICS = {
    "ray_batch_analogy_frames_done_total": set(),
    "ray_batch_analogy_frames_failed_total": set(),
    "ray_batch_analogy_frames_retried_total": set(),
    "ray_batch_analogy_frame_seconds_bucket": {"stage", "le"},
    "ray_batch_analogy_frame_seconds_count": {"stage"},
    "ray_batch_analogy_vram_bytes": {"worker"},
    "ray_batch_analogy_queue_frames": set(),
}
FUNCTIONS = {"sum", "max", "rate", "increase", "max_over_time", "histogram_quantile", "vector"}
WORDS = {"by", "or"}
VARIABLES = {"__range", "session", "datasource"}


def names_in(expression: str) -> tuple[set[str], set[str]]:
    """Return the metrics and the labels that an expression names.

    Raises:
        ValueError: it has a name that is neither, nor a known function.
    """
    labels = set(re.findall(r"(\w+)\s*=~?", expression))
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        labels |= {label.strip() for label in grouped.split(",")}
    bare = re.sub(r'"[^"]*"|\$\w+|\[[^\]]*\]', "", expression)
    names = set(re.findall(r"[a-zA-Z_]\w*", bare)) - labels - FUNCTIONS - WORDS
    if unknown := names - set(METRICS):
        raise ValueError(f"no metric or function: {sorted(unknown)} in {expression}")
    return names, labels


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_queries_existing_metrics_and_labels(expression: str) -> None:
    metrics, labels = names_in(expression)
    assert metrics
    for metric in metrics:
        assert labels <= METRICS[metric] | {"SessionName"}
    assert set(re.findall(r"\$(\w+)", expression)) <= VARIABLES
    assert expression.count("(") == expression.count(")")
    assert expression.count("{") == expression.count("}") == expression.count("$session")


@pytest.mark.parametrize(
    "wrong",
    [
        'sum(ray_batch_analogy_frames_finished_total{SessionName=~"$session"})',
        'summ(ray_batch_analogy_frames_done_total{SessionName=~"$session"})',
    ],
)
def test_the_check_notices_a_wrong_name(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"finished|summ"):
        names_in(wrong)


def test_every_metric_is_shown() -> None:
    shown = {name for expression in EXPRESSIONS for name in names_in(expression)[0]}
    assert shown == set(METRICS) - {"ray_batch_analogy_frame_seconds_count"}


def test_panels_have_different_ids_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in PANELS]
    assert len(set(ids)) == len(ids) > 5
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


def test_the_data_source_can_be_chosen() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert variables["session"]["datasource"] == chosen
    for panel in PANELS:
        assert panel["datasource"] == chosen
        assert [target["datasource"] for target in panel["targets"]] == [chosen] * len(
            panel["targets"]
        )
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)


def test_prometheus_reads_rays_list_of_machines() -> None:
    (job,) = read_yaml(CLUSTER / "prometheus.yml")["scrape_configs"]
    assert job["file_sd_configs"] == [{"files": ["/tmp/ray/prom_metrics_service_discovery.json"]}]
