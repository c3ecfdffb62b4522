"""Options that most commands have: the run folder, --dry-run, --overwrite and --json."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batch_analogy.files import expand_user

RUN = "Run"

RunFolder = Annotated[
    Path, typer.Argument(help="The run folder of a film, like night.run.", metavar="RUN")
]
RunDirOption = Annotated[
    Path | None,
    typer.Option(
        help="The run folder, which keeps finished frames, plan, journal and logs. By default it "
        "lies beside the film and has its name, with the ending .run. With several inputs, {name} "
        "stands for the name of each.",
        metavar="FOLDER",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Print what would be done, then stop.", rich_help_panel=RUN),
]
NotifyOption = Annotated[
    str | None,
    typer.Option(
        help="Call this command, or post JSON to this address (http:// or https://), when the run "
        "ends, fails or stalls. A command gets BATCH_ANALOGY_EVENT, _TEXT, _RUN, _FILM, _DONE, "
        "_TOTAL and _FAILED in its environment. It is not kept in the run folder.",
        metavar="CMD|URL",
        envvar="BATCH_ANALOGY_NOTIFY",
        show_default=False,
        rich_help_panel=RUN,
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace existing output. Start over if the run folder was made with other settings "
        "or frames.",
        rich_help_panel=RUN,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Write JSON to stdout, one object per line: events as they happen, then the result. "
        "Messages stay on stderr.",
        rich_help_panel=RUN,
    ),
]


def absolute(path: str | Path) -> Path:
    """Return an absolute path, which stays valid when a run is resumed from another folder."""
    return expand_user(path).absolute()
