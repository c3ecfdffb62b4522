"""The command ``analogy``: paint an example or a few keyframes, and the film follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from batch_analogy.cli import options
from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.motion_options import parse_deflicker, parse_shots_option
from batch_analogy.cli.option_groups import FilmOptions, MachineOptions, takes_groups
from batch_analogy.cli.plan_text import print_plan
from batch_analogy.cli.rehearse import rehearse_and_report
from batch_analogy.cli.running import open_and_finish
from batch_analogy.cli.timelapse import default_film, default_run_dir
from batch_analogy.config import RunConfig
from batch_analogy.errors import UsageError
from batch_analogy.painting import HandGuide, PaintConfig, PaintedKey

EPILOG = """Examples:

batch-analogy analogy frames/ --key frame0001.png=painted0001.png

batch-analogy analogy clip.mp4 --key 0=first.png --key 120=later.png -o painted.mp4

batch-analogy analogy frames/ --keys painted/

batch-analogy analogy photo.jpg painting-of-it.jpg frames/

batch-analogy suggest film.run says which frame to paint next."""

PAINTING = "Painting"
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(PaintConfig)}
_BETWEEN = "\n"  # no file name that a person types has one


class AnalogyCommand(TyperCommand):
    """The command as Typer has it, but --guide takes three words."""

    def parse_args(self, ctx, args):  # type: ignore[no-untyped-def]
        """Join the three words before they are parsed."""
        return super().parse_args(ctx, join_guides(args))


def join_guides(arguments: Sequence[str]) -> list[str]:
    """Arguments with each guide's three words as one.

    Raises:
        UsageError: there are fewer than three.

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
            joined.append(_BETWEEN.join(rest[:3]))
            del rest[:3]
    return joined


@dataclass(frozen=True, kw_only=True)
class PaintOptions:
    """What is painted after what."""

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
    colour: Annotated[
        float, typer.Option(help="Weight of the frames' colours.", rich_help_panel=PAINTING)
    ] = _DEFAULTS["colour"]
    edges: Annotated[
        float, typer.Option(help="Weight of their outlines.", rich_help_panel=PAINTING)
    ] = _DEFAULTS["edges"]
    meaning: Annotated[
        float,
        typer.Option(
            help="Weight of what things are (VGG-19 features): it carries an example over to "
            "another scene.",
            rich_help_panel=PAINTING,
        ),
    ] = _DEFAULTS["meaning"]
    position: Annotated[
        float,
        typer.Option(
            help="Weight of where what comes into view would lie, if the painting went on.",
            rich_help_panel=PAINTING,
        ),
    ] = _DEFAULTS["position"]
    luminance: Annotated[
        bool,
        typer.Option(
            "--remap-luminance",
            help="Bring A's brightness and contrast to the frame's before they are compared.",
            rich_help_panel=PAINTING,
        ),
    ] = _DEFAULTS["luminance"]
    seed: options.SeedOption = options.PIXELS.seed
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
            keys = [PaintedKey(painted=_path(pair[1]), example=_path(pair[0]))]
        if not keys:
            raise UsageError(
                "nothing is painted: give A A' FRAMES, or FRAMES with --key FRAME=PAINTED or --keys"
            )
        return PaintConfig(
            keys=tuple(keys),
            guides=tuple(parse_guide(text) for text in self.guide or ()),
            mask=None if self.mask is None else _path(self.mask),
            colour=self.colour,
            edges=self.edges,
            meaning=self.meaning,
            position=self.position,
            luminance=self.luminance,
        )


Pictures = Annotated[
    list[str],
    typer.Argument(
        help="A picture (A), what somebody made of it (A') and the frames; or the frames alone, "
        "with --key or --keys. Frames are a folder, a quoted pattern like 'img*.jpg', or a video.",
        metavar="[A A'] FRAMES",
        show_default=False,
    ),
]


@reports_failures
@takes_groups()
def analogy(
    pictures: Pictures,
    paint: PaintOptions,
    film: FilmOptions,
    machine: MachineOptions,
    preview: Annotated[
        int | None,
        typer.Option(
            help="Do only so many frames, evenly spread, show them on a sheet, and stop. They are "
            "frames of the run.",
            metavar="N",
            show_default=False,
            rich_help_panel=options.RUN,
        ),
    ] = None,
    dry_run: options.DryRunOption = False,
    overwrite: options.OverwriteOption = False,
    json_lines: options.JsonOption = False,
) -> int:
    """Paint a film as an example was painted, or as a few of its own frames were.

    Paint a frame, or a few, in any program, at the frame's size; the film follows.
    """
    if len(pictures) not in (1, 3):
        raise UsageError(
            f"{len(pictures)} paths were given; give A A' FRAMES, or FRAMES with --key or --keys. "
            "Quote patterns like 'img*.jpg'"
        )
    pair = (pictures[0], pictures[1]) if len(pictures) == 3 else None
    config = run_config(pictures[-1], paint.paint_config(pair), paint, film, machine)
    console = Console(json_lines)
    if dry_run:
        from batch_analogy.jobs.run import dry_plan

        return print_plan(console, config, dry_plan(config))
    if preview is not None:
        return rehearse_and_report(config, console, preview, overwrite=overwrite)
    return open_and_finish(config, console, overwrite=overwrite)


def run_config(
    source: str,
    painting: PaintConfig,
    paint: PaintOptions,
    film: FilmOptions,
    machine: MachineOptions,
) -> RunConfig:
    """The run that the command's options ask for."""
    path = film.output or default_film(source, "painted", film.codec)
    return RunConfig(
        command="analogy",
        reference=Path(painting.keys[0].painted),
        source=str(options.absolute(source)),
        output=options.absolute(path),
        run_dir=options.absolute(film.run_dir or default_run_dir(path)),
        analogy=options.analogy_config("photo-to-style", seed=paint.seed, size=paint.size),
        painting=painting,
        weights=options.weights_choice(paint.weights),
        fps=film.fps,
        hold=film.hold,
        blend=film.blend,
        crf=film.crf,
        codec=film.codec,
        depth=film.depth,
        start=film.start,
        end=film.end,
        keep_audio=True,
        on_missing=film.on_missing,
        order=film.order,
        shots=parse_shots_option(film.shots),
        temporal=film.temporal,
        deflicker="off" if film.deflicker is None else parse_deflicker(film.deflicker),
        execution=machine.execution_config(),
    )


def parse_key(text: str) -> PaintedKey:
    """A keyframe as typed.

    Raises:
        UsageError: it is no FRAME=PAINTED.
    """
    parts = text.split("=")
    splits = [("=".join(parts[:n]), "=".join(parts[n:])) for n in range(1, len(parts))]
    if not splits or not all(splits[0]):
        raise UsageError(f"--key {text} is no FRAME=PAINTED; write it like 12=painted.png")
    frame, painted = next((s for s in splits if Path(s[1]).expanduser().is_file()), splits[0])
    return PaintedKey(painted=_path(painted), frame=frame)


def keys_in(folder: Path) -> list[PaintedKey]:
    """The painted pictures of a folder, each over the frame that is called as it is.

    Raises:
        UsageError: it is no folder. InputError: it holds no pictures.
    """
    from batch_analogy.media.sequence import find_stills

    if not folder.expanduser().is_dir():
        raise UsageError(f"--keys {folder} is no folder; give one, or --key FRAME=PAINTED")
    found = find_stills(str(folder))
    return [PaintedKey(painted=_path(path), frame=Path(path).stem) for path in found]


def parse_guide(text: str) -> HandGuide:
    """A guide as ``join_guides`` gives it.

    Raises:
        UsageError: its weight is no number.
    """
    source, target, weight = text.split(_BETWEEN)
    try:
        return HandGuide(source=_path(source), target=_path(target), weight=float(weight))
    except ValueError as error:
        raise UsageError(
            f"--guide {source} {target} {weight}: the weight must be a number from 0 to 1000, as "
            "in --guide src.png tgt/ 2"
        ) from error


def _path(path: str | Path) -> str:
    return str(options.absolute(path))
