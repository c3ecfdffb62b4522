"""Draw line plots over time as inline SVG, without scripts, fonts or separate files."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Scale = Literal["zero", "own", "log"]

MIN_LOG_VALUE = 1e-7  # bottom of logarithmic plots; frames of 8 bits show no smaller changes

WIDTH_PX, HEIGHT_PX = 560, 190
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 62, 12, 12, 30
_MAX_POINTS = 1500  # more cannot be distinguished; beyond, neighbours are merged

COLOURS = {"run": "#c2410c", "against": "#64748b", "input": "#0f766e"}
_GRID, _INK, _MARK = "#e5e7eb", "#374151", "#cbd5e1"


@dataclass(frozen=True)
class Line:
    """A metric of one film over time; None where it has no value."""

    name: str
    colour: str
    values: Sequence[float | None]


def plot(
    lines: Sequence[Line], frames: Sequence[int], marks: Sequence[int], *, scale: Scale = "zero"
) -> str:
    """Plot lines over frame numbers.

    Args:
        lines: with one value for each frame.
        frames: frame numbers in increasing order.
        marks: frames at which a faint vertical line is drawn.
        scale: of the vertical axis: ``"zero"`` linear from 0, ``"own"`` linear from the lowest
            value, ``"log"`` logarithmic, where values below ``MIN_LOG_VALUE`` lie at the bottom.

    Returns:
        An ``<svg>`` element; it scales with the page.
    """
    known = [_height(v, scale) for line in lines for v in line.values if v is not None]
    if scale == "log":
        low, high, step = decades(min(known, default=0.0), max(known, default=1.0))
    else:
        low = 0.0 if scale == "zero" else min(known, default=0.0)
        low, high, step = axis(low, max(known, default=1.0))
    first, last = frames[0], max(frames[-1], frames[0] + 1)

    def x(frame: float) -> float:
        return _LEFT_PX + (frame - first) / (last - first) * (WIDTH_PX - _LEFT_PX - _RIGHT_PX)

    def y(value: float) -> float:
        room = HEIGHT_PX - _TOP_PX - _BOTTOM_PX
        return _TOP_PX + (high - value) / (high - low) * room

    parts = []
    for k in range(round((high - low) / step) + 1):
        value = low + k * step
        label = f"{10.0**value:g}" if scale == "log" else f"{value:.4g}"
        parts.append(_grid_line(y(value), x(first), x(last)))
        parts.append(_text(_LEFT_PX - 6, y(value) + 4, label, "end"))
    if len(marks) <= _MAX_POINTS // 4:
        parts += [_mark(x(frame), y(low), y(high)) for frame in marks if first < frame <= last]
    for frame in ticks(first, last):
        parts.append(_text(x(frame), HEIGHT_PX - _BOTTOM_PX + 16, str(frame), "middle"))
    for line in lines:
        points = _thinned(line, frames)
        heights = [(x(f), None if v is None else y(_height(v, scale))) for f, v in points]
        parts.append(_path(line, heights))
    body = "".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" role="img" '
        f'xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )


def axis(low: float, high: float) -> tuple[float, float, float]:
    """Return round limits around two values, and the step that gives about four grid lines.

    >>> axis(0.2, 3.7), axis(0.0, 0.0)
    ((0.0, 4.0, 1.0), (0.0, 0.25, 0.25))
    """
    extent = high - low or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(extent / 4))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power * 4 >= extent * 0.999)
    bottom = math.floor(low / step + 1e-9) * step
    top = math.ceil(high / step - 1e-9) * step
    return bottom, max(top, bottom + step), step


def decades(low: float, high: float) -> tuple[float, float, float]:
    """Return integer limits around two base-10 logarithms, and the step between grid lines.

    >>> decades(-5.2, -1.3), decades(-3.0, -3.0)
    ((-6.0, -1.0, 1.0), (-3.0, -2.0, 1.0))
    """
    bottom = float(math.floor(low))
    return bottom, max(float(math.ceil(high)), bottom + 1), 1.0


def _height(value: float, scale: Scale) -> float:
    """Return a value's position on the vertical axis."""
    return math.log10(max(value, MIN_LOG_VALUE)) if scale == "log" else value


def ticks(first: int, last: int) -> list[int]:
    """Choose round frame numbers for the axis, about ten at most."""
    extent = max(1, last - first)
    power = 10 ** max(0, math.floor(math.log10(extent / 10))) if extent >= 10 else 1
    step = next(m * power for m in (1, 2, 5, 10) if m * power * 10 >= extent)
    return list(range(-(-first // step) * step, last + 1, step))


def _thinned(line: Line, frames: Sequence[int]) -> list[tuple[float, float | None]]:
    """Return (frame, value) pairs; in a long film the maximum of each group, to keep all peaks."""
    group = -(-len(frames) // _MAX_POINTS)
    found: list[tuple[float, float | None]] = []
    for start in range(0, len(frames), group):
        values = [v for v in line.values[start : start + group] if v is not None]
        found.append((frames[start], max(values) if values else None))
    return found


def _path(line: Line, points: list[tuple[float, float | None]]) -> str:
    """Draw a line, with a gap where a value is missing and a dot for a single value."""
    pieces: list[list[str]] = [[]]
    for x, y in points:
        if y is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{x:.1f},{y:.1f}")
    drawn = []
    for piece in pieces:
        if len(piece) == 1:
            at_x, at_y = piece[0].split(",")
            drawn.append(f'<circle cx="{at_x}" cy="{at_y}" r="2.5" fill="{line.colour}"/>')
        elif piece:
            drawn.append(
                f'<polyline points="{" ".join(piece)}" fill="none" stroke="{line.colour}" '
                'stroke-width="1.6" stroke-linejoin="round"/>'
            )
    return f"<g><title>{html.escape(line.name)}</title>{''.join(drawn)}</g>"


def _grid_line(y: float, left: float, right: float) -> str:
    return f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{right:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>'


def _mark(x: float, bottom: float, top: float) -> str:
    return (
        f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}" stroke="{_MARK}" '
        'stroke-dasharray="3 3"/>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11" '
        f'font-family="sans-serif" fill="{_INK}">{html.escape(text)}</text>'
    )
