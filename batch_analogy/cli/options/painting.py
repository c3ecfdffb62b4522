"""Options of ``analogy``: the examples, the guides, and the weight of each guide."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from batch_analogy.cli.options.general import absolute
from batch_analogy.cli.options.presets import describe_default, describe_presets
from batch_analogy.config.painting import (
    PAINT_PRESETS,
    GuideFiles,
    PaintConfig,
    PaintedKeyframe,
    PaintPreset,
)
from batch_analogy.errors import UsageError
from batch_analogy.files import expand_user

PAINTING = "Painting"
GUIDES = "Guides and synthesis"
DEFAULT_PRESET: PaintPreset = "artistic"

_SEPARATOR = "\n"  # between a guide's three words; a typed path does not contain it
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(PaintConfig)}
_SET_BY_PRESETS = tuple(name for name in _DEFAULTS if name not in ("keys", "guides", "mask"))


class GuideCommand(TyperCommand):
    """A Typer command whose option --guide takes three words."""

    def parse_args(self, ctx, args):  # type: ignore[no-untyped-def]
        """Join the three words before they are parsed."""
        return super().parse_args(ctx, join_guides(args))


def join_guides(arguments: Sequence[str]) -> list[str]:
    """Join each guide's three words into one argument.

    Raises:
        SystemExit: there are fewer than three; the message is on stderr.

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
            joined.append(_SEPARATOR.join(rest[:3]))
            del rest[:3]
    return joined


def _number(text: str, name: str) -> Any:
    """Return an option whose default is the preset's."""
    return typer.Option(
        help=f"{text} {describe_default(PAINT_PRESETS, name, _DEFAULTS[name])}",
        show_default=False,
        rich_help_panel=GUIDES,
    )


PresetOption = Annotated[
    PaintPreset,
    typer.Option(
        help=f"The relation of A' to A. {describe_presets(PAINT_PRESETS)}",
        rich_help_panel=PAINTING,
    ),
]


@dataclass(frozen=True, kw_only=True)
class PaintOptions:
    """The examples and the weights of their guides; None stands for the preset's value."""

    key: Annotated[
        list[str] | None,
        typer.Option(
            help="A keyframe: the name (or number from 0) of a frame, and the picture that was "
            "painted over it. May be given several times.",
            metavar="FRAME=PAINTED",
            show_default=False,
            rich_help_panel=PAINTING,
        ),
    ] = None
    keys: Annotated[
        Path | None,
        typer.Option(
            help="Keyframes: a folder of painted pictures, each named like its frame.",
            metavar="FOLDER",
            show_default=False,
            rich_help_panel=PAINTING,
        ),
    ] = None
    guide: Annotated[
        list[str] | None,
        typer.Option(
            help="A guide made by hand. SRC: a picture for A (with keyframes, a folder with one "
            "for each). TGT: a folder with a picture for each frame (or one picture for all). "
            "WEIGHT: the guide's weight. May be given several times.",
            metavar="SRC TGT WEIGHT",
            show_default=False,
            rich_help_panel=PAINTING,
        ),
    ] = None
    mask: Annotated[
        Path | None,
        typer.Option(
            help="What to paint, or where a look applies: white is painted, black stays as it was. "
            "One picture, or a folder with a picture for each frame. The frame also shows where a "
            "painted picture is transparent.",
            metavar="FILE|FOLDER",
            show_default=False,
            rich_help_panel=PAINTING,
        ),
    ] = None
    colour: Annotated[float | None, _number("Weight of the frames' colours.", "colour")] = None
    edges: Annotated[float | None, _number("Weight of the frames' outlines.", "edges")] = None
    meaning: Annotated[
        float | None,
        _number(
            "Weight of what things are (VGG-19 features), which carries an example over to another "
            "scene.",
            "meaning",
        ),
    ] = None
    position: Annotated[
        float | None,
        _number(
            "Weight of position: what comes into view is compared by where it would lie if the "
            "painting continued.",
            "position",
        ),
    ] = None
    previous: Annotated[
        float | None,
        _number("Weight of the film so far, where more of it has to be painted.", "previous"),
    ] = None
    mask_weight: Annotated[
        float | None,
        _number(
            "Weight of being inside or outside the mask: what is inside is made from what was "
            "painted inside.",
            "mask_weight",
        ),
    ] = None
    brightness: Annotated[
        float | None,
        _number(
            "Weight of blurred brightness without colour, with A's values mapped to B's by rank, "
            "so that a texture can follow the light.",
            "brightness",
        ),
    ] = None
    slopes: Annotated[
        float | None,
        _number("Weight of the gradients of brightness, to the right and down.", "slopes"),
    ] = None
    labels: Annotated[
        float | None,
        _number(
            "Weight of flat colours: each pixel counts as the nearest of A's colours, and two "
            "colours are either equal or different, however similar they look.",
            "labels",
        ),
    ] = None
    kappa: Annotated[
        float | None,
        _number(
            "Hertzmann's κ: the extra cost of a match that does not continue a neighbour's. 0.5 "
            "copies larger pieces and keeps textures crisper; 1 harms filters.",
            "kappa",
        ),
    ] = None
    uniformity: Annotated[
        float | None,
        _number(
            "Cost of using the same piece of A' often (500 to 15000 are useful).", "uniformity"
        ),
    ] = None
    patch: Annotated[
        int | None, _number("Side of the compared patches, an odd number of pixels.", "patch")
    ] = None
    luminance: Annotated[
        bool | None,
        typer.Option(
            "--remap-luminance/--no-remap-luminance",
            help="Bring A's brightness and contrast to the frame's before they are compared.",
            show_default=False,
            rich_help_panel=GUIDES,
        ),
    ] = None

    @property
    def has_keys(self) -> bool:
        """True if painted keyframes were given."""
        return bool(self.key) or self.keys is not None

    def paint_config(self, preset: PaintPreset, pair: Sequence[str]) -> PaintConfig:
        """Return the preset's configuration, overridden by every given option.

        Args:
            preset: the source of the values that were not given.
            pair: A and A', or empty if there are keyframes.

        Raises:
            UsageError: nothing is painted, or both a pair and keyframes are given.
            ConfigError: a value is outside its allowed range.
        """
        keys = [*map(parse_key, self.key or ())]
        if self.keys is not None:
            keys += keys_in(self.keys)
        if pair:
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
            preset,
            keys=tuple(keys),
            guides=tuple(parse_guide(text) for text in self.guide or ()),
            mask=None if self.mask is None else _path(self.mask),
            **{name: value for name, value in given.items() if value is not None},
        )


def parse_key(text: str) -> PaintedKeyframe:
    """Parse a keyframe.

    Raises:
        UsageError: it is not of the form FRAME=PAINTED.
    """
    parts = text.split("=")
    splits = [("=".join(parts[:n]), "=".join(parts[n:])) for n in range(1, len(parts))]
    if not splits or not all(splits[0]):
        raise UsageError(
            f"--key {text} is not of the form FRAME=PAINTED; write it like 12=painted.png"
        )
    frame, painted = next((s for s in splits if expand_user(s[1]).is_file()), splits[0])
    return PaintedKeyframe(painted=_path(painted), frame=frame)


def keys_in(folder: Path) -> list[PaintedKeyframe]:
    """Return the painted pictures of a folder as keyframes, each over the frame of its name.

    Raises:
        UsageError: it is not a folder.
        InputError: it holds no pictures.
    """
    from batch_analogy.media.sequence import find_stills

    if not expand_user(folder).is_dir():
        raise UsageError(f"--keys {folder} is not a folder; give one, or --key FRAME=PAINTED")
    found = find_stills(str(folder))
    return [PaintedKeyframe(painted=_path(path), frame=Path(path).stem) for path in found]


def parse_guide(text: str) -> GuideFiles:
    """Parse a guide whose three words were joined.

    Raises:
        UsageError: its weight is not a number.
    """
    source, target, weight = text.split(_SEPARATOR)
    try:
        return GuideFiles(source=_path(source), target=_path(target), weight=float(weight))
    except ValueError as error:
        raise UsageError(
            f"--guide {source} {target} {weight}: the weight must be a number from 0 to 1000, as "
            "in --guide src.png tgt/ 2"
        ) from error


def _path(path: str | Path) -> str:
    return str(absolute(path))
