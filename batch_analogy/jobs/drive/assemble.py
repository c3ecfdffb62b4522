"""Making the films of a run: which pictures go in, and whether a film is there already."""

from __future__ import annotations

import bisect
import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

from batch_analogy.config.run import OnMissing, RunConfig
from batch_analogy.errors import OutputExistsError, UsageError
from batch_analogy.files import disk_errors
from batch_analogy.jobs.events import FilmProgress, FilmWritten, OnEvent
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.plan.survey import gaps_of
from batch_analogy.jobs.store import RunStore, outputs_of
from batch_analogy.json_files import read_json, write_json
from batch_analogy.media.blend import FrameBlend
from batch_analogy.media.encoding import EncodingOptions, Soundtrack, check_container, check_encoder
from batch_analogy.media.film import FilmInfo, encode_film
from batch_analogy.media.frame_numbers import extra_holds
from batch_analogy.media.numbered_output import (
    check_pattern,
    find_numbered,
    is_pattern,
    numbered,
    write_numbered,
)
from batch_analogy.media.sequence import would_find
from batch_analogy.media.stills import read_size
from batch_analogy.media.video import probe_video

ChangedFrames = Mapping[int, Mapping[str, str]]
"""Frames made again with other bytes: index → output → BLAKE2b of its file."""

_UNCHANGED: ChangedFrames = MappingProxyType({})


@dataclass(frozen=True)
class FilmPlan:
    """One film of a run."""

    output: str  # which of ``outputs_of`` it is made of
    path: Path


def films_of(config: RunConfig) -> list[FilmPlan]:
    """The films that a run makes.

    With both targets the second one is called after the first: ``night.mp4`` and
    ``night-reference.mp4``, or ``out/%06d.png`` and ``out-reference/%06d.png``.
    """
    outputs = outputs_of(config)
    path = config.output
    second = path.with_name(f"{path.stem}-reference{path.suffix}")
    if is_pattern(path):
        second = path.parent.with_name(f"{path.parent.name}-reference") / path.name
    return [FilmPlan(name, path if n == 0 else second) for n, name in enumerate(outputs)]


def film_slots(
    total: int,
    done: set[int],
    on_missing: OnMissing,
    left_out: Set[int] = frozenset(),
    holds: Mapping[int, int] = MappingProxyType({}),
) -> list[tuple[int, int]]:
    """The places that a film has, each with the finished frame that stands there.

    Args:
        total: frames of the input.
        done: indices of finished frames; at least one.
        on_missing: ``"skip"`` leaves places out, otherwise the last good frame is repeated, and
            the first good one before there was any.
        left_out: frames without a place, whatever ``on_missing`` is.
        holds: frame → places more that it has with ``"hold"``, for frames that the input lacks.

    >>> film_slots(4, {1, 3}, "hold"), film_slots(4, {1, 3}, "skip")
    ([(0, 1), (1, 1), (2, 1), (3, 3)], [(1, 1), (3, 3)])
    >>> film_slots(5, {1, 3}, "hold", left_out={0, 2})
    [(1, 1), (3, 3), (4, 3)]
    >>> film_slots(2, {0, 1}, "hold", holds={0: 2})
    [(0, 0), (0, 0), (0, 0), (1, 1)]
    """
    if on_missing == "skip":
        return [(index, index) for index in sorted(done)]
    places: list[tuple[int, int]] = []
    last = min(done)
    for index in (index for index in range(total) if index not in left_out):
        last = index if index in done else last
        more = holds.get(index, 0) if on_missing == "hold" else 0
        places += [(index, last)] * (1 + more)
    return places


def film_frames(
    places: Sequence[tuple[int, int]], starts: Sequence[int], *, blend: int = 1, hold: int = 1
) -> list[list[tuple[int, int]]]:
    """The places that each frame of the film is made of.

    Args:
        places: as ``film_slots``. starts: the first frame of each shot.
        blend: how many places in a row are one frame, which never holds a cut.
        hold: how many frames of the film show that one.

    >>> film_frames([(0, 0), (1, 1), (2, 2), (3, 3)], [0, 3], blend=2)
    [[(0, 0), (1, 1)], [(2, 2)], [(3, 3)]]
    >>> film_frames([(0, 0), (1, 1)], [0], hold=2)
    [[(0, 0)], [(0, 0)], [(1, 1)], [(1, 1)]]
    """
    made: list[list[tuple[int, int]]] = []
    for _, shot in itertools.groupby(places, lambda place: bisect.bisect_right(starts, place[0])):
        together = list(shot)
        for first in range(0, len(together), blend):
            made += [together[first : first + blend]] * hold
    return made


def check_outputs(config: RunConfig, store: RunStore, *, overwrite: bool) -> None:
    """Refuse, before any work, an output that could not be written at the end of it.

    Raises:
        UsageError: its suffix is not that of a film, it is a folder, or lies among the frames.
        OutputExistsError: there is a file that this run did not make.
        MachineError: this machine's ffmpeg has no encoder for it.
    """
    path = config.output
    if is_pattern(path):
        check_pattern(path)
        _refuse_among_frames(config)
    else:
        if path.is_dir():
            raise UsageError(
                f"output {path} is a folder; name a file for the film, or {path}/%06d.png for "
                "pictures"
            )
        check_container(path, config.codec)
        check_encoder(config.codec)
    if overwrite:
        return
    records = _records(store)
    for film in films_of(config):
        there = find_numbered(film.path) if is_pattern(film.path) else film.path.exists()
        if there and not _is_ours(film.path, records.get(str(film.path))):
            raise OutputExistsError(
                f"{film.path} exists and was not made by the run in {store.run_dir}; name "
                "another output with --output, or give --overwrite"
            )


def _refuse_among_frames(config: RunConfig) -> None:
    """Refuse numbered pictures that the same command would take for frames the next time."""
    for film in films_of(config):
        if would_find(config.source, numbered(film.path, 0)):
            raise UsageError(
                f"output {film.path} lies among the frames, and its pictures would be taken for "
                "frames the next time; name another folder"
            )


def up_to_date(
    config: RunConfig,
    store: RunStore,
    plan: Plan,
    done: set[int],
    changed: ChangedFrames = _UNCHANGED,
) -> bool:
    """Whether all films are there, made from exactly these frames in exactly this way."""
    records = _records(store)
    return all(
        _is_complete(
            film.path, records.get(str(film.path)), _key(config, plan, done, film, changed)
        )
        for film in films_of(config)
    )


def assemble(
    config: RunConfig,
    store: RunStore,
    plan: Plan,
    done: set[int],
    on_event: OnEvent,
    changed: ChangedFrames = _UNCHANGED,
) -> list[Path]:
    """Encode the films that are not up to date.

    Args:
        config: the run.
        store: its folder.
        plan: its plan.
        done: indices of finished frames; at least one.
        on_event: told of progress and of each film.
        changed: finished frames to which a retry gave other bytes.

    Returns:
        The paths of all films.

    Raises:
        FilmError: a film could not be encoded or did not verify.
        OutputDiskError: the disk is full or may not be written to.
    """
    order = _order(config, plan, done)
    missing = tuple(frame.index for frame in plan.wanted() if frame.index not in done)
    for film in films_of(config):
        key = _key(config, plan, done, film, changed)
        before = _records(store).get(str(film.path))
        if _is_complete(film.path, before, key):
            continue
        earlier = int(before.get("frames", 0)) if before else 0
        most = max(earlier, len(order))  # pictures that may be there, should this be killed
        _record(store, film.path, {"state": "writing", "key": key, "frames": most})
        with disk_errors(film.path):
            film.path.parent.mkdir(parents=True, exist_ok=True)
        frames = [tuple(store.frame(film.output, k) for k in together) for together in order]
        report = _reporter(on_event, film.path, len(order))
        if is_pattern(film.path):
            info = _write_pictures(config, plan, film.path, frames, earlier, report)
        else:
            info = encode_film(
                frames,
                film.path,
                fps=plan.fps,
                durations=_durations(config, plan, done),
                encoding=EncodingOptions(config.codec, config.depth, config.crf),
                colours=plan.colours,
                sound=_sound(config, plan),
                on_frame=report,
            )
        facts = {k: v for k, v in dataclasses.asdict(info).items() if isinstance(v, (int, float))}
        record = {**facts, "fps": str(plan.fps), "output": film.output, "missing": missing}
        _record(store, film.path, {**record, "state": "done", "key": key})
        on_event(
            FilmWritten(
                film.path, info.frames, info.height, info.width, info.duration_seconds, missing
            )
        )
    return [film.path for film in films_of(config)]


def _write_pictures(
    config: RunConfig,
    plan: Plan,
    pattern: Path,
    frames: list[FrameBlend],
    earlier: int,
    report: Callable[[int], None],
) -> FilmInfo:
    """Write numbered pictures instead of a film; ``earlier`` ones may be there already."""
    size_bytes = write_numbered(
        frames, pattern, depth=config.depth, earlier=earlier, on_frame=report
    )
    height, width = read_size(frames[0][0])
    return FilmInfo(
        path=pattern,
        frames=len(frames),
        height=height,
        width=width,
        fps=plan.fps,
        duration_seconds=float(len(frames) / plan.fps),
        bytes=size_bytes,
        has_audio=False,
        scaled=False,
    )


def _sound(config: RunConfig, plan: Plan) -> Soundtrack | None:
    """The video's sound, if the film goes at the video's speed."""
    if not config.keep_audio or plan.video is None or (config.hold, config.blend) != (1, 1):
        return None
    if plan.video_properties is None or plan.fps != plan.video_properties.fps:
        return None
    return Soundtrack(probe_video(Path(plan.video.path)), plan.video_properties.start)


def remove_numbered_pictures(store: RunStore) -> None:
    """Delete the numbered pictures that the run made, before it starts afresh with other frames.

    A film is replaced when the next one is whole; of pictures too many would be left.
    """
    for name, record in _records(store).items():
        pattern = Path(name)
        if is_pattern(pattern) and _is_ours(pattern, record):
            for index in range(int(record.get("frames", 0))):
                numbered(pattern, index).unlink(missing_ok=True)


def _reporter(on_event: OnEvent, path: Path, total: int) -> Callable[[int], None]:
    def report(done: int) -> None:
        on_event(FilmProgress(path, done, total))

    return report


def _film_frames(config: RunConfig, plan: Plan, done: set[int]) -> list[list[tuple[int, int]]]:
    starts = [shot.start for shot in plan.shots]
    places = _places(config, plan, done)
    return film_frames(places, starts, blend=config.blend, hold=config.hold)


def _order(config: RunConfig, plan: Plan, done: set[int]) -> list[tuple[int, ...]]:
    """The finished frames that each frame of the film is the mean of."""
    together = _film_frames(config, plan, done)
    return [tuple(frame for _, frame in places) for places in together]


def _places(config: RunConfig, plan: Plan, done: set[int]) -> list[tuple[int, int]]:
    # A film with sound keeps its duration: there the places of left-out frames show neighbours.
    left_out = frozenset() if config.keep_audio else plan.leave_out
    holds = extra_holds(gaps_of(plan), len(plan.frames))
    return film_slots(len(plan.frames), done, config.on_missing, left_out, holds)


def _durations(config: RunConfig, plan: Plan, done: set[int]) -> list[Fraction] | None:
    """How long each of the film's frames is shown, in seconds; None: a constant rate."""
    if plan.video_properties is None or plan.constant_rate or config.fps is not None:
        return None
    begins = [Fraction(frame.time or 0) for frame in plan.frames]
    ends = [*begins[1:], plan.video_properties.duration]
    return [
        sum((ends[place] - begins[place] for place, _ in places), Fraction(0))
        for places in _film_frames(config, plan, done)
    ]


def _key(
    config: RunConfig, plan: Plan, done: set[int], film: FilmPlan, changed: ChangedFrames
) -> str:
    """Equal keys, equal films."""
    content: list[Any] = [
        plan.plan_hash,
        str(plan.fps),
        config.crf,
        config.codec,
        config.depth,
        config.keep_audio,
        film.output,
        [one[0] if len(one) == 1 else one for one in _order(config, plan, done)],
        [str(one) for one in _durations(config, plan, done) or ()],
    ]
    if changed:
        content.append([[index, changed[index].get(film.output)] for index in sorted(changed)])
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=20).hexdigest()


def _records(store: RunStore) -> dict[str, dict[str, Any]]:
    return dict((read_json(store.films) or {}).get("films", {}))


def _record(store: RunStore, path: Path, record: dict[str, Any]) -> None:
    write_json(store.films, {"films": {**_records(store), str(path): record}})


def _is_complete(path: Path, record: dict[str, Any] | None, key: str) -> bool:
    if record is None or record.get("state") != "done" or record.get("key") != key:
        return False
    return _size(path, record) == record.get("bytes")


def _is_ours(path: Path, record: dict[str, Any] | None) -> bool:
    if record is None:
        return False
    return record.get("state") == "writing" or _size(path, record) == record.get("bytes")


def _size(path: Path, record: dict[str, Any]) -> int | None:
    """The size in bytes of a film, or of its numbered pictures together; None: one is missing."""
    paths = [path]
    if is_pattern(path):
        paths = [numbered(path, index) for index in range(int(record.get("frames", 0)))]
    if not all(one.is_file() for one in paths):
        return None
    return sum(one.stat().st_size for one in paths)
