"""One worker: reads frames, has them made, writes the pictures, and reports what happened.

A worker gets paths and configuration only, never pixels. The same class works in the driver's
process and in a Ray actor. Everything that it yields is plain data.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import logging
import os
import socket
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import WeightsFile, resolve_weights
from batch_analogy.config.amounts import LookShare
from batch_analogy.errors import (
    DeviceMemoryError,
    InputError,
    JobError,
    MachineError,
    OutputDiskError,
    WeightsError,
)
from batch_analogy.files import NON_UTF8_ERRORS, disk_errors, hash_file
from batch_analogy.jobs.store import RunStore, outputs_of
from batch_analogy.jobs.work.frame_method import FrameMethod, LoadedFrame, MadeFrame
from batch_analogy.jobs.work.frame_reader import FrameReader, to_pixels
from batch_analogy.jobs.work.matched_frames import MatchedAlone, MatchedAlongMotion
from batch_analogy.jobs.work.painted_frames import Painted
from batch_analogy.jobs.work.regions import RegionMasks, TwoLooks
from batch_analogy.jobs.work.tasks import FrameOutcome, FrameTask, OutputFile, Status, WorkerSpec
from batch_analogy.json_files import read_json, write_json
from batch_analogy.media.decoding import turn_upright
from batch_analogy.media.highlights import expand_highlights
from batch_analogy.media.opacity import with_opacity
from batch_analogy.media.partial_look import lay_over, mix_look
from batch_analogy.media.picture_formats import EXR, frame_format
from batch_analogy.media.pixel_spaces import SCENE, scene_to_srgb
from batch_analogy.media.stills import FloatPixels, read_depth, read_opacity, write_png
from batch_analogy.patience import FRAME_PATIENCE_SECONDS, PASSING_ON_READING, passes, patiently

log = logging.getLogger(__name__)

TRACEBACK_CHARACTERS = 4000  # the end of it, where the error is


@dataclass
class _Attempt:
    """One frame on its way through a worker."""

    task: FrameTask
    a: torch.Tensor | None = None  # (1, 3, H, W) float32, once it is read
    made: MadeFrame | None = None
    outputs: dict[str, OutputFile] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    failure: _Failure | None = None

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a part of the work; an error in it becomes this frame's failure."""
        started = time.perf_counter()
        try:
            yield
        except OutputDiskError as error:
            self.failure = _Failure("disk", str(error))
        except InputError as error:
            self.failure = _Failure("failed", str(error))
        except DeviceMemoryError as error:
            self.failure = _Failure("failed", str(error), retryable=True)
        except Exception as error:  # noqa: BLE001  the boundary: one bad frame must not end a run
            trace = traceback.format_exc()[-TRACEBACK_CHARACTERS:]
            message = f"{type(error).__name__}: {error}"
            self.failure = _Failure("failed", message, retryable=True, traceback=trace)
        self.stages[name] = time.perf_counter() - started

    def outcome(self, worker: str) -> FrameOutcome:
        """Return the outcome of the attempt."""
        failure = self.failure or _Failure("done")
        return FrameOutcome(
            self.task.index,
            failure.status,
            worker,
            sum(self.stages.values()),
            self.outputs if self.failure is None else {},
            failure.message,
            failure.retryable,
            failure.traceback,
            () if self.made is None else self.made.notes,
            {name: round(seconds, 4) for name, seconds in self.stages.items()},
            misfit=None if self.made is None else self.made.misfit,
        )


@dataclass(frozen=True)
class _Failure:
    status: Status
    message: str = ""
    retryable: bool = False
    traceback: str = ""


class FrameWorker:
    """Makes frames with one loaded network.

    Raises:
        InputError: a reference cannot be read from this machine, or is another picture.
        WeightsError: the weights cannot be found on this machine, or differ from the driver's.
        MachineError: a GPU was promised and is not there.
    """

    def __init__(self, spec: WorkerSpec) -> None:
        if spec.scene_light or spec.space.is_hdr:
            spec = dataclasses.replace(spec, analogy=dataclasses.replace(spec.analogy, exact=True))
        self.spec = spec
        if spec.device == "cuda" and not torch.cuda.is_available():
            raise MachineError(
                "this worker was given a GPU that PyTorch cannot use; install a CUDA build of "
                "PyTorch, or run without --gpus-per-worker"
            )
        weights = _same_weights(spec)
        for file in (one.fingerprint for one in (*spec.references, *spec.outside)):
            if hash_file(Path(file.path)) != file.blake2b:
                raise InputError(f"the reference {file.path} has changed since the run began")
        self._mixing_space = SCENE if spec.named_space else spec.space
        self._store = RunStore(Path(spec.run_dir))
        self._reads_labels = spec.painting is not None and spec.painting.config.labels > 0
        self._reader = FrameReader(
            white_balance=spec.white_balance,
            space=spec.space,
            named_space=spec.named_space,
            labels=self._reads_labels,
            scene_light=spec.scene_light,
        )
        self._disk_answers = True
        network = load_network(weights, spec.device)
        self._method = _frame_method(spec, network, self._reader, self._store)
        self._masks = None if spec.region is None else RegionMasks(spec.region)
        with contextlib.suppress(OutputDiskError):  # the first frame will meet it and report it
            self._append_log(
                {
                    "status": "started",
                    "pid": os.getpid(),
                    "host": socket.gethostname(),
                    "device": spec.device,
                    "threads": spec.threads,
                }
            )

    def process(self, tasks: Sequence[FrameTask]) -> Iterator[FrameOutcome]:
        """Make frames in order, yielding the outcome of each as soon as it is on the disk.

        On a GPU several frames are matched at once. An outcome with status ``disk`` is the last.
        """
        if self.spec.threads is not None:
            torch.set_num_threads(self.spec.threads)  # holds for the calling thread
        done = 0
        while done < len(tasks):
            batch = tasks[done : done + self._method.frames_at_once]
            done += len(batch)
            outcomes = map(self._log, self._process_batch([_Attempt(task) for task in batch]))
            for place, outcome in enumerate(outcomes, start=1):
                yield dataclasses.replace(outcome, left_in_batch=len(batch) - place)
                if outcome.status == "disk":
                    return

    def _process_batch(self, batch: list[_Attempt]) -> Iterator[FrameOutcome]:
        for attempt in batch:
            with attempt.stage("read"):
                attempt.a = self._read(attempt.task)
        self._make([attempt for attempt in batch if attempt.failure is None])
        for attempt in batch:
            if attempt.made is not None and attempt.a is not None:
                with attempt.stage("write"):
                    write = functools.partial(
                        self._write_outputs, attempt.task, attempt.made, attempt.a
                    )
                    attempt.outputs = patiently(write, FRAME_PATIENCE_SECONDS)
            yield attempt.outcome(self.spec.name)

    def _read(self, task: FrameTask) -> torch.Tensor:
        """Read a frame; wait for a disk that is cut off, unless that was in vain before."""
        seconds = FRAME_PATIENCE_SECONDS if self._disk_answers else 0.0
        read = functools.partial(self._reader.read, task.frame)
        try:
            frame = patiently(read, seconds, passing=PASSING_ON_READING)
        except InputError as error:
            self._disk_answers = not passes(error, PASSING_ON_READING)
            raise
        self._disk_answers = True
        return frame

    def _make(self, attempts: list[_Attempt]) -> None:
        """Make frames together. If that fails, make each alone: one must not spoil the others."""
        if len(attempts) > 1:
            started = time.perf_counter()
            try:
                self._make_together(attempts)
            except Exception:
                log.exception("frames made together failed; trying each alone")
            else:
                seconds = (time.perf_counter() - started) / len(attempts)
                for attempt in attempts:
                    attempt.stages["analogy"] = seconds
                return
        for attempt in attempts:
            with attempt.stage("analogy"):
                self._make_together([attempt])

    def _make_together(self, attempts: list[_Attempt]) -> None:
        loaded = [LoadedFrame(one.task, one.a) for one in attempts if one.a is not None]
        for attempt, made in zip(attempts, self._method.make(loaded), strict=True):
            attempt.made = made

    def _write_outputs(
        self, task: FrameTask, made: MadeFrame, a: torch.Tensor
    ) -> dict[str, OutputFile]:
        self._check_current()
        if made.misfit is not None:
            write_json(self._store.frame_note(task.index), {"misfit": made.misfit})
        written = {}
        for name in outputs_of(self.spec):
            shown = self.spec.references[0].fingerprint.path if name == "b" else task.frame.source
            format = EXR if self.spec.named_space else frame_format(Path(shown))
            path = self._store.new_frame(name, task.index, format)
            pixels = self._laid_over(name, task, made, a)
            # Transparent parts of a label map are a class, which is painted like the others.
            opacity = None if self._reads_labels else read_opacity(Path(shown))
            if opacity is not None and name != "b":
                opacity = turn_upright(opacity[..., None], task.frame.turn)[..., 0]
            self._write(path, with_opacity(pixels, opacity), Path(shown))
            written[name] = OutputFile(str(path), path.stat().st_size, hash_file(path))
        return written

    def _write(self, path: Path, pixels: FloatPixels, shown: Path) -> None:
        """Write a finished frame, as deep as what it is made from; HDR needs 16 bits."""
        space, depth = self.spec.space, read_depth(shown)
        if space.is_named:
            write_png(path, pixels, 16 if space.is_hdr else depth, space)
        elif self.spec.named_space:
            light = scene_to_srgb(pixels[..., :3])
            EXR.write(path, np.concatenate([light, pixels[..., 3:]], axis=2), 32)
        else:
            frame_format(shown).write(path, pixels, depth)

    def _laid_over(
        self, name: str, task: FrameTask, made: MadeFrame, a: torch.Tensor
    ) -> FloatPixels:
        """Return the pixels of an output in the wanted share and region of its look."""
        styled = self._shown(made.pictures[name])
        if task.share.is_whole and self._masks is None:
            return styled
        own = self._shown(self._reference() if name == "b" else a)
        inside = self._mixed(own, styled, task.share)
        if self._masks is None:
            return inside
        outside = own
        if made.outside is not None:
            outside = self._mixed(own, self._shown(made.outside), task.share)
        coverage = self._masks.coverage(task.index, (own.shape[0], own.shape[1]))
        light = self.spec.scene_light
        return lay_over(outside, inside, coverage, space=self._mixing_space, beyond_white=light)

    def _mixed(self, own: FloatPixels, styled: FloatPixels, share: LookShare) -> FloatPixels:
        light = self.spec.scene_light
        return mix_look(own, styled, share, space=self._mixing_space, beyond_white=light)

    def _shown(self, picture: torch.Tensor) -> FloatPixels:
        pixels = to_pixels(picture)
        return expand_highlights(pixels) if self.spec.scene_light else pixels

    def _reference(self) -> torch.Tensor:
        return self._reader.read_picture(Path(self.spec.references[0].fingerprint.path))

    def _check_current(self) -> None:
        """Raise JobError if another driver has taken over the run folder."""
        manifest = read_json(self._store.manifest)
        if manifest is None or manifest.get("run_id") != self.spec.run_id:
            raise JobError("another driver has taken the run folder over; nothing was written")

    def _log(self, outcome: FrameOutcome) -> FrameOutcome:
        """Append the outcome to this worker's log; on a full disk a failure becomes ``disk``."""
        line: dict[str, Any] = {
            "index": outcome.index,
            "status": outcome.status,
            "seconds": round(outcome.seconds, 3),
        }
        extras = ("stages", "notes", "message", "traceback")
        line.update({k: v for k in extras if (v := getattr(outcome, k))})
        try:
            self._append_log(line)
        except OutputDiskError as error:
            if outcome.status == "failed":
                return FrameOutcome(
                    outcome.index, "disk", self.spec.name, outcome.seconds, {}, str(error)
                )
        return outcome  # a finished frame counts even if its log line is lost

    def _append_log(self, line: dict[str, Any]) -> None:
        path = self._store.log(self.spec.name)
        line = {"at": round(time.time(), 3), **line}
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8", errors=NON_UTF8_ERRORS) as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _same_weights(spec: WorkerSpec) -> WeightsFile:
    weights = resolve_weights(spec.weights)
    if weights.sha256 != spec.weights_sha256:
        raise WeightsError(
            f"the weights {spec.weights} of this worker's machine are not those of the driver "
            "(their hashes differ); install the same version on all machines"
        )
    return weights


def _frame_method(
    spec: WorkerSpec, network: FeatureExtractor, reader: FrameReader, store: RunStore
) -> FrameMethod:
    if spec.painting is not None:
        return Painted(spec, spec.painting, network, reader, store)
    inside = _matched(spec, network, reader, store)
    if not spec.outside:
        return inside
    other = dataclasses.replace(spec, references=spec.outside)
    outside = _matched(other, network, reader, store, first_number=len(spec.references))
    return TwoLooks(inside, outside, spec.references)


def _matched(
    spec: WorkerSpec,
    network: FeatureExtractor,
    reader: FrameReader,
    store: RunStore,
    first_number: int = 0,
) -> FrameMethod:
    if spec.coherent:
        return MatchedAlongMotion(spec, network, reader, store, first_number)
    return MatchedAlone(spec, network, reader)
