"""One worker: reads a frame, runs the analogy, writes the pictures, says what happened.

A worker gets paths and configuration only, never pixels. It holds the network and the
reference's features, computed once. The same class works in the driver's process and in a Ray
actor. Everything it yields is plain data.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from batch_analogy.analogy.deep import deep_image_analogy
from batch_analogy.analogy.features import EncodedPicture, encode_reference, load_network
from batch_analogy.analogy.weights import resolve_weights
from batch_analogy.config import AnalogyConfig, Target
from batch_analogy.errors import (
    FrameError,
    InputError,
    JobError,
    MachineError,
    OutputDiskError,
    WeightsError,
)
from batch_analogy.jobs.store import RunStore, outputs_of, read_json
from batch_analogy.media.files import disk_errors, hash_file
from batch_analogy.media.stills import FloatPixels, read_still, write_png

TRACEBACK_CHARACTERS = 4000  # the end of it, where the error is


@dataclass(frozen=True)
class WorkerSpec:
    """All that a worker needs to know; every path must be reachable from its machine."""

    name: str
    run_dir: str
    run_id: str
    reference: str
    reference_blake2b: str
    weights: str  # as RunConfig.weights
    weights_sha256: str
    target: Target
    analogy: AnalogyConfig  # with its precision resolved
    device: str  # "cpu" or "cuda"
    threads: int | None  # None: as many as PyTorch takes by itself


@dataclass(frozen=True)
class FrameTask:
    """One frame to do, with what its file should be."""

    index: int
    source: str
    height: int  # px
    width: int  # px
    bytes: int
    mtime_ns: int
    blake2b: str | None  # None: not checked (extracted from a video)


@dataclass(frozen=True)
class OutputFile:
    """A picture that a worker wrote."""

    path: str
    bytes: int
    blake2b: str


@dataclass(frozen=True)
class FrameOutcome:
    """What became of one frame.

    ``disk``: it could not be written, and no other frame could be; the worker has stopped.
    """

    index: int
    status: Literal["done", "failed", "disk"]
    worker: str
    seconds: float
    outputs: dict[str, OutputFile]  # "a_prime", "b" → file
    message: str = ""
    retryable: bool = False
    traceback: str = ""


class FrameWorker:
    """Does frames with one loaded network and one encoded reference.

    Raises:
        InputError: the reference cannot be read from this machine, or is another picture.
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
        if hash_file(Path(spec.reference)) != spec.reference_blake2b:
            raise InputError(f"the reference {spec.reference} has changed since the run began")
        self._store = RunStore(Path(spec.run_dir))
        self._outputs = outputs_of(spec.target)
        self._network = load_network(weights, spec.device)
        reference = _to_tensor(read_still(Path(spec.reference))).to(spec.device)
        self._reference: EncodedPicture = encode_reference(self._network, reference, spec.analogy)
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
        """Do frames in order, yielding each one's outcome as soon as it is on the disk.

        Ends early after an outcome with status ``disk``.
        """
        if self.spec.threads is not None:
            torch.set_num_threads(self.spec.threads)  # holds for the calling thread
        for task in tasks:
            outcome = self._do(task)
            outcome = self._log(outcome)
            yield outcome
            if outcome.status == "disk":
                return

    def _do(self, task: FrameTask) -> FrameOutcome:
        start = time.perf_counter()
        outputs: dict[str, OutputFile] = {}
        status: Literal["done", "failed", "disk"] = "failed"
        message, retryable, trace = "", False, ""
        try:
            outputs = self._compute(task)
            status = "done"
        except OutputDiskError as error:
            status, message = "disk", str(error)
        except InputError as error:
            message = str(error)
        except Exception as error:  # noqa: BLE001  the boundary: one bad frame must not end a run
            message, retryable = f"{type(error).__name__}: {error}", True
            trace = traceback.format_exc()[-TRACEBACK_CHARACTERS:]
        seconds = time.perf_counter() - start
        return FrameOutcome(
            task.index, status, self.spec.name, seconds, outputs, message, retryable, trace
        )

    def _compute(self, task: FrameTask) -> dict[str, OutputFile]:
        source = Path(task.source)
        _check_unchanged(source, task)
        pixels = read_still(source)
        if pixels.shape[:2] != (task.height, task.width):
            found = f"{pixels.shape[1]}×{pixels.shape[0]}"
            raise FrameError(f"{source} is {found} px, expected {task.width}×{task.height}")
        a = _to_tensor(pixels).to(self.spec.device)
        result = deep_image_analogy(
            a,
            self._reference.image,
            config=self.spec.analogy,
            network=self._network,
            reference=self._reference,
        )
        pictures = {"a_prime": result.a_prime, "b": result.b}
        self._check_current()
        return {
            name: self._write(name, task.index, _to_pixels(pictures[name]))
            for name in self._outputs
        }

    def _write(self, output: str, index: int, pixels: FloatPixels) -> OutputFile:
        path = self._store.frame(output, index)
        write_png(path, pixels)
        return OutputFile(str(path), path.stat().st_size, hash_file(path))

    def _check_current(self) -> None:
        """Keep a worker whose driver was killed from writing into a run begun afresh."""
        manifest = read_json(self._store.manifest)
        if manifest is None or manifest.get("run_id") != self.spec.run_id:
            raise JobError("the run folder was begun afresh by another driver; nothing was written")

    def _log(self, outcome: FrameOutcome) -> FrameOutcome:
        """Append the outcome to this worker's log; a full disk turns it into a ``disk`` one."""
        line: dict[str, Any] = {
            "index": outcome.index,
            "status": outcome.status,
            "seconds": round(outcome.seconds, 3),
        }
        line.update({k: v for k in ("message", "traceback") if (v := getattr(outcome, k))})
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
            with path.open("a", encoding="utf-8") as file:
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
