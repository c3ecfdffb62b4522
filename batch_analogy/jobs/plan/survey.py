"""Make the plan of a run: find its input, hash it, and cut it into segments."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from batch_analogy import __version__
from batch_analogy.analogy.features.weights import WeightsFile
from batch_analogy.config.amounts import parse_amounts
from batch_analogy.config.run import SEGMENT_FRAMES, Order, RunConfig
from batch_analogy.errors import InputError, UsageError
from batch_analogy.jobs.plan.colour_spaces import named_space
from batch_analogy.jobs.plan.fingerprints import (
    FileFingerprint,
    fingerprint_file,
    join_fingerprints,
)
from batch_analogy.jobs.plan.frame_shapes import (
    as_tagged,
    fail_odd_sizes,
    require_usable,
    with_one_orientation,
)
from batch_analogy.jobs.plan.png_header import hash_and_size
from batch_analogy.jobs.plan.ranges import format_frames
from batch_analogy.jobs.plan.references import place_amounts, place_references
from batch_analogy.jobs.plan.run_plan import (
    FramePlan,
    PlacedAmount,
    PlacedReference,
    Plan,
    Shot,
)
from batch_analogy.jobs.plan.segments import cut_segments
from batch_analogy.jobs.plan.still_colours import is_display_p3, white_balance_of
from batch_analogy.jobs.plan.video_properties import VideoProperties
from batch_analogy.media.exif import read_time_and_orientation
from batch_analogy.media.frame_numbers import Gap, are_lost, find_gaps, number_of
from batch_analogy.media.order import Arrangement, arrange
from batch_analogy.media.orientation import UPRIGHT, read_orientation
from batch_analogy.media.sequence import find_stills, name_in_cloud
from batch_analogy.media.stills import read_size, read_still

DEFAULT_FPS = Fraction(24)

READERS = 8
"""Threads that read files.

Shared storage takes milliseconds to open a file, and hashing of large files uses all cores.
"""

SHOWN_GAPS = 8
FRAMES_AT_ONCE = 64  # read by a thread before it reports

OnFrame = Callable[[int, int], None]


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
    known = _known_fingerprints(previous)
    fingerprints, (height, width) = _survey_references(config, config.reference, known)
    outside: list[FileFingerprint] = []
    if config.reference2 is not None:
        outside = _survey_references(config, config.reference2, known)[0]
    if video is not None:
        frames = _video_frames(video)
        fps = config.fps or video.fps
    else:
        frames = _survey_stills(_stills_of(config), previous, on_frame)
        frames = with_one_orientation(_in_order(frames, config.order), config.orientation)
        if config.on_missing == "error":
            _require_all(frames)
        if config.target != "reference":  # B has the reference's size, not the frame's
            frames = fail_odd_sizes(frames)
        fps = config.fps or DEFAULT_FPS
    require_usable(frames)
    reference, references = _placed(config.reference, fingerprints, frames, video)
    shots = (Shot(0, 0, len(frames)),)
    device = device_of(config)
    usual = config.anchor_frames if config.coherent else SEGMENT_FRAMES[device]
    segment_frames = config.segment_frames or usual
    return Plan(
        frames=tuple(frames),
        shots=shots,
        segments=cut_segments(shots, segment_frames),
        fps=fps,
        reference=reference,
        reference_height=height,
        reference_width=width,
        weights_sha256=weights.sha256,
        device=device,
        version=__version__,
        pixels=config.pixel_fields(),
        segment_frames=segment_frames,
        anchor_frames=config.anchor_frames,
        video=video.fingerprint if video else None,
        recordings=video.recordings if video else (),
        estimated=video.estimated if video else False,
        video_properties=video.properties if video else None,
        named_space=space,
        display_p3=config.makes_photographs and not (video or space) and is_display_p3(frames),
        white_balance=white_balance_of(frames),
        references=references,
        **_outside_fields(config, outside, frames, video),
        strength=_place_amounts("strength", config, frames, video),
        keep_colours=_place_amounts("keep_colours", config, frames, video),
    )


def device_of(config: RunConfig) -> str:
    """Return the device of the workers: ``"cuda"`` if each has a share of a GPU, else ``"cpu"``.

    The share must be settled already (``pool_choice.settle_gpus``).
    """
    share = config.execution.gpus_per_worker
    if share is None:
        raise ValueError("gpus_per_worker is not settled yet; call settle_gpus first")
    return "cuda" if share > 0 else "cpu"


def _known_fingerprints(previous: Plan | None) -> dict[str, FileFingerprint]:
    if previous is None:
        return {}
    fingerprints = [one.fingerprint for layer in previous.layers for one in layer]
    fingerprints += previous.video_files
    return {fingerprint.path: fingerprint for fingerprint in fingerprints}


def _survey_references(
    config: RunConfig, path: Path, known: dict[str, FileFingerprint]
) -> tuple[list[FileFingerprint], tuple[int, int]]:
    """Fingerprint the references; return also the first one's (height, width) in px."""
    if not path.exists():
        if config.painting is not None:  # a painted picture serves as the reference
            raise UsageError(f"{path} does not exist; give a painted picture")
        raise UsageError(f"reference {path} does not exist; give a picture, or a folder of them")
    paths = [*map(Path, find_stills(str(path)))] if path.is_dir() else [path]
    if config.target != "frames" and len(paths) > 1:
        raise UsageError(
            f"there are {len(paths)} references in {path}, which fade into each other, but "
            f"--target {config.target} takes one picture; give only one"
        )
    fingerprints = [fingerprint_file(one, known) for one in paths]
    sizes = [read_still(one).shape[:2] for one in paths]  # decodes them, as every worker will
    return fingerprints, (int(sizes[0][0]), int(sizes[0][1]))


def _placed(
    path: Path,
    fingerprints: Sequence[FileFingerprint],
    frames: Sequence[FramePlan],
    video: VideoFrames | None,
) -> tuple[FileFingerprint, tuple[PlacedReference, ...]]:
    """Return the fingerprint of a reference, and the places of a folder of them."""
    if not path.is_dir():
        return fingerprints[0], ()
    placed = _place(fingerprints, frames, video)
    return join_fingerprints(str(path), [one.fingerprint for one in placed]), placed


def _outside_fields(
    config: RunConfig,
    fingerprints: Sequence[FileFingerprint],
    frames: Sequence[FramePlan],
    video: VideoFrames | None,
) -> dict[str, Any]:
    if config.reference2 is None:
        return {}
    names = ("reference2", "references2")
    return dict(zip(names, _placed(config.reference2, fingerprints, frames, video), strict=True))


def _place(
    fingerprints: Sequence[FileFingerprint], frames: Sequence[FramePlan], video: VideoFrames | None
) -> tuple[PlacedReference, ...]:
    """Place the references of a folder at their frames."""
    own = {os.path.basename(fingerprint.path): fingerprint for fingerprint in fingerprints}
    named = [frame for frame in frames if os.path.basename(frame.source) in own]
    folder = os.path.realpath(os.path.dirname(fingerprints[0].path))
    if folder in map(os.path.realpath, {os.path.dirname(frame.source) for frame in named}):
        raise UsageError(
            f"there are references and frames in {folder}; give the references their own folder"
        )
    paths = {Path(fingerprint.path): fingerprint for fingerprint in fingerprints}
    placed = place_references(list(paths), frames, None if video is None else video.fps)
    return tuple(PlacedReference(paths[path], frame) for frame, path in placed)


def _place_amounts(
    name: str, config: RunConfig, frames: Sequence[FramePlan], video: VideoFrames | None
) -> tuple[PlacedAmount, ...]:
    """Place the amounts of a setting; none if it is the default."""
    if name not in config.look_fields():
        return ()
    option = "--" + name.replace("_", "-")
    amounts = parse_amounts(option, getattr(config, name))
    return place_amounts(option, amounts, frames, None if video is None else video.fps)


def _video_frames(video: VideoFrames) -> list[FramePlan]:
    size = (video.height, video.width)
    times = [None] * len(video.paths) if video.times is None else map(str, video.times)
    return [
        FramePlan(index, path, f"{index:06d}", *size, 0, 0, None, time=time)
        for index, (path, time) in enumerate(zip(video.paths, times, strict=True))
    ]


def _stills_of(config: RunConfig) -> list[str]:
    """Find the pictures of the source; ``**`` does not reach into the run folder."""
    paths = find_stills(config.source, config.files)
    if "**" not in config.source:
        return paths
    run_dir = Path(os.path.realpath(config.run_dir))
    folders = {os.path.dirname(path) for path in paths}
    own = {one for one in folders if Path(os.path.realpath(one)).is_relative_to(run_dir)}
    return [path for path in paths if os.path.dirname(path) not in own]


def _survey_stills(
    paths: Sequence[str], previous: Plan | None, on_frame: OnFrame | None
) -> list[FramePlan]:
    before = {frame.source: frame for frame in previous.frames} if previous else {}
    names = _names(paths)

    def survey(start: int) -> list[FramePlan]:
        indices = range(start, min(start + FRAMES_AT_ONCE, len(paths)))
        return [_survey_still(i, paths[i], names[i], before.get(paths[i])) for i in indices]

    frames: list[FramePlan] = []
    with ThreadPoolExecutor(READERS) as readers:
        for found in readers.map(survey, range(0, len(paths), FRAMES_AT_ONCE)):
            frames += found
            if on_frame is not None:
                on_frame(len(frames), len(paths))
    return frames


def _survey_still(index: int, path: str, name: str, before: FramePlan | None) -> FramePlan:
    try:
        facts = os.stat(path)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or error}"
        return FramePlan(index, path, name, 0, 0, 0, 0, None, message)
    size, time_ns = facts.st_size, facts.st_mtime_ns
    unchanged = before and (before.bytes, before.mtime_ns) == (size, time_ns)
    digest = before.blake2b if before and unchanged else None
    if before and digest and before.error is None:
        before = as_tagged(before)
        same = before.index == index and before.name == name
        return before if same else msgspec.structs.replace(before, index=index, name=name)
    try:
        found = None
        if digest is None:
            digest, found = hash_and_size(path, size)
        height, width = found or read_size(Path(path))
    except InputError as error:
        return FramePlan(index, path, name, 0, 0, size, time_ns, digest, str(error))
    taken, orientation = read_time_and_orientation(path)
    if found is None and orientation is None:  # it is not a plain PNG
        with contextlib.suppress(InputError):
            orientation = read_orientation(Path(path))
    return FramePlan(
        *(index, path, name, height, width, size, time_ns, digest),
        taken=taken,
        orientation=orientation or UPRIGHT,
    )


def arrangement_of(frames: Sequence[FramePlan], order: Order) -> Arrangement:
    """Return the order of stills, and what decided it."""
    return arrange(
        [frame.name for frame in frames],
        [frame.taken for frame in frames],
        [frame.error is None for frame in frames],
        order,
    )


def gaps_of(plan: Plan) -> list[Gap]:
    """Return the numbers missing from the names of a plan's stills, if the names are numbered."""
    return [] if plan.video is not None else _gaps(plan.frames)


def _gaps(frames: Sequence[FramePlan]) -> list[Gap]:
    return find_gaps([os.path.basename(frame.name) for frame in frames])


def passed_over(frames: Sequence[FramePlan], gaps: Sequence[Gap]) -> list[str]:
    """Return files that have missing numbers in their names, so that nothing was lost there.

    They are not frames because the pattern leaves them out or because they are no pictures.
    """
    if not gaps:
        return []
    after = {gap.after: gap for gap in gaps}
    found: dict[tuple[str, int], str] = {}
    for folder in {os.path.dirname(frames[index].source) for index in after}:
        with contextlib.suppress(OSError), os.scandir(folder or os.curdir) as entries:
            for entry in entries:
                name = name_in_cloud(entry.name) or entry.name
                number = number_of(name)
                if number is not None and not name.startswith("."):
                    found.setdefault((number.series[0], number.number), entry.path)
    names = []
    for index, gap in after.items():
        own = number_of(os.path.basename(frames[index].name))
        wanted = ((own.series[0], number) for number in gap.numbers) if own else ()
        names += [found[one] for one in itertools.islice(wanted, len(found) + 1) if one in found]
    return names


def _require_all(frames: Sequence[FramePlan]) -> None:
    """Refuse stills whose numbers show that some were lost."""
    gaps = _gaps(frames)
    if not are_lost(gaps, len(frames)):
        return
    there = passed_over(frames, gaps)
    if there:
        raise InputError(
            f"{there[0]} lies among the frames but is not one of them; convert it, or give "
            "--on-missing hold or skip"
        )
    raise InputError(
        f"frames seem to be missing: the numbers in the names leave out {format_gaps(gaps)}; "
        "put them back, or give --on-missing hold or skip"
    )


def format_gaps(gaps: Sequence[Gap]) -> str:
    """Return the first of the missing numbers, as people write them."""
    shown = ", ".join(format_frames(gap.numbers) for gap in gaps[:SHOWN_GAPS])
    return shown + (f" … ({len(gaps) - SHOWN_GAPS} more gaps)" if len(gaps) > SHOWN_GAPS else "")


def _in_order(frames: list[FramePlan], order: Order) -> list[FramePlan]:
    """Return the frames in the order of the film, renumbered."""
    ranks = arrangement_of(frames, order).order
    return [
        frames[n] if n == index else msgspec.structs.replace(frames[n], index=index)
        for index, n in enumerate(ranks)
    ]


def _names(paths: Sequence[str]) -> list[str]:
    """Name frames by their paths below their common folder, which may then be moved."""
    top = os.path.commonpath({os.path.dirname(path) for path in paths})
    inside = os.path.join(top, "")
    return [
        path[len(inside) :] if inside and path.startswith(inside) else os.path.relpath(path, top)
        for path in paths
    ]
