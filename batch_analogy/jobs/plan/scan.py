"""Scan every frame once when planning: find shots, and exposure corrections against flicker.

The statistics are kept in the run folder by the frames' content, so that the same command scans
only frames that are new or have changed.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import FrameError, UsageError
from batch_analogy.jobs.events import OnEvent, PlanProgress
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan, Shot
from batch_analogy.jobs.plan.scan_cache import ScanCache
from batch_analogy.jobs.plan.segments import cut_segments
from batch_analogy.jobs.plan.video_source import ensure_video_frames
from batch_analogy.jobs.resources import available_memory_bytes, usable_cores
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.decoding import turn_upright
from batch_analogy.media.exif import read_exposure
from batch_analogy.media.orientation import UPRIGHT
from batch_analogy.media.stills import read_still
from batch_analogy.motion.shots.cuts import are_one_scene, find_cuts
from batch_analogy.motion.shots.deflicker import FLICKER_EV, exposure_corrections
from batch_analogy.motion.shots.frame_stats import STATS_WIDTH_PX, FrameStats, compute_frame_stats

SCAN_BYTES = 1_250_000_000  # for decoded frames, all threads together
BYTES_PER_DECODED_PIXEL = 25
BYTES_PER_JPEG_PIXEL = 4
EV_DIGITS = 4  # decimals of a correction: a hundredth of a grey level

Scan = Sequence[FrameStats | None]
"""The statistics of each frame; None for one that cannot be read."""


def scan_frames(
    plan: Plan, config: RunConfig, store: RunStore, previous: Plan | None, on_event: OnEvent
) -> Plan:
    """Return the plan with its shots and the exposure corrections of its frames.

    Args:
        plan: a plan with one shot and without exposure corrections.
        config: the settings for finding shots and reducing flicker.
        store: the run folder, locked; a dry run, which has not locked it, writes nothing into it.
        previous: the plan in the folder; if it has the same frames and settings, its shots and
            exposures are reused and nothing is scanned.
        on_event: called with the number of frames scanned so far.

    Raises:
        UsageError: a shot is to begin at a frame that does not exist.
        InputError: a video's frames are gone, and it can no longer be decoded.
        OutputDiskError: the run folder cannot be written to.
    """
    if previous is not None and _is_same(plan, previous):
        return _with_exposures(_cut(plan, previous.shots), [f.exposure_ev for f in previous.frames])
    finds_shots = config.shots == "detect" and not plan.estimated
    corrects = config.deflicker != "off" and not plan.estimated
    scan: Scan = ()
    if finds_shots or corrects:
        scan = _scan(plan, store, on_event)
    cuts = find_cuts(scan) if finds_shots else _given_cuts(config, len(plan.frames))
    if config.shots == "detect":
        cuts = sorted({*cuts, *_clip_starts(plan)})
    plan = _cut(plan, _shots(cuts, len(plan.frames)))
    return _with_exposures(plan, _exposures(plan, scan, config)) if corrects else plan


def _is_same(plan: Plan, previous: Plan) -> bool:
    """Return True if both have the same frames and settings, so that they would be cut alike."""
    if plan.estimated or plan.pixels != previous.pixels:
        return False
    if plan.video_properties != previous.video_properties:
        return False
    if plan.video or previous.video:
        videos = [p.video.blake2b if p.video else None for p in (plan, previous)]
        return videos[0] == videos[1] and len(plan.frames) == len(previous.frames)
    return [f.blake2b for f in plan.frames] == [f.blake2b for f in previous.frames]


def _scan(plan: Plan, store: RunStore, on_event: OnEvent) -> Scan:
    keys = [_key(frame, plan) for frame in plan.frames]
    with ScanCache(store.scan_cache, keys, writable=store.is_open) as cache:
        frames = zip(keys, plan.frames, strict=True)
        new = [(key, frame) for key, frame in frames if key not in cache and not frame.error]
        if new and store.is_open:
            ensure_video_frames(plan, store, on_event)
        known, threads = sum(key in cache for key in keys), _threads([frame for _, frame in new])
        with ThreadPoolExecutor(threads) as readers:
            waiting: deque[tuple[str, Future[FrameStats | None]]] = deque()
            for done, (key, frame) in enumerate(new, start=1):
                waiting.append((key, readers.submit(_scan_file, frame, plan)))
                if len(waiting) > 4 * threads:  # limits memory: a film may be long
                    _add_result(cache, *waiting.popleft())
                on_event(PlanProgress("scanning", known + done, known + len(new)))
            while waiting:
                _add_result(cache, *waiting.popleft())
        return cache.read(keys)


def _threads(frames: Sequence[FramePlan]) -> int:
    """Return how many frames are decoded at once, by cores and by memory."""
    available = available_memory_bytes()
    memory = SCAN_BYTES if available is None else min(SCAN_BYTES, available // 4)
    largest = max((_decoding_bytes(frame) for frame in frames), default=1)
    return max(1, min(usable_cores(), memory // largest))


def _decoding_bytes(frame: FramePlan) -> int:
    """Return about how much memory the decoding of a frame takes at once.

    JPEG is decoded at a reduced size. If it is progressive, its coefficients are held as a whole.
    """
    pixels = max(1, frame.height * frame.width)
    if not frame.source.lower().endswith((".jpg", ".jpeg")):
        return BYTES_PER_DECODED_PIXEL * pixels
    side = min(frame.height, frame.width)
    scale = next((s for s in (8, 4, 2) if side >= s * STATS_WIDTH_PX), 1)
    return BYTES_PER_JPEG_PIXEL * pixels + BYTES_PER_DECODED_PIXEL * pixels // scale**2


def _add_result(cache: ScanCache, key: str, scanned: Future[FrameStats | None]) -> None:
    stats = scanned.result()
    if stats is not None:
        cache.add(key, stats)


def _scan_file(frame: FramePlan, plan: Plan) -> FrameStats | None:
    path = Path(frame.source)
    try:
        pixels = read_still(path, at_least_px=STATS_WIDTH_PX, white_balance=plan.white_balance)
    except FrameError:
        return None  # the worker will report the error
    upright = np.ascontiguousarray(turn_upright(pixels, frame.turn))
    return compute_frame_stats(upright, read_exposure(path))


def _key(frame: FramePlan, plan: Plan) -> str:
    """Return the key of a frame in the cache; equal keys mean equal statistics."""
    if plan.video is None:
        balance = [f" {factor:.6g}" for factor in plan.white_balance or ()]
        turn = "" if frame.turn == UPRIGHT else f" turn {frame.turn}"
        return f"{frame.blake2b or ''}{''.join(balance)}{turn}"
    return f"{plan.video.blake2b} {plan.time_range.start} {plan.time_range.end} {frame.index}"


def _given_cuts(config: RunConfig, total: int) -> list[int]:
    if isinstance(config.shots, str):
        return []
    beyond = [first for first in config.shots if first >= total]
    if beyond:
        raise UsageError(
            f"--shots begins a shot at frame {beyond[0]}: the {total} frames are numbered 0 to "
            f"{total - 1}"
        )
    return [first for first in config.shots if first > 0]


def _clip_starts(plan: Plan) -> list[int]:
    """Return the first frames of a timeline's clips that do not go on where the last one ended."""
    starts, first = [], 0
    for before, clip in itertools.pairwise(plan.clips):
        first += before.frames
        goes_on = (clip.file, clip.start) == (before.file, before.end)
        if not goes_on and 0 < first < len(plan.frames) and clip.frames:
            starts.append(first)
    return starts


def _shots(cuts: Sequence[int], total: int) -> tuple[Shot, ...]:
    edges = [0, *cuts, total]
    return tuple(Shot(n, edges[n], edges[n + 1]) for n in range(len(edges) - 1))


def _cut(plan: Plan, shots: tuple[Shot, ...]) -> Plan:
    segments = cut_segments(shots, plan.segment_frames)
    return msgspec.structs.replace(plan, shots=shots, segments=segments)


def _exposures(plan: Plan, scan: Scan, config: RunConfig) -> list[float]:
    """Return the EV to add to each frame, shot by shot."""
    automatic = config.deflicker == "auto"
    strength = 1.0 if isinstance(config.deflicker, str) else config.deflicker
    light = np.array([np.nan if stats is None else stats.log2_light for stats in scan])
    camera = np.array(
        [np.nan if not stats or stats.camera_ev is None else stats.camera_ev for stats in scan]
    )
    changes = np.zeros(len(scan))
    for shot in plan.shots:
        part = slice(shot.start, shot.stop)
        if automatic and not are_one_scene(scan[part]):
            continue
        least = FLICKER_EV if automatic else 0.0
        changes[part] = exposure_corrections(
            light[part], camera[part], strength=strength, least_ev=least
        )
    return [round(float(ev), EV_DIGITS) + 0.0 for ev in changes]


def _with_exposures(plan: Plan, exposures: Sequence[float]) -> Plan:
    if not any(exposures):
        return plan
    frames = (
        msgspec.structs.replace(frame, exposure_ev=ev)
        for frame, ev in zip(plan.frames, exposures, strict=True)
    )
    return msgspec.structs.replace(plan, frames=tuple(frames))
