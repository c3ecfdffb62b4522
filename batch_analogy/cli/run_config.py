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


def matched_film(
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
) -> RunConfig:
    """Return the configuration of a film whose frames are matched with a reference.

    ``region`` holds the fields of ``RunConfig`` about a mask.

    Raises:
        UsageError: the reference was forgotten, or the frames are files and folders.
    """
    from batch_analogy import api

    _refuse_mistakes(str(reference), source)

    return api.film_config(
        command,
        source,
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


def painted_film(
    source: Sequence[str],
    painting: PaintConfig,
    share: ShareOptions,
    film: FilmOptions,
    machine: MachineOptions,
    *,
    seed: int,
    size: float | None,
    weights: str,
) -> RunConfig:
    """Return the configuration of a film whose frames are painted after examples."""
    from batch_analogy import api

    return api.film_config(
        "analogy",
        source,
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
) -> RunConfig | Path:
    """Return the run to plan or preview: the configuration of a new one, or the folder of one.

    Raises:
        UsageError: there are too few or too many arguments, or an option that does not apply.
    """
    if command == "analogy":
        matching = (_LOOK | _EDGE | {"target"}) - {"preset", "seed", "size", "weights"}
        _refuse_given(context, matching, "is not an option of analogy; leave it out")
        preset = cast(PaintPreset, look.preset or DEFAULT_PRESET)
        pair, frames = split_pair(arguments, painted=paint.has_keys)
        return painted_film(
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
    return matched_film(
        command, reference, paths, look, share, film, machine, target=target, **region
    )


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
    """Refuse ``img0.jpg img1.jpg img2.jpg``, where the reference was forgotten, and mixtures."""
    if len(frames) > 1 and len({os.path.isdir(one) for one in frames}) > 1:
        raise UsageError(
            f"{len(frames) + 1} paths were given, and after the first one files and folders are "
            "mixed; give REF and FRAMES, which are files or folders. The film's name follows -o"
        )
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
