"""Make the films of a run from its finished frames."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from batch_analogy.config.codecs import CODECS
from batch_analogy.config.film_size import FULL
from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.drive.film_frames import FilmTiming, film_timing
from batch_analogy.jobs.drive.film_outputs import (
    FilmPlan,
    FilmRecord,
    encoding_of,
    films_of,
    is_complete,
    key_of,
    read_records,
    remove_unfinished,
    scratch_of,
    write_record,
)
from batch_analogy.jobs.drive.film_posters import ensure_poster
from batch_analogy.jobs.drive.film_sound import soundtrack_of
from batch_analogy.jobs.drive.film_texts import captions_of, style_of
from batch_analogy.jobs.drive.film_timelines import ensure_timeline
from batch_analogy.jobs.events import FilmProgress, FilmWritten, OnEvent
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.blend import FrameBlend
from batch_analogy.media.captions import Captions
from batch_analogy.media.colour_transforms import to_space
from batch_analogy.media.film import FilmInfo, encode_film
from batch_analogy.media.film_layout import film_size_of
from batch_analogy.media.numbered_output import is_pattern, write_numbered
from batch_analogy.media.stills import read_size
from batch_analogy.output_claims import OutputClaims, identify_file

ChangedFrames = Mapping[int, Mapping[str, str]]
"""Frames made again with other bytes: index → output → BLAKE2b of its file."""

_UNCHANGED: ChangedFrames = MappingProxyType({})


def up_to_date(
    config: RunConfig,
    store: RunStore,
    plan: Plan,
    done: set[int],
    changed: ChangedFrames = _UNCHANGED,
) -> bool:
    """Return True if all films exist, made from exactly these frames and settings."""
    records = read_records(store)
    timing = film_timing(config, plan, done)
    keys = {film: _key(config, plan, timing, film, changed) for film in films_of(config)}
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
    timing = film_timing(config, plan, done)
    captions = captions_of(config, plan, [frames[0] for frames in timing.shown])
    remove_unfinished(store)
    claims = OutputClaims() if claims is None else claims
    for film in films_of(config):
        key = _key(config, plan, timing, film, changed)
        record = read_records(store).get(str(film.path))
        written = None
        if not is_complete(film.path, record, key):
            written = _write_film(
                config, store, plan, timing, done, on_event, film, key, captions, claims
            )
        ensure_poster(config, store, plan, timing, film, key, captions=captions, claims=claims)
        ensure_timeline(config, store, plan, timing, done, film, key, claims=claims)
        if written is not None:
            on_event(written)
    return [film.path for film in films_of(config)]


def _write_film(
    config: RunConfig,
    store: RunStore,
    plan: Plan,
    timing: FilmTiming,
    done: set[int],
    on_event: OnEvent,
    film: FilmPlan,
    key: str,
    captions: Captions | None,
    claims: OutputClaims,
) -> FilmWritten:
    """Encode one film, or write its numbered pictures, and record it."""
    claims.check_unchanged(film.path)
    shown, properties = timing.shown, plan.video_properties
    before = read_records(store).get(str(film.path))
    earlier = before.frames if before else 0
    with scratch_of(store, film.path) as scratch:
        record = FilmRecord(
            state="writing",
            key=key,
            frames=max(earlier, len(shown)),  # pictures that may exist if this is killed
            scratch=str(scratch),
            replaced_bytes=film.path.stat().st_size if film.path.is_file() else 0,
        )
        write_record(store, film.path, record)
        frames = [tuple(store.frame(film.output, k) for k in together) for together in shown]
        report = _reporter(on_event, film.path, len(shown))
        if is_pattern(film.path):
            info = _write_pictures(
                config, plan, film.path, frames, earlier, scratch, captions, report
            )
        else:
            info = encode_film(
                frames,
                film.path,
                fps=plan.fps,
                durations=timing.durations,
                encoding=encoding_of(config, plan),
                colours=plan.colours,
                light_levels=properties.light_levels if properties else None,
                sound=soundtrack_of(config, plan, store),
                scratch=scratch,
                captions=captions,
                chapters=_chapters(config, plan, timing),
                on_frame=report,
                place=_placer(store, record, claims),
            )
    missing = tuple(frame.index for frame in plan.wanted() if frame.index not in done)
    write_record(store, film.path, _record(film, info, key, missing))
    return FilmWritten(
        film.path, info.frames, info.height, info.width, info.duration_seconds, missing
    )


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


def _chapters(config: RunConfig, plan: Plan, timing: FilmTiming) -> list[Fraction]:
    """Return when each shot begins in the film, if it has chapters, and more than one shot."""
    if not config.chapters or CODECS[config.codec].animation:
        return []
    times = timing.times
    begins = [times[first] for _, first in timing.shot_frames(plan)]
    return begins if len(begins) > 1 else []


def _key(
    config: RunConfig, plan: Plan, timing: FilmTiming, film: FilmPlan, changed: ChangedFrames
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
        [one[0] if len(one) == 1 else one for one in timing.shown],
        [str(one) for one in timing.durations or ()],
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
