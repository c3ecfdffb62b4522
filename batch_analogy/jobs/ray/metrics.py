"""Metrics for the dashboard's Prometheus endpoint; ``cluster/grafana.json`` shows them.

Ray exports each name with the prefix ``ray_``, and counters with the suffix ``_total``. Metrics are
never read back: the journal alone is the record of a run.
"""

from __future__ import annotations

from collections.abc import Mapping

from ray.util.metrics import Counter, Gauge, Histogram

SECONDS = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0]


class RayMetrics:
    """Metrics of the driver; Ray must be connected already."""

    def __init__(self) -> None:
        self._done = Counter("batch_analogy_frames_done", "Frames finished.")
        self._failed = Counter("batch_analogy_frames_failed", "Frames given up.")
        self._retried = Counter(
            "batch_analogy_frames_retried", "Failed attempts at frames that were repeated."
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
        """Count a finished frame, with the seconds of each stage."""
        self._done.inc()
        for stage, seconds in stages.items():
            self._seconds.observe(seconds, {"stage": stage})

    def frame_failed(self) -> None:
        """Count a frame that was given up."""
        self._failed.inc()

    def frame_retried(self) -> None:
        """Count a failed attempt at a frame that will be repeated."""
        self._retried.inc()

    def queue(self, frames: int) -> None:
        """Set the number of frames that are neither done nor given up."""
        self._queue.set(frames)


class MemoryGauge:
    """GPU memory that a worker's process has reserved; 0 on a CPU."""

    def __init__(self, worker: str) -> None:
        self._gauge = Gauge(
            "batch_analogy_vram_bytes",
            "GPU memory that a worker holds.",
            tag_keys=("worker",),
        )
        self._gauge.set_default_tags({"worker": worker})

    def measure(self) -> None:
        """Report the memory that is reserved now."""
        import torch  # a worker has loaded it by now

        self._gauge.set(torch.cuda.memory_reserved())
