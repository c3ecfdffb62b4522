"""Data that a worker receives and reports; it travels between machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from batch_analogy.config.amounts import WHOLE, LookShare
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig
from batch_analogy.config.run import Target
from batch_analogy.jobs.plan.colour_spaces import NamedSpace
from batch_analogy.jobs.plan.dependencies import SpanContext
from batch_analogy.jobs.plan.paint_inputs import PaintInputs, Region
from batch_analogy.jobs.plan.run_plan import FramePlan, PlacedReference, Plan
from batch_analogy.media.camera_raw import WhiteBalance
from batch_analogy.media.pixel_spaces import SRGB, PixelSpace

Status = Literal["done", "failed", "disk"]


@dataclass(frozen=True)
class PaintSpec:
    """Specification of painting, for workers; paths must be reachable from their machines."""

    config: PaintConfig
    inputs: PaintInputs
    frames: tuple[FramePlan | None, ...]  # that each painted picture was painted over


def paint_spec(config: PaintConfig | None, plan: Plan) -> PaintSpec | None:
    """Return the specification of painting of a run; None if nothing is painted."""
    if config is None or plan.painting is None:
        return None
    frames = [None if k.frame is None else plan.frames[k.frame] for k in plan.painting.keys]
    return PaintSpec(config, plan.painting, tuple(frames))


@dataclass(frozen=True)
class WorkerSpec:
    """Specification of a worker; every path must be reachable from its machine."""

    name: str
    run_dir: str
    run_id: str
    references: tuple[PlacedReference, ...]  # by frame, at least one
    weights: str  # as RunConfig.weights
    weights_sha256: str
    target: Target
    analogy: AnalogyConfig  # with its precision resolved
    device: str  # "cpu" or "cuda"
    threads: int | None  # None: PyTorch's default
    frames_at_once: int | None = None  # None: the device's default
    plan_hash: str = ""  # anchors made with another hash are ignored
    coherent: bool = False  # frames are made along the motion between them
    named_space: NamedSpace | None = None  # of the frames, and of references in EXR
    space: PixelSpace = SRGB  # of the frames; the reference is converted to it
    scene_light: bool = False  # frames may be brighter than white, as EXR is
    white_balance: WhiteBalance | None = None  # of RAW frames
    painting: PaintSpec | None = None  # None: frames are matched
    region: Region | None = None  # where the look applies; None: everywhere
    outside: tuple[PlacedReference, ...] = ()  # the references there; none: frames as they are


@dataclass(frozen=True)
class FrameTask:
    """A frame to be made."""

    frame: FramePlan
    contexts: tuple[SpanContext, ...] = ()
    """In a coherent film, the spans that the frame depends on, for each reference in its mix. Empty
    if the frame is made by itself."""
    share: LookShare = WHOLE

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
    """Outcome of one frame.

    Status ``disk`` means that the disk cannot be written to, so that the worker has stopped.
    """

    index: int
    status: Status
    worker: str
    seconds: float
    outputs: dict[str, OutputFile]  # output → file, see ``outputs_of``
    message: str = ""
    retryable: bool = False
    traceback: str = ""
    notes: tuple[str, ...] = ()  # what else happened, such as a batch reduced to fit the memory
    stages: dict[str, float] = field(default_factory=dict)  # "read", "analogy", "write" → seconds
    left_in_batch: int = 0  # frames of its batch whose outcomes are still to come
    misfit: float | None = None  # of a painted frame: from 0, all as painted, to 1, nothing fits
