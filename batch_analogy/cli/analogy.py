"""The command ``analogy``: paint an example or a few keyframes, and the film follows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from batch_analogy.cli import options
from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.options.groups import FilmOptions, MachineOptions, takes_groups
from batch_analogy.cli.options.painting import GUIDE_SEPARATOR, PaintOptions
from batch_analogy.cli.outcome import run_and_report
from batch_analogy.cli.plan import preview_and_report
from batch_analogy.cli.plan_text import print_plan
from batch_analogy.cli.timelapse import default_film, default_run_dir
from batch_analogy.config.painting import PaintConfig
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import UsageError

EPILOG = """Examples:

batch-analogy analogy frames/ --key frame0001.png=painted0001.png

batch-analogy analogy clip.mp4 --key 0=first.png --key 120=later.png -o painted.mp4

batch-analogy analogy frames/ --keys painted/

batch-analogy analogy photo.jpg painting-of-it.jpg frames/

batch-analogy analogy photo.jpg embossed.jpg other.jpg --preset emboss -o out/%06d.png

batch-analogy analogy map.png land.png new-map.png --preset numbers -o out/%06d.png

batch-analogy suggest film.run says which frame to paint next."""


class AnalogyCommand(TyperCommand):
    """The command as Typer has it, but --guide takes three words."""

    def parse_args(self, ctx, args):  # type: ignore[no-untyped-def]
        """Join the three words before they are parsed."""
        return super().parse_args(ctx, join_guides(args))


def join_guides(arguments: Sequence[str]) -> list[str]:
    """Arguments with each guide's three words as one.

    Raises:
        UsageError: there are fewer than three.

    >>> join_guides(["a", "--guide", "x", "y", "2", "b"])
    ['a', '--guide', 'x\\ny\\n2', 'b']
    """
    joined: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        joined.append(word)
        if word == "--guide":
            if len(rest) < 3:
                typer.echo(
                    f"error: --guide {' '.join(rest)}: give --guide SRC TGT WEIGHT", err=True
                )
                raise SystemExit(2)
            joined.append(GUIDE_SEPARATOR.join(rest[:3]))
            del rest[:3]
    return joined


Pictures = Annotated[
    list[str],
    typer.Argument(
        help="A picture (A), what somebody made of it (A') and the frames; or the frames alone, "
        "with --key or --keys. Frames are a folder, a quoted pattern like 'img*.jpg', a video, or "
        "one picture (with -o out/%06d.png).",
        metavar="[A A'] FRAMES",
        show_default=False,
    ),
]


@reports_failures
@takes_groups()
def analogy(
    pictures: Pictures,
    paint: PaintOptions,
    film: FilmOptions,
    machine: MachineOptions,
    preview: Annotated[
        int | None,
        typer.Option(
            help="Do only so many frames, evenly spread, show them on a sheet, and stop. They are "
            "frames of the run.",
            metavar="N",
            show_default=False,
            rich_help_panel=options.RUN,
        ),
    ] = None,
    dry_run: options.DryRunOption = False,
    overwrite: options.OverwriteOption = False,
    json_lines: options.JsonOption = False,
) -> int:
    """Paint a film as an example was painted, or as a few of its own frames were.

    Paint a frame, or a few, in any program, at the frame's size; the film follows.
    """
    if len(pictures) not in (1, 3):
        raise UsageError(
            f"{len(pictures)} paths were given; give A A' FRAMES, or FRAMES with --key or --keys. "
            "Quote patterns like 'img*.jpg'"
        )
    pair = (pictures[0], pictures[1]) if len(pictures) == 3 else None
    config = run_config(pictures[-1], paint.paint_config(pair), paint, film, machine)
    console = Console(json_lines)
    if dry_run:
        from batch_analogy.jobs.drive.open_run import dry_plan

        return print_plan(console, config, dry_plan(config))
    if preview is not None:
        return preview_and_report(config, console, preview, overwrite=overwrite)
    return run_and_report(config, console, overwrite=overwrite)


def run_config(
    source: str,
    painting: PaintConfig,
    paint: PaintOptions,
    film: FilmOptions,
    machine: MachineOptions,
) -> RunConfig:
    """The run that the command's options ask for."""
    path = film.output or default_film(source, "painted", film.codec)
    return RunConfig(
        command="analogy",
        reference=Path(painting.keys[0].painted),
        source=str(options.absolute(source)),
        output=options.absolute(path),
        run_dir=options.absolute(film.run_dir or default_run_dir(path)),
        analogy=options.analogy_config("photo-to-style", seed=paint.seed, size=paint.size),
        painting=painting,
        weights=options.weights_choice(paint.weights),
        keep_audio=True,
        execution=machine.execution_config(),
        **film.config_fields("off"),
    )
