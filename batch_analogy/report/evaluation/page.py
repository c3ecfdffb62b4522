"""HTML page of an evaluation: a table of metrics, plots over time, the worst frames.

The page is self-contained: it has no script and loads nothing.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batch_analogy.report.document import document, format_number
from batch_analogy.report.evaluation.evaluator import AGAINST, INPUT, RUN, EvaluatedFrame, series
from batch_analogy.report.plots import COLOURS, Line, Scale, plot


@dataclass(frozen=True)
class MetricRow:
    """A metric as shown in the table and the plots."""

    key: str  # field of evaluator.FrameMetrics
    title: str
    explanation: str
    number_format: str = ".3g"
    scale: Scale = "zero"  # of its plot
    sampled: bool = False  # measured for a few frames, which the plot connects


METRIC_ROWS = (
    MetricRow(
        "warp_error", "Warp error",
        "Mean squared change from one frame to the next, of pixels visible in both. Lower is more "
        "stable; blur lowers it too.",
        scale="log",
    ),
    MetricRow(
        "drift", "Drift",
        "Warp error from the first frame of the shot. It should rise no faster than the input's.",
        scale="log",
    ),
    MetricRow(
        "texture_displacement_px", "Texture displacement, px",
        "Motion of the texture relative to the input's motion. A texture that sticks to the screen "
        "moves as fast as the scene.",
    ),
    MetricRow(
        "sharpness", "Sharpness", "Variance of the Laplacian. Blended frames have less."
    ),
    MetricRow(
        "edge_f1", "Edges kept",
        "F1 score of edges compared with the content's, within 2 px. 1 is best; "
        "paintings have less.",
        ".3f",
        scale="own",
    ),
    MetricRow(
        "contrast_structure", "Structure kept",
        "Contrast-structure term of SSIM, compared with the content. 1 is best.",
        ".3f",
        scale="own",
    ),
    MetricRow(
        "vgg19_gram", "Style distance (vgg19_gram)",
        "Distance of VGG-19's Gram matrices to the style's, for a few frames. Lower is closer.",
        sampled=True,
    ),
)  # fmt: skip

_STYLE = """
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,500px),1fr));gap:0 2rem}
.plots>div{display:flex;flex-direction:column}.plots svg{margin-top:auto}
.key{display:inline-block;width:1.4em;height:.28em;margin:0 .4em 0 0;vertical-align:middle}
"""


@dataclass(frozen=True)
class WorstFrame:
    """A frame with a large change, and a sheet that shows it."""

    index: int
    name: str
    warp_error: float
    jpeg: bytes


@dataclass(frozen=True)
class Section:
    """One film of a run on the page."""

    title: str
    summary: Mapping[str, Any]  # evaluator.summary
    frames: Sequence[EvaluatedFrame]
    worst: Sequence[WorstFrame]


def evaluation_page(
    title: str, description: Sequence[str], labels: Mapping[str, str], sections: list[Section]
) -> str:
    """Return the page as HTML.

    Args:
        title: its heading.
        description: sentences below the heading.
        labels: names of the films ``run``, ``against`` and ``input``.
        sections: one for each film of the run.
    """
    body = "".join(_section(section, labels, len(sections) > 1) for section in sections)
    intro = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in description)
    return document(title, f"<h1>{html.escape(title)}</h1>{intro}{body}", _STYLE)


def _section(section: Section, labels: Mapping[str, str], several: bool) -> str:
    films = [name for name in (RUN, AGAINST, INPUT) if name in section.summary["films"]]
    heading = f"<h2>{html.escape(section.title)}</h2>" if several else ""
    keys = "".join(
        f'<span class="key" style="background:{COLOURS[name]}"></span>'
        f"{html.escape(labels[name])} &ensp; "
        for name in films
    )
    starts = [f.position.index for f in section.frames if f.position.starts_segment]
    if len(starts) == len(section.frames):  # segments of one frame
        starts = []
    note = " Dashed lines: starts of segments." if len(starts) > 1 else ""
    plots = "".join(_plot(row, section, films, labels, starts) for row in METRIC_ROWS)
    return (
        f"{heading}{table(section.summary, labels)}<h2>Over time</h2>"
        f'<p>{keys}<br>By frame number.{note}</p><div class="plots">{plots}</div>{_worst(section)}'
    )


def table(summary: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Return the table of means of every film, with the ratio of the run to the other run."""
    films = [name for name in (RUN, AGAINST, INPUT) if name in summary["films"]]
    ratio = summary.get("ratio")
    head = "".join(f"<th>{html.escape(labels[name])}</th>" for name in films)
    head += "<th>ratio</th>" if ratio else ""
    lines = []
    for row in METRIC_ROWS:
        cells = [format_number(summary["films"][n][row.key], row.number_format) for n in films]
        cells += [format_number(ratio[row.key], ".3f")] if ratio else []
        lines.append(f"<tr><td>{row.title}</td>{''.join(f'<td>{c}</td>' for c in cells)}</tr>")
    notes = "".join(f"<p>{html.escape(line)}</p>" for line in remarks(summary))
    return f"<table><tr><th></th>{head}</tr>{''.join(lines)}</table>{notes}"


def remarks(summary: Mapping[str, Any]) -> list[str]:
    """Return sentences about the values that are not in the table."""
    sentences = [
        f"{summary['frames']} frames, {summary['pairs']} consecutive pairs; "
        f"{format_share(summary['masked_share'])} of the pixels are occluded in the next frame or "
        "at motion boundaries, and do not count."
    ]
    if summary["excess_warp_error"] is not None:
        sentences.append(
            f"Warp error minus the input's own: {format_number(summary['excess_warp_error'])}. "
            f"Sharpness is {format_number(summary['sharpness_to_input'], '.2f')} times the input's."
        )
    if (starts := summary["segment_starts"]) is not None:
        sentences.append(
            f"Warp error at the starts of segments: {format_number(starts['warp_error'])}, "
            f"{format_number(starts['to_median'], '.2f')} times the film's median."
        )
    if (drift := summary["drift"][RUN]) is not None:
        sentences.append(
            f"Drift from the first frame of the longest shot: {format_number(drift['to_12th'])} to "
            f"its 12th, {format_number(drift['to_last'])} to its last, "
            f"{format_number(drift['ratio'], '.2f')} times as much."
        )
    return sentences


def format_share(value: float | None) -> str:
    """Format a fraction as a percentage; a dash for None."""
    return "–" if value is None else f"{100 * value:.1f} %"


def _plot(
    row: MetricRow,
    section: Section,
    films: list[str],
    labels: Mapping[str, str],
    starts: list[int],
) -> str:
    frames = section.frames
    if row.sampled:
        frames = [f for f in frames if getattr(f.films[RUN], row.key) is not None]
    lines = [Line(labels[n], COLOURS[n], series(frames, n, row.key)) for n in films]
    lines = [line for line in lines if any(value is not None for value in line.values)]
    if not lines:
        return ""
    numbers = [frame.position.index for frame in frames]
    svg = plot(lines[::-1], numbers, starts, scale=row.scale)
    text = f"<h3>{row.title}</h3><p>{html.escape(row.explanation)}</p>"
    return f"<div>{text}{svg}</div>"


def _worst(section: Section) -> str:
    if not section.worst:
        return ""
    sheets = "".join(
        f"<h3>Frame {frame.index} <code>{html.escape(frame.name)}</code>, warp error "
        f"{format_number(frame.warp_error)}</h3>"
        f'<img alt="frame {frame.index} and the previous one" '
        f'src="data:image/jpeg;base64,{base64.b64encode(frame.jpeg).decode()}">'
        for frame in section.worst
    )
    return f"<h2>Largest changes</h2>{sheets}"
