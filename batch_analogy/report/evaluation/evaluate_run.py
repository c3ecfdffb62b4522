"""Evaluate a run's finished frames, compared with its input and with another run.

Writes ``evaluate.json`` and ``evaluate.html``. Frames are read one after the other and only their
metrics are kept, so memory does not grow with the film.
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
from batch_analogy.media.decoding import turn_upright
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
from batch_analogy.report.evaluation.page import Section, WorstFrame, evaluation_page
from batch_analogy.report.evaluation.style_distance import StyleDistance
from batch_analogy.report.sheets import side_by_side

STYLE_SAMPLES = 8  # frames whose style distance is measured; each needs a pass of VGG-19
WORST_FRAMES = 5
_SHEET_AREA_PX = 120_000  # of each picture on a sheet
_JPEG_QUALITY = 88
_WHITE_DIFFERENCE = 0.5  # change of luma that is drawn as white
_TITLES = {
    "a_prime": "The frames in the style of the reference",
    "b": "The reference in the style of the frames",
    "b_prime": "The frames, painted",
}


@dataclass(frozen=True)
class Evaluation:
    """Results of an evaluation, and the files they were written to."""

    json: Path
    page: Path
    values: dict[str, Any]  # content of the JSON file


def evaluate(
    run_dir: Path,
    *,
    against: Path | None = None,
    folder: Path | None = None,
    device: str = "cpu",
    on_event: OnEvent = ignore,
) -> Evaluation:
    """Evaluate the finished frames of a run.

    Args:
        run_dir: the run folder.
        against: folder of another run of the same frames and reference, with other settings.
        folder: for the results; by default ``evaluate`` in the run folder.
        device: where the style distance is computed, ``"cpu"`` or ``"cuda"``.
        on_event: called with progress events.

    Raises:
        UsageError: a folder is not a run folder, or the runs cannot be compared.
        JobError: too few frames of a run are finished.
        InputError: the input is missing or has changed.
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
        sections = [film.evaluate() for film in films]
    values = _values(run, other, sections, run.outputs)
    names = run.store.evaluation_values.name, run.store.evaluation_page.name
    written = Evaluation(folder / names[0], folder / names[1], values)
    write_json(written.json, values)
    labels = {
        RUN: run.store.run_dir.name,
        AGAINST: other.store.run_dir.name if other else "",
        INPUT: "input",
    }
    title = f"{run.store.run_dir.name}: stability, sharpness, style"
    atomic_write_text(
        written.page, evaluation_page(title, _description(run, other), labels, sections)
    )
    return written


class _Film:
    """One output of a run, and the films it is compared with."""

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
        self._compared = frozenset(other.done if other else ())
        self._references = run.plan.all_references
        self._reference = self._read_reference(0)
        self._distances: dict[int, StyleDistance] = {}

    def evaluate(self) -> Section:
        """Evaluate all finished frames and draw the worst ones."""
        run = self._run
        evaluator = FrameEvaluator(run.config.analogy.max_area_px)
        samples = {run.done[k] for k in spread(len(run.done), STYLE_SAMPLES)}
        shot_of = _by_frame(run.plan.shots)
        starts = {segment.start for segment in run.plan.segments}
        frames = []
        for count, index in enumerate(run.done, start=1):
            position = FramePosition(index, shot_of[index], index in starts)
            style = self._style(index) if index in samples else None
            frames.append(
                evaluator.evaluate(position, self._content(index), self._films(index), style)
            )
            self._on_event(PlanProgress("checking", count, len(run.done)))
        worst_frames = [self._worst(frame) for frame in worst(frames, WORST_FRAMES)]
        return Section(_TITLES[self._output], summary(frames), frames, worst_frames)

    def _content(self, index: int) -> Picture:
        """Return the picture whose structure the film keeps: the frame or, for B, the reference."""
        return self._reference if self._output == "b" else self._frame(index)

    def _frame(self, index: int) -> Picture:
        """Read a frame of the input as the worker did: deflickered, RAW with the same settings."""
        plan = self._run.plan
        frame = plan.frames[index]
        pixels = read_still(Path(frame.source), white_balance=plan.white_balance)
        turned = np.ascontiguousarray(turn_upright(pixels, frame.turn))
        return apply_exposure(turned, self._run.exposures[index])

    def _read_reference(self, number: int) -> Picture:
        picture = read_still(Path(self._references[number].fingerprint.path))
        return to_wide_gamut(picture) if self._run.wide_gamut else picture

    def _films(self, index: int) -> dict[str, Picture]:
        films = {RUN: read_still(self._run.store.frame(self._output, index))}
        if self._other is not None and index in self._compared:
            films[AGAINST] = read_still(self._other.store.frame(self._output, index))
        return films

    def _style(self, index: int) -> StyleDistance:
        config = self._run.config.analogy.unscaled
        if self._output == "b":
            return StyleDistance(self._network, self._frame(index), config)
        mix = mix_at([reference.frame for reference in self._references], index)
        number = mix.references[round(mix.share)]  # the one with the larger share
        if number not in self._distances:
            reference = self._read_reference(number)
            self._distances[number] = StyleDistance(self._network, reference, config)
        return self._distances[number]

    def _worst(self, frame: EvaluatedFrame) -> WorstFrame:
        """Draw a sheet of a frame, its predecessor and the change between them."""
        index = frame.position.index
        now, before = (self._small(at) for at in (index, index - 1))
        flow = masked_flow_between(before[INPUT], now[INPUT])
        change = np.abs(luma(before[RUN]) - luma(warp(now[RUN], flow.flow))) / _WHITE_DIFFERENCE
        change[~flow.visible] = 0
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
    """Return at most ``count`` evenly spaced indices of ``total``, including first and last.

    >>> spread(9, 3)
    [0, 4, 8]
    """
    return sorted({round(k) for k in np.linspace(0, total - 1, min(count, total)).tolist()})


def _by_frame(shots: Sequence[Any]) -> dict[int, int]:
    """Map each frame's index to the index of its shot."""
    return {index: shot.index for shot in shots for index in range(shot.start, shot.stop)}


def _description(run: FinishedRun, other: FinishedRun | None) -> list[str]:
    """Describe in sentences what was evaluated."""
    config = run.config
    changed = any(run.exposures.values())
    sentences = [
        f"{config.command} of {config.source} in the style of {config.reference}: {len(run.done)} "
        f"of {run.plan.total} frames."
        + (" The input is shown deflickered, as in the run." if changed else ""),
        "Flow is estimated on the input (OpenCV's DIS); values of two runs are comparable only if "
        f"input and size are the same. Errors are measured at up to "
        f"{config.analogy.max_area_px:,} pixels, sharpness at the frames' own size.",
    ]
    if other is not None:
        differences = _differences(run, other)
        sentences.append(
            f"Compared with {other.store.run_dir}, which has "
            + (", ".join(differences) if differences else "the same settings")
            + ". Ratio: this run's value divided by that one's, over the frames that both have."
        )
    return sentences


def _differences(run: FinishedRun, other: FinishedRun) -> list[str]:
    """Name the settings in which the other run differs."""
    own, theirs = (_settings(r.plan.pixels) for r in (run, other))
    return [
        f"{name} {theirs.get(name)} instead of {own.get(name)}"
        for name in sorted(own.keys() | theirs.keys())
        if own.get(name) != theirs.get(name)
    ]


def _settings(pixels: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten the settings that determine a run's pixels into one table."""
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
