"""The command-line application with all its commands."""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import Annotated

import typer

import batch_analogy
from batch_analogy.cli import (
    analogy,
    assemble,
    compare,
    doctor,
    evaluate,
    pair,
    plan,
    preview,
    resume,
    retry,
    semantic,
    serve,
    status,
    study,
    stylize,
    suggest,
    timelapse,
    weights,
)
from batch_analogy.cli.dashes import with_dashed_names
from batch_analogy.cli.failures import DEBUG_VARIABLE, ENVIRONMENT, USAGE
from batch_analogy.cli.options.painting import GuideCommand
from batch_analogy.cli.options.share import with_amounts
from batch_analogy.errors import MachineError, UsageError
from batch_analogy.jobs.resources import check_process_limits
from batch_analogy.kernel_cache import settle_kernel_cache

COMPILING = (
    *("pair", "timelapse", "stylize", "analogy", "semantic", "preview", "resume", "retry"),
    *("evaluate", "compare", "doctor"),
)
"""Commands that need compiled kernels."""

EPILOG = """\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some frames failed, 4 machine, 130 interrupted.

Examples:

batch-analogy timelapse reference.jpg frames/

batch-analogy pair portrait.jpg painting.jpg -o out

batch-analogy COMMAND --help describes each command."""


def build_app() -> typer.Typer:
    """Build the Typer application with every command."""
    app = typer.Typer(
        name="batch-analogy",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        epilog=EPILOG,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback(epilog=EPILOG)(_main_options)
    app.command(epilog=pair.EPILOG)(pair.pair)
    app.command(epilog=timelapse.EPILOG)(timelapse.timelapse)
    app.command(epilog=stylize.EPILOG)(stylize.stylize)
    app.command(epilog=analogy.EPILOG, cls=GuideCommand)(analogy.analogy)
    app.add_typer(semantic.build())
    app.command(epilog=suggest.EPILOG)(suggest.suggest)
    app.command(epilog=plan.EPILOG, cls=GuideCommand)(plan.plan)
    app.command(epilog=preview.EPILOG, cls=GuideCommand)(preview.preview)
    app.command(epilog=status.EPILOG)(status.status)
    app.command(epilog=serve.EPILOG)(serve.serve)
    app.command(epilog=resume.EPILOG)(resume.resume)
    app.command(epilog=retry.EPILOG)(retry.retry)
    app.command(epilog=assemble.EPILOG)(assemble.assemble)
    app.command(epilog=evaluate.EPILOG)(evaluate.evaluate)
    app.command(epilog=compare.EPILOG)(compare.compare)
    app.add_typer(study.study_app(), name="study")
    app.command(epilog=doctor.EPILOG)(doctor.doctor)
    app.command(epilog=weights.EPILOG)(weights.weights)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and exit with the command's exit code.

    Args:
        arguments: the words after the program's name; by default those of this process.

    Raises:
        SystemExit: always, with the exit code.
    """
    # File names may hold bytes that are not UTF-8. Results keep them as they are, for scripts.
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    app = build_app()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        words = with_amounts(with_dashed_names(words, lambda: _option_names(app)))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(USAGE) from error
    app(args=words, prog_name="batch-analogy")


def _option_names(app: typer.Typer) -> set[str]:
    """Return the names of all options of all commands."""
    waiting, names = [typer.main.get_command(app)], {"--help", "-h"}
    while waiting:
        command = waiting.pop()
        names |= {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
        waiting += getattr(command, "commands", {}).values()
    return names


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"batch-analogy {batch_analogy.__version__}")
        raise typer.Exit


def _main_options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and stop.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Give pictures, folders of frames and videos the look of a reference, by image analogy."""
    level = logging.DEBUG if os.environ.get(DEBUG_VARIABLE) else logging.WARNING
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s: %(message)s"
    )
    logging.getLogger("batch_analogy").setLevel(level)
    if context.invoked_subcommand not in COMPILING:
        return
    if notice := settle_kernel_cache():
        logging.getLogger("batch_analogy").warning(notice)
    try:
        check_process_limits()
    except MachineError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(ENVIRONMENT) from error
