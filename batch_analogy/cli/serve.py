"""The command ``serve``: a page that shows and steers a run."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import DONE, reports_failures
from batch_analogy.cli.options import general

EPILOG = """Examples:

batch-analogy serve night.run --open

batch-analogy serve night.run --against evening.run

batch-analogy serve night.run --host 0.0.0.0 --port 8765 --read-only"""


@reports_failures
def serve(
    run_dir: Annotated[
        Path,
        typer.Argument(
            help="The run folder of a film, like night.run, or a folder that holds one.",
            metavar="RUN",
        ),
    ],
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            help="Another run of the same frames, to be looked at beside this one.",
            metavar="RUN",
            show_default=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="The port; 0 is a free one.", min=0, max=65535)] = 0,
    host: Annotated[
        str,
        typer.Option(
            help="The address to serve at. The default is reached from this machine alone; 0.0.0.0 "
            "from any that reaches this one."
        ),
    ] = "127.0.0.1",
    prefix: Annotated[
        str,
        typer.Option(
            help="The path under which a proxy shows the page, like /night.", show_default=False
        ),
    ] = "",
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show the run, and let nobody change it.")
    ] = False,
    json_lines: general.JsonOption = False,
) -> int:
    """Show a run on a page in the browser, while it goes on or after it has ended.

    The page can also stop, resume and retry the run, and edit its plan. It is made of the run
    folder alone, so any machine that sees the folder can serve it. Its address holds a token that
    keeps others out. Ctrl-C ends the page, not the run.
    """
    from batch_analogy.serve.server import Place, serve

    console = Console(json_lines)

    def on_ready(address: str) -> None:
        console.result(address)
        console.event("serving", address=address)
        console.note("Ctrl-C ends the page, not the run")
        if open_browser and not webbrowser.open(address):
            console.note("no browser could be opened here; open the address yourself")

    serve(
        general.absolute(run_dir),
        Place(host, port, prefix.rstrip("/")),
        on_ready,
        against=None if against is None else general.absolute(against),
        read_only=read_only,
    )
    console.event("result", command="serve", exit_code=DONE)
    return DONE
