"""Make the films of a run from its finished frames."""

from __future__ import annotations

import bisect
import contextlib
import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence, Set
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from batch_analogy.config.codecs import CODECS, HDR_BITS
from batch_analogy.config.film_size import FULL
from batch_analogy.config.run import OnMissing, RunConfig
from batch_analogy.jobs.drive.film_outputs import (
    FilmPlan,
    FilmRecord,
    films_of,
    is_complete,
    read_records,
    remove_unfinished,
    scratch_folder,
    write_record,
)
from batch_analogy.jobs.drive.film_posters import ensure_poster, key_of
from batch_analogy.jobs.drive.film_sound import soundtrack_of
from batch_analogy.jobs.drive.film_texts import captions_of, style_of
from batch_analogy.jobs.drive.film_timelines import ensure_timeline, shot_frames
from batch_analogy.jobs.events import FilmProgress, FilmWritten, OnEvent
from batch_analogy.jobs.locked_folder import remove_tree
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.plan.survey import gaps_of
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.blend import FrameBlend
from batch_analogy.media.captions import Captions
from batch_analogy.media.colour_transforms import to_space
from batch_analogy.media.encoding import EncodingOptions
from batch_analogy.media.film import FilmInfo, encode_film
from batch_analogy.media.film_layout import film_size_of
from batch_analogy.media.frame_numbers import extra_holds
from batch_analogy.media.numbered_output import is_pattern, write_numbered
from batch_analogy.media.stills import read_size
from batch_analogy.output_claims import OutputClaims, identify_file

ChangedFrames = Mapping[int, Mapping[str, str]]
"""Frames made again with other bytes: index → output → BLAKE2b of its file."""

_UNCHANGED: ChangedFrames = MappingProxyType({})


def film_slots(
    total: int,
    done: set[int],
    on_missing: OnMissing,
    left_out: Set[int] = frozenset(),
    holds: Mapping[int, int] = MappingProxyType({}),
) -> list[tuple[int, int]]:
    """Return the slots of a film: pairs of the frame due there and the finished frame shown there.

    Args:
        total: number of frames of the input.
        done: indices of finished frames; at least one.
        on_missing: ``"skip"`` leaves out the slot of a frame that is not finished; otherwise the
            last finished frame is repeated, or the first one if there was none before.
        left_out: frames without a slot, whatever ``on_missing`` is.
        holds: frame → number of further slots with ``"hold"``, for frames missing in the input.

    >>> film_slots(4, {1, 3}, "hold"), film_slots(4, {1, 3}, "skip")
    ([(0, 1), (1, 1), (2, 1), (3, 3)], [(1, 1), (3, 3)])
    >>> film_slots(5, {1, 3}, "hold", left_out={0, 2})
    [(1, 1), (3, 3), (4, 3)]
    >>> film_slots(2, {0, 1}, "hold", holds={0: 2})
    [(0, 0), (0, 0), (0, 0), (1, 1)]
    """
    if on_missing == "skip":
        return [(index, index) for index in sorted(done)]
    slots: list[tuple[int, int]] = []
    last = min(done)
    for index in (index for index in range(total) if index not in left_out):
        last = index if index in done else last
        more = holds.get(index, 0) if on_missing == "hold" else 0
        slots += [(index, last)] * (1 + more)
    return slots


def film_frames(
    slots: Sequence[tuple[int, int]], starts: Sequence[int], *, blend: int = 1, hold: int = 1
) -> list[list[tuple[int, int]]]:
    """Return, for each frame of the film, the slots whose mean it is.

    Args:
        slots: as ``film_slots`` returns them.
        starts: the first frame of each shot.
        blend: number of successive slots that are averaged; never across a cut.
        hold: number of film frames that each of these is shown for.

    >>> film_frames([(0, 0), (1, 1), (2, 2), (3, 3)], [0, 3], blend=2)
    [[(0, 0), (1, 1)], [(2, 2)], [(3, 3)]]
    >>> film_frames([(0, 0), (1, 1)], [0], hold=2)
    [[(0, 0)], [(0, 0)], [(1, 1)], [(1, 1)]]
    """
    made: list[list[tuple[int, int]]] = []
    for _, shot in itertools.groupby(slots, lambda slot: bisect.bisect_right(starts, slot[0])):
        together = list(shot)
        for first in range(0, len(together), blend):
            made += [together[first : first + blend]] * hold
    return made


def up_to_date(
    config: RunConfig,
    store: RunStore,
    plan: Plan,
    done: set[int],
    changed: ChangedFrames = _UNCHANGED,
) -> bool:
    """Return True if all films exist, made from exactly these frames and settings."""
    records = read_records(store)
    keys = {film: _key(config, plan, done, film, changed) for film in films_of(config)}
    return all(
        is_complete(path, records.get(str(path)), key_of(path, film, config, key))
        for film, key in keys.items()
        for path in film.paths
    )


def assemble(
    config: RunConfig,
    store: RunStore,
    plan: Plan,
    done: set[int],
    on_event: OnEvent,
    changed: ChangedFrames = _UNCHANGED,
    claims: OutputClaims | None = None,
) -> list[Path]:
    """Encode the films that are not up to date.

    Args:
        config: the run.
        store: its folder.
        plan: its plan.
        done: indices of finished frames; at least one.
        on_event: called with the progress and with each film.
        changed: finished frames whose bytes a retry changed.
        claims: the films, claimed when the run was opened.

    Returns:
        The paths of all films.

    Raises:
        OutputExistsError: something else has written a film meanwhile.
        FilmError: a film could not be encoded or failed verification.
        OutputDiskError: the disk is full or may not be written to.
    """
    order = _order(config, plan, done)
    properties = plan.video_properties
    missing = tuple(frame.index for frame in plan.wanted() if frame.index not in done)
    captions = captions_of(config, plan, [frames[0] for frames in order])
    remove_unfinished(store)
    claims = OutputClaims() if claims is None else claims
    made, durations = _film_frames(config, plan, done), _durations(config, plan, done)
    encoding = encoding_of(config, plan)
    finish_poster = functools.partial(
        ensure_poster,
        *(config, store, plan, made),
        encoding=encoding,
        captions=captions,
        claims=claims,
    )
    finish_timeline = functools.partial(
        ensure_timeline, config, store, plan, made, durations, done, claims=claims
    )
    for film in films_of(config):
        key = _key(config, plan, done, film, changed)
        before = read_records(store).get(str(film.path))
        if is_complete(film.path, before, key):
            finish_poster(film, key)
            finish_timeline(film, key)
            continue
        claims.check_unchanged(film.path)
        earlier = before.frames if before else 0
        most = max(earlier, len(order))  # pictures that may exist if this is killed
        scratch = scratch_folder(store, film.path)
        record = FilmRecord(
            state="writing",
            key=key,
            frames=most,
            scratch=str(scratch),
            replaced_bytes=film.path.stat().st_size if film.path.is_file() else 0,
        )
        write_record(store, film.path, record)
        frames = [tuple(store.frame(film.output, k) for k in together) for together in order]
        report = _reporter(on_event, film.path, len(order))
        try:
            if is_pattern(film.path):
                info = _write_pictures(
                    config, plan, film.path, frames, earlier, scratch, captions, report
                )
            else:
                info = encode_film(
                    frames,
                    film.path,
                    fps=plan.fps,
                    durations=durations,
                    encoding=encoding,
                    colours=plan.colours,
                    light_levels=properties.light_levels if properties else None,
                    sound=soundtrack_of(config, plan, store),
                    scratch=scratch,
                    captions=captions,
                    chapters=_chapters(config, plan, done),
                    on_frame=report,
                    place=_placer(store, record, claims),
                )
        finally:
            with contextlib.suppress(OSError):  # the next start deletes it
                remove_tree(scratch)
        write_record(store, film.path, _record(film, info, key, missing))
        finish_poster(film, key)
        finish_timeline(film, key)
        on_event(
            FilmWritten(
                film.path, info.frames, info.height, info.width, info.duration_seconds, missing
            )
        )
    return [film.path for film in films_of(config)]


def _placer(
    store: RunStore, record: FilmRecord, claims: OutputClaims
) -> Callable[[Path, Path], None]:
    """Return a function that moves a film into place, and notes its size before."""

    def place(unfinished: Path, path: Path) -> None:
        claims.check_unchanged(path)
        size_bytes = unfinished.stat().st_size
        write_record(store, path, msgspec.structs.replace(record, bytes=size_bytes))
        claims.place(unfinished, path)

    return place


def encoding_of(config: RunConfig, plan: Plan) -> EncodingOptions:
    """Return how the films of a run are encoded; HDR needs 10 bits."""
    depth, spec = config.depth, CODECS[config.codec]
    if plan.colours.is_hdr and depth is None and HDR_BITS in spec.pixel_formats:
        depth = None if spec.deep_bits > HDR_BITS else HDR_BITS
    return EncodingOptions(config.codec, depth, config.crf, config.film_size, config.film_fit)


def _record(film: FilmPlan, info: FilmInfo, key: str, missing: tuple[int, ...]) -> FilmRecord:
    return FilmRecord(
        state="done",
        key=key,
        frames=info.frames,
        output=film.output,
        fps=str(info.fps),
        height=info.height,
        width=info.width,
        duration_seconds=info.duration_seconds,
        bytes=info.bytes,
        has_audio=info.has_audio,
        scaled=info.scaled,
        missing=missing,
    )


def _write_pictures(
    config: RunConfig,
    plan: Plan,
    pattern: Path,
    frames: list[FrameBlend],
    earlier: int,
    scratch: Path,
    captions: Captions | None,
    report: Callable[[int], None],
) -> FilmInfo:
    """Write numbered pictures instead of a film; ``earlier`` ones may be there already."""
    own = read_size(frames[0][0])
    size = film_size_of(pattern, own, encoding_of(config, plan), plan.fps)
    size_bytes = write_numbered(
        frames,
        pattern,
        depth=config.depth,
        size=None if size == own else size,
        fit=config.film_fit,
        earlier=earlier,
        scratch=scratch,
        captions=captions,
        convert=to_space(config.ocio, config.colour_space_out)
        if config.ocio and config.colour_space_out
        else None,
        on_frame=report,
    )
    height, width = size
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


def _reporter(on_event: OnEvent, path: Path, total: int) -> Callable[[int], None]:
    def report(done: int) -> None:
        on_event(FilmProgress(path, done, total))

    return report


def _film_frames(config: RunConfig, plan: Plan, done: set[int]) -> list[list[tuple[int, int]]]:
    starts = [shot.start for shot in plan.shots]
    return film_frames(_slots(config, plan, done), starts, blend=config.blend, hold=config.hold)


def _order(config: RunConfig, plan: Plan, done: set[int]) -> list[tuple[int, ...]]:
    """Return, for each frame of the film, the finished frames whose mean it is."""
    return [tuple(frame for _, frame in slots) for slots in _film_frames(config, plan, done)]


def _slots(config: RunConfig, plan: Plan, done: set[int]) -> list[tuple[int, int]]:
    # A film with sound keeps its duration: the slots of left-out frames show a neighbour.
    left_out = frozenset() if config.keep_audio else plan.leave_out
    holds = extra_holds(gaps_of(plan), len(plan.frames))
    return film_slots(len(plan.frames), done, config.on_missing, left_out, holds)


def _chapters(config: RunConfig, plan: Plan, done: set[int]) -> list[Fraction]:
    """Return when each shot begins in the film, if it has chapters, and more than one shot."""
    if not config.chapters or CODECS[config.codec].animation:
        return []
    made, durations = _film_frames(config, plan, done), _durations(config, plan, done)
    lengths = [1 / plan.fps] * len(made) if durations is None else durations
    times = list(itertools.accumulate(lengths, initial=Fraction(0)))
    begins = [times[first] for _, first in shot_frames(plan, made)]
    return begins if len(begins) > 1 else []


def _durations(config: RunConfig, plan: Plan, done: set[int]) -> list[Fraction] | None:
    """Return the seconds that each frame of the film is shown; None if the rate is constant."""
    if plan.video_properties is None or plan.constant_rate or config.fps is not None:
        return None
    begins = [Fraction(frame.time or 0) for frame in plan.frames]
    ends = [*begins[1:], plan.video_properties.duration]
    return [
        sum((ends[index] - begins[index] for index, _ in slots), Fraction(0))
        for slots in _film_frames(config, plan, done)
    ]


def film_seconds(config: RunConfig, plan: Plan) -> Fraction:
    """Return how long the film will be if no more frames fail."""
    done = {frame.index for frame in plan.usable()}
    durations = _durations(config, plan, done)
    if durations is not None:
        return sum(durations, Fraction(0))
    return len(_order(config, plan, done)) / plan.fps


def _key(
    config: RunConfig, plan: Plan, done: set[int], film: FilmPlan, changed: ChangedFrames
) -> str:
    """Return a hash of everything that determines the film: equal keys mean equal films."""
    content: list[Any] = [
        plan.plan_hash,
        str(plan.fps),
        config.crf,
        config.codec,
        config.depth,
        config.keep_audio if config.sound_tracks == "all" else config.sound_tracks,
        film.output,
        [one[0] if len(one) == 1 else one for one in _order(config, plan, done)],
        [str(one) for one in _durations(config, plan, done) or ()],
    ]
    if (config.film_size, config.film_fit) != (FULL, RunConfig.film_fit):
        content.append([config.film_size, config.film_fit])
    if config.chapters:
        content.append("chapters")
    if config.colour_space_out:
        content.append([config.ocio, config.colour_space_out])
    if config.text:
        style = style_of(config)
        content.append([config.text, style.place, style.size, str(style.font)])
    if config.music is not None:
        content.append([str(config.music), identify_file(config.music), config.music_fade])
    if changed:
        content.append([[index, changed[index].get(film.output)] for index in sorted(changed)])
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=20).hexdigest()
