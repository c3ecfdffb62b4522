"""The command ``timelapse``: makes a film of frames, each in the look of a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.film_queue import run_films
from batch_analogy.cli.options import general
from batch_analogy.cli.options.film import FilmOptions
from batch_analogy.cli.options.groups import takes_groups
from batch_analogy.cli.options.look import LookOptions, TargetOption
from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.cli.options.region import RegionOptions
from batch_analogy.cli.options.share import ShareOptions
from batch_analogy.cli.run_config import matched_films
from batch_analogy.config.run import COMMAND_PRESETS, RunConfig

EPILOG = """Examples:

batch-analogy timelapse reference.jpg frames/

batch-analogy timelapse sunset.jpg 'holiday/img*.jpg' -o film.mp4 --fps 25 --music song.mp3

batch-analogy timelapse dawn-noon-dusk/ frames/ --fps 12 --hold 2

batch-analogy timelapse lake.jpg seasons/ --target reference -o lake-through-the-year.mp4

batch-analogy timelapse sunset.jpg day1/ clip.mp4 day2/ -o 'films/{name}.mp4'

batch-analogy timelapse reference.jpg frames/ --quality draft --address none

batch-analogy timelapse sunset.jpg frames/ --strength 0,1

batch-analogy timelapse sunset.jpg frames/ --mask sky.png --feather 2% --reference2 lamps.jpg

The same command again continues where it stopped."""

Reference = Annotated[
    Path,
    typer.Argument(
        help="The picture whose look is wanted; or a folder of pictures, each fading into the next "
        "over the film. By default they are spread evenly, in natural order of their names, from "
        "the first frame to the last. A name may say where its picture applies, after an @: "
        "dusk@IMG_2041.jpg at the frame IMG_2041, dusk@120.jpg at frame 120 (the first is 0), "
        "dusk@60%.jpg at 60 % of the film, dusk@1m23.5s.jpg at that time of a video.",
        metavar="REF",
    ),
]


@reports_failures
@takes_groups(preset=COMMAND_PRESETS["timelapse"])
def timelapse(
    reference: Reference,
    frames: Annotated[
        list[str],
        typer.Argument(
            help="The frames: a folder, a pattern like 'img*.jpg', pictures, a video, which may "
            "lie in several files, or a timeline (.otio or .edl). Several folders or videos are "
            "films of their own, made one after the other; see --films. Pictures are taken in "
            "natural order: img2 before img10; see --order.",
            metavar="FRAMES",
        ),
    ],
    look: LookOptions,
    share: ShareOptions,
    region: RegionOptions,
    film: FilmOptions,
    machine: MachineOptions,
    target: TargetOption = RunConfig.target,
    dry_run: general.DryRunOption = False,
    overwrite: general.OverwriteOption = False,
    notify: general.NotifyOption = None,
    json_lines: general.JsonOption = False,
) -> int:
    """Make a film of a folder of frames, each in the look of one reference picture."""
    configs = matched_films(
        *("timelapse", reference, frames, look, share, film, machine),
        target=target,
        **region.given(),
    )
    return run_films(
        configs, Console(json_lines), dry_run=dry_run, overwrite=overwrite, notify=notify
    )
