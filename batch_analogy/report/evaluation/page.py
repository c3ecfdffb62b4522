"""One HTML page that shows how good a film is: a table, plots over time, the worst frames.

The page is self-contained: no script, no font, nothing loaded from anywhere.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batch_analogy.report.document import document
from batch_analogy.report.evaluation.evaluator import AGAINST, INPUT, RUN, EvaluatedFrame, series
from batch_analogy.report.plots import COLOURS, Line, Scale, plot


@dataclass(frozen=True)
class MetricRow:
    """A figure as the table and the plots show it."""

    key: str  # of judge.FrameMetrics
    title: str
    means: str  # what it tells, and which way is better
    form: str = ".3g"
    scale: Scale = "zero"  # of its plot
    sampled: bool = False  # of a few frames; the plot joins them


METRIC_ROWS = (
    MetricRow(
        "warp_error", "Warp error",
        "Mean squared change, from one frame to the next, of what the input shows in both. Lower "
        "is steadier; blur lowers it too.",
        scale="log",
    ),
    MetricRow(
        "drift", "Drift",
        "The same from the first frame of the shot. It should rise no faster than the input's.",
        scale="log",
    ),
    MetricRow(
        "texture_displacement_px", "Texture displacement, px",
        "How far the texture moves from where the input carries it. Texture that sticks to the "
        "screen moves as fast as the scene.",
    ),
    MetricRow(
        "sharpness", "Sharpness", "Variance of the Laplacian. It falls where frames are blended."
    ),
    MetricRow(
        "edge_f1", "Edges kept",
        "F1 of the edges against the content's, within 2 px. 1 is best; a painting's are lower.",
        ".3f",
        scale="own",
    ),
    MetricRow(
        "contrast_structure", "Structure kept",
        "SSIM's contrast-structure term against the content. 1 is best.",
        ".3f",
        scale="own",
    ),
    MetricRow(
        "vgg19_gram", "Style distance (vgg19_gram)",
        "Distance of the Gram matrices of VGG-19 to the style's, of a few frames. Lower is nearer.",
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
    """A frame that changed most, and a sheet that shows it."""

    index: int
    name: str
    warp_error: float
    jpeg: bytes


@dataclass(frozen=True)
class Section:
    """One film of a run."""

    title: str
    summary: Mapping[str, Any]  # judge.summary
    frames: Sequence[EvaluatedFrame]
    worst: Sequence[WorstFrame]


def page(title: str, facts: Sequence[str], labels: Mapping[str, str], parts: list[Section]) -> str:
    """The whole page.

    Args:
        title: its heading.
        facts: a sentence each, below it.
        labels: what the films ``run``, ``against`` and ``input`` are called.
        parts: one for each film of the run.
    """
    body = "".join(_section(part, labels, len(parts) > 1) for part in parts)
    told = "".join(f"<p>{html.escape(fact)}</p>" for fact in facts)
    return document(title, f"<h1>{html.escape(title)}</h1>{told}{body}", _STYLE)


def _section(part: Section, labels: Mapping[str, str], several: bool) -> str:
    films = [name for name in (RUN, AGAINST, INPUT) if name in part.summary["films"]]
    heading = f"<h2>{html.escape(part.title)}</h2>" if several else ""
    keys = "".join(
        f'<span class="key" style="background:{COLOURS[name]}"></span>'
        f"{html.escape(labels[name])} &ensp; "
        for name in films
    )
    starts = [f.position.index for f in part.frames if f.position.starts_segment]
    seams = len(starts) < len(part.frames)
    told = " Dashed: a segment begins." if seams and len(starts) > 1 else ""
    plots = "".join(_plot(row, part, films, labels, starts if seams else []) for row in METRIC_ROWS)
    return (
        f"{heading}{table(part.summary, labels)}<h2>Over time</h2>"
        f'<p>{keys}<br>By frame number.{told}</p><div class="plots">{plots}</div>{_worst(part)}'
    )


def table(summary: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """The means of every film, and the run's over the other's."""
    films = [name for name in (RUN, AGAINST, INPUT) if name in summary["films"]]
    ratio = summary.get("ratio")
    head = "".join(f"<th>{html.escape(labels[name])}</th>" for name in films)
    head += "<th>ratio</th>" if ratio else ""
    lines = []
    for row in METRIC_ROWS:
        cells = [shown(summary["films"][name][row.key], row.form) for name in films]
        cells += [shown(ratio[row.key], ".3f")] if ratio else []
        lines.append(f"<tr><td>{row.title}</td>{''.join(f'<td>{c}</td>' for c in cells)}</tr>")
    notes = "".join(f"<p>{html.escape(line)}</p>" for line in remarks(summary))
    return f"<table><tr><th></th>{head}</tr>{''.join(lines)}</table>{notes}"


def remarks(summary: Mapping[str, Any]) -> list[str]:
    """What the table does not hold, a sentence each."""
    found = [
        f"{summary['frames']} frames, {summary['pairs']} pairs of neighbours; "
        f"{share(summary['masked_share'])} of the pixels are hidden in the next frame or cannot be "
        "followed, and do not count."
    ]
    if summary["excess_warp_error"] is not None:
        found.append(
            f"Warp error above the input's own: {shown(summary['excess_warp_error'])}. Sharpness "
            f"is {shown(summary['sharpness_to_input'], '.2f')} times the input's."
        )
    if (starts := summary["segment_starts"]) is not None:
        found.append(
            f"Warp error where a segment begins: {shown(starts['warp_error'])}, "
            f"{shown(starts['to_median'], '.2f')} times the film's median."
        )
    if (drift := summary["drift"][RUN]) is not None:
        found.append(
            f"Drift from the first frame of the longest shot: {shown(drift['to_12th'])} to its "
            f"12th, {shown(drift['to_last'])} to its last, {shown(drift['ratio'], '.2f')} times."
        )
    return found


def shown(value: float | None, form: str = ".3g") -> str:
    """A number to be read, or a dash."""
    return "–" if value is None else f"{value:{form}}"


def share(value: float | None) -> str:
    """A share of one as a percentage."""
    return "–" if value is None else f"{100 * value:.1f} %"


def _plot(
    row: MetricRow, part: Section, films: list[str], labels: Mapping[str, str], marks: list[int]
) -> str:
    frames = part.frames
    if row.sampled:
        frames = [f for f in frames if getattr(f.films[RUN], row.key) is not None]
    lines = [Line(labels[n], COLOURS[n], series(frames, n, row.key)) for n in films]
    lines = [line for line in lines if any(value is not None for value in line.values)]
    if not lines:
        return ""
    numbers = [frame.position.index for frame in frames]
    drawn = plot(lines[::-1], numbers, marks, scale=row.scale)
    told = f"<h3>{row.title}</h3><p>{html.escape(row.means)}</p>"
    return f"<div>{told}{drawn}</div>"


def _worst(part: Section) -> str:
    if not part.worst:
        return ""
    sheets = "".join(
        f"<h3>Frame {frame.index} <code>{html.escape(frame.name)}</code>, warp error "
        f"{shown(frame.warp_error)}</h3>"
        f'<img alt="frame {frame.index} and the one before it" '
        f'src="data:image/jpeg;base64,{base64.b64encode(frame.jpeg).decode()}">'
        for frame in part.worst
    )
    return f"<h2>Where it changes most</h2>{sheets}"
