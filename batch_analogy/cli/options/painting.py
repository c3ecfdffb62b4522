"""Options of ``analogy``: what is painted after what, and what decides how."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from batch_analogy.cli import options
from batch_analogy.cli.options.presets import describe_default, describe_presets
from batch_analogy.config.painting import (
    PAINT_PRESETS,
    GuideFiles,
    PaintConfig,
    PaintedKeyframe,
    PaintPreset,
)
from batch_analogy.errors import UsageError

PAINTING = "Painting"
GUIDE_WEIGHTS = "Weights, and what else a preset sets"
GUIDE_SEPARATOR = "\n"  # of a guide's three words; no file name that a person types has one

_DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(PaintConfig)}
_SET_BY_PRESETS = tuple(name for name in _DEFAULTS if name not in ("keys", "guides", "mask"))


def _number(text: str, name: str) -> Any:
    """An option whose default is the preset's."""
    return typer.Option(
        help=f"{text} {describe_default(PAINT_PRESETS, name, _DEFAULTS[name])}",
        show_default=False,
        rich_help_panel=GUIDE_WEIGHTS,
    )


PresetOption = Annotated[
    PaintPreset,
    typer.Option(
        help=f"What A and A' are to each other. {describe_presets(PAINT_PRESETS)}",
        rich_help_panel=PAINTING,
    ),
]


@dataclass(frozen=True, kw_only=True)
class PaintOptions:
    """What is painted after what."""

    preset: PresetOption = "artistic"
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="A keyframe: a frame's name (or number from 0), and the picture that was painted "
            "over it. Give as many as there are.",
            metavar="FRAME=PAINTED",
            show_default=False,
            rich_help_panel=PAINTING,
        ),
    ] = None
    keys: Annotated[
        Path | None,
        typer.Option(
            help="Keyframes: a folder of painted pictures that are called as their frames are.",
            metavar="FOLDER",
            show_default=False,
            rich_help_panel=PAINTING,
        ),
    ] = None
    guide: Annotated[
        list[str] | None,
        typer.Option(
            help="A guide made by hand: a picture over A (of keyframes: a folder with one for "
            "each), a folder with one for each frame (or one picture for all), and its weight. "
            "May be given several times.",
            metavar="SRC TGT WEIGHT",
            show_default=False,
            rich_help_panel=PAINTING,
        ),
    ] = None
    mask: Annotated[
        Path | None,
        typer.Option(
            help="What is to be painted: white is, black stays as it was. One picture, or a folder "
            "with one for each frame. Where a painted picture is transparent the frame shows too.",
            metavar="FILE|FOLDER",
            show_default=False,
            rich_help_panel=PAINTING,
        ),
    ] = None
    colour: Annotated[float | None, _number("Weight of the frames' colours.", "colour")] = None
    edges: Annotated[float | None, _number("Weight of their outlines.", "edges")] = None
    meaning: Annotated[
        float | None,
        _number(
            "Weight of what things are (VGG-19 features): it carries an example over to another "
            "scene.",
            "meaning",
        ),
    ] = None
    position: Annotated[
        float | None,
        _number(
            "Weight of where what comes into view would lie, if the painting went on.", "position"
        ),
    ] = None
    previous: Annotated[
        float | None,
        _number("Weight of the film so far, where more of it has to be made.", "previous"),
    ] = None
    mask_weight: Annotated[
        float | None,
        _number(
            "Weight of what the mask says of a keyframe and of each frame: what is inside is made "
            "of what was painted inside.",
            "mask_weight",
        ),
    ] = None
    brightness: Annotated[
        float | None,
        _number(
            "Weight of light without colour: soft, and A's as light as B's by rank, so that a "
            "texture can follow it.",
            "brightness",
        ),
    ] = None
    slopes: Annotated[
        float | None,
        _number("Weight of how brightness rises to the right and down.", "slopes"),
    ] = None
    labels: Annotated[
        float | None,
        _number(
            "Weight of flat colours, each taken for the nearest of A's and compared with the "
            "others as different, however alike they look.",
            "labels",
        ),
    ] = None
    kappa: Annotated[
        float | None,
        _number(
            "Hertzmann's κ: how much more a match costs that no neighbour continues. 0.5 copies "
            "larger pieces and keeps textures crisper; 1 harms filters.",
            "kappa",
        ),
    ] = None
    uniformity: Annotated[
        float | None,
        _number(
            "How much it costs to use the same piece of A' often (500 to 15000 are useful).",
            "uniformity",
        ),
    ] = None
    patch: Annotated[
        int | None, _number("Odd side of the pieces that are compared, pixels.", "patch")
    ] = None
    luminance: Annotated[
        bool | None,
        typer.Option(
            "--remap-luminance/--no-remap-luminance",
            help="Bring A's brightness and contrast to the frame's before they are compared.",
            show_default=False,
            rich_help_panel=GUIDE_WEIGHTS,
        ),
    ] = None
    seed: options.SeedOption = options.ANALOGY_DEFAULTS.seed
    size: options.SizeOption = None
    weights: options.WeightsOption = options.DEFAULT_WEIGHTS

    def paint_config(self, pair: tuple[str, str] | None) -> PaintConfig:
        """What was given, after a pair or keyframes."""
        keys = [*map(parse_key, self.key or ())]
        if self.keys is not None:
            keys += keys_in(self.keys)
        if pair is not None:
            if keys:
                raise UsageError(
                    "A and A' were given, and keyframes too; give A A' FRAMES, or FRAMES with "
                    "--key or --keys"
                )
            keys = [PaintedKeyframe(painted=_path(pair[1]), example=_path(pair[0]))]
        if not keys:
            raise UsageError(
                "nothing is painted: give A A' FRAMES, or FRAMES with --key FRAME=PAINTED or --keys"
            )
        given = {name: getattr(self, name) for name in _SET_BY_PRESETS}
        return PaintConfig.for_preset(
            self.preset,
            keys=tuple(keys),
            guides=tuple(parse_guide(text) for text in self.guide or ()),
            mask=None if self.mask is None else _path(self.mask),
            **{name: value for name, value in given.items() if value is not None},
        )


def parse_key(text: str) -> PaintedKeyframe:
    """A keyframe as typed.

    Raises:
        UsageError: it is no FRAME=PAINTED.
    """
    parts = text.split("=")
    splits = [("=".join(parts[:n]), "=".join(parts[n:])) for n in range(1, len(parts))]
    if not splits or not all(splits[0]):
        raise UsageError(f"--key {text} is no FRAME=PAINTED; write it like 12=painted.png")
    frame, painted = next((s for s in splits if Path(s[1]).expanduser().is_file()), splits[0])
    return PaintedKeyframe(painted=_path(painted), frame=frame)


def keys_in(folder: Path) -> list[PaintedKeyframe]:
    """The painted pictures of a folder, each over the frame that is called as it is.

    Raises:
        UsageError: it is no folder. InputError: it holds no pictures.
    """
    from batch_analogy.media.sequence import find_stills

    if not folder.expanduser().is_dir():
        raise UsageError(f"--keys {folder} is no folder; give one, or --key FRAME=PAINTED")
    found = find_stills(str(folder))
    return [PaintedKeyframe(painted=_path(path), frame=Path(path).stem) for path in found]


def parse_guide(text: str) -> GuideFiles:
    """A guide whose three words were joined by GUIDE_SEPARATOR.

    Raises:
        UsageError: its weight is no number.
    """
    source, target, weight = text.split(GUIDE_SEPARATOR)
    try:
        return GuideFiles(source=_path(source), target=_path(target), weight=float(weight))
    except ValueError as error:
        raise UsageError(
            f"--guide {source} {target} {weight}: the weight must be a number from 0 to 1000, as "
            "in --guide src.png tgt/ 2"
        ) from error


def _path(path: str | Path) -> str:
    return str(options.absolute(path))
