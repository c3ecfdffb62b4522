"""Make the plan of a run: find its input, hash it, and cut it into segments."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from batch_analogy import __version__
from batch_analogy.analogy.features.weights import WeightsFile
from batch_analogy.config.run import SEGMENT_FRAMES, RunConfig
from batch_analogy.jobs.plan.colour_spaces import named_space
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.frame_shapes import (
    fail_odd_sizes,
    require_usable,
    with_one_orientation,
)
from batch_analogy.jobs.plan.missing_stills import require_all
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan, Shot
from batch_analogy.jobs.plan.segments import cut_segments
from batch_analogy.jobs.plan.still_colours import is_display_p3, white_balance_of
from batch_analogy.jobs.plan.survey_references import amounts_of, survey_references
from batch_analogy.jobs.plan.survey_stills import OnFrame, survey_stills
from batch_analogy.jobs.plan.video_properties import VideoProperties

DEFAULT_FPS = Fraction(24)


@dataclass(frozen=True)
class VideoFrames:
    """The facts about a video and its frames that a plan needs."""

    fingerprint: FileFingerprint
    recordings: tuple[FileFingerprint, ...]  # the files, if there are several
    paths: tuple[str, ...]
    height: int  # px, upright
    width: int  # px
    fps: Fraction
    properties: VideoProperties
    times: tuple[Fraction, ...] | None = None  # in seconds, if the rate is not constant
    estimated: bool = False


def make_plan(
    config: RunConfig,
    *,
    weights: WeightsFile,
    video: VideoFrames | None = None,
    previous: Plan | None = None,
    on_frame: OnFrame | None = None,
) -> Plan:
    """Read the input and plan the run.

    Args:
        config: the run, with its precision resolved.
        weights: the resolved weights.
        video: the frames of the source, if it is a video.
        previous: the plan in the run folder; files whose size and time have not changed are not
            hashed again.
        on_frame: called at intervals with (number of frames read, number of all frames).

    Raises:
        InputError: the reference or every frame cannot be used, or no frame size has a majority.
        UsageError: the source does not exist.
    """
    space = named_space(config, is_video=video is not None)
    references = survey_references(config, previous)
    frames = _video_frames(video) if video else _stills(config, previous, on_frame)
    require_usable(frames)
    own_fps = None if video is None else video.fps
    shots = (Shot(0, 0, len(frames)),)
    device = device_of(config)
    usual = config.anchor_frames if config.coherent else SEGMENT_FRAMES[device]
    segment_frames = config.segment_frames or usual
    return Plan(
        frames=tuple(frames),
        shots=shots,
        segments=cut_segments(shots, segment_frames),
        fps=config.fps or own_fps or DEFAULT_FPS,
        weights_sha256=weights.sha256,
        device=device,
        version=__version__,
        pixels=config.pixel_fields(),
        segment_frames=segment_frames,
        anchor_frames=config.anchor_frames,
        named_space=space,
        display_p3=config.makes_photographs and not (video or space) and is_display_p3(frames),
        white_balance=white_balance_of(frames),
        strength=amounts_of("strength", config, frames, own_fps),
        keep_colours=amounts_of("keep_colours", config, frames, own_fps),
        **references.plan_fields(frames, own_fps),
        **({} if video is None else _video_fields(video)),
    )


def device_of(config: RunConfig) -> str:
    """Return the device of the workers: ``"cuda"`` if each has a share of a GPU, else ``"cpu"``.

    The share must be settled already (``pool_choice.settle_gpus``).
    """
    share = config.execution.gpus_per_worker
    if share is None:
        raise ValueError("gpus_per_worker is not settled yet; call settle_gpus first")
    return "cuda" if share > 0 else "cpu"


def _stills(config: RunConfig, previous: Plan | None, on_frame: OnFrame | None) -> list[FramePlan]:
    """Survey the stills, turn them as is wanted, and mark those whose size does not fit."""
    frames = survey_stills(config, previous, on_frame)
    frames = with_one_orientation(frames, config.orientation)
    if config.on_missing == "error":
        require_all(frames)
    if config.target == "reference":  # B has the reference's size, not the frame's
        return frames
    return fail_odd_sizes(frames)


def _video_frames(video: VideoFrames) -> list[FramePlan]:
    size = (video.height, video.width)
    times = [None] * len(video.paths) if video.times is None else map(str, video.times)
    return [
        FramePlan(index, path, f"{index:06d}", *size, 0, 0, None, time=time)
        for index, (path, time) in enumerate(zip(video.paths, times, strict=True))
    ]


def _video_fields(video: VideoFrames) -> dict[str, Any]:
    return {
        "video": video.fingerprint,
        "recordings": video.recordings,
        "estimated": video.estimated,
        "video_properties": video.properties,
    }
