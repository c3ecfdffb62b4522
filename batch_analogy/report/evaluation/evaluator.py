"""Judging films frame by frame: every frame is looked at once, and only its figures are kept.

Several films of one content are judged together, by one flow: a run, the same without coherence,
and the content itself, which tells how much of an error is not the styling's.
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
    """What one frame of one film is judged by; None where there is nothing to compare it with."""

    sharpness: float
    warp_error: float | None = None  # from the frame before
    drift: float | None = None  # the same from the first frame of the shot
    texture_displacement_px: float | None = None  # from the frame before
    edge_f1: float | None = None  # against the content
    contrast_structure: float | None = None  # against the content
    vgg19_gram: float | None = None  # to the style; taken of a few frames


@dataclass(frozen=True)
class FramePosition:
    """Where a frame stands in its film."""

    index: int
    shot: int
    starts_segment: bool


@dataclass
class EvaluatedFrame:
    """One frame of all films."""

    position: FramePosition
    masked_share: float | None  # of the frame before, from which it is reached
    films: dict[str, FrameMetrics] = field(default_factory=dict)


class FrameEvaluator:
    """Takes frames in order and gives their figures; it holds three frames of each film."""

    def __init__(self, area_px: int) -> None:
        """FrameEvaluator at this size.

        Args:
            area_px: larger frames are reduced to this many pixels; sharpness alone is taken at
                the frames' own size.
        """
        self._area_px = area_px
        self._before: _Shown | None = None
        self._first: _Shown | None = None

    def take(
        self,
        position: FramePosition,
        content: Picture,
        films: Mapping[str, Picture],
        style: Distance | None,
    ) -> EvaluatedFrame:
        """FrameEvaluator the next frame.

        Args:
            position: where it stands; errors are taken from the frame with the index before.
            content: whose structure the films should have, (H, W, 3) float32 RGB in [0, 1].
            films: name → this frame of a film, of the content's size.
            style: the distance to the style, if it is to be taken.
        """
        pictures = {INPUT: content, **films}
        figures = {name: FrameMetrics(frame_metrics.sharpness(p)) for name, p in pictures.items()}
        small = {name: reduced(p, self._area_px) for name, p in pictures.items()}
        now = _Shown(position, small)
        for name in films:
            figures[name].edge_f1 = _number(frame_metrics.edge_f1(small[name], small[INPUT]))
            figures[name].contrast_structure = frame_metrics.contrast_structure(
                small[name], small[INPUT]
            )
        if style is not None:
            for name, picture in small.items():
                figures[name].vgg19_gram = style(picture)
        masked = self._follow(now, figures)
        self._before = now
        return EvaluatedFrame(position, masked, figures)

    def _follow(self, now: _Shown, figures: dict[str, FrameMetrics]) -> float | None:
        """Errors from the frame before and from the shot's first; the share that is masked."""
        before, first = self._before, self._first
        if first is None or first.position.shot != now.position.shot:
            self._first = now
            return None
        long_way = masked_flow_between(first.pictures[INPUT], now.pictures[INPUT])
        for name, value in _errors(first, now, long_way):
            figures[name].drift = value
        if before is None or before.position.index != now.position.index - 1:
            return None
        step = masked_flow_between(before.pictures[INPUT], now.pictures[INPUT])
        for name, value in _errors(before, now, step):
            figures[name].warp_error = value
            if name != INPUT:
                pair = before.pictures[name], now.pictures[name]
                figures[name].texture_displacement_px = _number(
                    texture_displacement_px(*pair, step)
                )
        return step.masked_share


@dataclass(frozen=True)
class _Shown:
    """A frame of every film, at the size at which they are judged."""

    position: FramePosition
    pictures: dict[str, Picture]


def _errors(before: _Shown, now: _Shown, move: MaskedFlow) -> Iterable[tuple[str, float | None]]:
    for name in before.pictures.keys() & now.pictures.keys():
        pair = before.pictures[name], now.pictures[name]
        yield name, _number(frame_metrics.warp_error(*pair, move.flow, move.visible))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def reduced(picture: Picture, area_px: int) -> Picture:
    """A picture of at most so many pixels, the aspect kept."""
    height, width = picture.shape[:2]
    scale = math.sqrt(area_px / (height * width))
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def summary(frames: Sequence[EvaluatedFrame]) -> dict[str, object]:
    """What a film comes to: means over its frames, and what they mean beside the other films.

    Args:
        frames: all of them, in order.

    Returns:
        Plain JSON values. ``films``: name → means. ``ratio``: the run's over the film's that it is
        judged against. ``excess_warp_error``: the run's less the input's.
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


def _ratio(frames: Sequence[EvaluatedFrame], figure: str) -> float | None:
    """Mean over mean of the frames that both films have."""
    both = zip(series(frames, RUN, figure), series(frames, AGAINST, figure), strict=True)
    known = [(run, against) for run, against in both if run is not None and against is not None]
    return _over(_mean(run for run, _ in known), _mean(against for _, against in known))


def _means(frames: Sequence[EvaluatedFrame], film: str) -> dict[str, float | None]:
    names = [figure.name for figure in dataclasses.fields(FrameMetrics)]
    return {name: _mean(series(frames, film, name)) for name in names}


def series(frames: Sequence[EvaluatedFrame], film: str, figure: str) -> list[float | None]:
    """One figure of one film over time."""
    return [getattr(f.films[film], figure) if film in f.films else None for f in frames]


def segment_starts(frames: Sequence[EvaluatedFrame]) -> dict[str, float | None] | None:
    """E_warp where a segment begins within a shot, beside the film's median.

    None where no segment, or every frame, begins there.
    """
    errors = [
        (frame.position.starts_segment, error)
        for frame in frames
        if (error := frame.films[RUN].warp_error) is not None
    ]
    seams = [error for starts, error in errors if starts]
    if not seams or len(seams) == len(errors):
        return None
    seam, median = statistics.fmean(seams), statistics.median(error for _, error in errors)
    return {"warp_error": seam, "to_median": _over(seam, median)}


def drift(frames: Sequence[EvaluatedFrame], film: str) -> dict[str, float | None] | None:
    """E of the longest shot's first frame to its twelfth and to its last, and their ratio.

    None where it has no more than twelve.
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
    """The frames with the highest E_warp, none within ``apart`` frames of a worse one."""
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
