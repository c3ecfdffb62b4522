"""The command ``pair``: makes A' and B from A and B'."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, reports_failures
from batch_analogy.cli.options import general
from batch_analogy.cli.options.groups import takes_groups
from batch_analogy.cli.options.look import LOOK, LookOptions, weights_choice
from batch_analogy.cli.options.machine import OneGpuOption
from batch_analogy.cli.options.share import ShareOptions
from batch_analogy.cli.pair_files import (
    DepthChoice,
    Format,
    Outputs,
    choose_format,
    default_folder,
    has_scene_light,
    make_folder,
    output_depths,
    read_pictures,
    record_inputs,
    working_space,
    write_results,
)
from batch_analogy.config.matching import AnalogyConfig, PresetName
from batch_analogy.errors import UsageError
from batch_analogy.garbage import importing
from batch_analogy.output_claims import OutputClaims

if TYPE_CHECKING:
    from torch import Tensor

    from batch_analogy.analogy.deep import AnalogyResult, LevelDone

EPILOG = """Examples:

batch-analogy pair portrait.jpg painting.jpg -o out

batch-analogy pair day.jpg sunset.jpg -o out --preset photo-to-photo --sheet

batch-analogy pair left.png right.png -o out --quality draft --save-flow --save-confidence"""

DEFAULT_PRESET: PresetName = "photo-to-style"

PictureA = Annotated[Path, typer.Argument(help="The picture A, whose scene A' shows.", metavar="A")]
PictureBp = Annotated[Path, typer.Argument(help="The picture B', whose look A' has.", metavar="B'")]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="The folder for a_prime.png and b.png. By default it is named after both "
        "pictures and made in the current folder; another pair of these names has another.",
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
        help="Also write confidence_a.png and confidence_b.png: white where the match is certain.",
    ),
]
MaskAOption = Annotated[
    Path | None,
    typer.Option(
        "--mask-a",
        help="A map of A in a few flat colours. Each region is matched only with the region of the "
        "same colour in --mask-b.",
        metavar="MASK",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
MaskBOption = Annotated[
    Path | None,
    typer.Option(
        "--mask-b",
        help="The map of B', in the same colours.",
        metavar="MASK",
        show_default=False,
        rich_help_panel=LOOK,
    ),
]
SheetOption = Annotated[
    bool, typer.Option("--sheet", help="Also write sheet.png: A, A', B' and B side by side.")
]

FormatOption = Annotated[
    Format | None,
    typer.Option(
        help="File format of a_prime and b; TIFF is not compressed, and EXR keeps what is brighter "
        "than white.",
        show_default="exr if a picture is EXR, else png",
    ),
]
DepthOption = Annotated[
    DepthChoice,
    typer.Option(
        help="Bits per channel of a_prime and b. auto: those of A and B' if refinement carries "
        "their detail over, else 8."
    ),
]


@reports_failures
@takes_groups(preset=DEFAULT_PRESET)
def pair(
    a: PictureA,
    bp: PictureBp,
    look: LookOptions,
    share: ShareOptions,
    output: FolderOption = None,
    save_flow: FlowOption = False,
    save_confidence: ConfidenceOption = False,
    sheet: SheetOption = False,
    format: FormatOption = None,
    depth: DepthOption = "auto",
    mask_a: MaskAOption = None,
    mask_b: MaskBOption = None,
    gpus_per_worker: OneGpuOption = None,
    dry_run: general.DryRunOption = False,
    overwrite: general.OverwriteOption = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Give each of two pictures the look of the other.

    A' is the scene of A in the look of B'; B is the scene of B' in the look of A. Both have the
    full size of their scene.
    """
    config = look.analogy_config(DEFAULT_PRESET)
    shown = share.single()
    folder = output or default_folder(a, bp)
    scene_light = has_scene_light(a, bp)
    if scene_light:
        config = replace(config, exact=True)
    chosen = choose_format(format, scene_light)
    outputs = Outputs.inside(
        folder, format=chosen, flow=save_flow, confidence=save_confidence, sheet=sheet
    )
    masks = _both_masks(mask_a, mask_b)
    console = Console(json_lines)
    claims = OutputClaims()
    if not dry_run:
        claims.claim(outputs.named().values())
    outputs.check(folder, inputs=(a, bp, *masks), overwrite=overwrite)
    started = time.monotonic()
    depths = output_depths(depth, (a, bp), config.refine, shown)
    space, notes = working_space((a, bp), config.refine, scene_light=scene_light)
    read = read_pictures((a, bp), masks, space, scene_light=scene_light)
    tensors = [one.tensor for one in read]
    for note in (*notes, *(note for one in read for note in one.notes)):
        console.note(f"NOTE: {note}")
    if dry_run:
        _check_machine(weights_choice(look.weights), gpus_per_worker)
        return _print_plan(console, a, bp, outputs, config)
    make_folder(folder)  # before the work, so that a full or read-only disk is noticed early
    if output is None:
        record_inputs(folder, a, bp)
    console.note(f"matching {a} and {bp} ({config.quality})")
    result = _compute(console, tensors, weights_choice(look.weights), config, gpus_per_worker)
    for path in outputs.named().values():
        claims.check_unchanged(path)
    write_results(
        *(outputs, result, (read[0], read[1]), depths, space), scene_light=scene_light, share=shown
    )
    for path in outputs.named().values():
        console.result(str(path))
    seconds = round(time.monotonic() - started, 2)
    console.event(
        "result", command="pair", outputs=outputs.named(), seconds=seconds, exit_code=DONE
    )
    console.note(f"done in {seconds:.0f} s")
    return DONE


def _both_masks(mask_a: Path | None, mask_b: Path | None) -> tuple[Path, ...]:
    """Return both masks, or none.

    Raises:
        UsageError: only one was given.
    """
    given = tuple(mask for mask in (mask_a, mask_b) if mask is not None)
    if len(given) == 1:
        raise UsageError("--mask-a and --mask-b go together: give both or neither")
    return given


def _check_machine(weights: str, gpus_per_worker: float | None) -> None:
    """Refuse in a dry run what this machine cannot do.

    Raises:
        WeightsError: the weights are missing or damaged.
        MachineError: a GPU was asked for, and PyTorch can use none here.
    """
    with importing():
        from batch_analogy.analogy.features.weights import resolve_weights
        from batch_analogy.jobs.drive.pool_choice import choose_device

    choose_device(gpus_per_worker)
    resolve_weights(weights)


def _print_plan(
    console: Console, a: Path, bp: Path, outputs: Outputs, config: AnalogyConfig
) -> int:
    from batch_analogy.analogy.features.pictures import matching_size
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
    tensors: Sequence[Tensor],
    weights: str,
    config: AnalogyConfig,
    gpus_per_worker: float | None,
) -> AnalogyResult:
    """Match A and B', the first two tensors; masks may follow. Use a GPU if there is one."""
    with importing():
        from batch_analogy.analogy.deep import deep_image_analogy
        from batch_analogy.analogy.features.vgg import load_network
        from batch_analogy.analogy.features.weights import resolve_weights
        from batch_analogy.analogy.numba_start import start_numba
        from batch_analogy.jobs.drive.pool_choice import choose_device

        device = choose_device(gpus_per_worker)
        if device == "cpu":
            start_numba()

    def on_level(done: LevelDone) -> None:
        console.note(f"level {done.level} of 5..1 matched")
        console.event("level-done", level=done.level, cost_ab=done.cost_ab, cost_ba=done.cost_ba)

    a, bp, *masks = tensors
    network = load_network(resolve_weights(weights), device)
    return deep_image_analogy(
        a,
        bp,
        config=config,
        network=network,
        masks=(masks[0], masks[1]) if masks else None,
        on_level=on_level,
    )
