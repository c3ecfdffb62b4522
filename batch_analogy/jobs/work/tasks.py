"""What a worker is told, and what it says: plain data, that travels to other machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig
from batch_analogy.config.run import Target
from batch_analogy.jobs.plan.dependencies import SpanContext
from batch_analogy.jobs.plan.paint_inputs import PaintInputs
from batch_analogy.jobs.plan.run_plan import FramePlan, PlacedReference, Plan
from batch_analogy.media.camera_raw import WhiteBalance

Status = Literal["done", "failed", "disk"]


@dataclass(frozen=True)
class PaintSpec:
    """What a worker needs to know to paint; paths must be reachable from its machine."""

    config: PaintConfig
    inputs: PaintInputs
    frames: tuple[FramePlan | None, ...]  # that were painted over, for each painted picture


def paint_spec(config: PaintConfig | None, plan: Plan) -> PaintSpec | None:
    """Return what the workers of a run need to know to paint; None where nothing is painted."""
    if config is None or plan.painting is None:
        return None
    frames = [None if k.frame is None else plan.frames[k.frame] for k in plan.painting.keys]
    return PaintSpec(config, plan.painting, tuple(frames))


@dataclass(frozen=True)
class WorkerSpec:
    """All that a worker needs to know; every path must be reachable from its machine."""

    name: str
    run_dir: str
    run_id: str
    references: tuple[PlacedReference, ...]  # by frame, at least one
    weights: str  # as RunConfig.weights
    weights_sha256: str
    target: Target
    analogy: AnalogyConfig  # with its precision resolved
    device: str  # "cpu" or "cuda"
    threads: int | None  # None: as many as PyTorch takes by itself
    frames_at_once: int | None = None  # None: as suits the device
    plan_hash: str = ""  # equal ones, equal frames: whose anchors are believed
    coherent: bool = False  # frames are made along the motion between them
    wide_gamut: bool = False  # frames are in BT.2020, and the reference has to be too
    white_balance: WhiteBalance | None = None  # of RAW frames
    painting: PaintSpec | None = None  # what frames are painted after; None: they are matched


@dataclass(frozen=True)
class FrameTask:
    """A frame to be made."""

    frame: FramePlan
    contexts: tuple[SpanContext, ...] = ()
    """Of a coherent film: the spans that it is made from, for each reference that it is a mix
    of. Empty: it is made by itself."""

    @property
    def index(self) -> int:
        """Index of the frame in the film."""
        return self.frame.index


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
    status: Status
    worker: str
    seconds: float
    outputs: dict[str, OutputFile]  # output → file, see ``outputs_of``
    message: str = ""
    retryable: bool = False
    traceback: str = ""
    notes: tuple[str, ...] = ()  # what else happened, as a batch lowered for want of memory
    stages: dict[str, float] = field(default_factory=dict)  # "read", "analogy", "write" → seconds
    left_in_batch: int = 0  # frames that were in hand with it and whose outcomes come next
    misfit: float | None = None  # how badly the painted pictures serve it, 0 … 1
