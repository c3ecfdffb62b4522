"""The commands ``timelapse`` and ``stylize``: many frames and one reference in, a film out."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Annotated, Literal

import typer

from batch_analogy.cli import options
from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.options.groups import FilmOptions, LookOptions, MachineOptions, takes_groups
from batch_analogy.cli.options.motion import default_deflicker
from batch_analogy.cli.outcome import run_and_report
from batch_analogy.cli.plan_text import print_plan
from batch_analogy.config.codecs import CODECS, Codec
from batch_analogy.config.matching import PresetName
from batch_analogy.config.run import RunConfig, Target

TIMELAPSE_EPILOG = """Examples:

batch-analogy timelapse reference.jpg frames/

batch-analogy timelapse sunset.jpg 'holiday/img*.jpg' -o film.mp4 --fps 25

batch-analogy timelapse dawn-noon-dusk/ frames/ --fps 12 --hold 2

batch-analogy timelapse lake.jpg seasons/ --target reference -o lake-through-the-year.mp4

batch-analogy timelapse reference.jpg frames/ --quality draft --address none

The same command again goes on where it stopped."""

STYLIZE_EPILOG = """Examples:

batch-analogy stylize painting.jpg clip.mp4

batch-analogy stylize painting.jpg clip.mp4 -o painted.mov --codec prores --start 1:02 --end 1:05

batch-analogy stylize painting.jpg clip.mp4 -o frames/%06d.tif --blend-weight 2

The same command again goes on where it stopped."""

Command = Literal["timelapse", "stylize"]
FILM_ENDINGS: dict[Command, str] = {"timelapse": "timelapse", "stylize": "stylized"}
DEFAULT_PRESETS: dict[Command, PresetName] = {
    "timelapse": "photo-to-photo",
    "stylize": "photo-to-style",
}

Reference = Annotated[
    Path,
    typer.Argument(
        help="The picture whose look is wanted; or a folder of them, each of which fades into the "
        "next over the film. By default the first, in natural order of the names, stands at the "
        "first frame and the last at the last. Names may say where they stand, after an @: "
        "dusk@IMG_2041.jpg at the frame IMG_2041, dusk@120.jpg at frame 120 (the first is 0), "
        "dusk@60%.jpg at 60 % of the film, dusk@1m23.5s.jpg at that time of a video.",
        metavar="REF",
    ),
]


@reports_failures
@takes_groups(preset=DEFAULT_PRESETS["timelapse"])
def timelapse(
    reference: Reference,
    frames: Annotated[
        str,
        typer.Argument(
            help="The frames: a folder, a quoted pattern like 'img*.jpg', or a video. Files are "
            "taken in natural order: img2 before img10; see --order.",
            metavar="FRAMES",
        ),
    ],
    look: LookOptions,
    film: FilmOptions,
    machine: MachineOptions,
    target: options.TargetOption = options.DEFAULT_TARGET,
    dry_run: options.DryRunOption = False,
    overwrite: options.OverwriteOption = False,
    json_lines: options.JsonOption = False,
) -> int:
    """Make a film of a folder of frames, each in the look of one reference picture."""
    config = run_config("timelapse", reference, frames, look, film, machine, target)
    return _run(config, Console(json_lines), dry_run=dry_run, overwrite=overwrite)


@reports_failures
@takes_groups(preset=DEFAULT_PRESETS["stylize"])
def stylize(
    reference: Reference,
    video: Annotated[
        str, typer.Argument(help="A video, or a folder of its frames.", metavar="VIDEO")
    ],
    look: LookOptions,
    film: FilmOptions,
    machine: MachineOptions,
    dry_run: options.DryRunOption = False,
    overwrite: options.OverwriteOption = False,
    json_lines: options.JsonOption = False,
) -> int:
    """Give a video a picture's look; its duration and its sound stay."""
    config = run_config("stylize", reference, video, look, film, machine)
    return _run(config, Console(json_lines), dry_run=dry_run, overwrite=overwrite)


def run_config(
    command: Command,
    reference: Path,
    source: str,
    look: LookOptions,
    film: FilmOptions,
    machine: MachineOptions,
    target: Target = options.DEFAULT_TARGET,
) -> RunConfig:
    """The run that a command's options ask for."""
    path = film.output or default_film(source, FILM_ENDINGS[command], film.codec)
    return RunConfig(
        command=command,
        reference=options.absolute(reference),
        source=str(options.absolute(source)),
        output=options.absolute(path),
        run_dir=options.absolute(film.run_dir or default_run_dir(path)),
        target=target,
        analogy=look.analogy_config(DEFAULT_PRESETS[command]),
        weights=options.weights_choice(look.weights),
        keep_audio=command == "stylize",
        execution=machine.execution_config(),
        **film.config_fields(default_deflicker(command, source, target)),
    )


def default_film(source: str, ending: str, codec: Codec = options.DEFAULT_CODEC) -> Path:
    """A film in the current folder, named after its frames.

    >>> str(default_film("holiday/", "timelapse")), str(default_film("a/img*.jpg", "timelapse"))
    ('holiday-timelapse.mp4', 'a-timelapse.mp4')
    >>> str(default_film("clip.mov", "stylized"))
    'clip-stylized.mp4'
    """
    path = Path(source).expanduser()
    while glob.has_magic(path.name):
        path = path.parent
    path = path.absolute()
    name = path.name if path.is_dir() else path.stem
    return Path(f"{name or 'frames'}-{ending}{CODECS[codec].suffixes[0]}")


def default_run_dir(film: Path) -> Path:
    """The run folder beside a film.

    >>> str(default_run_dir(Path("films/night.mp4"))), str(default_run_dir(Path("out/%06d.png")))
    ('films/night.run', 'out.run')
    """
    from batch_analogy.media.numbered_output import is_pattern

    if is_pattern(film):
        folder = film.parent
        return folder.with_name(f"{folder.name}.run") if folder.name else Path("pictures.run")
    return film.with_suffix(".run")


def _run(config: RunConfig, console: Console, *, dry_run: bool, overwrite: bool) -> int:
    if dry_run:
        from batch_analogy.jobs.drive.open_run import dry_plan

        return print_plan(console, config, dry_plan(config))
    return run_and_report(config, console, overwrite=overwrite)
