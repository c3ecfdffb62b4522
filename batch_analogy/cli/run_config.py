"""Configurations of runs, made from the arguments and options of a command."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from batch_analogy.cli.options.film import FilmOptions
from batch_analogy.cli.options.general import RUN, absolute
from batch_analogy.cli.options.look import LOOK, LookOptions, area_px, weights_choice
from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.cli.options.painting import DEFAULT_PRESET, PaintOptions
from batch_analogy.cli.options.presets import describe_presets
from batch_analogy.cli.options.region import EdgeOptions
from batch_analogy.cli.options.share import ShareOptions
from batch_analogy.config.matching import PRESETS, PresetName
from batch_analogy.config.painting import PAINT_PRESETS, PaintConfig, PaintPreset
from batch_analogy.config.run import COMMAND_PRESETS, Command, RunConfig, Target, default_matching
from batch_analogy.errors import UsageError

FilmArguments = Annotated[
    list[str],
    typer.Argument(
        help="The arguments of the command that will make the film: the reference and the frames; "
        "with --as analogy A, A' and the frames, or the frames alone with --key or --keys. Or a "
        "run folder alone.",
        metavar="[REF | A A'] FRAMES | RUN",
        show_default=False,
    ),
]
AsOption = Annotated[
    Command,
    typer.Option("--as", help="The command that will make the film.", rich_help_panel=RUN),
]
AnyPresetOption = Annotated[
    Literal[PresetName, PaintPreset] | None,
    typer.Option(
        help="Default: photo-to-photo for timelapse, photo-to-style for stylize, artistic for "
        f"analogy. {describe_presets({**PRESETS, **PAINT_PRESETS})}",
        rich_help_panel=LOOK,
    ),
]

_MACHINE = {field.name for field in dataclasses.fields(MachineOptions)}
_LOOK = {field.name for field in dataclasses.fields(LookOptions)}
_EDGE = {field.name for field in dataclasses.fields(EdgeOptions)}
_PAINT = {field.name for field in dataclasses.fields(PaintOptions)}


def matched_films(
    command: Command,
    reference: str | Path,
    source: Sequence[str],
    look: LookOptions,
    share: ShareOptions,
    film: FilmOptions,
    machine: MachineOptions,
    *,
    target: Target = RunConfig.target,
    **region: Any,
) -> list[RunConfig]:
    """Return the configurations of films whose frames are matched with a reference.

    ``region`` holds the fields of ``RunConfig`` about a mask.

    Raises:
        UsageError: the reference was forgotten, the frames are pictures and folders, or two films
            have one place.
    """
    from batch_analogy import api

    _refuse_mistakes(str(reference), source)
    return api.film_configs(
        command,
        api.group_inputs(source, film.films),
        reference=reference,
        output=film.output,
        run_dir=film.run_dir,
        target=target,
        **region,
        analogy=look.analogy_config(COMMAND_PRESETS[command]),
        weights=weights_choice(look.weights),
        execution=machine.execution_config(),
        **vars(share),
        **film.config_fields(),
    )


def painted_films(
    source: Sequence[str],
    painting: PaintConfig,
    share: ShareOptions,
    film: FilmOptions,
    machine: MachineOptions,
    *,
    seed: int,
    size: float | None,
    weights: str,
) -> list[RunConfig]:
    """Return the configurations of films whose frames are painted after examples.

    Raises:
        UsageError: keyframes of one film are given with several, or two films have one place.
    """
    from batch_analogy import api

    inputs = api.group_inputs(source, film.films)
    if len(inputs) > 1 and any(key.example is None for key in painting.keys):
        raise UsageError(
            f"keyframes belong to one film, and {len(inputs)} were given; give each its own command"
        )
    return api.film_configs(
        "analogy",
        inputs,
        painting=painting,
        output=film.output,
        run_dir=film.run_dir,
        analogy=dataclasses.replace(
            default_matching("analogy"), seed=seed, max_area_px=area_px(size)
        ),
        weights=weights_choice(weights),
        execution=machine.execution_config(),
        **vars(share),
        **film.config_fields(),
    )


def requested_run(
    context: typer.Context,
    arguments: Sequence[str],
    command: Command,
    look: LookOptions,
    share: ShareOptions,
    edge: EdgeOptions,
    paint: PaintOptions,
    film: FilmOptions,
    machine: MachineOptions,
    target: Target,
) -> list[RunConfig] | Path:
    """Return the runs to plan or preview: configurations of new ones, or the folder of one.

    Raises:
        UsageError: there are too few or too many arguments, or an option that does not apply.
    """
    if command == "analogy":
        matching = (_LOOK | _EDGE | {"target"}) - {"preset", "seed", "size", "weights"}
        _refuse_given(context, matching, "is not an option of analogy; leave it out")
        preset = cast(PaintPreset, look.preset or DEFAULT_PRESET)
        pair, frames = split_pair(arguments, painted=paint.has_keys)
        return painted_films(
            frames,
            paint.paint_config(preset, pair),
            share,
            film,
            machine,
            seed=look.seed,
            size=look.size,
            weights=look.weights,
        )
    if len(arguments) == 1:
        names = {str(parameter.name) for parameter in context.command.params}
        fixed = names - _MACHINE - {"arguments", "count", "json_lines"}
        _refuse_given(
            context,
            fixed,
            "cannot be given with a run folder, whose settings are fixed; give REF and FRAMES, or "
            "leave it out",
        )
        return absolute(arguments[0])
    reference, *paths = arguments
    _refuse_mistakes(reference, paths)
    _refuse_given(
        context, _PAINT - {"mask"}, f"is not an option of {command}; give it with --as analogy"
    )
    region = edge.fields(paint.mask)
    return matched_films(
        command, reference, paths, look, share, film, machine, target=target, **region
    )


def only_film(configs: Sequence[RunConfig]) -> RunConfig:
    """Return the one film that was asked for.

    Raises:
        UsageError: there are several.
    """
    if len(configs) > 1:
        raise UsageError(
            f"{len(configs)} films are asked for, of {configs[0].source}, {configs[1].source} …; "
            "preview makes frames of one: give one input, or --films one if they are one film"
        )
    return configs[0]


def split_pair(arguments: Sequence[str], *, painted: bool) -> tuple[Sequence[str], Sequence[str]]:
    """Split the arguments of ``analogy`` into A and A', or nothing, and the frames.

    Args:
        arguments: as a person gave them; a shell may have made many frames of a pattern.
        painted: whether there are keyframes, so that all arguments may be frames.

    Raises:
        UsageError: it is unclear which of them are frames.
    """
    count = len(arguments)
    if count == 1 or (painted and all(map(os.path.isfile, arguments))):
        return (), arguments
    if count == 3 or (count > 3 and not _is_one_series(arguments)):
        return arguments[:2], arguments[2:]
    raise UsageError(
        f"{count} paths were given; give A A' FRAMES, or FRAMES with --key or --keys. If a shell "
        "made them of a pattern, quote it, like 'img*.jpg'"
    )


def _refuse_mistakes(reference: str, frames: Sequence[str]) -> None:
    """Refuse ``img0.jpg img1.jpg img2.jpg``, where the reference was forgotten."""
    if len(frames) > 1 and _is_one_series([reference, *frames]):
        raise UsageError(
            f"the first path, {reference}, would be the reference, but looks like one of the "
            "frames; give REF and then FRAMES"
        )


def _is_one_series(paths: Sequence[str]) -> bool:
    """Return whether names differ in their numbers alone.

    >>> _is_one_series(["a/img1.png", "a/img2.png"]), _is_one_series(["a/b.png", "a/img2.png"])
    (True, False)
    """
    return len({re.sub(r"[0-9]+", "0", path) for path in paths}) == 1


def _refuse_given(context: typer.Context, names: Collection[str], reason: str) -> None:
    """Raise UsageError if one of the options was given."""
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        given = source is not None and source.name == "COMMANDLINE"
        if given and parameter.name in names:
            raise UsageError(f"{parameter.opts[0]} {reason}")
