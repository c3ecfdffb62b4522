"""Figures for the dashboard's Prometheus endpoint; ``cluster/grafana.json`` shows them.

Ray exports each name with ``ray_`` in front, and counters with ``_total`` behind. Nothing reads
them back: the journal is the truth about a run.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from ray.util.metrics import Counter, Gauge, Histogram

SECONDS = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0]


class RayMetrics:
    """What the driver knows; Ray must be connected already."""

    def __init__(self) -> None:
        self._done = Counter("batch_analogy_frames_done", "Frames finished.")
        self._failed = Counter("batch_analogy_frames_failed", "Frames given up.")
        self._retried = Counter(
            "batch_analogy_frames_retried", "Tries of frames that failed and were repeated."
        )
        self._seconds = Histogram(
            "batch_analogy_frame_seconds",
            "Seconds that a frame spent in a stage.",
            boundaries=SECONDS,
            tag_keys=("stage",),
        )
        self._queue = Gauge(
            "batch_analogy_queue_frames", "Frames that are neither finished nor given up."
        )

    def frame_done(self, stages: Mapping[str, float]) -> None:
        """A frame is finished; its stages took so many seconds."""
        self._done.inc()
        for stage, seconds in stages.items():
            self._seconds.observe(seconds, {"stage": stage})

    def frame_failed(self) -> None:
        """A frame was given up."""
        self._failed.inc()

    def frame_retried(self) -> None:
        """A try of a frame failed, and it is tried again."""
        self._retried.inc()

    def queue(self, frames: int) -> None:
        """So many frames are neither done nor given up."""
        self._queue.set(frames)


class MemoryGauge:
    """What a worker alone knows: the GPU memory that its process holds; 0 on a CPU."""

    def __init__(self, worker: str) -> None:
        self._gauge = Gauge(
            "batch_analogy_vram_bytes",
            "GPU memory that a worker holds.",
            tag_keys=("worker",),
        )
        self._gauge.set_default_tags({"worker": worker})

    def measure(self) -> None:
        """Take the present figure."""
        self._gauge.set(torch.cuda.memory_reserved())
