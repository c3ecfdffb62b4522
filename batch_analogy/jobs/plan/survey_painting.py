"""Find the input pictures of a painted run, and check that they fit the frames."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import InputError, UsageError
from batch_analogy.files import hash_file
from batch_analogy.jobs.plan.fingerprints import FileFingerprint, fingerprint_file
from batch_analogy.jobs.plan.key_frames import FoundFrame, find_key_frames
from batch_analogy.jobs.plan.paint_inputs import (
    FramePictures,
    GuideInputs,
    PaintedPicture,
    PaintInputs,
)
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan
from batch_analogy.jobs.plan.video_properties import probe_files
from batch_analogy.media.coverage import mask_size
from batch_analogy.media.decoding import turn_upright
from batch_analogy.media.frame_numbers import number_of
from batch_analogy.media.label_pictures import load_map, read_map
from batch_analogy.media.name_order import plain_name
from batch_analogy.media.patterns import has_pattern
from batch_analogy.media.peek import peek_frames, peek_recordings
from batch_analogy.media.scaling import is_same_shape, shrink
from batch_analogy.media.sequence import STILL_SUFFIXES, find_stills
from batch_analogy.media.stills import FloatPixels, read_size, read_still
from batch_analogy.motion.shots.likeness import SIDE_PX

_MAX_SHOWN = 3
MASK = "mask"

Size = tuple[int, int]


def with_painting(plan: Plan, config: RunConfig, previous: Plan | None) -> Plan:
    """Return the plan with its painted pictures, guides and mask, if the run is painted.

    Args:
        plan: the plan without them.
        config: the configuration that names the files.
        previous: the plan in the run folder; files of the same size and time are not read again.

    Raises:
        UsageError, InputError: as for ``survey_painting``.
    """
    if config.painting is None:
        return plan
    known: dict[str, FileFingerprint] = {}
    if previous is not None and previous.painting is not None:
        for key in previous.painting.keys:
            known |= {
                fingerprint.path: fingerprint
                for fingerprint in (key.painted, key.example)
                if fingerprint is not None
            }
    found = find_key_frames(
        config.painting.keys,
        plan.frames,
        source=config.source,
        has_names=plan.video is None,
        read_frames=lambda indices: _read_frames(plan, indices),
    )
    if previous is not None:
        found = _as_before(config.painting, found, plan, previous)
    inputs = survey_painting(config.painting, found, plan, known)
    return msgspec.structs.replace(plan, painting=inputs)


def _read_frames(plan: Plan, indices: Collection[int]) -> dict[int, FloatPixels]:
    """Read some frames, at a size that suffices to compare them; a video need not be extracted."""
    sources = {index: Path(plan.frames[index].source) for index in indices}
    extracted = all(path.is_absolute() and path.is_file() for path in sources.values())
    if plan.video is None or extracted:
        return {
            index: _read_small(path, plan.frames[index].turn) for index, path in sources.items()
        }
    start = plan.time_range.start
    if plan.recordings:
        info = probe_files([Path(file.path) for file in plan.recordings], plan.clips)
        return peek_recordings(info, indices, start=start, at_least_px=SIDE_PX)
    return peek_frames(Path(plan.video.path), indices, start=start, at_least_px=SIDE_PX)


def _read_small(path: Path, turn: int) -> FloatPixels:
    return turn_upright(shrink(read_still(path, at_least_px=SIDE_PX), SIDE_PX), turn)


def _as_before(
    config: PaintConfig, found: list[FoundFrame | None], plan: Plan, previous: Plan
) -> list[FoundFrame | None]:
    """Keep the frames of a video's painted pictures where the run began with them."""
    if previous.painting is None or plan.video is None or previous.video is None:
        return found
    if (previous.video.blake2b, previous.time_range) != (plan.video.blake2b, plan.time_range):
        return found
    before = {(key.painted.path, key.named): key for key in previous.painting.keys}
    kept: list[FoundFrame | None] = []
    for key, now in zip(config.keys, found, strict=True):
        then = before.get((key.painted, key.frame))
        if now is None or then is None or then.frame is None:
            kept.append(now)
        else:
            kept.append(FoundFrame(then.frame, then.placed_by))
    return kept


def survey_painting(
    config: PaintConfig,
    found: Sequence[FoundFrame | None],
    plan: Plan,
    known: dict[str, FileFingerprint],
) -> PaintInputs:
    """Find the input files of a painted run, and check that they fit the frames.

    Args:
        config: the settings that name the files.
        found: the frame of each painted picture.
        plan: the frames of the run.
        known: earlier fingerprints by path.

    Raises:
        UsageError: a file is missing.
        InputError: pictures that belong together have different shapes.
    """
    frames = plan.frames
    keys = tuple(_key(key, place, known) for key, place in zip(config.keys, found, strict=True))
    _check_keys(keys, frames)
    if config.labels:
        _check_labels(keys, frames)
    of_keys = Wanted(
        "keyframe",
        [_names_of(key, frames) for key in keys],
        set(range(len(keys))),
        _size_of(keys[0], frames),
    )
    of_frames = pictures_of_frames(plan)
    guides = tuple(
        GuideInputs(
            find_pictures(guide.source, of_keys, f"guide of weight {guide.weight:g}"),
            find_pictures(guide.target, of_frames, f"guide of weight {guide.weight:g}"),
        )
        for guide in config.guides
    )
    mask = None if config.mask is None else find_pictures(config.mask, of_frames, MASK)
    return PaintInputs(keys, guides, mask)


def _key(
    key: PaintedKeyframe, found: FoundFrame | None, known: dict[str, FileFingerprint]
) -> PaintedPicture:
    for path in (key.painted, key.example):
        if path is not None and not Path(path).is_file():
            raise UsageError(f"{path} does not exist; give a picture")
    example = None if key.example is None else fingerprint_file(Path(key.example), known)
    painted = fingerprint_file(Path(key.painted), known)
    if found is None:
        return PaintedPicture(painted, None, example)
    return PaintedPicture(painted, found.index, example, named=key.frame, placed_by=found.placed_by)


def _check_keys(keys: Sequence[PaintedPicture], frames: Sequence[FramePlan]) -> None:
    earlier: dict[int, str] = {}
    for key in keys:
        size, painted = _size_of(key, frames), read_size(Path(key.painted.path))
        over = key.example.path if key.example else frames[key.frame or 0].name
        if not is_same_shape(painted, size):
            raise InputError(
                f"{key.painted.path} is {painted[1]}×{painted[0]} px, but {over}, which it was "
                f"painted over, is {size[1]}×{size[0]}; they must show the same: bring them to one "
                "shape"
            )
        if key.frame is None:
            continue
        if frames[key.frame].error is not None:
            raise InputError(f"keyframe {over} cannot be used: {frames[key.frame].error}")
        if key.frame in earlier:
            raise UsageError(
                f"frame {over} was painted twice, in {earlier[key.frame]} and {key.painted.path}; "
                "give only one of them"
            )
        earlier[key.frame] = key.painted.path


def _check_labels(keys: Sequence[PaintedPicture], frames: Sequence[FramePlan]) -> None:
    """Check that the label maps have flat colours; a video's frames are checked later."""
    import torch  # slow to import

    from batch_analogy.analogy.guided.guides import label_palette

    for key in keys:
        frame = None if key.frame is None else frames[key.frame]
        path = key.example.path if key.example else frame and frame.blake2b and frame.source
        if not path:
            continue
        pixels = read_map(Path(path)).pixels.transpose(2, 0, 1)
        try:
            label_palette(torch.from_numpy(pixels.copy())[None])
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def _size_of(key: PaintedPicture, frames: Sequence[FramePlan]) -> Size:
    """Return (height, width) in px of what a picture was painted over."""
    if key.example is not None:
        return read_size(Path(key.example.path))
    frame = frames[key.frame or 0]
    return frame.height, frame.width


def _names_of(key: PaintedPicture, frames: Sequence[FramePlan]) -> tuple[str, ...]:
    """Return the names that a guide of a painted picture may have; the first is shown."""
    if key.example is not None:
        return (Path(key.example.path).name,)
    own = () if key.named is None else (key.named,)
    return (frames[key.frame or 0].name, *own, Path(key.painted.path).name)


@dataclass(frozen=True)
class Wanted:
    """Frames or keyframes that need a picture each."""

    kind: str  # "frame" or "keyframe", for messages
    names: Sequence[tuple[str, ...]]  # by which the picture of each may be called
    needed: set[int]
    size: Size  # (height, width) in px
    has_names: bool = True  # False for frames of a video, whose names are made up


def pictures_of_frames(plan: Plan) -> Wanted:
    """Return what a mask or a guide for each frame of a plan has to fit."""
    usable = {frame.index for frame in plan.frames if frame.error is None}
    shown = plan.frames[min(usable)]
    return Wanted(
        "frame",
        [(frame.name,) for frame in plan.frames],
        usable,
        (shown.height, shown.width),
        has_names=plan.video is None,
    )


def find_pictures(path: str, wanted: Wanted, what: str) -> FramePictures:
    """Find one picture for all frames, or a picture for each in a folder.

    Args:
        path: a file, a folder or a pattern.
        wanted: what the pictures are for.
        what: what they are, for messages; ``MASK`` for masks, which may be turned.

    Raises:
        UsageError: pictures are missing.
        InputError: one has another shape.
    """
    by_order = False
    if not (os.path.lexists(path) or has_pattern(path)):
        raise UsageError(
            f"{path} ({what}) does not exist; give a picture, or a folder or pattern with one for "
            f"each {wanted.kind}"
        )
    if Path(path).is_file():
        chosen, needed = [Path(path)], {0}
        load_map(chosen[0])  # decodes it: if it is damaged, every frame would fail
    else:
        chosen, by_order = _one_for_each(path, wanted, what)
        needed = wanted.needed
    digest, scaled, size = hashlib.blake2b(), 0, wanted.size
    hashes = [""] * len(chosen)
    for number in sorted(needed):
        one = chosen[number]
        found = mask_size(one, size) if what == MASK else read_size(one)
        scaled += found != size
        if not is_same_shape(found, size):
            raise InputError(
                f"{one} ({what}) is {found[1]}×{found[0]} px, its {wanted.kind} is "
                f"{size[1]}×{size[0]}; bring them to one shape"
            )
        hashes[number] = hash_file(one)
        digest.update(hashes[number].encode())
    paths = tuple(map(str, chosen))
    return FramePictures(
        paths,
        digest.hexdigest(),
        scaled,
        by_order and wanted.has_names,
        tuple(hashes),
    )


def _one_for_each(path: str, wanted: Wanted, what: str) -> tuple[list[Path], bool]:
    """Find a picture for each frame, by name; or in order, if the names tell nothing."""
    stills = [Path(still) for still in find_stills(path)]
    by_stem: dict[str, Path] = {}
    for still in stills:
        before = by_stem.setdefault(_stem(still.name), still)
        if before is not still:
            raise UsageError(
                f"{before} and {still} ({what}) have one name; remove the one that is not meant"
            )
    in_any_case = {stem.casefold(): still for stem, still in by_stem.items()}
    stems = [[_stem(Path(name).name) for name in names] for names in wanted.names]
    chosen = [
        next((by_stem[s] for s in names if s in by_stem), None)
        or next((in_any_case[s.casefold()] for s in names if s.casefold() in in_any_case), None)
        for names in stems
    ]
    nameless = not wanted.has_names or not any(chosen)
    counted = not all(chosen) and _are_counted(stills)  # such as from 1, where frames begin at 0
    if len(stills) == len(chosen) and (nameless or counted):
        return stills, True
    missing = [wanted.names[n][0] for n in sorted(wanted.needed) if chosen[n] is None]
    if missing:
        shown = ", ".join(missing[:_MAX_SHOWN]) + (" …" if len(missing) > _MAX_SHOWN else "")
        plural = "" if len(missing) == 1 else "s"
        raise UsageError(
            f"{path} ({what}) has no picture for {len(missing)} {wanted.kind}{plural}: {shown}; "
            f"name each picture like its {wanted.kind}, with any suffix, or give one for each of "
            f"the {len(chosen)}, in order; there are {len(stills)}"
        )
    unused = (Path(path) / names[0] for names in stems)
    return [one or other for one, other in zip(chosen, unused, strict=True)], False


def _are_counted(stills: Sequence[Path]) -> bool:
    """Return whether pictures are numbered without gaps."""
    numbers = [number_of(still.name) for still in stills]
    found = [one.number for one in numbers if one is not None]
    one_series = len({one.series for one in numbers if one is not None}) == 1
    whole = found == list(range(found[0], found[0] + len(stills))) if found else False
    return one_series and whole


def _stem(name: str) -> str:
    """Return a file's name without its suffix, as people compare it."""
    stem, suffix = os.path.splitext(name)
    return plain_name(stem if suffix.lower() in STILL_SUFFIXES else name)
