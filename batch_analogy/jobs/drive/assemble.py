"""Make the films of a run from its finished frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import msgspec

from batch_analogy.config.codecs import CODECS
from batch_analogy.jobs.drive.film_outputs import (
    FilmPlan,
    encoding_of,
    films_of,
    key_of,
)
from batch_analogy.jobs.drive.film_posters import ensure_poster
from batch_analogy.jobs.drive.film_records import (
    FilmRecord,
    is_complete,
    read_records,
    remove_unfinished,
    scratch_of,
    write_record,
)
from batch_analogy.jobs.drive.film_sound import soundtrack_of
from batch_analogy.jobs.drive.film_source import FilmSource
from batch_analogy.jobs.drive.film_timelines import ensure_timeline
from batch_analogy.jobs.events import FilmProgress, FilmWritten, OnEvent
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.blend import FrameBlend
from batch_analogy.media.film import FilmInfo, encode_film
from batch_analogy.media.film_layout import film_size_of
from batch_analogy.media.numbered_output import is_pattern, write_numbered
from batch_analogy.media.stills import read_size
from batch_analogy.output_claims import OutputClaims

OnFrame = Callable[[int], None]
Place = Callable[[Path, Path], None]


def up_to_date(source: FilmSource) -> bool:
    """Return True if all films exist, made from exactly these frames and settings."""
    records = read_records(source.store)
    for film in films_of(source.config):
        key = source.key(film)
        for path in film.paths:
            if not is_complete(
                path, records.get(str(path)), key_of(path, film, source.config, key)
            ):
                return False
    return True


def assemble(
    source: FilmSource, on_event: OnEvent, claims: OutputClaims | None = None
) -> list[Path]:
    """Encode the films that are not up to date.

    Args:
        source: what they are made of.
        on_event: called with the progress and with each film.
        claims: the films, claimed when the run was opened.

    Returns:
        The paths of all films.

    Raises:
        OutputExistsError: something else has written a film meanwhile.
        FilmError: a film could not be encoded or failed verification.
        OutputDiskError: the disk is full or may not be written to.
    """
    remove_unfinished(source.store)
    claims = OutputClaims() if claims is None else claims
    films = films_of(source.config)
    for film in films:
        key = source.key(film)
        record = read_records(source.store).get(str(film.path))
        written = None
        if not is_complete(film.path, record, key):
            written = _write_film(source, film, key, on_event, claims)
        ensure_poster(source, film, key, claims)
        ensure_timeline(source, film, key, claims)
        if written is not None:
            on_event(written)
    return [film.path for film in films]


def _write_film(
    source: FilmSource, film: FilmPlan, key: str, on_event: OnEvent, claims: OutputClaims
) -> FilmWritten:
    """Encode one film, or write its numbered pictures, and record it."""
    claims.check_unchanged(film.path)
    store, frames = source.store, source.pictures(film)
    before = read_records(store).get(str(film.path))
    earlier = before.frames if before else 0
    with scratch_of(store, film.path) as scratch:
        record = FilmRecord(
            state="writing",
            key=key,
            frames=max(earlier, len(frames)),  # pictures that may exist if this is killed
            scratch=str(scratch),
            replaced_bytes=film.path.stat().st_size if film.path.is_file() else 0,
        )
        write_record(store, film.path, record)
        report = _reporter(on_event, film.path, len(frames))
        if is_pattern(film.path):
            info = _write_pictures(source, film, frames, earlier, scratch, report)
        else:
            place = _placer(store, record, claims)
            info = _encode(source, film, frames, scratch, report, place)
    write_record(store, film.path, _record(film, info, key, source.missing))
    size = info.height, info.width
    return FilmWritten(film.path, info.frames, *size, info.duration_seconds, source.missing)


def _placer(store: RunStore, record: FilmRecord, claims: OutputClaims) -> Place:
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


def _encode(
    source: FilmSource,
    film: FilmPlan,
    frames: Sequence[FrameBlend],
    scratch: Path,
    report: OnFrame,
    place: Place,
) -> FilmInfo:
    config, plan = source.config, source.plan
    properties = plan.video_properties
    return encode_film(
        frames,
        film.path,
        fps=plan.fps,
        durations=source.timing.durations,
        encoding=encoding_of(config, plan),
        colours=plan.colours,
        light_levels=properties.light_levels if properties else None,
        sound=soundtrack_of(config, plan, source.store),
        scratch=scratch,
        captions=source.captions,
        chapters=_chapters(source),
        on_frame=report,
        place=place,
    )


def _write_pictures(
    source: FilmSource,
    film: FilmPlan,
    frames: Sequence[FrameBlend],
    earlier: int,
    scratch: Path,
    report: OnFrame,
) -> FilmInfo:
    """Write numbered pictures instead of a film; ``earlier`` ones may be there already."""
    config, plan = source.config, source.plan
    own = read_size(frames[0][0])
    size = film_size_of(film.path, own, encoding_of(config, plan), plan.fps)
    size_bytes = write_numbered(
        frames,
        film.path,
        depth=config.depth,
        size=None if size == own else size,
        fit=config.film_fit,
        earlier=earlier,
        scratch=scratch,
        captions=source.captions,
        convert=source.conversion(film),
        on_frame=report,
    )
    height, width = size
    return FilmInfo(
        path=film.path,
        frames=len(frames),
        height=height,
        width=width,
        fps=plan.fps,
        duration_seconds=float(len(frames) / plan.fps),
        bytes=size_bytes,
        has_audio=False,
        scaled=False,
    )


def _reporter(on_event: OnEvent, path: Path, total: int) -> OnFrame:
    def report(done: int) -> None:
        on_event(FilmProgress(path, done, total))

    return report


def _chapters(source: FilmSource) -> list[Fraction]:
    """Return when each shot begins in the film, if it has chapters, and more than one shot."""
    if not source.config.chapters or CODECS[source.config.codec].animation:
        return []
    times = source.timing.times
    begins = [times[first] for _, first in source.timing.shot_frames(source.plan)]
    return begins if len(begins) > 1 else []
