"""Find the input pictures of a painted run, and check that they fit the frames."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from batch_analogy.config.painting import GuideFiles, PaintConfig, PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import InputError, UsageError
from batch_analogy.files import hash_file
from batch_analogy.jobs.plan.fingerprints import FileFingerprint, fingerprint_file
from batch_analogy.jobs.plan.paint_inputs import (
    FramePictures,
    GuideInputs,
    PaintedPicture,
    PaintInputs,
)
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan
from batch_analogy.media.sequence import find_stills
from batch_analogy.media.stills import read_size, read_still

_MAX_SHOWN = 3

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
    inputs = survey_painting(config.painting, config.source, plan.frames, known)
    return msgspec.structs.replace(plan, painting=inputs)


def survey_painting(
    config: PaintConfig,
    source: str,
    frames: Sequence[FramePlan],
    known: dict[str, FileFingerprint],
) -> PaintInputs:
    """Find the input files of a painted run, and check that they fit the frames.

    Args:
        config: the settings that name the files.
        source: where the frames come from, for messages.
        frames: the frames of the run.
        known: earlier fingerprints by path.

    Raises:
        UsageError: a file is missing, or a keyframe is not one of the frames.
        InputError: pictures that belong together have different sizes.
    """
    names = _Names(source, frames)
    keys = tuple(_key(key, names, known) for key in config.keys)
    _check_keys(keys, frames)
    if config.labels:
        _check_labels(keys, frames)
    keyed = [_name_of(key, frames) for key in keys]
    first = keys[0]
    own = _size_of(first, frames)
    usable = {frame.index for frame in frames if frame.error is None}
    shown = frames[min(usable)]
    guides = tuple(
        GuideInputs(
            _find_guide(guide, guide.source, keyed, set(range(len(keys))), "keyframe", own),
            _find_guide(
                guide,
                guide.target,
                [frame.name for frame in frames],
                usable,
                "frame",
                (shown.height, shown.width),
            ),
        )
        for guide in config.guides
    )
    mask = None
    if config.mask is not None:
        size = (shown.height, shown.width)
        mask = _find_pictures(config.mask, [f.name for f in frames], usable, "frame", size, "mask")
    return PaintInputs(keys, guides, mask)


class _Names:
    """Frames, looked up by the names that people use."""

    def __init__(self, source: str, frames: Sequence[FramePlan]) -> None:
        self._source = source
        self._frames = frames
        self._by_name: dict[str, list[int]] = {}
        for frame in frames:
            for name in {frame.name, Path(frame.name).name, Path(frame.name).stem}:
                self._by_name.setdefault(name, []).append(frame.index)

    def find(self, name: str, painted: str) -> int:
        """Return the index of the frame of this name, or, if no name matches, of this number."""
        found = self._by_name.get(name, [])
        if len(found) > 1:
            raise UsageError(
                f"keyframe {name} (painted in {painted}) may be any of {len(found)} frames; give "
                "its path below the folder of frames"
            )
        if not found and name.isdecimal() and int(name) < len(self._frames):
            return int(name)
        if not found:
            first, last = self._frames[0].name, self._frames[-1].name
            raise UsageError(
                f"keyframe {name} (painted in {painted}) is not a frame of {self._source}, whose "
                f"{len(self._frames)} frames are {first} to {last}; give one of their names, or a "
                "number from 0"
            )
        return found[0]


def _key(key: PaintedKeyframe, names: _Names, known: dict[str, FileFingerprint]) -> PaintedPicture:
    frame = None if key.frame is None else names.find(key.frame, key.painted)
    for path in (key.painted, key.example):
        if path is not None and not Path(path).is_file():
            raise UsageError(f"{path} does not exist; give a picture")
    example = None if key.example is None else fingerprint_file(Path(key.example), known)
    return PaintedPicture(fingerprint_file(Path(key.painted), known), frame, example)


def _check_keys(keys: Sequence[PaintedPicture], frames: Sequence[FramePlan]) -> None:
    earlier: dict[int, str] = {}
    for key in keys:
        size, painted = _size_of(key, frames), read_size(Path(key.painted.path))
        over = key.example.path if key.example else frames[key.frame or 0].name
        if painted != size:
            raise InputError(
                f"{key.painted.path} is {painted[1]}×{painted[0]} px, but {over}, which it was "
                f"painted over, is {size[1]}×{size[0]}; they must match pixel by pixel: bring them "
                "to one size"
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
        pixels = read_still(Path(path)).transpose(2, 0, 1)
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


def _name_of(key: PaintedPicture, frames: Sequence[FramePlan]) -> str:
    if key.example is not None:
        return Path(key.example.path).name
    return frames[key.frame or 0].name


def _find_guide(
    guide: GuideFiles, path: str, names: Sequence[str], needed: set[int], kind: str, size: Size
) -> FramePictures:
    what = f"guide of weight {guide.weight:g}"
    return _find_pictures(path, names, needed, kind, size, what)


def _find_pictures(
    path: str, names: Sequence[str], needed: set[int], kind: str, size: Size, what: str
) -> FramePictures:
    """Find one picture for all frames, or a picture for each in a folder, by their names.

    Args:
        path: a file or a folder.
        names: the names of the frames or keyframes.
        needed: which of these must have a picture.
        kind: "frame" or "keyframe", for messages.
        size: (height, width) in px that the pictures must have.
        what: what the pictures are, for messages.
    """
    whole = Path(path).is_file()
    chosen = [Path(path)] if whole else _by_stem(path, names, needed, kind, what)
    for number, one in enumerate(chosen):
        if not whole and number not in needed:
            continue
        found = read_size(one)
        if found != size:
            raise InputError(
                f"{one} ({what}) is {found[1]}×{found[0]} px, its {kind} is {size[1]}×{size[0]}; "
                "bring them to one size"
            )
    digest = hashlib.blake2b()
    for number, one in enumerate(chosen):
        if whole or number in needed:
            digest.update(hash_file(one).encode())
    return FramePictures(tuple(map(str, chosen)), digest.hexdigest())


def _by_stem(path: str, names: Sequence[str], needed: set[int], kind: str, what: str) -> list[Path]:
    stills = {Path(still).stem: Path(still) for still in find_stills(path)}
    stems = [Path(name).stem for name in names]
    missing = [names[n] for n in sorted(needed) if stems[n] not in stills]
    if missing:
        shown = ", ".join(missing[:_MAX_SHOWN]) + (" …" if len(missing) > _MAX_SHOWN else "")
        plural = "" if len(missing) == 1 else "s"
        raise UsageError(
            f"{path} ({what}) has no picture for {len(missing)} {kind}{plural}: {shown}; name "
            f"each picture like its {kind}, with any suffix"
        )
    return [stills.get(stem, Path(path) / stem) for stem in stems]
