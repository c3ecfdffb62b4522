"""The command ``suggest``: which frame of a painted film to paint next."""

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
        int, typer.Option("--frames", help="At most how many frames.", metavar="N")
    ] = 3,
    json_lines: general.JsonOption = False,
) -> int:
    """Say which frames of an analogy fit their painted pictures badly, the best to paint first.

    A frame is named if painting it would serve it and the frames around it.
    """
    from batch_analogy.jobs.drive.suggest_keyframes import suggest_keyframes as find

    console = Console(json_lines)
    found = find(general.absolute(run_dir), count)
    for one in found:
        console.result(str(one.source))
        console.note(f"frame {one.index} ({one.name}): {one.misfit:.0%} of it fits badly")
    if not found:
        console.note("no frame would gain much; the film follows what is painted")
    console.event("result", command="suggest", frames=found, run_dir=run_dir, exit_code=DONE)
    return DONE
