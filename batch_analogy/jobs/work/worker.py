"""One worker: reads frames, runs the analogy, writes the pictures, says what happened.

A worker gets paths and configuration only, never pixels. It holds the network and the
reference's features, computed once. The same class works in the driver's process and in a Ray
actor. Everything it yields is plain data.
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

from batch_analogy.analogy.batching import BatchSize, in_batches
from batch_analogy.analogy.deep import AnalogyResult, deep_image_analogies
from batch_analogy.analogy.features.pictures import EncodedPicture, encode_reference, load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.errors import (
    DeviceMemoryError,
    FrameError,
    InputError,
    JobError,
    MachineError,
    OutputDiskError,
    WeightsError,
)
from batch_analogy.files import NON_UTF8_ERRORS, disk_errors, hash_file
from batch_analogy.jobs.plan.run_plan import FramePlan
from batch_analogy.jobs.store import RunStore, outputs_of
from batch_analogy.jobs.work.anchor_cache import MATCHED_FORMAT, AnchorCache
from batch_analogy.jobs.work.anchored_frames import AnchoredFrames
from batch_analogy.jobs.work.painted_frames import PaintedFrames, PaintSpec
from batch_analogy.jobs.work.reference_cache import ReferenceCache
from batch_analogy.jobs.work.tasks import (
    FrameOutcome,
    FrameTask,
    OutputFile,
    Status,
    WorkerSpec,
    task_of,
)
from batch_analogy.json_files import read_json
from batch_analogy.media.colour_tags import to_wide_gamut
from batch_analogy.media.stills import Depth, FloatPixels, read_depth, read_still, write_png
from batch_analogy.motion.shots.deflicker import apply_exposure
from batch_analogy.motion.temporal.matcher import MatchedState, TemporalMatcher

__all__ = ["FrameOutcome", "FrameTask", "FrameWorker", "OutputFile", "WorkerSpec", "task_of"]

log = logging.getLogger(__name__)

TRACEBACK_CHARACTERS = 4000  # the end of it, where the error is
FRAMES_AT_ONCE = {"cpu": 1, "cuda": 8}  # a batch keeps a GPU busy; a CPU gains nothing by it


@dataclass
class _Try:
    """One frame on its way through a worker."""

    task: FrameTask
    a: torch.Tensor | None = None  # (1, 3, H, W) float32, once it is read
    pictures: dict[str, torch.Tensor] | None = None  # output → (1, 3, H, W) float32
    outputs: dict[str, OutputFile] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    misfit: float | None = None
    failure: _Failure | None = None

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a part of the work; an error in it becomes this frame's failure."""
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
        """What became of it."""
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
            tuple(self.notes),
            {name: round(seconds, 4) for name, seconds in self.stages.items()},
            misfit=self.misfit,
        )


@dataclass(frozen=True)
class _Failure:
    status: Status
    message: str = ""
    retryable: bool = False
    traceback: str = ""


class FrameWorker:
    """Does frames with one loaded network and encoded references.

    Raises:
        InputError: a reference cannot be read from this machine, or is another picture.
        WeightsError: the weights cannot be found on this machine, or are others.
        MachineError: a GPU was promised and is not there.
    """

    def __init__(self, spec: WorkerSpec) -> None:
        self.spec = spec
        if spec.device == "cuda" and not torch.cuda.is_available():
            raise MachineError(
                "this worker was given a GPU that PyTorch cannot use; install a CUDA build of "
                "PyTorch, or run without --gpus-per-worker"
            )
        weights = resolve_weights(spec.weights)
        if weights.sha256 != spec.weights_sha256:
            raise WeightsError(
                f"the weights {spec.weights} of this worker's machine are not those of the driver "
                "(their hashes differ); install the same version on all machines"
            )
        for fingerprint in (reference.fingerprint for reference in spec.references):
            if hash_file(Path(fingerprint.path)) != fingerprint.blake2b:
                raise InputError(
                    f"the reference {fingerprint.path} has changed since the run began"
                )
        self._store = RunStore(Path(spec.run_dir))
        self._outputs = outputs_of(spec)
        self._at_once = BatchSize(spec.frames_at_once or FRAMES_AT_ONCE[spec.device])
        self._network = load_network(weights, spec.device)
        self._frames = self._painting(spec.painting) if spec.painting else self._matching()
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

    def _matching(self) -> ReferenceCache:
        references = ReferenceCache(
            self._network,
            self.spec.references,
            self.spec.analogy,
            self._outputs,
            encode=self._encode,
            follow=self._follow,
        )
        references.held(0)  # what is wrong with it is told before a frame is begun
        return references

    def _encode(self, number: int) -> EncodedPicture:
        pixels = read_still(Path(self.spec.references[number].fingerprint.path))
        picture = _to_tensor(to_wide_gamut(pixels) if self.spec.wide_gamut else pixels)
        return encode_reference(self._network, picture.to(self.spec.device), self.spec.analogy)

    def _follow(self, number: int, steady: TemporalMatcher) -> AnchoredFrames[MatchedState]:
        anchors = AnchorCache(
            self._store, self.spec.plan_hash, self.spec.device, MATCHED_FORMAT, number
        )
        return AnchoredFrames(
            steady, lambda span, frame, a: steady.begin(a), anchors, self._read_again
        )

    def _painting(self, spec: PaintSpec) -> PaintedFrames:
        self._at_once = BatchSize(1)
        return PaintedFrames(
            spec,
            self.spec.analogy,
            self._network,
            self._store,
            self.spec.plan_hash,
            self._read_again,
        )

    def process(self, tasks: Sequence[FrameTask]) -> Iterator[FrameOutcome]:
        """Do frames in order, yielding each one's outcome as soon as it is on the disk.

        On a GPU several are matched at once. Ends early after an outcome with status ``disk``.
        """
        if self.spec.threads is not None:
            torch.set_num_threads(self.spec.threads)  # holds for the calling thread
        done = 0
        while done < len(tasks):
            batch = tasks[done : done + self._at_once.items]
            done += len(batch)
            outcomes = map(self._log, self._do([_Try(task) for task in batch]))
            for place, outcome in enumerate(outcomes, start=1):
                yield dataclasses.replace(outcome, left_in_batch=len(batch) - place)
                if outcome.status == "disk":
                    return

    def _do(self, tries: list[_Try]) -> Iterator[FrameOutcome]:
        for frame in tries:
            with frame.stage("read"):
                frame.a = self._read(frame.task)
        self._match([frame for frame in tries if frame.failure is None])
        for frame in tries:
            if frame.pictures is not None:
                with frame.stage("write"):
                    frame.outputs = self._write_outputs(frame.task, frame.pictures)
            yield frame.outcome(self.spec.name)

    def _read(self, task: FrameTask) -> torch.Tensor:
        source = Path(task.source)
        _check_unchanged(source, task)
        pixels = read_still(source, white_balance=self.spec.white_balance)
        if pixels.shape[:2] != (task.height, task.width):
            found = f"{pixels.shape[1]}×{pixels.shape[0]}"
            raise FrameError(f"{source} is {found} px, expected {task.width}×{task.height}")
        return _to_tensor(apply_exposure(pixels, task.exposure_ev))

    def _read_again(self, frame: FramePlan) -> torch.Tensor:
        return self._read(task_of(frame))

    def _match(self, tries: list[_Try]) -> None:
        """Find the frames' pictures. If a batch fails, each is done alone: one spoils no other."""
        if len(tries) > 1 and not any(frame.task.dependencies for frame in tries):
            try:
                self._match_together(tries)
            except Exception:
                log.exception("frames matched together failed; trying each alone")
            else:
                return
        for frame in tries:
            with frame.stage("analogy"):
                index, dependencies = frame.task.index, frame.task.dependencies
                if frame.a is None:
                    continue
                if isinstance(self._frames, PaintedFrames):
                    context = dependencies[0] if dependencies else None
                    rendered = self._frames.render(index, frame.a, context)
                    frame.pictures, frame.misfit = rendered.pictures, rendered.misfit
                elif not dependencies:
                    self._match_together([frame])
                else:
                    frame.pictures = self._frames.steady_pictures(index, frame.a, dependencies)

    def _match_together(self, tries: list[_Try]) -> None:
        started, before = time.perf_counter(), self._at_once.items
        frames = [frame.a for frame in tries if frame.a is not None]
        references = self._frames
        assert isinstance(references, ReferenceCache)

        def match(number: int, some: Sequence[torch.Tensor]) -> list[AnalogyResult]:
            work = functools.partial(self._analogies, references.held(number).encoded)
            return in_batches(some, work, self._at_once)

        indices = [frame.task.index for frame in tries]
        found = references.apart_pictures(indices, frames, match)
        for frame, pictures in zip(tries, found, strict=True):
            frame.pictures = pictures
        seconds = time.perf_counter() - started
        for frame in tries:
            if len(tries) > 1:
                frame.stages["analogy"] = seconds / len(tries)
            if self._at_once.items < before:
                frame.notes.append(
                    f"out of GPU memory: {before} frames at once lowered to {self._at_once.items}"
                )

    def _analogies(
        self, reference: EncodedPicture, frames: Sequence[torch.Tensor]
    ) -> list[AnalogyResult]:
        return deep_image_analogies(
            [frame.to(self.spec.device) for frame in frames],
            reference.image,
            config=self.spec.analogy,
            network=self._network,
            reference=reference,
        )

    def _write_outputs(
        self, task: FrameTask, pictures: dict[str, torch.Tensor]
    ) -> dict[str, OutputFile]:
        reference = self.spec.references[0].fingerprint.path
        self._check_current()
        return {
            name: self._write(
                self._store.frame(name, task.index),
                _to_pixels(pictures[name]),
                read_depth(Path(reference if name == "b" else task.source)),
            )
            for name in self._outputs
        }

    def _write(self, path: Path, pixels: FloatPixels, depth: Depth) -> OutputFile:
        write_png(path, pixels, depth)
        return OutputFile(str(path), path.stat().st_size, hash_file(path))

    def _check_current(self) -> None:
        """Keep a worker whose driver is gone from writing into what another one drives."""
        manifest = read_json(self._store.manifest)
        if manifest is None or manifest.get("run_id") != self.spec.run_id:
            raise JobError("another driver has taken the run folder over; nothing was written")

    def _log(self, outcome: FrameOutcome) -> FrameOutcome:
        """Append the outcome to this worker's log; a full disk turns it into a ``disk`` one."""
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


def _check_unchanged(source: Path, task: FrameTask) -> None:
    if task.blake2b is None:
        return
    try:
        facts = source.stat()
    except OSError as error:
        raise FrameError(f"cannot read {source}: {error.strerror or error}") from error
    if (facts.st_size, facts.st_mtime_ns) == (task.bytes, task.mtime_ns):
        return
    if hash_file(source) != task.blake2b:
        raise FrameError(
            f"{source} has changed since the run was planned; run the same command again"
        )


def _to_tensor(pixels: FloatPixels) -> torch.Tensor:
    """(H, W, 3) float32 → (1, 3, H, W) float32."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def _to_pixels(picture: torch.Tensor) -> FloatPixels:
    """(1, 3, H, W) float32 → (H, W, 3) float32."""
    return np.ascontiguousarray(picture[0].permute(1, 2, 0).cpu().numpy())
