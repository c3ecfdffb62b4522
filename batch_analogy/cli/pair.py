"""The command ``pair``: A and B' in, A' and B out."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_analogy.cli import options
from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, reports_failures
from batch_analogy.config import AnalogyConfig
from batch_analogy.errors import OutputExistsError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from batch_analogy.analogy.deep import AnalogyResult, LevelDone
    from batch_analogy.report.sheets import Pixels

EPILOG = """Examples:

batch-analogy pair portrait.jpg painting.jpg -o out

batch-analogy pair day.jpg sunset.jpg -o out --preset photo-to-photo --sheet

batch-analogy pair left.png right.png -o out --quality draft --save-flow --save-confidence"""


@dataclass(frozen=True)
class Outputs:
    """The files that one ``pair`` writes; None where it was not asked for."""

    a_prime: Path
    b: Path
    flow_ab: Path | None = None
    flow_ba: Path | None = None
    confidence_a: Path | None = None
    confidence_b: Path | None = None
    sheet: Path | None = None

    @classmethod
    def inside(cls, folder: Path, *, flow: bool, confidence: bool, sheet: bool) -> Outputs:
        """Name the files in ``folder``."""
        return cls(
            a_prime=folder / "a_prime.png",
            b=folder / "b.png",
            flow_ab=folder / "flow_ab.npy" if flow else None,
            flow_ba=folder / "flow_ba.npy" if flow else None,
            confidence_a=folder / "confidence_a.png" if confidence else None,
            confidence_b=folder / "confidence_b.png" if confidence else None,
            sheet=folder / "sheet.png" if sheet else None,
        )

    def named(self) -> dict[str, Path]:
        """Name → path of every file that is written."""
        return {name: path for name, path in vars(self).items() if path is not None}


PictureA = Annotated[Path, typer.Argument(help="Picture A, whose scene A' keeps.", metavar="A")]
PictureBp = Annotated[Path, typer.Argument(help="Picture B', whose look A' takes.", metavar="B'")]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="The folder for a_prime.png and b.png. By default it is named after both "
        "pictures and made in the current folder.",
        metavar="FOLDER",
        show_default=False,
    ),
]
FlowOption = Annotated[
    bool,
    typer.Option(
        "--save-flow",
        help="Also write flow_ab.npy and flow_ba.npy: where each pixel of A (of B') is matched "
        "in the other picture, float32 (height, width, 2), as (dx, dy) in pixels.",
    ),
]
ConfidenceOption = Annotated[
    bool,
    typer.Option(
        "--save-confidence",
        help="Also write confidence_a.png and confidence_b.png: white where the match is sure.",
    ),
]
MaskAOption = Annotated[
    Path | None,
    typer.Option(
        "--mask-a",
        help="A picture of A in a few flat colours: what has one colour in it is only matched with "
        "what has the same colour in --mask-b.",
        metavar="MASK",
        show_default=False,
        rich_help_panel=options.LOOK,
    ),
]
MaskBOption = Annotated[
    Path | None,
    typer.Option(
        "--mask-b",
        help="The same for B'.",
        metavar="MASK",
        show_default=False,
        rich_help_panel=options.LOOK,
    ),
]
SheetOption = Annotated[
    bool, typer.Option("--sheet", help="Also write sheet.png: A, A', B' and B side by side.")
]


@reports_failures
def pair(
    a: PictureA,
    bp: PictureBp,
    output: FolderOption = None,
    save_flow: FlowOption = False,
    save_confidence: ConfidenceOption = False,
    sheet: SheetOption = False,
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
    mask_a: MaskAOption = None,
    mask_b: MaskBOption = None,
    weights: options.WeightsOption = options.DEFAULT_WEIGHTS,
    dry_run: options.DryRunOption = False,
    overwrite: options.OverwriteOption = False,
    json_lines: options.JsonOption = False,
) -> int:
    """Style two pictures after each other.

    A' is A's scene in B''s look; B is B''s scene in A's look. Both come at full size.
    """
    config = options.analogy_config(
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
    )
    folder = output or Path(f"{a.stem}-{bp.stem}")
    outputs = Outputs.inside(folder, flow=save_flow, confidence=save_confidence, sheet=sheet)
    masks = _both_masks(mask_a, mask_b)
    console = Console(json_lines)
    _check_outputs(folder, outputs, inputs=(a, bp, *masks), overwrite=overwrite)
    if dry_run:
        return _print_plan(console, a, bp, outputs, config)
    started = time.monotonic()
    network_file = options.weights_choice(weights)
    result, pictures = _compute(console, a, bp, masks, network_file, config, folder)
    _write(outputs, result, pictures)
    for path in outputs.named().values():
        console.result(str(path))
    seconds = round(time.monotonic() - started, 2)
    console.event(
        "result", command="pair", outputs=outputs.named(), seconds=seconds, exit_code=DONE
    )
    console.note(f"done in {seconds:.0f} s")
    return DONE


def _both_masks(mask_a: Path | None, mask_b: Path | None) -> tuple[Path, ...]:
    """Both masks, or none."""
    given = tuple(mask for mask in (mask_a, mask_b) if mask is not None)
    if len(given) == 1:
        raise UsageError("--mask-a and --mask-b go together: give both or neither")
    return given


def _check_outputs(
    folder: Path, outputs: Outputs, *, inputs: tuple[Path, ...], overwrite: bool
) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"output {folder} is a file; pair writes into a folder: choose another")
    for path in outputs.named().values():
        if not path.exists():
            continue
        if any(i.exists() and path.samefile(i) for i in inputs):
            raise UsageError(f"output {path} would replace an input; choose another folder with -o")
        if not overwrite:
            raise OutputExistsError(
                f"output {path} exists; choose another folder with -o, or replace it with "
                "--overwrite"
            )


def _print_plan(
    console: Console, a: Path, bp: Path, outputs: Outputs, config: AnalogyConfig
) -> int:
    from batch_analogy.analogy.features import matching_size
    from batch_analogy.media.stills import read_size

    plan = {}
    for name, path in (("A", a), ("B'", bp)):
        height, width = read_size(path)
        matched = matching_size(height, width, config)
        plan[name] = {"path": path, "height": height, "width": width, "matched_at": matched}
        console.result(f"{name}: {path}, {width}x{height}, matched at {matched[1]}x{matched[0]}")
    for path in outputs.named().values():
        console.result(f"would write {path}")
    console.event("plan", pictures=plan, outputs=outputs.named(), config=config)
    return DONE


def _compute(
    console: Console,
    a: Path,
    bp: Path,
    masks: tuple[Path, ...],
    weights: str,
    config: AnalogyConfig,
    folder: Path,
) -> tuple[AnalogyResult, tuple[Tensor, Tensor]]:
    from batch_analogy.media.stills import read_still

    pictures = [read_still(path) for path in (a, bp, *masks)]
    _make_folder(folder)  # before the work, so that a disk that refuses is noticed in time

    import torch

    from batch_analogy.analogy.deep import deep_image_analogy
    from batch_analogy.analogy.features import load_network
    from batch_analogy.analogy.weights import resolve_weights

    def on_level(done: LevelDone) -> None:
        console.note(f"level {done.level} of 5..1 matched")
        console.event("level-done", level=done.level, cost_ab=done.cost_ab, cost_ba=done.cost_ba)

    tensors = tuple(torch.from_numpy(p).permute(2, 0, 1)[None].contiguous() for p in pictures)
    network = load_network(resolve_weights(weights))
    console.note(f"matching {a} and {bp} ({config.quality})")
    result = deep_image_analogy(
        tensors[0],
        tensors[1],
        config=config,
        network=network,
        masks=(tensors[2], tensors[3]) if masks else None,
        on_level=on_level,
    )
    return result, (tensors[0], tensors[1])


def _make_folder(folder: Path) -> None:
    from batch_analogy.media.files import disk_errors

    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _write(outputs: Outputs, result: AnalogyResult, pictures: tuple[Tensor, Tensor]) -> None:
    from batch_analogy.media.stills import write_png
    from batch_analogy.report.sheets import side_by_side

    a, bp, ap, b = (_pixels(p) for p in (*pictures, result.a_prime, result.b))
    write_png(outputs.a_prime, ap)
    write_png(outputs.b, b)
    if outputs.flow_ab and outputs.flow_ba:
        _write_array(outputs.flow_ab, result.flow_ab())
        _write_array(outputs.flow_ba, result.flow_ba())
    if outputs.confidence_a and outputs.confidence_b:
        write_png(outputs.confidence_a, _confidence_map(result.confidence_a, a))
        write_png(outputs.confidence_b, _confidence_map(result.confidence_b, bp))
    if outputs.sheet:
        write_png(outputs.sheet, side_by_side([a, ap, bp, b], ["A", "A'", "B'", "B"]))


def _pixels(picture: Tensor) -> Pixels:
    from batch_analogy.media.stills import to_bytes

    return to_bytes(picture[0].permute(1, 2, 0).cpu().numpy())


def _confidence_map(confidence: Tensor, like: Pixels) -> Pixels:
    """The confidence as a grey picture of the full size of the picture it belongs to."""
    import torch.nn.functional as F

    size = like.shape[:2]
    full = F.interpolate(confidence, size=size, mode="bilinear", align_corners=False)
    return _pixels(full.clamp(0.0, 1.0).expand(1, 3, *size))


def _write_array(path: Path, array: object) -> None:
    import numpy as np

    from batch_analogy.media.files import atomic_write_bytes

    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array, dtype=np.float32), allow_pickle=False)
    atomic_write_bytes(path, buffer.getvalue())
