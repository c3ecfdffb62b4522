"""Evaluate films frame by frame, keeping only the metrics of each frame.

Several films of one content are evaluated together, with one flow: a run, another run to compare it
with, and the content itself, whose own error is not caused by the styling.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from batch_analogy.report.evaluation import frame_metrics
from batch_analogy.report.evaluation.frame_metrics import Picture
from batch_analogy.report.evaluation.masked_flow import (
    MaskedFlow,
    masked_flow_between,
    texture_displacement_px,
)

RUN, AGAINST, INPUT = "run", "against", "input"
DRIFT_FRAME = 11  # E(1, 12), counted from 0

Distance = Callable[[Picture], float]


@dataclass
class FrameMetrics:
    """Metrics of one frame of one film; None if there is nothing to compare the frame with."""

    sharpness: float
    warp_error: float | None = None  # from the previous frame
    drift: float | None = None  # warp error from the first frame of the shot
    texture_displacement_px: float | None = None  # from the previous frame
    edge_f1: float | None = None  # against the content
    contrast_structure: float | None = None  # against the content
    vgg19_gram: float | None = None  # to the style; measured for a few frames


@dataclass(frozen=True)
class FramePosition:
    """Position of a frame in its film."""

    index: int
    shot: int
    starts_segment: bool


@dataclass
class EvaluatedFrame:
    """Metrics of one frame in all films."""

    position: FramePosition
    masked_share: float | None  # of the previous frame's pixels; None without one
    films: dict[str, FrameMetrics] = field(default_factory=dict)


class FrameEvaluator:
    """Compute metrics of frames given in order; three frames of each film are in memory."""

    def __init__(self, area_px: int) -> None:
        """Set the size at which frames are evaluated.

        Args:
            area_px: larger frames are reduced to this many pixels; only sharpness is measured at
                the frames' own size.
        """
        self._area_px = area_px
        self._previous: _PreparedFrame | None = None
        self._first: _PreparedFrame | None = None

    def evaluate(
        self,
        position: FramePosition,
        content: Picture,
        films: Mapping[str, Picture],
        style: Distance | None,
    ) -> EvaluatedFrame:
        """Evaluate the next frame.

        Args:
            position: of the frame; errors are measured from the frame with the previous index.
            content: picture whose structure the films should keep, (H, W, 3) float32 RGB in [0, 1].
            films: name → this frame of a film, of the content's size.
            style: distance to the style, if it is to be measured.
        """
        pictures = {INPUT: content, **films}
        metrics = {name: FrameMetrics(frame_metrics.sharpness(p)) for name, p in pictures.items()}
        small = {name: reduced(p, self._area_px) for name, p in pictures.items()}
        now = _PreparedFrame(position, small)
        for name in films:
            metrics[name].edge_f1 = _without_nan(frame_metrics.edge_f1(small[name], small[INPUT]))
            metrics[name].contrast_structure = frame_metrics.contrast_structure(
                small[name], small[INPUT]
            )
        if style is not None:
            for name, picture in small.items():
                metrics[name].vgg19_gram = style(picture)
        masked_share = self._measure_change(now, metrics)
        self._previous = now
        return EvaluatedFrame(position, masked_share, metrics)

    def _measure_change(
        self, now: _PreparedFrame, metrics: dict[str, FrameMetrics]
    ) -> float | None:
        """Measure errors from the previous frame and the shot's first; return the masked share."""
        previous, first = self._previous, self._first
        if first is None or first.position.shot != now.position.shot:
            self._first = now
            return None
        from_first = masked_flow_between(first.pictures[INPUT], now.pictures[INPUT])
        for name, value in _warp_errors(first, now, from_first):
            metrics[name].drift = value
        if previous is None or previous.position.index != now.position.index - 1:
            return None
        step = masked_flow_between(previous.pictures[INPUT], now.pictures[INPUT])
        for name, value in _warp_errors(previous, now, step):
            metrics[name].warp_error = value
            if name != INPUT:
                pair = previous.pictures[name], now.pictures[name]
                metrics[name].texture_displacement_px = _without_nan(
                    texture_displacement_px(*pair, step)
                )
        return step.masked_share


@dataclass(frozen=True)
class _PreparedFrame:
    """A frame of every film, at the size at which it is evaluated."""

    position: FramePosition
    pictures: dict[str, Picture]


def _warp_errors(
    earlier: _PreparedFrame, now: _PreparedFrame, flow: MaskedFlow
) -> Iterable[tuple[str, float | None]]:
    """Yield the warp error of each film that has both frames."""
    for name in earlier.pictures.keys() & now.pictures.keys():
        pair = earlier.pictures[name], now.pictures[name]
        yield name, _without_nan(frame_metrics.warp_error(*pair, flow.flow, flow.visible))


def _without_nan(value: float) -> float | None:
    return None if math.isnan(value) else value


def reduced(picture: Picture, area_px: int) -> Picture:
    """Scale a picture down to at most this many pixels, keeping its aspect ratio."""
    height, width = picture.shape[:2]
    scale = math.sqrt(area_px / (height * width))
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def summary(frames: Sequence[EvaluatedFrame]) -> dict[str, object]:
    """Average metrics over all frames and compare the run with the other films.

    Args:
        frames: all of them, in order.

    Returns:
        JSON values. ``films``: name → means. ``ratio``: the run's means divided by the means of the
        film it is compared with. ``excess_warp_error``: the run's warp error minus the input's.
    """
    names = [name for name in (RUN, AGAINST, INPUT) if any(name in f.films for f in frames)]
    films = {name: _means(frames, name) for name in names}
    run, own = films[RUN], films[INPUT]
    found: dict[str, object] = {
        "frames": len(frames),
        "pairs": sum(frame.masked_share is not None for frame in frames),
        "masked_share": _mean(frame.masked_share for frame in frames),
        "films": films,
        "excess_warp_error": _less(run["warp_error"], own["warp_error"]),
        "sharpness_to_input": _over(run["sharpness"], own["sharpness"]),
        "vgg19_gram_to_input": _over(run["vgg19_gram"], own["vgg19_gram"]),
        "segment_starts": segment_starts(frames),
        "drift": {name: drift(frames, name) for name in names},
    }
    if AGAINST in films:
        found["ratio"] = {name: _ratio(frames, name) for name in run}
    return found


def _ratio(frames: Sequence[EvaluatedFrame], metric: str) -> float | None:
    """Divide the run's mean by the other film's, over the frames that both have."""
    both = zip(series(frames, RUN, metric), series(frames, AGAINST, metric), strict=True)
    known = [(run, against) for run, against in both if run is not None and against is not None]
    return _over(_mean(run for run, _ in known), _mean(against for _, against in known))


def _means(frames: Sequence[EvaluatedFrame], film: str) -> dict[str, float | None]:
    names = [metric.name for metric in dataclasses.fields(FrameMetrics)]
    return {name: _mean(series(frames, film, name)) for name in names}


def series(frames: Sequence[EvaluatedFrame], film: str, metric: str) -> list[float | None]:
    """Return one metric of one film over time."""
    return [getattr(f.films[film], metric) if film in f.films else None for f in frames]


def segment_starts(frames: Sequence[EvaluatedFrame]) -> dict[str, float | None] | None:
    """Compare E_warp at the first frames of segments within a shot with the film's median.

    Returns None if no frames with an error, or all of them, are first frames of segments.
    """
    errors = [
        (frame.position.starts_segment, error)
        for frame in frames
        if (error := frame.films[RUN].warp_error) is not None
    ]
    at_starts = [error for starts, error in errors if starts]
    if not at_starts or len(at_starts) == len(errors):
        return None
    mean, median = statistics.fmean(at_starts), statistics.median(error for _, error in errors)
    return {"warp_error": mean, "to_median": _over(mean, median)}


def drift(frames: Sequence[EvaluatedFrame], film: str) -> dict[str, float | None] | None:
    """Return E of the longest shot's first frame to its twelfth and to its last, and their ratio.

    Returns None if the shot has no more than twelve frames.
    """
    by_shot: dict[int, list[EvaluatedFrame]] = {}
    for frame in frames:
        by_shot.setdefault(frame.position.shot, []).append(frame)
    shot = max(by_shot.values(), key=len)
    if len(shot) <= DRIFT_FRAME + 1 or film not in shot[DRIFT_FRAME].films:
        return None
    near = shot[DRIFT_FRAME].films[film].drift
    far = shot[-1].films[film].drift if film in shot[-1].films else None
    return {"to_12th": near, "to_last": far, "ratio": _over(far, near)}


def worst(frames: Sequence[EvaluatedFrame], count: int, apart: int = 3) -> list[EvaluatedFrame]:
    """Select the frames with the highest E_warp, at least ``apart`` frames apart."""
    ranked = sorted(
        (frame for frame in frames if frame.films[RUN].warp_error is not None),
        key=lambda frame: -(frame.films[RUN].warp_error or 0.0),
    )
    found: list[EvaluatedFrame] = []
    for frame in ranked:
        if len(found) < count and all(
            abs(frame.position.index - other.position.index) >= apart for other in found
        ):
            found.append(frame)
    return found


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _over(x: float | None, y: float | None) -> float | None:
    return None if x is None or not y else x / y


def _less(x: float | None, y: float | None) -> float | None:
    return None if x is None or y is None else x - y
