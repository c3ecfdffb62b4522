"""Configurations of runs, made from the arguments and options of a command."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from batch_analogy.cli.options.film import FilmOptions
from batch_analogy.cli.options.general import RUN, absolute
from batch_analogy.cli.options.look import LOOK, LookOptions, area_px, weights_choice
from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.cli.options.painting import DEFAULT_PRESET, PaintOptions
from batch_analogy.cli.options.presets import describe_presets
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
_PAINT = {field.name for field in dataclasses.fields(PaintOptions)}


def matched_film(
    command: Command,
    reference: str | Path,
    source: str,
    look: LookOptions,
    film: FilmOptions,
    machine: MachineOptions,
    *,
    target: Target = RunConfig.target,
) -> RunConfig:
    """Return the configuration of a film whose frames are matched with a reference."""
    from batch_analogy import api

    return api.film_config(
        command,
        source,
        reference=reference,
        output=film.output,
        run_dir=film.run_dir,
        target=target,
        analogy=look.analogy_config(COMMAND_PRESETS[command]),
        weights=weights_choice(look.weights),
        execution=machine.execution_config(),
        **film.config_fields(),
    )


def painted_film(
    source: str,
    painting: PaintConfig,
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
        **film.config_fields(),
    )


def requested_run(
    context: typer.Context,
    arguments: Sequence[str],
    command: Command,
    look: LookOptions,
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
        matching = (_LOOK | {"target"}) - {"preset", "seed", "size", "weights"}
        _refuse_given(context, matching, "is not an option of analogy; leave it out")
        preset = cast(PaintPreset, look.preset or DEFAULT_PRESET)
        return painted_film(
            arguments[-1],
            paint.paint_config(preset, pair_of(arguments)),
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
    if len(arguments) != 2:
        raise UsageError(
            f"{len(arguments)} paths were given; give REF and FRAMES, or a run folder alone. Quote "
            "patterns like 'img*.jpg'"
        )
    _refuse_given(context, _PAINT, f"is not an option of {command}; give it with --as analogy")
    reference, frames = arguments
    return matched_film(command, reference, frames, look, film, machine, target=target)


def pair_of(arguments: Sequence[str]) -> Sequence[str]:
    """Return A and A' from the arguments of ``analogy``, or an empty list without a pair.

    Raises:
        UsageError: the number of arguments is neither one nor three.
    """
    if len(arguments) not in (1, 3):
        raise UsageError(
            f"{len(arguments)} paths were given; give A A' FRAMES, or FRAMES with --key or --keys. "
            "Quote patterns like 'img*.jpg'"
        )
    return arguments[:-1]


def _refuse_given(context: typer.Context, names: Collection[str], reason: str) -> None:
    """Raise UsageError if one of the options was given."""
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        given = source is not None and source.name == "COMMANDLINE"
        if given and parameter.name in names:
            raise UsageError(f"{parameter.opts[0]} {reason}")
