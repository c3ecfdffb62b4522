"""The films of a run: their paths, checks that they can be written, and records of them.

``film.json`` records each film before its first byte is written. So if a driver is killed, the next
start recognises its film and deletes the unfinished files.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import msgspec

from batch_analogy.config.codecs import CODECS, HDR_BITS, usual_codec
from batch_analogy.config.film_size import check_film_size, parse_film_size
from batch_analogy.config.poster import parse_poster
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import OutputExistsError, UsageError
from batch_analogy.files import TEMPORARY_PREFIX, check_writable, disk_errors, temporary_path
from batch_analogy.jobs.drive.film_texts import check_text
from batch_analogy.jobs.locked_folder import remove_tree
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore, outputs_of
from batch_analogy.json_files import from_plain, read_struct, to_plain, write_json
from batch_analogy.media.encoding import EncodingOptions, check_container, check_encoder
from batch_analogy.media.music import check_music
from batch_analogy.media.numbered_output import check_pattern, find_numbered, is_pattern, numbered
from batch_analogy.media.sequence import would_find
from batch_analogy.media.timeline_writing import check_timeline, check_timeline_rate
from batch_analogy.output_claims import OutputClaims, identify_file

FILMS_FORMAT = 3


@dataclass(frozen=True)
class FilmPlan:
    """One film of a run."""

    output: str  # which of ``outputs_of`` it is made of
    path: Path
    poster: Path | None = None
    timeline: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All that is written, the film first."""
        return (self.path, *(one for one in (self.poster, self.timeline) if one is not None))


class FilmRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record of one film, or of numbered pictures."""

    state: Literal["writing", "done"]
    key: str  # equal keys, equal films
    frames: int = 0  # while it is written: pictures that may be there
    replaced_bytes: int | None = None  # while it is written: of the film before, 0 if none
    scratch: str | None = None  # while it is written: the folder of unfinished files
    output: str = ""
    fps: str = ""
    height: int = 0  # px
    width: int = 0  # px
    duration_seconds: float = 0.0
    bytes: int = 0
    has_audio: bool = False
    scaled: bool = False
    missing: tuple[int, ...] = ()  # frames that were held or skipped


class FilmRecords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``film.json``."""

    format: int = FILMS_FORMAT
    films: dict[str, FilmRecord] = {}


def films_of(config: RunConfig) -> list[FilmPlan]:
    """Return the films that a run makes.

    With both targets the second one is named after the first: ``night.mp4`` and
    ``night-reference.mp4``, or ``out/%06d.png`` and ``out-reference/%06d.png``. So are timelines.
    """
    outputs = outputs_of(config)
    path = config.output
    second = path.with_name(f"{path.stem}-reference{path.suffix}")
    if is_pattern(path):
        second = path.parent.with_name(f"{path.parent.name}-reference") / path.name
    paths = [path if number == 0 else second for number in range(len(outputs))]
    has_poster = bool(config.poster) and not is_pattern(path)
    cut = config.timeline
    cuts = [cut, cut and cut.with_name(f"{cut.stem}-reference{cut.suffix}")]
    posters = [one.with_name(f"{one.stem}-poster.jpg") if has_poster else None for one in paths]
    return list(map(FilmPlan, outputs, paths, posters, cuts))


def check_outputs(config: RunConfig, store: RunStore, *, overwrite: bool) -> None:
    """Refuse, before any work, an output that could not be written at the end of it.

    Raises:
        UsageError: its suffix is not that of a film, it is a folder, lies among the frames or is
            one of the inputs.
        OutputExistsError: there is a file that this run did not make.
        OutputDiskError: its folder may not be written to.
        MachineError: this machine's ffmpeg has no encoder for it.
    """
    path = config.output
    for one in (one for film in films_of(config) for one in film.paths):
        check_writable(one)
        _refuse_input(config, one)
    check_text(config)
    if config.timeline is not None:
        check_timeline(config.timeline)
    if config.music is not None and (is_pattern(path) or _is_animated(config)):
        raise UsageError(f"output {path} holds no sound, so there can be no music; leave it out")
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
        check_film_size(parse_film_size(config.film_size), CODECS[config.codec])
        check_encoder(config.codec)
        if config.music is not None:
            check_music(config.music, path.suffix.lower())
        _refuse_among_frames(config)
    if overwrite:
        return
    records = read_records(store)
    for one in (one for film in films_of(config) for one in film.paths):
        there = find_numbered(one) if is_pattern(one) else one.exists()
        if there and not is_ours(one, records.get(str(one))):
            raise OutputExistsError(
                f"{one} exists and was not made by the run in {store.run_dir}; name "
                "another output with --output, or give --overwrite"
            )


def fields_for(config: RunConfig, output: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields that fit a run to another film, whose suffix may need another codec.

    Args:
        config: the run.
        output: the other film.
        given: fields that the user changes; a codec among them is taken.
    """
    suffix = output.suffix.lower()
    codec = usual_codec(suffix)
    fields: dict[str, Any] = {}
    if "codec" not in given and codec and suffix not in CODECS[config.codec].suffixes:
        depth = config.depth if config.depth in CODECS[codec].pixel_formats else None
        fields = {"codec": codec, "depth": depth}
    made = CODECS.get(given.get("codec") or fields.get("codec") or config.codec)
    if is_pattern(output) or (made is not None and made.animation):
        fields["music"] = None  # of the run; it is refused where it is asked for
    if config.timeline is not None:
        fields["timeline"] = None  # it is that of the run's own film
    return fields


def check_times(config: RunConfig, plan: Plan) -> None:
    """Refuse, before any work, frames that the film has not, or too fast or too fine for it.

    Raises:
        UsageError: they are.
    """
    _check_depth(config, plan)
    poster = parse_poster(config.poster)
    if isinstance(poster, int) and poster >= len(plan.frames) and not plan.estimated:
        raise UsageError(
            f"the poster is frame {poster}, but the last one is {len(plan.frames) - 1}; the first "
            "is 0"
        )
    if config.timeline is not None:
        check_timeline_rate(config.timeline, plan.fps)
    spec = CODECS[config.codec]
    if spec.most_fps is None or is_pattern(config.output):
        return
    fps = plan.fps
    if config.fps is None and not plan.constant_rate:
        begins = [Fraction(frame.time or 0) for frame in plan.frames]
        gaps = [after - before for before, after in itertools.pairwise(begins)]
        fps = max([fps, *(1 / gap for gap in gaps if gap > 0)])
    if fps > spec.most_fps:
        raise UsageError(
            f"output {config.output} has {float(fps):.6g} frames/s, and players show {spec.title} "
            f"of more than {spec.most_fps} far too slowly; give --fps {spec.most_fps} or less, or "
            "another --output such as .webp or .webm"
        )


def _check_depth(config: RunConfig, plan: Plan) -> None:
    if plan.colours.is_hdr and config.depth is not None and config.depth < HDR_BITS:
        raise UsageError(
            f"depth is {config.depth}, but {config.source} is HDR, which needs {HDR_BITS} bits; "
            "leave --depth out, or give --hdr bt709"
        )


def _refuse_among_frames(config: RunConfig) -> None:
    """Refuse pictures that the same command would take for frames the next time."""
    for one in (one for film in films_of(config) for one in film.paths if one != film.timeline):
        if one.suffix == config.output.suffix and not (is_pattern(one) or _is_animated(config)):
            continue  # a film is no frame
        picture = numbered(one, 0) if is_pattern(one) else one
        if would_find(config.source, picture):
            raise UsageError(
                f"output {one} lies among the frames, and would be taken for frames the next "
                "time; name another folder"
            )


def _is_animated(config: RunConfig) -> bool:
    return CODECS[config.codec].animation


def _refuse_input(config: RunConfig, film: Path) -> None:
    """Refuse a film in the place of the video or the reference that it is made of."""
    sources = [("source", Path(one)) for one in (config.source, *config.files)]
    if config.music is not None:
        sources.append(("music", config.music))
    for name, path in (*sources, ("reference", config.reference)):
        with contextlib.suppress(OSError):
            if film.samefile(path):
                raise UsageError(f"output {film} is the {name} itself; name another file")


def read_records(store: RunStore) -> dict[str, FilmRecord]:
    """Read the record of each film, by its path.

    Raises:
        UsageError: ``film.json`` is damaged.
    """
    records = read_struct(
        store.films,
        lambda data: from_plain(json.loads(data), FilmRecords),
        version=FILMS_FORMAT,
        remedy="delete it: the films are made again",
    )
    return {} if records is None else records.films


def write_record(store: RunStore, path: Path, record: FilmRecord) -> None:
    """Write the record of a film.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    records = FilmRecords(films={**read_records(store), str(path): record})
    write_json(store.films, to_plain(records))


def key_of(path: Path, film: FilmPlan, config: RunConfig, key: str) -> str:
    """Return the key of one of the files of a film that has this key."""
    if path == film.poster:
        return f"{key} {config.poster}"
    return f"{key} timeline" if path == film.timeline else key


def encoding_of(config: RunConfig, plan: Plan) -> EncodingOptions:
    """Return how the films of a run are encoded; HDR needs 10 bits."""
    depth, spec = config.depth, CODECS[config.codec]
    if plan.colours.is_hdr and depth is None and HDR_BITS in spec.pixel_formats:
        depth = None if spec.deep_bits > HDR_BITS else HDR_BITS
    return EncodingOptions(config.codec, depth, config.crf, config.film_size, config.film_fit)


def place_addition(
    unfinished: Path, path: Path, *, key: str, store: RunStore, claims: OutputClaims
) -> None:
    """Move a file that belongs to a film into place, and record that the run made it.

    Raises:
        OutputExistsError: something else has written it meanwhile.
        OutputDiskError: the disk is full or may not be written to.
    """
    size_bytes = unfinished.stat().st_size
    before = path.stat().st_size if path.is_file() else 0
    record = FilmRecord(state="writing", key=key, frames=1, bytes=size_bytes, replaced_bytes=before)
    write_record(store, path, record)
    with disk_errors(path):
        claims.place(unfinished, path)
    write_record(store, path, FilmRecord(state="done", key=key, frames=1, bytes=size_bytes))


def is_complete(path: Path, record: FilmRecord | None, key: str) -> bool:
    """Return True if a film with this key is finished and has not been changed since."""
    if record is None or record.state != "done" or record.key != key:
        return False
    return _size_bytes(path, record) == record.bytes


def is_ours(path: Path, record: FilmRecord | None) -> bool:
    """Return True if the file at this path was written by the run, and may be replaced.

    A film that was being written when its driver was killed is either the one that was there
    before, or the new one, whose size is noted before it is moved into place. Numbered pictures are
    replaced one by one, so there is no telling; nor with a record that lacks the size.
    """
    if record is None:
        return False
    if record.state == "writing" and (is_pattern(path) or record.replaced_bytes is None):
        return True
    size_bytes = _size_bytes(path, record)
    if record.state == "writing" and size_bytes == record.replaced_bytes:
        return True
    return size_bytes == record.bytes


def identify_output(path: Path) -> object:
    """Return what tells the content of a film, or of numbered pictures, from another."""
    if not is_pattern(path):
        return identify_file(path)
    there = find_numbered(path)
    return tuple((index, identify_file(there[index])) for index in sorted(there)) or None


def _size_bytes(path: Path, record: FilmRecord) -> int | None:
    """Return the size of a film, or of its numbered pictures together; None if one is missing."""
    paths = [path]
    if is_pattern(path):
        paths = [numbered(path, index) for index in range(record.frames)]
    if not all(one.is_file() for one in paths):
        return None
    return sum(one.stat().st_size for one in paths)


@contextlib.contextmanager
def scratch_of(store: RunStore, path: Path) -> Iterator[Path]:
    """Name a folder for the unfinished files of an output, and delete it in the end.

    It is not made, so that it can be recorded first. Files in it can be renamed to the output: it
    is a folder of the run if that is on the output's disk, else a new one beside the output.

    Raises:
        OutputDiskError: the folder of the output cannot be made.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        near = path.parent.stat().st_dev == store.run_dir.stat().st_dev
        scratch = store.unfinished_films if near else temporary_path(path.parent / "film")
    try:
        yield scratch
    finally:
        with contextlib.suppress(OSError):  # the next start deletes it
            remove_tree(scratch)


def remove_unfinished(store: RunStore) -> None:
    """Delete the unfinished files of a driver that was killed while it encoded."""
    remove_tree(store.unfinished_films)
    for record in _readable_records(store).values():
        scratch = None if record.scratch is None else Path(record.scratch)
        if scratch is not None and scratch.name.startswith(TEMPORARY_PREFIX):
            remove_tree(scratch)


def remove_numbered_pictures(store: RunStore) -> None:
    """Delete the numbered pictures that the run made, before it starts afresh with other frames.

    A film file is replaced by the next one, but surplus numbered pictures would remain.
    """
    for name, record in _readable_records(store).items():
        pattern = Path(name)
        if is_pattern(pattern) and is_ours(pattern, record):
            for index in range(record.frames):
                numbered(pattern, index).unlink(missing_ok=True)


def forget_unreadable(store: RunStore) -> None:
    """Delete records that are damaged or of another version; the films are made again."""
    try:
        read_records(store)
    except UsageError:
        store.films.unlink(missing_ok=True)


def _readable_records(store: RunStore) -> dict[str, FilmRecord]:
    """Read the records; return an empty dict if they are damaged or of another version."""
    try:
        return read_records(store)
    except UsageError:
        return {}
