"""The commands ``timelapse`` and ``stylize``: many frames and one reference in, a film out."""

from __future__ import annotations

import glob
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_analogy.cli import options
from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, reports_failures
from batch_analogy.cli.running import open_and_finish
from batch_analogy.config import RunConfig

if TYPE_CHECKING:
    from batch_analogy.jobs.plan import Plan

TIMELAPSE_EPILOG = """Examples:

batch-analogy timelapse reference.jpg frames/

batch-analogy timelapse sunset.jpg 'holiday/img*.jpg' -o film.mp4 --fps 25

batch-analogy timelapse lake.jpg seasons/ --target reference -o lake-through-the-year.mp4

batch-analogy timelapse reference.jpg frames/ --quality draft --address none

The same command again goes on where it stopped."""

STYLIZE_EPILOG = """Examples:

batch-analogy stylize painting.jpg clip.mp4

batch-analogy stylize painting.jpg clip.mp4 -o painted.mp4 --blend-weight 2 --workers 4

The same command again goes on where it stopped."""

Reference = Annotated[Path, typer.Argument(help="The picture whose look is wanted.", metavar="REF")]


@reports_failures
def timelapse(
    reference: Reference,
    frames: Annotated[
        str,
        typer.Argument(
            help="The frames: a folder, a quoted pattern like 'img*.jpg', or a video. Files are "
            "taken in natural order: img2 before img10.",
            metavar="FRAMES",
        ),
    ],
    output: options.FilmOption = None,
    run_dir: options.RunDirOption = None,
    target: options.TargetOption = options.DEFAULT_TARGET,
    preset: options.PresetOption = "photo-to-photo",
    quality: options.QualityOption = options.PIXELS.quality,
    blend_weight: options.BlendWeightOption = None,
    ratio: options.RatioOption = None,
    refine: options.RefineOption = None,
    seed: options.SeedOption = options.PIXELS.seed,
    size: options.SizeOption = None,
    smoothness: options.SmoothnessOption = options.PIXELS.smoothness,
    scales: options.ScalesOption = options.UNSCALED,
    mirror: options.MirrorOption = options.PIXELS.mirror,
    weights: options.WeightsOption = options.DEFAULT_WEIGHTS,
    fps: options.FpsOption = None,
    crf: options.CrfOption = options.DEFAULT_CRF,
    on_missing: options.OnMissingOption = options.DEFAULT_ON_MISSING,
    workers: options.WorkersOption = None,
    gpus_per_worker: options.GpusOption = options.EXECUTION.gpus_per_worker,
    address: options.AddressOption = "local",
    dry_run: options.DryRunOption = False,
    overwrite: options.OverwriteOption = False,
    json_lines: options.JsonOption = False,
) -> int:
    """Make a film of a folder of frames, each in the look of one reference picture."""
    film = output or default_film(frames, "timelapse")
    config = RunConfig(
        command="timelapse",
        reference=options.absolute(reference),
        source=str(options.absolute(frames)),
        output=options.absolute(film),
        run_dir=options.absolute(run_dir or default_run_dir(film)),
        target=target,
        analogy=options.analogy_config(
            preset,
            quality=quality,
            blend_weight=blend_weight,
            ratio=ratio,
            refine=refine,
            seed=seed,
            size=size,
            smoothness=smoothness,
            scales=scales,
            mirror=mirror,
        ),
        weights=options.weights_choice(weights),
        fps=fps,
        crf=crf,
        on_missing=on_missing,
        execution=options.execution_config(workers, gpus_per_worker, address),
    )
    return _run(config, Console(json_lines), dry_run=dry_run, overwrite=overwrite)


@reports_failures
def stylize(
    reference: Reference,
    video: Annotated[
        str, typer.Argument(help="A video, or a folder of its frames.", metavar="VIDEO")
    ],
    output: options.FilmOption = None,
    run_dir: options.RunDirOption = None,
    preset: options.PresetOption = "photo-to-style",
    quality: options.QualityOption = options.PIXELS.quality,
    blend_weight: options.BlendWeightOption = None,
    ratio: options.RatioOption = None,
    refine: options.RefineOption = None,
    seed: options.SeedOption = options.PIXELS.seed,
    size: options.SizeOption = None,
    smoothness: options.SmoothnessOption = options.PIXELS.smoothness,
    scales: options.ScalesOption = options.UNSCALED,
    mirror: options.MirrorOption = options.PIXELS.mirror,
    weights: options.WeightsOption = options.DEFAULT_WEIGHTS,
    fps: options.FpsOption = None,
    crf: options.CrfOption = options.DEFAULT_CRF,
    on_missing: options.OnMissingOption = options.DEFAULT_ON_MISSING,
    workers: options.WorkersOption = None,
    gpus_per_worker: options.GpusOption = options.EXECUTION.gpus_per_worker,
    address: options.AddressOption = "local",
    dry_run: options.DryRunOption = False,
    overwrite: options.OverwriteOption = False,
    json_lines: options.JsonOption = False,
) -> int:
    """Give a video a picture's look; its duration and its sound stay."""
    film = output or default_film(video, "stylized")
    config = RunConfig(
        command="stylize",
        reference=options.absolute(reference),
        source=str(options.absolute(video)),
        output=options.absolute(film),
        run_dir=options.absolute(run_dir or default_run_dir(film)),
        analogy=options.analogy_config(
            preset,
            quality=quality,
            blend_weight=blend_weight,
            ratio=ratio,
            refine=refine,
            seed=seed,
            size=size,
            smoothness=smoothness,
            scales=scales,
            mirror=mirror,
        ),
        weights=options.weights_choice(weights),
        fps=fps,
        crf=crf,
        keep_audio=True,
        on_missing=on_missing,
        execution=options.execution_config(workers, gpus_per_worker, address),
    )
    return _run(config, Console(json_lines), dry_run=dry_run, overwrite=overwrite)


def default_film(source: str, ending: str) -> Path:
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
    return Path(f"{name or 'frames'}-{ending}.mp4")


def default_run_dir(film: Path) -> Path:
    """The run folder beside a film.

    >>> str(default_run_dir(Path("films/night.mp4")))
    'films/night.run'
    """
    return film.with_suffix(".run")


def _run(config: RunConfig, console: Console, *, dry_run: bool, overwrite: bool) -> int:
    if dry_run:
        from batch_analogy.jobs.run import dry_plan

        return _print_plan(console, config, dry_plan(config))
    return open_and_finish(config, console, overwrite=overwrite)


def _print_plan(console: Console, config: RunConfig, plan: Plan) -> int:
    from batch_analogy.jobs.assemble import films_of
    from batch_analogy.jobs.plan_file import plan_to_json

    failed = [frame for frame in plan.frames if frame.error is not None]
    about = "about " if plan.estimated else ""
    count = f"{about}{len(plan.frames)} in {len(plan.segments)} segments"
    console.result(f"frames    {count}, from {config.source}")
    console.result(f"reference {config.reference}, {plan.reference_width}x{plan.reference_height}")
    for film in films_of(config):
        height, width = plan.picture_size(film.output, plan.usable()[0].index)
        console.result(f"film      {film.path}, {width}x{height}, {frame_rate(plan.fps)} frames/s")
    console.result(f"run       {config.run_dir}")
    for frame in failed:
        console.result(f"unusable  frame {frame.index}: {frame.error}")
    console.event("plan", **plan_to_json(plan))
    return DONE


def frame_rate(fps: Fraction) -> str:
    """A frame rate as people write it.

    >>> frame_rate(Fraction(24)), frame_rate(Fraction(24000, 1001))
    ('24', '23.976')
    """
    return str(fps.numerator) if fps.denominator == 1 else f"{float(fps):.3f}"
