"""The command ``analogy``: a film painted after an example, or after a few painted keyframes."""

from __future__ import annotations

from typing import Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.film_queue import run_films
from batch_analogy.cli.options import general, look
from batch_analogy.cli.options.film import FilmOptions
from batch_analogy.cli.options.groups import takes_groups
from batch_analogy.cli.options.machine import MachineOptions
from batch_analogy.cli.options.painting import DEFAULT_PRESET, PaintOptions, PresetOption
from batch_analogy.cli.options.share import ShareOptions
from batch_analogy.cli.run_config import painted_films, split_pair
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.run import RunConfig

EPILOG = """Examples:

batch-analogy analogy frames/ --key frame0001.png=painted0001.png

batch-analogy analogy clip.mp4 --key 0=first.png --key 120=later.png -o painted.mp4

batch-analogy analogy frames/ --keys painted/

batch-analogy analogy photo.jpg painting-of-it.jpg frames/

batch-analogy analogy photo.jpg embossed.jpg other.jpg --preset emboss -o out/%06d.png

batch-analogy analogy map.png land.png new-map.png --preset numbers -o out/%06d.png

batch-analogy preview frames/ --as analogy --keys painted/ shows a few frames first.

batch-analogy suggest film.run says which frame to paint next."""

Pictures = Annotated[
    list[str],
    typer.Argument(
        help="A picture (A), a painted version of it (A') and the frames; or the frames alone, "
        "with --key or --keys. Frames are a folder, a pattern like 'img*.jpg', pictures, a video, "
        "or one picture (with -o out/%06d.png). After A and A', several folders or videos are "
        "films of their own; see --films.",
        metavar="[A A'] FRAMES",
        show_default=False,
    ),
]


@reports_failures
@takes_groups()
def analogy(
    pictures: Pictures,
    *,
    preset: PresetOption = DEFAULT_PRESET,
    paint: PaintOptions,
    share: ShareOptions,
    film: FilmOptions,
    machine: MachineOptions,
    seed: look.SeedOption = AnalogyConfig.seed,
    size: look.SizeOption = None,
    weights: look.WeightsOption = RunConfig.weights,
    dry_run: general.DryRunOption = False,
    overwrite: general.OverwriteOption = False,
    notify: general.NotifyOption = None,
    json_lines: general.JsonOption = False,
) -> int:
    """Paint a film like an example, or like a few of its own frames that you painted.

    Paint one frame or a few, in any program, at the size of the frames; the film follows.
    """
    pair, frames = split_pair(pictures, painted=paint.has_keys)
    painting = paint.paint_config(preset, pair)
    configs = painted_films(
        frames, painting, share, film, machine, seed=seed, size=size, weights=weights
    )
    return run_films(
        configs, Console(json_lines), dry_run=dry_run, overwrite=overwrite, notify=notify
    )
