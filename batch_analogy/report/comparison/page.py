"""The page of a comparison: the figures of all methods, then every target map and its pictures."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batch_analogy.report.comparison.results_folder import Comparison
from batch_analogy.report.document import document, embedded
from batch_analogy.report.evaluation.page import shown


@dataclass(frozen=True)
class ComparedMetric:
    """A figure as the tables show it."""

    key: str  # in compare.json
    title: str
    means: str
    form: str = ".3g"
    higher: bool | None = False  # whether more is better; None: it says nothing of the picture


COMPARED_METRICS = (
    ComparedMetric(
        "vgg19_sifd",
        "Feature distance (vgg19_sifd)",
        "Fréchet distance between the local features (VGG-19, conv3_1) of a picture and of the "
        "source. 0 for the source itself; lower is nearer. It rises with blur and with textures "
        "that the source does not have. Other figures called SIFID use another network.",
    ),
    ComparedMetric(
        "patch_coherence",
        "Patch coherence",
        "Share of neighbouring patches (3 × 3 of conv2_1) whose most similar ones in the source "
        "are neighbours too. 1 for the source itself; blur, strong noise and seams lower it. "
        "Methods that copy pieces of the source are at an advantage here.",
        ".3f",
        higher=True,
    ),
    ComparedMetric(
        "layout_accuracy",
        "Layout accuracy",
        "Share of a picture that looks like the class the map has there, read by the source's "
        "nearest features (VGG-19, conv1_1 to conv4_1), not by any method's own network. 1 is "
        "best.",
        ".3f",
        higher=True,
    ),
    ComparedMetric(
        "seconds",
        "Seconds a picture",
        "On the machine that made them, without training; a method's first may include compiling.",
        ".2f",
        higher=None,
    ),
)

_STYLE = """
:root{color-scheme:light}
.best{font-weight:700}
.row{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:1rem;
margin:.6rem 0 0}
.given{grid-template-columns:repeat(3,minmax(0,130px))}
figure{margin:0}figcaption{font-size:.9rem}figcaption b{display:block}
figcaption span{color:#4b5563;font-variant-numeric:tabular-nums;display:block;font-size:.85rem}
.row img{margin:0 0 .3rem;width:100%}
dt{font-weight:600;margin-top:.6rem}dd{margin:0;color:#4b5563;max-width:46rem}
"""


def comparison_page(comparison: Comparison) -> str:
    """The whole page, pictures inside."""
    values = comparison.values
    title = f"{len(comparison.methods)} methods, {len(comparison.cases)} target maps"
    told = (
        f"Made of {values['image']} and {values['label']} at up to {values['size']} px a side. "
        f"Of the source's own layout {100 * values['source_accuracy']:.0f} % is read rightly from "
        "the rest of the source; differences in layout accuracy above that say little."
    )
    meanings = "".join(
        f"<dt>{figure.title}</dt><dd>{html.escape(figure.means)}</dd>"
        for figure in COMPARED_METRICS
    )
    cases = "".join(_case(comparison, case) for case in values["cases"])
    body = (
        f"<h1>{title}</h1><p>{html.escape(told)}</p>{_table(comparison)}<dl>{meanings}</dl>{cases}"
    )
    return document(title, body, _STYLE)


def best_of(figure: ComparedMetric, figures: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The methods that have the best value of a figure; none where it does not judge pictures."""
    known = {m: values[figure.key] for m, values in figures.items()}
    values = [value for value in known.values() if value is not None]
    if figure.higher is None or len(values) < 2:
        return set()
    best = max(values) if figure.higher else min(values)
    return {method for method, value in known.items() if value == best}


def _table(comparison: Comparison) -> str:
    """The means over all target maps."""
    summary, methods = comparison.values["summary"], comparison.methods
    titles = [comparison.values["methods"][m]["title"] for m in methods]
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    lines = []
    for figure in COMPARED_METRICS:
        best = best_of(figure, summary)
        marks = {m: ' class="best"' if m in best else "" for m in methods}
        cells = "".join(
            f"<td{marks[m]}>{shown(summary[m][figure.key], figure.form)}</td>" for m in methods
        )
        lines.append(f"<tr><td>{figure.title}</td>{cells}</tr>")
    return f"<table><tr><th></th>{head}</tr>{''.join(lines)}</table>"


def _case(comparison: Comparison, case: Mapping[str, Any]) -> str:
    folder, name = comparison.folder, str(case["name"])
    given = [
        _figure(embedded(folder.source), "The picture", ""),
        _figure(embedded(folder.label), "Its map", ""),
        _figure(embedded(folder.map(name)), "The new map", ""),
    ]
    made = []
    for method in comparison.methods:
        title = comparison.values["methods"][method]["title"]
        figures = case["figures"][method]
        told = "".join(
            f"<span>{figure.key} {shown(figures[figure.key], figure.form)}</span>"
            for figure in COMPARED_METRICS
            if figure.higher is not None
        )
        address = embedded(folder.picture(method, name))
        made.append(_figure(address, title, told))
    rows = f'<div class="row given">{"".join(given)}</div><div class="row">{"".join(made)}</div>'
    return f"<h2>{html.escape(name)}</h2>{rows}"


def _figure(address: str, title: str, told: str) -> str:
    alt = html.escape(title, quote=True)
    caption = f"<figcaption><b>{html.escape(title)}</b>{told}</figcaption>"
    return f'<figure><img alt="{alt}" src="{address}">{caption}</figure>'
