"""The films of a run: their paths, and checks that they can be written."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from batch_analogy.config.codecs import CODECS, HDR_BITS, usual_codec
from batch_analogy.config.film_size import check_film_size, parse_film_size
from batch_analogy.config.poster import parse_poster
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import OutputExistsError, UsageError
from batch_analogy.files import check_writable
from batch_analogy.jobs.drive.film_records import is_ours, read_records, record_of
from batch_analogy.jobs.drive.film_texts import check_text
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore, outputs_of
from batch_analogy.media.encoding import EncodingOptions, check_container, check_encoder
from batch_analogy.media.music import check_music
from batch_analogy.media.numbered_output import check_pattern, find_numbered, is_pattern, numbered
from batch_analogy.media.sequence import would_find
from batch_analogy.media.timeline_writing import check_timeline, check_timeline_rate


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


def films_of(config: RunConfig) -> list[FilmPlan]:
    """Return the films that a run makes.

    With both targets the second one is named after the first: ``night.mp4`` and
    ``night-reference.mp4``, or ``out/%06d.png`` and ``out-reference/%06d.png``. So are timelines.
    """
    outputs = outputs_of(config)
    path = config.output
    second = path.with_name(f"{path.stem}-reference{path.suffix}")
    if is_pattern(path):
        second = path.parent.parent / f"{path.parent.name}-reference" / path.name
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
    paths = [path for film in films_of(config) for path in film.paths]
    for path in paths:
        check_writable(numbered(path, 0) if is_pattern(path) else path)
        _refuse_input(config, path)
    check_text(config)
    if config.timeline is not None:
        check_timeline(config.timeline)
    _check_kind(config)
    _refuse_among_inputs(config)
    if overwrite:
        return
    records = read_records(store)
    for path in paths:
        there = find_numbered(path) if is_pattern(path) else path.exists()
        if there and not is_ours(path, record_of(path, records)):
            raise OutputExistsError(
                f"{path} exists and was not made by the run in {store.run_dir}; name "
                "another output with --output, or give --overwrite"
            )


def _check_kind(config: RunConfig) -> None:
    """Check that the output can be written in its format, with what it is to hold."""
    path = config.output
    if config.music is not None and (is_pattern(path) or _is_animated(config)):
        raise UsageError(f"output {path} holds no sound, so there can be no music; leave it out")
    if is_pattern(path):
        check_pattern(path)
        return
    if path.is_dir():
        raise UsageError(
            f"output {path} is a folder; name a file for the film, or {path}/%06d.png for pictures"
        )
    check_container(path, config.codec)
    check_film_size(parse_film_size(config.film_size), CODECS[config.codec])
    check_encoder(config.codec)
    if config.music is not None:
        check_music(config.music, path.suffix.lower())


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
    if isinstance(poster, int) and poster >= len(plan.frames):
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


def _refuse_among_inputs(config: RunConfig) -> None:
    """Refuse pictures that the same command would take for frames, or masks, the next time."""
    for one in (one for film in films_of(config) for one in film.paths if one != film.timeline):
        if one.suffix == config.output.suffix and not (is_pattern(one) or _is_animated(config)):
            continue  # a film is no frame
        picture = numbered(one, 0) if is_pattern(one) else one
        for name, path in _inputs_of(config):
            if would_find(path, picture):
                taken = "frames" if name == "source" else f"{name}s"
                raise UsageError(
                    f"output {one} lies among the {taken}, and would be taken for {taken} the next "
                    "time; name another folder"
                )


def _is_animated(config: RunConfig) -> bool:
    return CODECS[config.codec].animation


def _refuse_input(config: RunConfig, film: Path) -> None:
    """Refuse a film in the place of a file that it is made of."""
    for name, path in _inputs_of(config):
        with contextlib.suppress(OSError):
            if film.samefile(path):
                raise UsageError(f"output {film} is the {name} itself; name another file")


def _inputs_of(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Yield the files, folders and patterns that a run reads, each with a word for it."""
    given: list[tuple[str, str | Path | None]] = [
        *(("source", path) for path in (config.source, *config.files)),
        ("music", config.music),
        ("reference", config.reference),
        ("reference", config.reference2),
        ("mask", config.mask),
        ("font", config.text_font),
        ("colour configuration", config.ocio),
    ]
    if config.painting is not None:
        painting = config.painting.absolute()
        given += [("painting", key.painted) for key in painting.keys]
        given += [("example", key.example) for key in painting.keys]
        given += [("guide", path) for one in painting.guides for path in (one.source, one.target)]
        given.append(("mask", painting.mask))
    yield from ((name, str(path)) for name, path in given if path is not None)


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
