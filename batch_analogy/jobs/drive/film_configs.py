"""The configurations of films, with what a command decides for itself: places, codec, sound."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

from batch_analogy.config.checks import check_choice
from batch_analogy.config.codecs import CODECS, Codec, usual_codec, usual_hdr_codec
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig
from batch_analogy.config.run import Command, Deflicker, RunConfig, default_matching
from batch_analogy.errors import UsageError
from batch_analogy.files import expand_user
from batch_analogy.jobs.drive.default_places import RunInputs, choose_places
from batch_analogy.jobs.drive.film_queue import fill_name, refuse_collisions
from batch_analogy.media.container import holds_hdr
from batch_analogy.media.recordings import find_videos, split_sources
from batch_analogy.media.timeline_reading import is_timeline


def film_config(
    command: Command,
    source: str | Path | Sequence[str | Path],
    *,
    reference: str | Path | None = None,
    painting: PaintConfig | None = None,
    output: str | Path | None = None,
    run_dir: str | Path | None = None,
    analogy: AnalogyConfig | None = None,
    taken: Set[Path] = frozenset(),
    **fields: Any,
) -> RunConfig:
    """Return the configuration of a film, with the defaults of a command.

    Args:
        command: ``"timelapse"`` and ``"stylize"`` match each frame with a reference, ``"analogy"``
            paints the frames after examples.
        source: the frames: a folder, a glob pattern or a video. Several are pictures of one film,
            or the parts of one recording.
        reference: a picture, or a folder of pictures that fade into each other over the film. Not
            for ``"analogy"``.
        painting: the examples and their guides; only for ``"analogy"``.
        output: the film, or a pattern like ``out/%06d.png`` for numbered pictures. By default a
            film in the current folder, named after the source, and numbered if a film of another
            source or reference has that name.
        run_dir: where finished frames, plan and journal are kept. By default a folder beside the
            film.
        analogy: how the frames are matched. By default the command's preset.
        taken: films that must not be chosen by default, as other runs will make them.
        fields: other fields of ``RunConfig``. The output's suffix chooses the ``codec``, unless
            it is given.

    Raises:
        ConfigError: a value is outside its allowed set or range.
        UsageError: neither a reference nor a painting is given.

    >>> config = film_config("stylize", "clip.mov", reference="painting.jpg")
    >>> config.output.name, config.run_dir.name, config.keep_audio
    ('clip-stylized.mp4', 'clip-stylized.run', True)
    """
    check_choice("command", command, Command)
    several = [source] if isinstance(source, str | Path) else source
    source, files = split_sources([str(one) for one in several])
    files = tuple(str(_absolute(one)) for one in files)
    if painting is not None:
        reference = painting.keys[0].painted
    if reference is None:
        raise UsageError(f"{command} has no reference; give a picture, or a folder of pictures")
    analogy = analogy or default_matching(command)
    if "codec" not in fields:
        makes_photographs = painting is None and analogy.refine != "none"
        keeps_hdr = makes_photographs and fields.get("hdr", RunConfig.hdr) == "keep"
        fields["codec"] = default_codec(output, find_videos(source, files) if keeps_hdr else ())
    if "deflicker" not in fields:
        target = fields.get("target", RunConfig.target)
        fields["deflicker"] = default_deflicker(command, source, target, files)
    if "keep_audio" not in fields:
        fields["keep_audio"] = command != "timelapse" and fields.get("music") is None
    if fields.get("timeline") is not None:
        fields["timeline"] = _absolute(fields["timeline"])
    source, reference = str(_absolute(source)), _absolute(reference)
    film, folder = choose_places(
        RunInputs.of(command, source, reference, painting, files),
        None if output is None else _absolute(output),
        None if run_dir is None else _absolute(run_dir),
        codec=fields["codec"],
        taken=taken,
    )
    return RunConfig(
        command=command,
        reference=reference,
        source=source,
        files=files,
        output=film,
        run_dir=folder,
        analogy=analogy,
        painting=painting,
        **fields,
    )


def film_configs(
    command: Command,
    inputs: Sequence[Sequence[str | Path]],
    *,
    output: str | Path | None = None,
    run_dir: str | Path | None = None,
    timeline: str | Path | None = None,
    **fields: Any,
) -> list[RunConfig]:
    """Return the configurations of several films; as ``film_config``.

    Args:
        command: the command of all.
        inputs: the source of each film, as ``group_inputs`` returns them.
        output: the films; ``{name}`` in it stands for the name of each source.
        run_dir, timeline: the run folders and the timelines, likewise.
        fields: other arguments of ``film_config``.

    Raises:
        UsageError: two films would have the same place; otherwise as ``film_config``.

    >>> made = film_configs("stylize", [["a.mp4"], ["b.mp4"]], reference="ink.jpg")
    >>> [config.output.name for config in made]
    ['a-stylized.mp4', 'b-stylized.mp4']
    """
    configs: list[RunConfig] = []
    places = {"output": output, "run_dir": run_dir, "timeline": timeline}
    for sources in inputs:
        named: Any = {name: fill_name(place, sources) for name, place in places.items()}
        taken = frozenset(config.output for config in configs)
        configs.append(film_config(command, sources, taken=taken, **named, **fields))
    refuse_collisions(configs)
    return configs


def default_codec(output: str | Path | None, videos: Sequence[Path]) -> Codec:
    """Return the default of ``codec``: what players expect in a film of this suffix.

    Args:
        output: the film; None: its suffix follows from the codec.
        videos: what it is made of, if their HDR is to be kept; of a recording the first counts.

    >>> default_codec("film.webm", ()), default_codec(None, ())
    ('vp9', 'h264')
    """
    suffix = "" if output is None else Path(output).suffix
    usual = usual_codec(suffix) or RunConfig.codec
    if not videos or not holds_hdr(videos[0]):
        return usual
    return usual_hdr_codec(suffix or CODECS[usual].suffixes[0]) or usual


def default_deflicker(
    command: Command, source: str | Path, target: str, files: Sequence[str] = ()
) -> Deflicker:
    """Return the default of ``deflicker``: "auto" for time-lapses of stills, otherwise "off".

    Cameras' time-lapses flicker, videos seldom do. With another ``target`` than the frames, their
    exposures are part of the looks to be shown, so they are left alone.
    """
    if command != "timelapse" or target != "frames" or is_timeline(source):
        return "off"
    if find_videos(str(source), files):
        return "off"
    return "auto"


def _absolute(path: str | Path) -> Path:
    return expand_user(path).absolute()
