"""The pages that are written when the site is built."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer

import batch_analogy
from batch_analogy.cli.app import build_app

DOCS = Path(__file__).resolve().parents[3] / "docs"


def hook(name: str) -> ModuleType:
    """Load a module of docs/hooks, which is no package; its modules import each other by name."""
    if str(DOCS / "hooks") not in sys.path:
        sys.path.append(str(DOCS / "hooks"))
    spec = importlib.util.spec_from_file_location(name, DOCS / "hooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLES = hook("benchmark_tables")


@pytest.mark.parametrize("name", TABLES.TABLES)
def test_a_table_has_rows_of_one_length_and_names_its_machine(name: str) -> None:
    table, _, origin = TABLES.TABLES[name]().partition("\n\n")
    rows = [line.count(" | ") for line in table.splitlines() if "---" not in line]
    assert len(rows) >= 2
    assert len(set(rows)) == 1
    assert re.search(r"\*From `\w+\.json`.*cores, .*\*", origin)


def test_the_benchmarks_page_shows_every_table_once() -> None:
    page = (DOCS / "benchmarks.md").read_text("utf-8")
    assert sorted(TABLES.MARKER.findall(page)) == sorted(TABLES.TABLES)
    assert "<!--" not in TABLES.fill(page)


def test_the_command_reference_has_every_command_and_its_options() -> None:
    page = hook("command_reference").write()
    program = typer.main.get_command(build_app())
    context = program.make_context("batch-analogy", [], resilient_parsing=True)
    for name in program.list_commands(context):  # type: ignore[attr-defined]
        assert re.search(rf"^## {name}$", page, re.MULTILINE), name
    assert "\n### semantic train\n" in page
    assert re.search(r"^\| `--quality` `<draft\\\|standard\\\|paper>` \| ", page, re.MULTILINE)
    assert "Default: `standard`." in page


def test_the_python_api_page_shows_every_public_name_once() -> None:
    page = (DOCS / "python-api.md").read_text("utf-8")
    shown = re.findall(r"^::: batch_analogy\.(\w+)$", page, re.MULTILINE)
    assert sorted({*shown} - {"api"}) == sorted(set(batch_analogy.__all__) - {"__version__"})
    assert len(shown) == len(set(shown))
