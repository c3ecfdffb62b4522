"""The commands and options that README and the guides show exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from batch_analogy.cli.app import build_app

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

LINE = re.compile(r"^    (batch-analogy .*)$|`(batch-analogy [^`]+)`", re.MULTILINE)


def shown_commands() -> list[tuple[str, str]]:
    """List (page, command line) of every command in a code block or in code."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8").replace("\\\n", " ")
        for block, code in LINE.findall(text):
            line = (block or code).partition(" # ")[0].strip()
            if not re.search(r"COMMAND|--help", line):
                found.append((page.name, re.sub(r"\s+", " ", line)))
    return found


def words_of(line: str) -> list[str]:
    """Split what follows the program's name; A' is no quotation."""
    return shlex.split(line.replace(" A'", " AP"))[1:]


def options_of(words: list[str]) -> set[str]:
    """Return the options of the command that these words name."""
    command: Any = typer.main.get_command(build_app())
    context = command.make_context("batch-analogy", [], resilient_parsing=True)
    for word in words:
        if not hasattr(command, "get_command"):
            break
        below = command.get_command(context, word) or command.get_command(context, "make")
        assert below is not None, word
        context = type(context)(below, info_name=word, parent=context)
        command = below
    parameters = command.get_params(context)
    return {name for p in parameters for name in [*p.opts, *p.secondary_opts]}


@pytest.mark.parametrize(("page", "line"), shown_commands())
def test_a_shown_command_has_the_options_that_it_is_given(page: str, line: str) -> None:
    words = words_of(line)
    given = {word.partition("=")[0] for word in words if re.match(r"-{1,2}[a-z]", word)}
    assert given <= options_of(words), f"{page}: {line}"


def test_all_commands_that_make_something_are_shown() -> None:
    shown = {words_of(line)[0] for _, line in shown_commands()}
    assert {"pair", "timelapse", "stylize", "analogy", "semantic", "compare", "study"} <= shown
