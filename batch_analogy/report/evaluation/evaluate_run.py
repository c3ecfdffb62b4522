"""Judging a run: its finished frames beside its input and beside another run of the same frames.

Writes ``evaluate.json`` and ``evaluate.html``. Frames are read one after the other and only their
figures are kept, so the memory does not grow with the film.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from batch_analogy import __version__
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.files import atomic_write_text
from batch_analogy.jobs.events import OnEvent, PlanProgress, ignore
from batch_analogy.jobs.plan.references import mix_at
from batch_analogy.json_files import write_json
from batch_analogy.media.colour_tags import to_wide_gamut
from batch_analogy.media.stills import read_still, to_uint8
from batch_analogy.motion.shots.deflicker import apply_exposure
from batch_analogy.report.evaluation.evaluator import (
    AGAINST,
    INPUT,
    RUN,
    EvaluatedFrame,
    FrameEvaluator,
    FramePosition,
    reduced,
    summary,
    worst,
)
from batch_analogy.report.evaluation.finished_run import (
    FinishedRun,
    check_same_input,
    input_available,
    read_run,
)
from batch_analogy.report.evaluation.frame_metrics import Picture, luma, warp
from batch_analogy.report.evaluation.masked_flow import masked_flow_between
from batch_analogy.report.evaluation.page import Section, WorstFrame, page
from batch_analogy.report.evaluation.style_distance import StyleDistance
from batch_analogy.report.sheets import side_by_side

STYLE_SAMPLES = 8  # frames whose style distance is taken; each costs a pass of VGG-19
WORST_FRAMES = 5
_SHEET_AREA_PX = 120_000  # of each picture on a sheet
_JPEG_QUALITY = 88
_DIFFERENCE_TOP = 0.5  # a change of luma that is drawn white
_TITLES = {
    "a_prime": "The frames in the reference's look",
    "b": "The reference in their looks",
    "b_prime": "The frames, painted",
}


@dataclass(frozen=True)
class Evaluation:
    """What was found, and where it was written."""

    json: Path
    page: Path
    values: dict[str, Any]  # what the JSON file holds


def evaluate(
    run_dir: Path,
    *,
    against: Path | None = None,
    folder: Path | None = None,
    device: str = "cpu",
    on_event: OnEvent = ignore,
) -> Evaluation:
    """FrameEvaluator what is finished of a run.

    Args:
        run_dir: the run folder.
        against: another run's folder: of the same frames and reference, with other settings.
        folder: where the results go; by default ``evaluate`` in the run folder.
        device: computes the style distance, ``"cpu"`` or ``"cuda"``.
        on_event: told of the progress.

    Raises:
        UsageError: a folder holds no run, or the runs cannot be compared.
        JobError: too little of a run is finished.
        InputError: the input is gone or has changed.
        WeightsError: the weights are missing.
        OutputDiskError: the results cannot be written.
    """
    run = read_run(run_dir)
    other = None if against is None else read_run(against)
    if other is not None:
        check_same_input(run, other)
    network = load_network(resolve_weights(run.config.weights), device)
    folder = folder or run.store.evaluation
    with input_available(run, on_event):
        films = [_Film(run, other, output, network, on_event) for output in run.outputs]
        sections = [film.judged() for film in films]
    values = _values(run, other, sections, run.outputs)
    names = run.store.evaluation_values.name, run.store.evaluation_page.name
    written = Evaluation(folder / names[0], folder / names[1], values)
    write_json(written.json, values)
    labels = {
        RUN: run.store.run_dir.name,
        AGAINST: other.store.run_dir.name if other else "",
        INPUT: "input",
    }
    title = f"{run.store.run_dir.name}: how steady, how sharp, how near"
    atomic_write_text(written.page, page(title, _facts(run, other), labels, sections))
    return written


class _Film:
    """One output of a run, with what it is compared to."""

    def __init__(
        self,
        run: FinishedRun,
        other: FinishedRun | None,
        output: str,
        network: FeatureExtractor,
        on_event: OnEvent,
    ) -> None:
        self._run, self._other, self._output = run, other, output
        self._network, self._on_event = network, on_event
        self._also = frozenset(other.done if other else ())
        self._references = run.plan.all_references
        self._reference = self._read_reference(0)
        self._styled: dict[int, StyleDistance] = {}

    def judged(self) -> Section:
        run = self._run
        judge = FrameEvaluator(run.config.analogy.max_area_px)
        samples = {run.done[k] for k in spread(len(run.done), STYLE_SAMPLES)}
        shot_of = _by_frame(run.plan.shots)
        starts = {segment.start for segment in run.plan.segments}
        frames = []
        for count, index in enumerate(run.done, start=1):
            position = FramePosition(index, shot_of[index], index in starts)
            style = self._style(index) if index in samples else None
            frames.append(judge.take(position, self._content(index), self._films(index), style))
            self._on_event(PlanProgress("checking", count, len(run.done)))
        shown = [self._worst(frame) for frame in worst(frames, WORST_FRAMES)]
        return Section(_TITLES[self._output], summary(frames), frames, shown)

    def _content(self, index: int) -> Picture:
        """Whose structure the film has: the frame's, or the reference's where that is styled."""
        return self._reference if self._output == "b" else self._frame(index)

    def _frame(self, index: int) -> Picture:
        """A frame of the input as the worker saw it: flicker taken out, RAW developed alike."""
        plan = self._run.plan
        pixels = read_still(Path(plan.frames[index].source), white_balance=plan.white_balance)
        return apply_exposure(pixels, self._run.exposures[index])

    def _read_reference(self, number: int) -> Picture:
        picture = read_still(Path(self._references[number].fingerprint.path))
        return to_wide_gamut(picture) if self._run.wide_gamut else picture

    def _films(self, index: int) -> dict[str, Picture]:
        films = {RUN: read_still(self._run.store.frame(self._output, index))}
        if self._other is not None and index in self._also:
            films[AGAINST] = read_still(self._other.store.frame(self._output, index))
        return films

    def _style(self, index: int) -> StyleDistance:
        config = dataclasses.replace(self._run.config.analogy, ratio=1.0)  # as large as matched
        if self._output == "b":
            return StyleDistance(self._network, self._frame(index), config)
        mix = mix_at([reference.frame for reference in self._references], index)
        number = mix.references[round(mix.share)]  # of several the one that it has more of
        if number not in self._styled:
            reference = self._read_reference(number)
            self._styled[number] = StyleDistance(self._network, reference, config)
        return self._styled[number]

    def _worst(self, frame: EvaluatedFrame) -> WorstFrame:
        index = frame.position.index
        now, before = (self._small(at) for at in (index, index - 1))
        move = masked_flow_between(before[INPUT], now[INPUT])
        change = np.abs(luma(before[RUN]) - luma(warp(now[RUN], move.flow))) / _DIFFERENCE_TOP
        change[~move.visible] = 0
        pictures = {
            f"input {index}": now[INPUT],
            f"run {index - 1}": before[RUN],
            f"run {index}": now[RUN],
            "what changed": np.repeat(change.clip(0.0, 1.0)[..., None], 3, axis=2),
        }
        if AGAINST in now:
            pictures[f"against {index}"] = now[AGAINST]
        sheet = side_by_side([to_uint8(p) for p in pictures.values()], list(pictures))
        stream = io.BytesIO()
        Image.fromarray(sheet).save(stream, "JPEG", quality=_JPEG_QUALITY)
        error = frame.films[RUN].warp_error
        assert error is not None
        return WorstFrame(index, self._run.plan.frames[index].name, error, stream.getvalue())

    def _small(self, index: int) -> dict[str, Picture]:
        pictures = {INPUT: self._content(index), **self._films(index)}
        return {name: reduced(p, _SHEET_AREA_PX) for name, p in pictures.items()}


def spread(total: int, count: int) -> list[int]:
    """At most ``count`` places of ``total``, evenly spread, the first and the last among them.

    >>> spread(9, 3)
    [0, 4, 8]
    """
    return sorted({round(k) for k in np.linspace(0, total - 1, min(count, total)).tolist()})


def _by_frame(shots: Sequence[Any]) -> dict[int, int]:
    return {index: shot.index for shot in shots for index in range(shot.start, shot.stop)}


def _facts(run: FinishedRun, other: FinishedRun | None) -> list[str]:
    """What was judged, in sentences."""
    config = run.config
    changed = any(run.exposures.values())
    facts = [
        f"{config.command} of {config.source} after {config.reference}: {len(run.done)} of "
        f"{run.plan.total} frames."
        + (" The input is shown with its flicker evened out, as in the run." if changed else ""),
        "Flow is estimated on the input (OpenCV's DIS); figures of two runs compare only where "
        f"input and size are the same. Errors are taken at up to "
        f"{config.analogy.max_area_px:,} pixels, sharpness at the frames' own size.",
    ]
    if other is not None:
        differences = _differences(run, other)
        facts.append(
            f"Against {other.store.run_dir}, which has "
            + (", ".join(differences) if differences else "the same settings")
            + ". Ratio: this run's figure over that one's, of the frames that both have."
        )
    return facts


def _differences(run: FinishedRun, other: FinishedRun) -> list[str]:
    own, theirs = (_settings(r.plan.pixels) for r in (run, other))
    return [
        f"{name} {theirs.get(name)} instead of {own.get(name)}"
        for name in sorted(own.keys() | theirs.keys())
        if own.get(name) != theirs.get(name)
    ]


def _settings(pixels: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a run's pixels, in one table."""
    return {**{k: v for k, v in pixels.items() if k != "analogy"}, **pixels["analogy"]}


def _values(
    run: FinishedRun, other: FinishedRun | None, sections: Sequence[Section], outputs: Sequence[str]
) -> dict[str, Any]:
    return {
        "format": 1,
        "version": __version__,
        "run_dir": str(run.store.run_dir),
        "plan_hash": run.plan.plan_hash,
        "against": None if other is None else str(other.store.run_dir),
        "against_plan_hash": None if other is None else other.plan.plan_hash,
        "flow": "OpenCV DIS, medium",
        "area_px": run.config.analogy.max_area_px,
        "done": len(run.done),
        "total": run.plan.total,
        "outputs": {
            output: {
                "summary": part.summary,
                "worst": [frame.index for frame in part.worst],
                "frames": [_frame_values(frame) for frame in part.frames],
            }
            for output, part in zip(outputs, sections, strict=True)
        },
    }


def _frame_values(frame: EvaluatedFrame) -> Mapping[str, Any]:
    return {
        **dataclasses.asdict(frame.position),
        "masked_share": frame.masked_share,
        **{name: dataclasses.asdict(figures) for name, figures in frame.films.items()},
    }
