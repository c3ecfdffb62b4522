"""The command ``suggest``: names the frames of a painted film to paint next."""

from __future__ import annotations

from typing import Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, reports_failures
from batch_analogy.cli.options import general

EPILOG = """Examples:

batch-analogy suggest painted.run

batch-analogy suggest painted.run --frames 5"""


@reports_failures
def suggest(
    run_dir: general.RunFolder,
    count: Annotated[
        int, typer.Option("--frames", help="The largest number of frames to name.", metavar="N")
    ] = 3,
    json_lines: general.JsonOption = False,
) -> int:
    """Name the frames of an analogy that are worth painting next, the best one first.

    They fit the painted pictures badly, and painting them would improve the frames around them too.
    """
    from batch_analogy import api

    console = Console(json_lines)
    found = api.suggest_keyframes(general.absolute(run_dir), count)
    for frame in found:
        console.result(str(frame.source))
        console.note(f"frame {frame.index} ({frame.name}): {frame.misfit:.0%} of it fits badly")
    if not found:
        console.note("no frame would gain much; the film follows its keyframes well")
    console.event("result", command="suggest", frames=found, run_dir=run_dir, exit_code=DONE)
    return DONE
