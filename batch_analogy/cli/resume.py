"""The commands ``resume``, ``retry`` and ``assemble``: going on with what a run folder holds."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from batch_analogy.cli import options
from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures
from batch_analogy.cli.options.film import (
    OtherBlendOption,
    OtherCodecOption,
    OtherDepthOption,
    OtherHoldOption,
    parse_output,
)
from batch_analogy.cli.options.groups import MachineOptions, takes_groups
from batch_analogy.cli.outcome import execute, report, resume_and_report
from batch_analogy.cli.run_watcher import RunWatcher
from batch_analogy.config.run import OnMissing
from batch_analogy.errors import UsageError

RESUME_EPILOG = """Examples:

batch-analogy resume night.run

batch-analogy resume night.run --workers 8 --address auto"""

RETRY_EPILOG = """Examples:

batch-analogy retry night.run --failed

batch-analogy retry night.run --frames 3,5-10"""

ASSEMBLE_EPILOG = """Examples:

batch-analogy assemble night.run --fps 12

batch-analogy assemble night.run --blend 4 -o smeared.mp4

batch-analogy assemble night.run -o small.mp4 --crf 28

batch-analogy assemble night.run -o edit.mov --codec prores

batch-analogy assemble night.run -o pictures/%06d.tif"""

OtherFilmOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Another film, or folder/ or pattern for pictures, beside the run's own. By default "
        "the run's own film is made again, and the run keeps what is changed here.",
        parser=parse_output,
        metavar="FILM",
        show_default=False,
    ),
]
OtherFpsOption = Annotated[
    Fraction | None,
    typer.Option(
        help="Frames a second; as before unless given.",
        parser=options.parse_fps,
        metavar="FPS",
        show_default=False,
    ),
]
OtherCrfOption = Annotated[
    int | None,
    typer.Option(help="How hard it is compressed; as before unless given.", show_default=False),
]
OtherOnMissingOption = Annotated[
    OnMissing | None,
    typer.Option(
        help="What it shows where frames are missing; as before unless given.", show_default=False
    ),
]


@reports_failures
@takes_groups()
def resume(
    run_dir: options.RunFolder, machine: MachineOptions, json_lines: options.JsonOption = False
) -> int:
    """Go on with a run that was planned, previewed or interrupted.

    Failed frames that may succeed another time are tried again. The run keeps the settings it
    began with; only where it works may change, which changes no pixel.
    """
    return resume_and_report(options.absolute(run_dir), Console(json_lines), machine.changes())


@reports_failures
@takes_groups()
def retry(
    run_dir: options.RunFolder,
    machine: MachineOptions,
    failed: Annotated[
        bool,
        typer.Option("--failed", help="Every frame that failed, whatever the reason."),
    ] = False,
    frames: Annotated[
        str,
        typer.Option(
            "--frames",
            help="These frames, finished or not: 3,5-10. The first frame is 0.",
            metavar="LIST",
            show_default=False,
        ),
    ] = "",
    json_lines: options.JsonOption = False,
) -> int:
    """Forget what became of some frames, do them again, and go on with the run."""
    from batch_analogy.jobs.drive.resume import Retry

    if not failed and not frames:
        raise UsageError("say which frames to try again: --failed, or --frames like 3,5-10")
    again = Retry(failed=failed, frames=frames)
    return resume_and_report(
        options.absolute(run_dir), Console(json_lines), machine.changes(), again=again
    )


@reports_failures
def assemble(
    run_dir: options.RunFolder,
    output: OtherFilmOption = None,
    fps: OtherFpsOption = None,
    hold: OtherHoldOption = None,
    blend: OtherBlendOption = None,
    codec: OtherCodecOption = None,
    depth: OtherDepthOption = None,
    crf: OtherCrfOption = None,
    on_missing: OtherOnMissingOption = None,
    overwrite: options.OverwriteOption = False,
    json_lines: options.JsonOption = False,
) -> int:
    """Make the film from the frames that are finished, without doing any frame.

    The input need not be there any more. The exit code is 3 if frames are missing.
    """
    from batch_analogy.jobs.drive.open_run import load_finished

    console = Console(json_lines)
    given: dict[str, Any] = {"fps": fps, "hold": hold, "blend": blend, "codec": codec}
    given |= {"depth": depth, "crf": crf, "on_missing": on_missing}
    with RunWatcher(console) as watcher:
        run = load_finished(
            options.absolute(run_dir),
            overwrite=overwrite,
            output=None if output is None else options.absolute(output),
            **{name: value for name, value in given.items() if value is not None},
        )
        result = execute(run, console, watcher)
    return report(console, run, result, watcher)
