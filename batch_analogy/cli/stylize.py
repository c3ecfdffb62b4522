"""The command ``stylize``: makes a video in the look of a reference."""

from __future__ import annotations

from typing import Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.film_queue import run_films
from batch_analogy.cli.options import general
from batch_analogy.cli.options.film import FilmOptions
from batch_analogy.cli.options.groups import takes_groups
from batch_analogy.cli.options.look import LookOptions
from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.cli.options.region import RegionOptions
from batch_analogy.cli.options.share import ShareOptions
from batch_analogy.cli.run_config import matched_films
from batch_analogy.cli.timelapse import Reference
from batch_analogy.config.run import COMMAND_PRESETS

EPILOG = """Examples:

batch-analogy stylize painting.jpg clip.mp4

batch-analogy stylize painting.jpg clip.mp4 -o painted.mov --codec prores --start 1:02 --end 1:05

batch-analogy stylize painting.jpg clip.mp4 -o frames/%06d.tif --blend-weight 2

batch-analogy stylize painting.jpg one.mp4 other.mov -o 'painted/{name}.mp4'

batch-analogy stylize painting.jpg clip.mp4 --strength 0.6 --keep-colours

batch-analogy stylize painting.jpg clip.mp4 --mask masks/ --feather 2%

The same command again continues where it stopped."""


@reports_failures
@takes_groups(preset=COMMAND_PRESETS["stylize"])
def stylize(
    reference: Reference,
    video: Annotated[
        list[str],
        typer.Argument(
            help="A video, or a folder of its frames. The files into which a camera split one "
            "recording are one video, and so are the clips of a timeline (.otio or .edl). Other "
            "videos and folders are films of their own, made one after the other; see --films.",
            metavar="VIDEO",
        ),
    ],
    look: LookOptions,
    share: ShareOptions,
    region: RegionOptions,
    film: FilmOptions,
    machine: MachineOptions,
    dry_run: general.DryRunOption = False,
    overwrite: general.OverwriteOption = False,
    notify: general.NotifyOption = None,
    json_lines: general.JsonOption = False,
) -> int:
    """Give a video the look of a picture; it keeps its duration and its sound."""
    configs = matched_films(
        *("stylize", reference, video, look, share, film, machine), **region.given()
    )
    return run_films(
        configs, Console(json_lines), dry_run=dry_run, overwrite=overwrite, notify=notify
    )
