"""HTML page of a comparison: metrics of all methods, then every target map and its results."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batch_analogy.report.comparison.results_folder import Comparison
from batch_analogy.report.document import data_url, document, format_number


@dataclass(frozen=True)
class ComparedMetric:
    """A metric as shown in the tables."""

    key: str  # in compare.json
    title: str
    explanation: str
    number_format: str = ".3g"
    higher: bool | None = False  # whether more is better; None: not a measure of quality


COMPARED_METRICS = (
    ComparedMetric(
        "vgg19_sifd",
        "Feature distance (vgg19_sifd)",
        "Fréchet distance between the local features (VGG-19, conv3_1) of a picture and its "
        "source. 0 for the source itself; lower is closer. It rises with blur and with textures "
        "that the source does not have. Not comparable with SIFID, which uses another network.",
    ),
    ComparedMetric(
        "patch_coherence",
        "Patch coherence",
        "Share of neighbouring patches (3 × 3 cells of conv2_1) whose nearest patches in the "
        "source are neighbours too. 1 for the source itself; blur, strong noise and seams lower "
        "it. Methods that copy pieces of the source have an advantage.",
        ".3f",
        higher=True,
    ),
    ComparedMetric(
        "layout_accuracy",
        "Layout accuracy",
        "Share of a picture that looks like the class of the map at that point, classified by the "
        "source's nearest features (VGG-19, conv1_1 to conv4_1), not by any method's own network. "
        "1 is best.",
        ".3f",
        higher=True,
    ),
    ComparedMetric(
        "seconds",
        "Seconds a picture",
        "On the machine that made them, without training; the first may include compilation.",
        ".2f",
        higher=None,
    ),
)

_STYLE = """
:root{color-scheme:light}
.best{font-weight:700}
.row{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:1rem;
margin:.6rem 0 0}
.inputs{grid-template-columns:repeat(3,minmax(0,130px))}
figure{margin:0}figcaption{font-size:.9rem}figcaption b{display:block}
figcaption span{color:#4b5563;font-variant-numeric:tabular-nums;display:block;font-size:.85rem}
.row img{margin:0 0 .3rem;width:100%}
dt{font-weight:600;margin-top:.6rem}dd{margin:0;color:#4b5563;max-width:46rem}
"""


def comparison_page(comparison: Comparison) -> str:
    """Return the page as HTML, with all pictures embedded."""
    values = comparison.values
    title = f"{len(comparison.methods)} methods, {len(comparison.cases)} target maps"
    intro = (
        f"Made from {values['image']} and {values['label']} at up to {values['size']} px a side. "
        f"{100 * values['source_accuracy']:.0f} % of the source's own layout is classified "
        "correctly from the rest of the source; differences in layout accuracy above that mean "
        "little."
    )
    meanings = "".join(
        f"<dt>{metric.title}</dt><dd>{html.escape(metric.explanation)}</dd>"
        for metric in COMPARED_METRICS
    )
    cases = "".join(_case(comparison, case) for case in values["cases"])
    body = (
        f"<h1>{title}</h1><p>{html.escape(intro)}</p>{_table(comparison)}<dl>{meanings}</dl>{cases}"
    )
    return document(title, body, _STYLE)


def best_of(metric: ComparedMetric, results: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the methods with the best value; an empty set if the metric does not measure quality.

    Args:
        metric: the metric. results: method → key of a metric → value.
    """
    known = {method: values[metric.key] for method, values in results.items()}
    values = [value for value in known.values() if value is not None]
    if metric.higher is None or len(values) < 2:
        return set()
    best = max(values) if metric.higher else min(values)
    return {method for method, value in known.items() if value == best}


def _table(comparison: Comparison) -> str:
    """Return the table of means over all target maps."""
    summary, methods = comparison.values["summary"], comparison.methods
    titles = [comparison.values["methods"][m]["title"] for m in methods]
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    lines = []
    for metric in COMPARED_METRICS:
        best = best_of(metric, summary)
        classes = {m: ' class="best"' if m in best else "" for m in methods}
        values = {m: format_number(summary[m][metric.key], metric.number_format) for m in methods}
        cells = "".join(f"<td{classes[m]}>{values[m]}</td>" for m in methods)
        lines.append(f"<tr><td>{metric.title}</td>{cells}</tr>")
    return f"<table><tr><th></th>{head}</tr>{''.join(lines)}</table>"


def _case(comparison: Comparison, case: Mapping[str, Any]) -> str:
    """Return the section of a target map: inputs, and each method's result with its metrics."""
    folder, name = comparison.folder, str(case["name"])
    inputs = [
        _figure(data_url(folder.source), "The picture", ""),
        _figure(data_url(folder.label), "Its map", ""),
        _figure(data_url(folder.map(name)), "The new map", ""),
    ]
    results = []
    for method in comparison.methods:
        title = comparison.values["methods"][method]["title"]
        values = case["figures"][method]
        spans = "".join(
            f"<span>{metric.key} {format_number(values[metric.key], metric.number_format)}</span>"
            for metric in COMPARED_METRICS
            if metric.higher is not None
        )
        results.append(_figure(data_url(folder.picture(method, name)), title, spans))
    rows = (
        f'<div class="row inputs">{"".join(inputs)}</div><div class="row">{"".join(results)}</div>'
    )
    return f"<h2>{html.escape(name)}</h2>{rows}"


def _figure(url: str, title: str, details: str) -> str:
    alt = html.escape(title, quote=True)
    caption = f"<figcaption><b>{html.escape(title)}</b>{details}</figcaption>"
    return f'<figure><img alt="{alt}" src="{url}">{caption}</figure>'
