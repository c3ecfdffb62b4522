"""Write the command reference from the Typer application."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from batch_analogy.cli.app import build_app

NAME = "batch-analogy"

INTRODUCTION = f"""\
# Commands

Generated from the program itself; `{NAME} COMMAND --help` says the same. Results go to standard
output, everything else to standard error.

| exit code | meaning |
| --- | --- |
| 0 | every frame is done |
| 1 | failed |
| 2 | wrong usage |
| 3 | some frames failed; the rest is done |
| 4 | this machine or cluster cannot do it |
| 130 | interrupted |
"""


def write() -> str:
    """Return the whole page in Markdown."""
    program = typer.main.get_command(build_app())
    context = program.make_context(NAME, [], resilient_parsing=True)
    pages = [_command(*found) for found in _commands(program, context)]
    return "\n".join([INTRODUCTION, *pages])


def _commands(group: Any, context: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every command with its context, groups before what they hold."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        below = type(context)(command, info_name=name, parent=context)
        yield command, below
        if hasattr(command, "list_commands"):
            yield from _commands(command, below)


def _command(command: Any, context: Any) -> str:
    path = context.command_path.removeprefix(f"{NAME} ")
    level = "#" * (1 + len(path.split()))
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [f"{level} {path}", f"    {context.command_path} {usage}", _prose(command.help)]
    groups: dict[str, list[Any]] = {}
    for parameter in command.get_params(context):
        if getattr(parameter, "hidden", False) or "--help" in parameter.opts:
            continue
        is_argument = parameter.param_type_name == "argument"
        title = getattr(parameter, "rich_help_panel", None)
        groups.setdefault(title or ("Arguments" if is_argument else "Options"), []).append(
            parameter
        )
    for title, parameters in groups.items():
        rows = [_row(parameter, context) for parameter in parameters]
        parts.append("\n".join([f"| {title} | |", "| --- | --- |", *rows]))
    parts.append(_epilog(command.epilog))
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "argument":
        names = f"`{parameter.display_name_raw}`"
    else:
        names = ", ".join(f"`{opt}`" for opt in [*parameter.opts, *parameter.secondary_opts])
        kind = parameter.display_type_rich(ctx=context)
        if kind and not parameter.is_flag:
            names += f" `{kind}`"
    text = _prose(getattr(parameter, "help", None))
    default = _default(parameter, context)
    if default is not None:
        text += f" Default: `{default}`."
    return f"| {_cell(names)} | {_cell(text)} |"


def _default(parameter: Any, context: Any) -> str | None:
    """Return what the help shows as the default, or None where it shows none."""
    if not getattr(parameter, "show_default", False) or parameter.required:
        return None
    value = parameter.get_default(context, call=False)
    if value is None or value is False or callable(value):
        return None
    return str(value)


def _prose(text: str | None) -> str:
    """Return help as one Markdown paragraph or several, without rich's markup."""
    plain = re.sub(r"\[/?[a-z ]+\]", "", text or "")
    plain = re.sub(r"<(?=\w)", "&lt;", plain)
    return "\n\n".join(" ".join(part.split()) for part in plain.split("\n\n")).strip()


def _epilog(text: str | None) -> str:
    """Return an epilog with its commands as code."""
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return "\n\n".join(f"    {line}" if line.startswith(NAME) else _prose(line) for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
