"""Estimate the time and the disk space that a run will take."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from batch_analogy.config.run import ExecutionConfig, RunConfig
from batch_analogy.jobs.drive.pool_choice import IN_PROCESS
from batch_analogy.jobs.folder.journal import DoneRecord, read_history
from batch_analogy.jobs.folder.run_status import RECENT_FRAMES, RECENT_SPANS, typical_seconds
from batch_analogy.jobs.plan.frame_looks import look_of
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.resources import (
    available_memory_bytes,
    default_workers,
    usable_cores,
    workers_on_gpus,
)
from batch_analogy.jobs.store import RunStore, outputs_of
from batch_analogy.media.stills import read_depth

PNG_BYTES_PER_PIXEL = 1.5
"""Half of the raw bytes, as measured with PNGs of photographs."""
DEEP_PNG_BYTES_PER_PIXEL = 5.0
"""The same at 16 bits a channel, whose low bytes are nearly incompressible."""


@dataclass(frozen=True)
class Estimate:
    """The remaining work of a run, and the time and disk space that it takes."""

    left: int  # frames that are not finished
    measured: int  # finished frames from which the time is estimated
    seconds_per_frame: float | None  # of one worker; None: no frame is finished yet
    workers: int | None  # None: the cluster decides
    seconds: float | None  # for everything that is left
    disk_bytes: int  # for everything that is left
    free_bytes: int  # on the disk of the run folder


def estimate(config: RunConfig, plan: Plan) -> Estimate:
    """Estimate what a run will take; its folder need not exist.

    The time comes from frames that this run finished itself, not from adopted ones: only they show
    how fast these machines are with these settings.
    """
    store = RunStore(config.run_dir)
    records = [
        record
        for record in read_history(store.journal).done.values()
        if record.index not in plan.leave_out and record.index < len(plan.frames)
    ]
    valid = sum(record.look == look_of(plan, record.index) for record in records)
    left = max(0, len(plan.usable()) - valid)
    recent = max(RECENT_FRAMES, RECENT_SPANS * plan.span_frames)
    seconds = [record.seconds for record in records if record.seconds > 0][-recent:]
    pace = typical_seconds(seconds, plan.span_frames) if seconds else None
    workers = expected_workers(config.execution, plan, left)
    return Estimate(
        left=left,
        measured=len(seconds),
        seconds_per_frame=pace,
        workers=workers,
        seconds=None if pace is None or workers is None else pace * left / workers,
        disk_bytes=_disk_bytes(config, plan, records, left),
        free_bytes=shutil.disk_usage(_existing(config.run_dir)).free,
    )


def expected_workers(execution: ExecutionConfig, plan: Plan, left: int) -> int | None:
    """Return the number of workers that will be started; None if the cluster decides."""
    if execution.address == IN_PROCESS:
        return 1
    if execution.workers is not None:
        return execution.workers
    if execution.address is not None:
        return None
    pieces = max(1, min(len(plan.segments), left))
    if plan.device == "cuda":
        share = execution.gpus_per_worker or 1.0
        return max(1, min(pieces, workers_on_gpus(torch.cuda.device_count(), share)))
    return default_workers(pieces, cores=usable_cores(), memory_bytes=available_memory_bytes())


def _disk_bytes(config: RunConfig, plan: Plan, records: list[DoneRecord], left: int) -> int:
    pixel_bytes = PNG_BYTES_PER_PIXEL
    if (not records or plan.estimated) and _is_deep(plan):  # else the pictures may be gone
        pixel_bytes = DEEP_PNG_BYTES_PER_PIXEL
    if records:
        written = sum(sum(record.output_bytes.values()) for record in records)
        frame_bytes = written / len(records)
    else:
        first = plan.usable()[0].index
        sizes = [plan.picture_size(output, first) for output in outputs_of(config)]
        frame_bytes = sum(height * width for height, width in sizes) * pixel_bytes
    video_bytes = 0.0
    if plan.estimated:  # its frames have not been extracted yet
        pixels = sum(frame.height * frame.width for frame in plan.frames)
        video_bytes = pixels * pixel_bytes
    return round(frame_bytes * left + video_bytes)


def _is_deep(plan: Plan) -> bool:
    """Return True if the first frame has more than 8 bits a channel."""
    if plan.video_properties is not None:
        return plan.video_properties.high_bit_depth
    return read_depth(Path(plan.usable()[0].source)) == 16


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
