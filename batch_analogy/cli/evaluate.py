"""The command ``evaluate``: measures how steady, sharp and true to the style a film is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, reports_failures
from batch_analogy.cli.options import general
from batch_analogy.cli.options.machine import OneGpuOption
from batch_analogy.cli.run_watcher import RunWatcher

if TYPE_CHECKING:
    from batch_analogy.report.evaluation.evaluate_run import Evaluation

EPILOG = """Examples:

batch-analogy evaluate night.run

batch-analogy evaluate night.run --against night-off.run

batch-analogy evaluate night.run --json -o judged

Warp error measures how much things that two neighbouring frames of the input both show change
from one frame of the film to the next. Compare it between two runs of the same frames. Blur lowers
it too, so look at the sharpness as well."""

_TITLE_WIDTH, _CELL_WIDTH = 28, 14


@reports_failures
def evaluate(
    run_dir: general.RunFolder,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Another run of the same frames and reference, with other settings. The result "
            "then shows its figures beside this run's, and their ratios.",
            metavar="RUN",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The folder for evaluate.json and evaluate.html. By default evaluate/ in the run "
            "folder, where an earlier evaluation is replaced.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    gpus_per_worker: OneGpuOption = None,
    json_lines: general.JsonOption = False,
) -> int:
    """Measure the finished frames of a run: flicker, drift, sharpness, structure, style distance.

    The input of the run must still exist; a video is unpacked again. The run is not changed.
    """
    from batch_analogy.jobs.drive.pool_choice import choose_device
    from batch_analogy.report.evaluation.evaluate_run import evaluate as measure

    console = Console(json_lines)
    with RunWatcher(console) as watcher:
        found = measure(
            general.absolute(run_dir),
            against=None if against is None else general.absolute(against),
            folder=None if output is None else general.absolute(output),
            device=choose_device(gpus_per_worker),
            on_event=watcher,
        )
    _print(console, found)
    return DONE


def _print(console: Console, found: Evaluation) -> None:
    for name, output in found.values["outputs"].items():
        if len(found.values["outputs"]) > 1:
            console.result(f"{name}:")
        for line in lines(output["summary"]):
            console.result(line)
    console.result(str(found.page))
    console.note(f"figures: {found.json}")
    summaries = {name: part["summary"] for name, part in found.values["outputs"].items()}
    console.event(
        "result",
        command="evaluate",
        page=found.page,
        json=found.json,
        done=found.values["done"],
        total=found.values["total"],
        outputs=summaries,
        exit_code=DONE,
    )


def lines(summary: Mapping[str, Any]) -> list[str]:
    """Return the lines of a short table, and of remarks on it."""
    from batch_analogy.report.document import format_number
    from batch_analogy.report.evaluation.evaluator import AGAINST, INPUT, RUN
    from batch_analogy.report.evaluation.page import METRIC_ROWS, remarks

    films = [name for name in (RUN, AGAINST, INPUT) if name in summary["films"]]
    ratio = summary.get("ratio")
    found = [_line("", [*films, *(["ratio"] if ratio else [])])]
    for row in METRIC_ROWS:
        cells = [format_number(summary["films"][n][row.key], row.number_format) for n in films]
        cells += [format_number(ratio[row.key], ".3f")] if ratio else []
        found.append(_line(row.title, cells))
    return [*found, *remarks(summary)]


def _line(title: str, cells: list[str]) -> str:
    return (title.ljust(_TITLE_WIDTH) + "".join(cell.rjust(_CELL_WIDTH) for cell in cells)).rstrip()
