"""The command ``compare``: several methods on one picture and its target maps, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, INTERRUPTED, reports_failures
from batch_analogy.cli.options import general, look
from batch_analogy.cli.options.groups import takes_groups
from batch_analogy.cli.options.machine import OneGpuOption
from batch_analogy.cli.options.training import (
    ImageArgument,
    LabelArgument,
    TargetsArgument,
    TrainingOptions,
)
from batch_analogy.errors import UsageError
from batch_analogy.output_claims import OutputClaims

if TYPE_CHECKING:
    from batch_analogy.report.comparison.compare_methods import PictureMade
    from batch_analogy.report.comparison.results_folder import Comparison

EPILOG = """Examples:

batch-analogy compare lake.jpg lake-label.png maps/ -o compared

batch-analogy compare lake.jpg lake-label.png maps/ -o compared --model lake.semantic

batch-analogy compare lake.jpg lake-label.png maps/ -o compared --methods numbers,deep
--results spade=elsewhere/

The last line names a page to look at. batch-analogy study make lets people rank the pictures."""

_METHODS = "semantic,network,numbers,deep"
_TITLE_WIDTH, _CELL_WIDTH = 32, 14

FolderOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="The folder for pictures, sheets, compare.json and compare.html. An interrupted "
        "comparison continues there.",
        metavar="FOLDER",
    ),
]
MethodsOption = Annotated[
    str,
    typer.Option(
        help="The methods. semantic: Semantic Image Analogy with the picture's own detail, as the "
        "command semantic makes it. network: the result of its network alone, as published. "
        "numbers: Image Analogies, texture by numbers. deep: Deep Image Analogy, within labels. "
        "none: only --results.",
        metavar="NAME,NAME",
    ),
]
ResultsOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A folder of pictures that were made elsewhere, each named like its map. NAME is what "
        "the comparison calls them. May be given several times.",
        metavar="NAME=FOLDER",
        show_default=False,
    ),
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        help="A network that semantic has trained on this picture; all methods then work at its "
        "size. By default a network is trained in the output folder.",
        metavar="FOLDER",
        show_default=False,
    ),
]


@reports_failures
@takes_groups()
def compare(
    image: ImageArgument,
    label: LabelArgument,
    targets: TargetsArgument,
    output: FolderOption,
    training: TrainingOptions,
    methods: MethodsOption = _METHODS,
    results: ResultsOption = None,
    model: ModelOption = None,
    gpus_per_worker: OneGpuOption = None,
    overwrite: general.OverwriteOption = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Make pictures of other layouts by several methods; show them side by side and measure them.

    All methods start from the same picture and work at the same size.
    """
    from batch_analogy.cli.semantic_watcher import SemanticWatcher
    from batch_analogy.jobs.drive.driver import StopRequest
    from batch_analogy.jobs.drive.pool_choice import choose_device
    from batch_analogy.jobs.semantic.apply import MAPS_CHECKED, find_maps
    from batch_analogy.jobs.semantic.model_files import map_notes
    from batch_analogy.media.recordings import split_sources
    from batch_analogy.report.comparison.compare_methods import compare as run
    from batch_analogy.report.comparison.inputs import CompareJob

    if model is not None and training.size is not None:
        raise UsageError("--model works at the size it was trained at; leave --size out")
    job = CompareJob(
        image=general.absolute(image),
        label=general.absolute(label),
        targets=tuple(general.absolute(path) for path in find_maps(*split_sources(targets))),
        folder=general.absolute(output),
        config=training.config(),
        methods=parse_methods(methods),
        elsewhere=tuple(parse_results(text) for text in results or ()),
        model=None if model is None else general.absolute(model),
        weights=look.weights_choice(training.weights),
        device=choose_device(gpus_per_worker),
        overwrite=overwrite,
    )
    console, stop = Console(json_lines), StopRequest()
    for note in map_notes(job.image, job.label, job.targets[:MAPS_CHECKED]):
        console.note(f"NOTE: {note}")

    def on_picture(made: PictureMade) -> None:
        took = "made before" if made.seconds is None else f"{made.seconds:.1f} s"
        console.note(f"{made.method}: {made.case}, {took} ({made.done} of {made.total})")
        console.event("picture-made", **vars(made))

    with stop.listening(), SemanticWatcher(console) as watcher, OutputClaims() as claims:
        claims.claim([job.folder])
        found = run(job, on_picture=on_picture, on_training=watcher, stopped=lambda: stop.requested)
    if found is None:
        console.note(f"to continue, give the same command again; finished pictures: {job.folder}")
        return INTERRUPTED
    _print(console, found)
    return DONE


def parse_methods(text: str) -> tuple[Any, ...]:
    """Parse the names of methods; they are checked later.

    >>> parse_methods("deep, numbers"), parse_methods("none")
    (('deep', 'numbers'), ())
    """
    return () if text == "none" else tuple(name.strip() for name in text.split(","))


def parse_results(text: str) -> tuple[str, Path]:
    """Parse a name and a folder.

    Raises:
        UsageError: it is not of the form NAME=FOLDER.

    >>> parse_results("spade=/made")
    ('spade', PosixPath('/made'))
    """
    name, _, folder = text.partition("=")
    if not name or not folder:
        raise UsageError(
            f"--results {text} is not of the form NAME=FOLDER; write it like spade=made/"
        )
    return name, general.absolute(folder)


def _print(console: Console, found: Comparison) -> None:
    for line in lines(found):
        console.result(line)
    console.result(str(found.folder.page))
    console.note(f"figures: {found.folder.values}")
    console.event(
        "result",
        command="compare",
        page=found.folder.page,
        json=found.folder.values,
        sheets=[found.folder.sheet(case) for case in found.cases],
        summary=found.values["summary"],
        source_accuracy=found.values["source_accuracy"],
        exit_code=DONE,
    )


def lines(found: Comparison) -> list[str]:
    """Return the lines of a table with the mean of every metric for each method."""
    from batch_analogy.report.comparison.page import COMPARED_METRICS
    from batch_analogy.report.document import format_number

    width = max(_CELL_WIDTH, *(len(method) + 2 for method in found.methods))
    head = "".ljust(_TITLE_WIDTH) + "".join(method.rjust(width) for method in found.methods)
    rows = [
        metric.title.ljust(_TITLE_WIDTH)
        + "".join(
            format_number(found.values["summary"][m][metric.key], metric.number_format).rjust(width)
            for m in found.methods
        )
        for metric in COMPARED_METRICS
    ]
    own = found.values["source_accuracy"]
    return [head, *rows, f"{100 * own:.0f} % of the source's own layout is recognised."]
